"""vLLM and the engine under the same requests on the same card, one after the other; 38B geometry, random
weights (PYTHONPATH=.:benchmarks; needs vLLM 0.24 for torch 2.11).

Parts without a prefix serve: 64 prompts of text at once, greedily and with the sampling of the release; one
request at a time; in bfloat16 also 32 images of 7 tiles, then other questions about the same images. vLLM has
its own class for InternVL, prefix caching, chunked prefill, asynchronous scheduling, compilation and CUDA
graphs as it sets them by itself for a server on this card, except that graphs are captured for the numbers of
rows that come up. Cutting and normalising images happens before the clock starts, for both.

step_tokens: how fast prompts are read, by the size of a step. compile_*: starts vLLM once, so that its
compiled code is on disk for the parts that measure. load_*: every mix and load of serve.py. decode_*: decode
steps alone, of the language model.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from gpu.parts import Findings, Part, Settings, main
from gpu.serve import GREEDY, RELEASE, Mix, Own, Side, loads, make_request, report, serve, start
from gpu.speed import BATCHES, big, build, make_engine, measure_outputs
from shared.models import GEOMETRIES, IMAGE, prompt

from r1v.engine import EngineRequest
from r1v.models import R1VConfig
from r1v.models.config_json.write import write_release, write_text

CONTEXT, NUMBER, LONGEST = 1024, 128, 2048
NANO = Path(__file__).parents[2] / "r1v" / "models" / "r1v-nano"  # its tokenizer goes with the random ids
MARKS = (1531, 1532)  # of that tokenizer, around an image
CACHE_BYTES = 30 << 30  # of keys and values, for both
STEP_TOKENS = 8192  # vLLM's own choice for a server on a card of this size; its LLM class takes twice as many
GRAPH_ROWS = [1, 2, 4, *range(8, 65, 8)]
AWQ = {
    "quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True, "version": "gemm",
    "modules_to_not_convert": ["vision_model", "mlp1"],
}  # fmt: skip


# ---------------------------------------------------------------------------------------------------- vLLM


def shape(settings: Settings) -> str:
    """The geometry. The device is not touched, or vLLM could not fork."""
    return "nano" if settings.tiny else "38b"


def model_folder(folder: Path, config: R1VConfig, awq: bool, text_only: bool) -> Path:
    """A folder with the config.json of a geometry and a tokenizer, and no weights."""
    values = write_text(config, "bfloat16") if text_only else write_release(config, "bfloat16")
    if awq:
        values["quantization_config"] = AWQ
    folder.joinpath("config.json").write_text(json.dumps(values))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(NANO / name, folder)
    return folder


def prepare_environment() -> None:
    """What vLLM reads when it is imported, and the type of our config.json."""
    from r1v.llm.backends.vllm.plugin import register

    os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")
    if find_spec("flashinfer") is None:  # or vLLM fails where it would sample with it
        os.environ.setdefault("VLLM_USE_FLASHINFER_SAMPLER", "0")
    register()


def start_vllm(settings: Settings, findings: Findings, weights: str) -> Any:
    """vLLM's engine, and a row that says how it set itself."""
    prepare_environment()
    from vllm import LLM

    geometry, begun = shape(settings), time.perf_counter()
    more: dict[str, Any] = {
        "max_model_len": 8192, "max_num_seqs": 256, "max_num_batched_tokens": STEP_TOKENS,
        "kv_cache_memory_bytes": CACHE_BYTES, "gpu_memory_utilization": 0.8,
        "compilation_config": {"cudagraph_capture_sizes": GRAPH_ROWS},
    }  # fmt: skip
    if settings.tiny:
        more = {"max_model_len": 2048, "max_num_seqs": 4, "max_num_batched_tokens": 2048,
                "kv_cache_memory_bytes": 64 << 20, "enforce_eager": True}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        model_folder(Path(folder), GEOMETRIES[geometry], weights == "w4", False)
        llm = LLM(
            folder, load_format="dummy", dtype="bfloat16", generation_config="vllm",
            limit_mm_per_prompt={"image": 1, "video": 0},
            quantization="fp8" if weights == "fp8" else None, **more,
        )  # fmt: skip
    config = llm.llm_engine.vllm_config
    findings.add(
        model=f"vllm {geometry} {weights}", step="start", seconds=time.perf_counter() - begun,
        step_tokens=config.scheduler_config.max_num_batched_tokens,
        asynchronous=config.scheduler_config.async_scheduling,
        prefix_caching=config.cache_config.enable_prefix_caching,
        compilation=str(config.compilation_config.mode), graphs=str(config.compilation_config.cudagraph_mode),
        flashinfer=find_spec("flashinfer") is not None,
    )  # fmt: skip
    return llm


def picture(tiles: int, size: int, seed: int) -> Any:
    """A picture of noise that is cut into so many tiles, its thumbnail among them."""
    from PIL import Image

    across = next((n for n in (4, 3, 2, 1) if (tiles - 1) % n == 0), 1) if tiles > 1 else 1
    shape_ = (size * max(1, (tiles - 1) // across), size * across, 3)
    noise = torch.randint(0, 256, shape_, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    return Image.fromarray(noise.numpy(), "RGB")


class Vllm:
    """vLLM's engine as the load sees it; it computes in a process of its own."""

    def __init__(self, llm: Any, config: R1VConfig) -> None:
        self.llm, self.engine, self._number = llm, llm.llm_engine, 0
        self._config = config
        self._place = llm.get_tokenizer().encode("<image>", add_special_tokens=False)

    def prepare(self, request: EngineRequest) -> tuple[Any, Any]:
        """What its server makes of a request: ids, the images' tiles and their names."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        p = request.params
        params = SamplingParams(
            temperature=p.temperature, top_p=p.top_p, top_k=p.top_k or -1, ignore_eos=True,
            repetition_penalty=p.repetition_penalty, max_tokens=p.max_tokens, detokenize=False,
            output_kind=RequestOutputKind.DELTA,
        )  # fmt: skip
        ids, given = list(request.token_ids), {}
        if request.tiles_per_image:
            size = self._config.vision.image_size if self._config.vision else 0
            seeds = [int(str(name).split("/")[0]) for name in request.image_hashes]
            pictures = [picture(n, size, s) for n, s in zip(request.tiles_per_image, seeds, strict=True)]
            ids = self._place * len(pictures) + [each for each in ids if each not in (IMAGE, *MARKS)]
            given = {"multi_modal_data": {"image": pictures}}
        (prepared,) = self.llm._preprocess_cmpl([{"prompt_token_ids": ids, **given}])
        return prepared, params

    def add(self, prepared: tuple[Any, Any]) -> int:
        self._number += 1
        self.engine.add_request(str(self._number), *prepared)
        return self._number

    def step(self) -> list[tuple[int, Sequence[int], bool]]:
        return [
            (int(output.request_id.split("-")[0]), output.outputs[0].token_ids, output.finished)
            for output in self.engine.step()
        ]


# ---------------------------------------------------------------------------------------------- the requests


@dataclass(frozen=True, slots=True)
class Case:
    """So many requests of a mix at once. again: other questions about the same images follow, when the first
    are all answered."""

    mix: Mix
    together: int
    sampling: str
    again: bool = False


TEXT, ALONE = Mix("text 1,024 / 256", (), 1024, 256), Mix("text 1,024 / 128", (), 1024, 128)
IMAGES = Mix("7 tiles + 100 / 128", (7,), 100, 128)
CASES = (
    Case(TEXT, 64, "release"), Case(ALONE, 1, "release"), Case(TEXT, 64, "greedy"), Case(ALONE, 1, "greedy"),
    Case(IMAGES, 32, "release", again=True),
)  # fmt: skip
TINY_CASES = (
    Case(Mix("text 20 / 6", (), 20, 6), 2, "release"),
    Case(Mix("3 tiles + 10 / 4", (3,), 10, 4), 2, "greedy", again=True),
)


def marked(request: EngineRequest) -> EngineRequest:
    """The same with the marks around its one image that vLLM puts there, in place of two tokens of text:
    where in a block of the cache an image ends decides what a second question finds."""
    if not request.tiles_per_image:
        return request
    image = [each for each in request.token_ids if each == IMAGE]
    text = request.token_ids[len(image) + len(MARKS) :]
    return replace(request, token_ids=(MARKS[0], *image, MARKS[1], *text))


def other_question(request: EngineRequest, seed: int, config: R1VConfig) -> EngineRequest:
    """About the same images."""
    tiles = sum(request.tiles_per_image) * config.tokens_per_tile + len(MARKS)
    words = make_request(Mix("", (), len(request.token_ids) - tiles, 1), seed, config, GREEDY).token_ids
    return replace(request, token_ids=request.token_ids[:tiles] + words)


def measure(findings: Findings, side: Side, label: str, config: R1VConfig, settings: Settings) -> None:
    """Every case, after a short one of its size; those with images in bfloat16 only."""
    for number, case in enumerate(TINY_CASES if settings.tiny else CASES):
        if case.mix.images and not label.endswith("bf16"):
            continue
        sampling = RELEASE if case.sampling == "release" else GREEDY

        def make(mix: Mix, seed: int, case: Case = case, sampling: dict[str, Any] = sampling) -> list[Any]:
            found = (make_request(mix, seed + row, config, sampling) for row in range(case.together))
            return [marked(each) for each in found]

        def timed(requests: list[Any], name: str, case: Case = case) -> None:
            done, took = serve(side, requests, case.together, 0.0, False)
            report(findings, done, took, model=label, mix=name, together=case.together, rate=0.0,
                   sampling=case.sampling)  # fmt: skip

        def run(case: Case = case, seed: int = 1000 * (number + 1), make: Callable[..., list[Any]] = make,
                timed: Callable[..., None] = timed) -> None:  # fmt: skip
            short = replace(case.mix, images=case.mix.images and (1,), text=case.mix.text // 8 or 1, output=8)
            serve(side, make(short, seed + 500), case.together, 0.0, False)  # kernels compiled, graphs there
            requests = make(case.mix, seed)
            timed(requests, case.mix.name)
            if case.again:
                again = [other_question(each, seed + 700 + row, config) for row, each in enumerate(requests)]
                timed(again, f"{case.mix.name}, the same images")

        findings.attempt(f"{label}, {case.mix.name}, {case.sampling}", run)


def served_by_vllm(settings: Settings, findings: Findings, weights: str) -> None:
    """vLLM under the requests."""
    llm, config = start_vllm(settings, findings, weights), GEOMETRIES[shape(settings)]
    measure(findings, Vllm(llm, config), f"vllm {shape(settings)} {weights}", config, settings)


def served(settings: Settings, findings: Findings, weights: str) -> None:
    """The engine under them."""
    geometry = big(settings)
    engine = start(settings, findings, geometry, weights, CACHE_BYTES)
    measure(findings, Own(engine), f"{geometry} {weights}", engine.model.config, settings)


def by_step_tokens(settings: Settings, findings: Findings) -> None:
    """Prompt tokens a second by the tokens of a step: 32 prompts at once, one token each."""
    geometry = big(settings)
    model = build(geometry, settings.device, "bf16")
    text = 40 if settings.tiny else CONTEXT
    for tokens in (64, 128) if settings.tiny else (1664, 1792, 2048, 2560, 3328, 4096, 8192):
        side = Own(make_engine(model, max_model_len=2 * CONTEXT, max_step_tokens=tokens, max_num_seqs=64,
                               cache_bytes=CACHE_BYTES // 3))  # fmt: skip
        for seed in (0, 100):  # the first compiles
            mix = Mix("", (), text, 1)
            requests = [make_request(mix, seed + row, model.config, GREEDY) for row in range(32)]
            done, took = serve(side, requests, 32, 0.0, False)
        findings.add(model=f"{geometry} bf16", step="prompts", step_tokens=tokens,
                     tokens_per_s=len(done) * text / took)  # fmt: skip
        del side
        gc.collect()


def loaded(settings: Settings, findings: Findings, weights: str) -> None:
    """vLLM under every mix and load of serve.py."""
    llm, config = start_vllm(settings, findings, weights), GEOMETRIES[shape(settings)]
    loads(findings, Vllm(llm, config), f"vllm {shape(settings)} {weights}", config, settings)


def compiled(settings: Settings, findings: Findings, weights: str) -> None:
    """vLLM started and ended."""
    start_vllm(settings, findings, weights)


# ---------------------------------------------------------------------------------------------- decode alone


def vllm_decode(settings: Settings, findings: Findings, awq: bool) -> None:
    """vLLM's decode at each batch size."""
    prepare_environment()
    from vllm import LLM, SamplingParams

    geometry = shape(settings)
    known = replace(
        GEOMETRIES[geometry], language=replace(GEOMETRIES[geometry].language, max_position_embeddings=LONGEST)
    )
    label = f"vllm {geometry} {'w4' if awq else 'bf16'}"
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        engine = LLM(
            str(model_folder(Path(folder), known, awq, True)), load_format="dummy", skip_tokenizer_init=True,
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


WEIGHTS = ("bf16", "w4", "fp8")
PARTS = {
    **{f"compile_{w}": Part(partial(compiled, weights=w), 240) for w in WEIGHTS},
    **{
        name: part
        for w in WEIGHTS
        for name, part in (
            (f"vllm_{w}", Part(partial(served_by_vllm, weights=w), 240)),
            (w, Part(partial(served, weights=w), 180)),
        )
    },
    "step_tokens": Part(by_step_tokens, 200),
    **{f"load_vllm_{w}": Part(partial(loaded, weights=w), 1800) for w in WEIGHTS},
    "decode_vllm_bf16": Part(lambda settings, findings: vllm_decode(settings, findings, False), 200),
    "decode_bf16": Part(lambda settings, findings: ours(settings, findings, "bf16"), 90),
    "decode_vllm_w4": Part(lambda settings, findings: vllm_decode(settings, findings, True), 200),
    "decode_w4": Part(lambda settings, findings: ours(settings, findings, "w4"), 90),
}

if __name__ == "__main__":
    main((__doc__ or "").splitlines()[0], PARTS, __file__)
