"""vLLM's decode at the 38B geometry's language model, random weights, beside the engine in one run
(PYTHONPATH=.:benchmarks; needs vLLM 0.24 for torch 2.11).

Parts: vLLM in bfloat16 and in W4A16 (AWQ; on an H200 it chooses Machete), each beside a part with the
engine. Prompts of 1,024 tokens, 128 tokens of output, greedy, CUDA graphs and compilation as vLLM has them
by itself. A step of vLLM is what 127 more tokens of output take, over 127, as speed.py measures transformers.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gpu.parts import Findings, Part, Settings, main
from gpu.speed import BATCHES, big, measure_outputs
from shared.models import GEOMETRIES, prompt

CONTEXT, NUMBER, LONGEST = 1024, 128, 2048


def model_folder(folder: Path, geometry: str, awq: bool) -> Path:
    """A folder with the config.json of a geometry's language model, and nothing else."""
    shape = GEOMETRIES[geometry].language
    config: dict[str, Any] = {
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": shape.vocab_size,
        "hidden_size": shape.hidden_size, "num_hidden_layers": shape.num_layers, "hidden_act": "silu",
        "num_attention_heads": shape.num_heads, "num_key_value_heads": shape.num_kv_heads,
        "intermediate_size": shape.intermediate_size, "tie_word_embeddings": shape.tied,
        "max_position_embeddings": LONGEST, "rms_norm_eps": 1e-6, "rope_theta": 1e6, "bos_token_id": 0,
        "eos_token_id": 1, "torch_dtype": "bfloat16", "use_sliding_window": False,
    }  # fmt: skip
    if awq:
        config["quantization_config"] = {
            "quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True, "version": "gemm",
            "modules_to_not_convert": None,
        }  # fmt: skip
    folder.joinpath("config.json").write_text(json.dumps(config))
    return folder


def vllm_decode(settings: Settings, findings: Findings, awq: bool) -> None:
    """vLLM's decode at each batch size."""
    if find_spec("flashinfer") is None:  # or vLLM fails where it would sample with it
        os.environ.setdefault("VLLM_USE_FLASHINFER_SAMPLER", "0")
    from vllm import LLM, SamplingParams

    geometry = big(settings)
    label = f"vllm {geometry} {'w4' if awq else 'bf16'}"
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        engine = LLM(
            str(model_folder(Path(folder), geometry, awq)), load_format="dummy", skip_tokenizer_init=True,
            dtype="bfloat16", max_model_len=LONGEST, max_num_seqs=BATCHES[-1], enable_prefix_caching=False,
            gpu_memory_utilization=0.62, max_num_batched_tokens=8192,
            compilation_config={"cudagraph_capture_sizes": list(BATCHES)},
        )  # fmt: skip
        findings.add(model=label, step="start", seconds=time.perf_counter() - begun)
    for batch in BATCHES:
        findings.attempt(
            f"{label} {batch}", lambda batch=batch: timed(engine, findings, label, batch, SamplingParams)
        )


def timed(engine: Any, findings: Findings, label: str, batch: int, sampling: Any) -> None:
    """Milliseconds of a step at one batch size."""
    prompts = [{"prompt_token_ids": list(prompt(CONTEXT, row).token_ids)} for row in range(batch)]

    def run(number: int) -> float:
        params = sampling(temperature=0.0, max_tokens=number, ignore_eos=True, detokenize=False)
        begun = time.perf_counter()
        outputs = engine.generate(prompts, params, use_tqdm=False)
        took = time.perf_counter() - begun
        assert all(len(output.outputs[0].token_ids) == number for output in outputs)
        return took

    if batch == BATCHES[0]:
        run(4)
    once = run(1)
    took = (run(NUMBER) - once) / (NUMBER - 1)
    findings.add(model=label, step="decode", batch=batch, ms=took * 1e3, tokens_per_s=batch / took,
                 prefill_ms=once * 1e3)  # fmt: skip


def ours(settings: Settings, findings: Findings, weights: str) -> None:
    """The engine's decode at each batch size."""
    measure_outputs(settings, findings, big(settings), weights)


PARTS = {
    "vllm_bf16": Part(lambda settings, findings: vllm_decode(settings, findings, False), 200),
    "bf16": Part(lambda settings, findings: ours(settings, findings, "bf16"), 90),
    "vllm_w4": Part(lambda settings, findings: vllm_decode(settings, findings, True), 200),
    "w4": Part(lambda settings, findings: ours(settings, findings, "w4"), 90),
}

if __name__ == "__main__":
    main((__doc__ or "").splitlines()[0], PARTS, __file__)
