"""Whether the CUDA paths compute what the CPU computes in float32 (PYTHONPATH=.:benchmarks).

Parts: the kernels' own tests; R1V-Nano in every dtype, fused and not, with graphs and without, text and
images; a 4-bit R1V-Nano; its language model alone, opened as a user opens it; supervised steps with the
options that only a GPU takes another path for; a soak of mixed requests, each compared with its solo run. A
row is right if every id it drew greedily has, by one pass of the float32 model on the CPU, a logit within
`gap` of the best; a step is right if its loss is the plain run's, but for rounding.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from gpu.parts import Findings, Part, Settings, main

from r1v.core import SamplingParams
from r1v.engine import Engine, EngineConfig, EngineRequest
from r1v.models import R1V, load, save
from r1v.ops.linear import AwqLinear, pack_nibbles, quantise_int4

ROOT = Path(__file__).parents[2]
NANO = ROOT / "r1v/models/r1v-nano"
MODES = {
    "fused graphs": {},
    "plain graphs": {"fused_kernels": False},
    "no graphs": {"cuda_graphs": False},
    "fused graphs, drafts": {"num_draft_tokens": 6},
}
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
# largest distance from the best logit that rounding explains, and of log-probabilities
GAPS = {"float32": 1e-3, "bfloat16": 0.5, "float16": 0.1}


def kernels(settings: Settings, findings: Findings) -> None:
    """The tests of the kernels, on this device."""
    tests = ["tests/engine/test_fused.py", "tests/engine/test_cuda.py"]
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=", "--tb=short"),
        *tests,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    print(done.stdout[-6000:], done.stderr[-2000:])
    findings.add(tests=tests, exit=done.returncode, summary=done.stdout.strip().splitlines()[-1:])


def nano_requests(tiny: bool) -> tuple[list[str], list[EngineRequest], Any]:
    """R1V-Nano's prompts for text, one, two and five images."""
    from r1v.llm.prompt_encoder import engine_ids
    from r1v.prompt import Processor
    from r1v.verify.certificate import cases

    processor = Processor.from_folder(NANO)
    names, requests = [], []
    params = SamplingParams.greedy(
        max_tokens=6 if tiny else 64, min_tokens=6 if tiny else 64, logprobs=1, detect_loops=False
    )
    for case in cases()[: 2 if tiny else None]:
        prompt = processor.encode(case.messages)
        pixels = prompt.pixel_values if len(prompt.tiles) else None
        requests.append(EngineRequest(tuple(prompt.token_ids), params, pixels))
        names.append(case.name)
    return names, requests, engine_ids(processor)


def run(engine: Engine, requests: list[EngineRequest]) -> list[tuple[list[int], list[float]]]:
    """Ids and log-probabilities of each request, all at once."""
    numbers = {engine.add(request): i for i, request in enumerate(requests)}
    found: list[tuple[list[int], list[float]]] = [([], []) for _ in requests]
    while engine.has_work:
        for output in engine.step():
            ids, values = found[numbers[output.request_id]]
            ids += output.token_ids
            values += [entry.logprob for entry in output.logprobs]
    return found


@torch.no_grad()
def judge(
    model: R1V, request: EngineRequest, ids: list[int], values: list[float], banned: tuple[int, ...]
) -> tuple[float, float]:
    """How far the ids drawn are from the best ones, and the log-probabilities from the reference's."""
    whole = torch.tensor([list(request.token_ids) + ids])
    logits = model(whole, request.pixel_values)[0, len(request.token_ids) - 1 : -1].float()
    chosen = torch.tensor(ids)[:, None]
    drift = (logits.log_softmax(-1).gather(1, chosen)[:, 0] - torch.tensor(values)).abs().max()
    logits[:, list(banned)] = float("-inf")  # the ends too: every id is one before min_tokens
    return float((logits.amax(1) - logits.gather(1, chosen)[:, 0]).max()), float(drift)


def compare(
    findings: Findings,
    reference: R1V,
    model: R1V,
    label: str,
    tolerance: float,
    tiny: bool,
    modes: Sequence[str] = tuple(MODES),
) -> None:
    """Every mode of the engine around a model against the reference, batched and one by one."""
    names, requests, ids = nano_requests(tiny)
    banned = (ids.image_context, *ids.banned, *ids.eos)
    for mode in modes:
        extra = MODES[mode]
        if tiny and mode != "fused graphs":
            continue

        def attempt(mode: str = mode, extra: dict[str, Any] = extra) -> None:
            values = {"cache_bytes": 256 << 20, "max_model_len": 4096, "num_draft_tokens": 0, **extra}
            engine = Engine(model, EngineConfig(**values), ids)
            outputs = run(engine, requests)
            solo = [run(engine, [request])[0] for request in requests]
            for name, request, both, alone in zip(names, requests, outputs, solo, strict=True):
                gap, drift = judge(reference, request, *both, banned)
                findings.add(
                    model=label, mode=mode, case=name, gap=gap, logprob_difference=drift, tolerance=tolerance,
                    right=gap <= tolerance, same_alone=both[0] == alone[0],
                )  # fmt: skip

        findings.attempt(f"{label}, {mode}", attempt)


def nano(settings: Settings, findings: Findings) -> None:
    """R1V-Nano in three dtypes."""
    reference = load(NANO, dtype=torch.float32)
    for name, dtype in DTYPES.items():
        model = load(NANO, dtype=dtype).to(settings.device)
        compare(findings, reference, model, f"R1V-Nano {name}", GAPS[name], settings.tiny)


def in_four_bits(model: R1V) -> R1V:
    """The model with its language layers rounded to nearest, as a W4A16 checkpoint holds them."""
    for module in list(model.language.layers.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, torch.nn.Linear):
                codes, scales, lows = quantise_int4(child.weight.detach(), 128)
                zeros = (-lows / scales).round().clamp(0, 15).to(torch.uint8)
                bias = None if child.bias is None else child.bias.detach()
                setattr(module, name, AwqLinear(pack_nibbles(codes), scales.half(), zeros, bias))
    return model


def nano_w4(settings: Settings, findings: Findings) -> None:
    """R1V-Nano in 4 bits: the same codes on both sides."""
    reference = in_four_bits(load(NANO, dtype=torch.float32))
    for name in ("bfloat16", "float16"):
        model = in_four_bits(load(NANO, dtype=torch.float32)).to(DTYPES[name]).to(settings.device)
        for mine, theirs in zip(model.modules(), reference.modules(), strict=True):
            if isinstance(mine, AwqLinear) and isinstance(theirs, AwqLinear):
                mine.scales = theirs.scales.to(settings.device)  # float16, as stored
        label = f"R1V-Nano W4A16 {name}"
        modes = ("fused graphs", "plain graphs")
        # a CPU's kernel rounds activations to 8 bits, whatever the dtype
        tolerance = GAPS[name if settings.device == "cuda" else "bfloat16"]
        compare(findings, reference, model, label, tolerance, settings.tiny, modes)


def language(settings: Settings, findings: Findings) -> None:
    """R1V-Nano's language model without its tower, as ``LLM`` opens a folder: greedily as on the CPU."""
    from r1v import LLM, SamplingParams

    params = SamplingParams.greedy(max_tokens=8 if settings.tiny else 32)
    texts = ("Calculate 12 * 4.", "What is 7 + 8?", "Name a colour.")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        alone(folder)
        with LLM(folder, device="cpu", dtype="float32") as llm:
            expected = [llm.chat(text, params).token_ids for text in texts]
        for dtype in ("float32", "bfloat16"):
            with LLM(folder, device=settings.device, dtype=dtype) as llm:
                found = [one.token_ids for one in llm.chat_many(list(texts), params)]
            same = sum(a == b for a, b in zip(expected, found, strict=True))
            findings.add(model="language model alone", dtype=dtype, answers=len(texts), same=same,
                         right=same == len(texts) or dtype != "float32")  # fmt: skip


def alone(folder: Path) -> None:
    """R1V-Nano's language model as a folder of its own."""
    model = load(NANO, dtype=torch.float32)
    config = replace(model.config, vision=None)
    language = R1V(config)
    language.language.load_state_dict(model.language.state_dict())
    save(language, folder, tokenizer_from=NANO)


# options of a supervised run, and how far its first loss may be from the plain run's (4 bits: another model)
OPTIONS: dict[str, tuple[tuple[str, ...], float]] = {
    "plain": ((), 0.0),
    "packed": (("data.packing=true",), 0.01),
    "optimiser on the CPU": (("optim.on_cpu=true",), 0.01),
    "activations computed again": (("model.checkpointing=true",), 0.01),
    "adapters": (('model.train=[]', 'model.lora=["llm"]'), 0.02),
    "adapters on 4 bits": (('model.train=[]', 'model.lora=["llm"]', "model.four_bit=true"), 0.1),
    "adapters on 4 bits, packed": (
        ('model.train=[]', 'model.lora=["llm"]', "model.four_bit=true", "data.packing=true"), 0.1),
}  # fmt: skip


def training(settings: Settings, findings: Findings) -> None:
    """Four supervised steps of a tiny model by option; the first loss is that of the weights as they are."""
    from gpu.processes import INIT

    from r1v.cli.main import main as r1v_main

    plain: list[float] = []
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch) / "init"
        assert not r1v_main([*INIT, f"out={model}"])
        for name, (words, allowed) in OPTIONS.items():
            out = Path(scratch) / name.replace(" ", "-")
            command = [
                "train", "sft", f"model={model}", 'data.families=["arithmetic","counting"]', "run.steps=4",
                "run.log_every=1", "optim.batch_size=6", "optim.lr=1e-5", "data.workers=0",
                f"run.device={settings.device}", f"run.out={out}", *words,
            ]  # fmt: skip

            def attempt(
                name: str = name, command: list[str] = command, allowed: float = allowed, out: Path = out
            ) -> None:
                status = r1v_main(command)
                losses = losses_of(out) if not status else []
                plain[:] = plain or losses
                apart = abs(losses[0] - plain[0]) / plain[0] if losses else float("nan")
                findings.add(training=name, exit=status, losses=[round(loss, 4) for loss in losses],
                             apart=apart, right=len(losses) == 4 and apart <= allowed)  # fmt: skip

            findings.attempt(name, attempt)


def losses_of(run: Path) -> list[float]:
    """The loss of every step of a supervised run."""
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [line["nll"] for line in lines if "nll" in line]


def soak(settings: Settings, findings: Findings) -> None:
    """Mixed requests in float32 with a tiny cache and cancels; every output against its solo run."""
    from tests.engine.test_properties import random_request
    from tests.engine.tiny import engine as tiny_engine
    from tests.engine.tiny import is_greedy, tiny_model

    random_ = random.Random(7)
    host, model = tiny_model(), tiny_model().to(settings.device)
    block_bytes = 4 * 2 * 2 * 2 * 8 * 4
    settings_ = {"max_model_len": 130, "max_num_seqs": 8, "max_step_tokens": 64, "block_size": 4,
                 "image_cache_bytes": 1500}  # fmt: skip
    crowd = tiny_engine(model, cache_bytes=60 * block_bytes, num_draft_tokens=3, **settings_)
    alone = tiny_engine(model, cache_bytes=200 * block_bytes, **settings_)
    asked: list[EngineRequest] = []
    got: dict[tuple[int, int], list[int]] = {}
    by_id: dict[int, EngineRequest] = {}
    cancelled: set[int] = set()
    number, memory = 20 if settings.tiny else 400, 0
    while len(asked) < number or crowd.has_work:
        while len(asked) < number and crowd.num_waiting < 6:
            asked.append(random_request(random_, asked))
            by_id[crowd.add(asked[-1])] = asked[-1]
        if random_.random() < 0.02:
            victim = random_.choice(list(by_id))
            crowd.cancel(victim)
            cancelled.add(victim)
        for output in crowd.step():
            got.setdefault((output.request_id, output.index), []).extend(output.token_ids)
        if settings.device == "cuda" and len(asked) == number // 2 and not memory:
            memory = torch.cuda.memory_allocated()
    end = torch.cuda.memory_allocated() if settings.device == "cuda" else 0
    same = close = wrong = 0
    for request_id, request in by_id.items():
        if request_id in cancelled:
            continue
        solo: dict[int, list[int]] = {}
        alone.add(request)
        while alone.has_work:
            for output in alone.step():
                solo.setdefault(output.index, []).extend(output.token_ids)
        for index, ids in solo.items():
            if got.get((request_id, index)) == ids:
                same += 1
            elif request.params.temperature == 0 and is_greedy(host, request, got[request_id, index]):
                close += 1
            else:
                wrong += 1
    findings.add(requests=number, cancelled=len(cancelled), same=same, close_call=close, other=wrong,
                 preemptions=crowd.stats.num_preemptions, accepted=crowd.stats.num_accepted,
                 memory_at_half=memory, memory_at_end=end)  # fmt: skip


PARTS = {
    "kernels": Part(kernels, 200),
    "nano": Part(nano, 200),
    "nano_w4": Part(nano_w4, 150),
    "language": Part(language, 120),
    "training": Part(training, 240),
    "soak": Part(soak, 120),
}

if __name__ == "__main__":
    main((__doc__ or "").splitlines()[0], PARTS, __file__)
