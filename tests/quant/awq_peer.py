"""Run by the interpreter of a peer: log probabilities of given token ids by transformers or by vLLM.

    python awq_peer.py {transformers,vllm} REQUEST.json RESULT.json

Enters: the folder, the ids with the image's places, the same as text with one marker for the image, the
picture. Leaves: the ids that the peer made of the text (transformers gets ours) and the log probability of
each but the first.
"""

import json
import sys
from pathlib import Path
from typing import Any


def by_transformers(request: dict[str, Any]) -> dict[str, Any]:
    """One forward pass of the quantised model on a CPU."""
    import torch
    from transformers import AutoModelForImageTextToText

    model = AutoModelForImageTextToText.from_pretrained(request["folder"], dtype=torch.bfloat16)
    kind = type(model.model.language_model.layers[0].mlp.down_proj).__name__
    ids = torch.tensor([request["ids"]])
    pixels = torch.load(request["pixels"]).to(torch.bfloat16)
    with torch.no_grad():
        logits = model(input_ids=ids, pixel_values=pixels).logits[0].float()
    logprobs = logits[:-1].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
    return {"ids": request["ids"], "logprobs": logprobs.tolist(), "read_as": kind}


def multiply_if_missing() -> bool:
    """vLLM's build for CPUs without AVX-512 has no 4-bit product: then one in plain torch, of vLLM's own
    repacked weights, stands in for it, so that all of vLLM's reading is still checked. Whether it does."""
    import torch
    from vllm.platforms import current_platform

    current_platform.import_kernels()
    if hasattr(torch.ops._C, "cpu_gemm_wna16"):
        return False
    shifts = 4 * torch.arange(8, dtype=torch.int32)

    def multiply(input, q_weight, output, scales, zeros, bias, pack_factor, isa_hint):  # type: ignore[no-untyped-def]
        inputs, outputs = input.shape[1], scales.shape[1]
        packed = q_weight.view(outputs // 16, inputs, 2).permute(1, 0, 2).reshape(inputs, outputs // 8)
        codes = (packed.unsqueeze(-1) >> shifts & 15).flatten(1).float().unflatten(0, (scales.shape[0], -1))
        points = (zeros.unsqueeze(-1) >> shifts & 15).flatten(1).float()
        weight = ((codes - points[:, None]) * scales.float()[:, None]).flatten(0, 1)
        product = input.float() @ weight
        output.copy_(product if bias is None else product + bias.float())

    library = torch.library.Library("_C", "FRAGMENT")
    library.define(
        "cpu_gemm_wna16(Tensor input, Tensor q_weight, Tensor(a2!) output, Tensor scales, Tensor? zeros, "
        "Tensor? bias, SymInt pack_factor, str isa_hint) -> ()"
    )
    library.impl("cpu_gemm_wna16", multiply, "CPU")
    multiply_if_missing.library = library  # type: ignore[attr-defined]  # gone with it, the operator is too
    return True


def by_vllm(request: dict[str, Any]) -> dict[str, Any]:
    """The folder's name and no flag about quantisation; dtype and cache as a CPU needs them."""
    from PIL import Image
    from vllm import LLM, SamplingParams

    stand_in = multiply_if_missing()
    llm = LLM(model=request["folder"], dtype="bfloat16", max_model_len=2048, enforce_eager=True,
              kv_cache_memory_bytes=1 << 28, max_num_seqs=2, limit_mm_per_prompt={"image": 1, "video": 0},
              disable_log_stats=True)  # fmt: skip
    given = {"prompt": request["text"], "multi_modal_data": {"image": Image.open(request["picture"])}}
    output = llm.generate([given], SamplingParams(temperature=0.0, max_tokens=1, prompt_logprobs=0))[0]
    ids = list(output.prompt_token_ids)
    found = [each[i].logprob for i, each in zip(ids[1:], output.prompt_logprobs[1:], strict=True)]
    read_as = f"{llm.llm_engine.model_config.quantization}{' with a stand-in for its product' * stand_in}"
    return {"ids": ids, "logprobs": found, "read_as": read_as}


def main() -> None:
    name, request, result = sys.argv[1:]
    asked = json.loads(Path(request).read_text())
    found = {"transformers": by_transformers, "vllm": by_vllm}[name](asked)
    Path(result).write_text(json.dumps(found))


if __name__ == "__main__":  # vLLM starts processes
    main()
