"""The engine on a real language model and real prompts, compared with transformers and llama.cpp.

    R1V_REAL_WEIGHTS=FOLDER R1V_TEST_DATA=FOLDER python benchmarks/real_text.py [--quick]

FOLDER of R1V_REAL_WEIGHTS holds a GGUF file of a Qwen2; R1V_TEST_DATA has ifeval/input_data.jsonl. IFEval's
prompts, evenly chosen, are answered greedily in float32, alone and together. transformers reads prompt and
answer: if its most likely id is ours at every place, its greedy answer is ours. llama.cpp
(R1V_LLAMA_CPP_PYTHON: an interpreter with xllamacpp) answers by itself from the same file; its kernels round
activations to 8 bits. Embedding and output matrix stay apart, as llama.cpp computes with them. Then how many
ids top-p holds, what drafts save, and four bits by several methods on those answers, this project's prose and
its code.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from shared.report import emit, print_result, processor

from r1v import LLM, Message, SamplingParams
from r1v.models import load
from r1v.models.gguf.convert import GgufConfig, convert_gguf
from r1v.prompt import Processor
from r1v.quant import QuantConfig, quantise_checkpoint
from r1v.quant.chat import Chat
from r1v.quant.compare import on_chains
from r1v.quant.gguf_export import export_gguf
from r1v.quant.texts import Entry, text_chats

ROOT = Path(__file__).parents[1]
TOP_P, WIDE = 0.95, 256  # the release's; the ids that are looked at before all are sorted
TEXTS = ("docs/how-it-works/engine.md", "r1v/engine/sequence.py")


@dataclass
class Answered:
    """One prompt. ids: ours, alone. best: by our own logits of the whole, (T, V) at the places of ids."""

    prompt: list[int]
    ids: list[int] = field(default_factory=list)
    logprobs: torch.Tensor = field(default_factory=lambda: torch.zeros(0))
    gaps: list[float] = field(default_factory=list)


def asked(number: int) -> list[str]:
    """IFEval's prompts, evenly chosen."""
    path = Path(os.environ["R1V_TEST_DATA"]) / "ifeval" / "input_data.jsonl"
    prompts = [json.loads(line)["prompt"] for line in path.read_text(encoding="utf-8").splitlines()]
    return [prompts[at * len(prompts) // number] for at in range(number)]


def ours(folder: Path, prompts: Sequence[str], max_tokens: int) -> tuple[list[Answered], dict[str, Any]]:
    """Our answers alone, how many are the same together, and what drafts did."""
    params = SamplingParams.greedy(max_tokens=max_tokens, detect_loops=False)
    encoder = Processor.from_folder(folder)
    with LLM(folder, dtype="float32") as llm:
        alone = [llm.chat(prompt, params) for prompt in prompts]
        counters = dict(llm.load.counters)
    with LLM(folder, dtype="float32") as llm:
        together = llm.chat_many(prompts, params)
    found = [
        Answered(list(encoder.encode([Message.user(p)]).token_ids), list(each.token_ids))
        for p, each in zip(prompts, alone, strict=True)
    ]
    tokens = sum(len(each.ids) for each in found)
    steps = counters["num_steps"] - len(prompts)  # the first of each reads the prompt and gives an id
    facts = {
        "answers the same together": sum(
            a.token_ids == b.token_ids for a, b in zip(alone, together, strict=True)
        ),
        "ids": tokens,
        "drafted": counters["num_drafted"],
        "accepted": counters["num_accepted"],
        "steps saved": round(1 - steps / max(tokens - len(prompts), 1), 3),
    }
    return found, facts


def read_through(folder: Path, answers: Sequence[Answered]) -> dict[str, Any]:
    """Fill in log-probabilities and gaps by our module; how wide top-p is at temperatures 0.6 and 1."""
    model = load(folder, torch.float32)
    widths: dict[float, list[int]] = {0.6: [], 1.0: []}
    with torch.no_grad():
        for each in answers:
            logits = rows(model(torch.tensor([[*each.prompt, *each.ids]]))[0], each)
            best = logits.topk(2).values
            each.gaps = (best[:, 0] - best[:, 1]).tolist()
            each.logprobs = logits.log_softmax(-1)[range(len(each.ids)), each.ids]
            for temperature, found in widths.items():
                ordered = (logits / temperature).softmax(-1).sort(descending=True).values
                found += ((ordered.cumsum(-1) < TOP_P).sum(-1) + 1).tolist()
    return {
        f"top-p {TOP_P} at {temperature}": {
            "places": len(found), f"beyond {WIDE} ids": sum(n > WIDE for n in found), "most": max(found),
            "median": sorted(found)[len(found) // 2],
        }
        for temperature, found in widths.items()
    }  # fmt: skip


def rows(logits: torch.Tensor, each: Answered) -> torch.Tensor:
    """The logits (T, V) that the ids of the answer were chosen by."""
    return logits[len(each.prompt) - 1 : len(each.prompt) - 1 + len(each.ids)].float()


def beside_transformers(folder: Path, answers: Sequence[Answered]) -> dict[str, Any]:
    """At how many places its likeliest id is ours, and how far log-probabilities are apart."""
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    whole = same = places = 0
    apart, gaps = 0.0, []
    with torch.no_grad():
        for each in answers:
            logits = rows(model(torch.tensor([[*each.prompt, *each.ids]])).logits[0], each)
            equal = logits.argmax(-1) == torch.tensor(each.ids)
            whole, same, places = (
                whole + bool(equal.all()),
                same + int(equal.sum()),
                places + len(each.ids),
            )
            gaps += [each.gaps[at] for at in (~equal).nonzero().flatten().tolist()]
            theirs = logits.log_softmax(-1)[range(len(each.ids)), each.ids]
            apart = max(apart, float((theirs - each.logprobs).abs().max()))
    return {"answers the same": whole, "places the same": same, "places": places,
            "log-probabilities apart, most": float(f"{apart:.3g}"),
            "gaps where they part": gaps}  # fmt: skip


def beside_llama(file: Path, answers: Sequence[Answered], max_tokens: int) -> dict[str, Any] | None:
    """llama.cpp's own answers; None without it. A gap is that of our two best logits where the ids part."""
    python = os.environ.get("R1V_LLAMA_CPP_PYTHON")
    if not python:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        prompts, out = Path(scratch) / "prompts.json", Path(scratch) / "answers.json"
        prompts.write_text(json.dumps([each.prompt for each in answers]))
        script = Path(__file__).parent / "peers" / "llama_side.py"
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        subprocess.run([python, script, file, prompts, out, str(max_tokens)], check=True, env=environment,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        found = json.loads(out.read_text())
    whole, compared, gaps, apart = 0, 0, [], []
    for each, theirs in zip(answers, found["answers"], strict=True):
        pairs = list(zip(each.ids, theirs["ids"], strict=False))
        equal = next((at for at, (a, b) in enumerate(pairs) if a != b), len(pairs))
        whole += equal == len(pairs)
        compared += equal
        gaps += [round(each.gaps[equal], 4)] if equal < len(pairs) else []
        apart += [abs(float(each.logprobs[at]) - theirs["logprobs"][at]) for at in range(equal)]
    apart.sort()
    return {"build": found["build"], "answers the same": whole, "ids the same before parting": compared,
            "gaps where they part": gaps, "log-probabilities apart, median": round(apart[len(apart) // 2], 4),
            "log-probabilities apart, most": round(apart[-1], 4)}  # fmt: skip


def four_bits(folder: Path, work: Path, answers: Sequence[Answered], args: argparse.Namespace) -> list[Any]:
    """Perplexity and KL of each method against float32, on answers to prompts that nothing was calibrated
    with, on prose and on code."""
    entries = [Entry((ROOT / name).read_text(encoding="utf-8")) for name in TEXTS]
    chats = text_chats(folder, entries, args.pieces, max_tokens=args.piece_tokens)
    blank = chats[0].tiles
    chats += [Chat((*each.prompt, *each.ids), blank, len(each.prompt)) for each in answers[: args.pieces]]
    table = []
    made = {"rounding, group 128": QuantConfig(method="rtn"), "AWQ, group 128": QuantConfig(
        num_chats=args.chats, max_tokens=args.chat_tokens, search_tokens=args.search_tokens,
        num_ratios=args.ratios)}  # fmt: skip
    for name, settings in made.items():
        target = work / name.split(",")[0]
        if not (target / "config.json").is_file():
            quantise_checkpoint(folder, target, settings)
        table.append(row(name, folder, target, chats))
    for kind in ("q4_0", "q8_0"):
        target = work / kind
        if not (target / "config.json").is_file():
            file, *_ = export_gguf(folder, work / "gguf", kind)
            convert_gguf(file, target, settings=GgufConfig(torch.float32, apart=True))
        table.append(row(f"GGUF {kind}", folder, target, chats))
    return table


def row(name: str, folder: Path, target: Path, chats: Sequence[Chat]) -> dict[str, Any]:
    """One line of the table."""
    found = on_chains(folder, target, chats)
    line = {"method": name, "tokens": found.num_tokens, "perplexity": round(found.perplexity_b, 3),
            "perplexity of float32": round(found.perplexity_a, 3), "KL": str(found.kl),
            "same likeliest": str(found.agreement)}  # fmt: skip
    print(json.dumps(line), flush=True)
    return line


def main() -> None:
    """Measure, print every part as it is known, and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three prompts of eight ids, no four bits")
    parser.add_argument("--prompts", type=int, default=20)
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--work", type=Path, help="keep what is made there (default: a folder that goes)")
    parser.add_argument("--skip", nargs="*", default=[], choices=("transformers", "llama", "bits"))
    parser.add_argument("--pieces", type=int, default=8, help="of texts, and answers, to measure bits on")
    parser.add_argument("--piece-tokens", type=int, default=128)
    parser.add_argument("--chats", type=int, default=32, help="to calibrate AWQ with")
    parser.add_argument("--chat-tokens", type=int, default=128)
    parser.add_argument("--search-tokens", type=int, default=1024)
    parser.add_argument("--ratios", type=int, default=20)
    args = parser.parse_args()
    if args.quick:
        args.prompts, args.max_tokens, args.skip = 3, 8, [*args.skip, "bits"]
    missing = [name for name in ("R1V_REAL_WEIGHTS", "R1V_TEST_DATA") if not os.environ.get(name)]
    if missing:
        print(f"nothing is measured: {' and '.join(missing)} must name folders, see --help", flush=True)
        print_result("real_text", {"left_out": f"{' and '.join(missing)} not set"})
        return
    (file,) = Path(os.environ["R1V_REAL_WEIGHTS"]).glob("*.gguf")
    results: dict[str, Any] = {}

    def tell(name: str, value: Any) -> None:
        results[name] = value
        print(f"{name}: {json.dumps(value)}", flush=True)

    with tempfile.TemporaryDirectory() as scratch:
        work = args.work or Path(scratch)
        folder = work / "float32"
        if not (folder / "config.json").is_file():
            convert_gguf(file, folder, settings=GgufConfig(torch.float32, apart=True))
        answers, facts = ours(folder, asked(args.prompts), args.max_tokens)
        tell("r1v", facts)
        tell("top-p", read_through(folder, answers))
        if "transformers" not in args.skip:
            tell("transformers", beside_transformers(folder, answers))
        if "llama" not in args.skip:
            tell("llama.cpp", beside_llama(file, answers, args.max_tokens))
        if "bits" not in args.skip:
            tell("four bits", four_bits(folder, work, answers, args))
    config = {key: str(value) if isinstance(value, Path) else value for key, value in vars(args).items()}
    emit("real_text", processor(), config | {"model": file.name}, results, {})


if __name__ == "__main__":
    main()
