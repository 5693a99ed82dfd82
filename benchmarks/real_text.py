"""The engine on a real language model and real prompts, compared with transformers and llama.cpp.

    R1V_REAL_WEIGHTS=FOLDER R1V_TEST_DATA=FOLDER python benchmarks/real_text.py [--quick]

FOLDER of R1V_REAL_WEIGHTS holds a GGUF file of a Qwen2; R1V_TEST_DATA has ifeval/input_data.jsonl. IFEval's
prompts, evenly chosen, are answered greedily in float32, many in a batch, and some of them again alone.
transformers reads prompt and answer: if its most likely id is ours at every place, its greedy answer is
ours; its logits also say how many ids top-p holds. llama.cpp (R1V_LLAMA_CPP_PYTHON: an interpreter with
xllamacpp) answers by itself from the same file; its kernels round activations to 8 bits. Embedding and output
matrix stay apart, as llama.cpp computes with them. ``--work FOLDER`` keeps every finished prompt, and a run
that was stopped goes on there; ``--minutes`` ends each part in time, and the tables say how many prompts it
has. Four bits on the same answers: benchmarks/quant/real_bits.py.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from shared.report import emit, processor

from r1v import LLM, Completion, Message, SamplingParams
from r1v.models.gguf.convert import GgufConfig, convert_gguf
from r1v.prompt import Processor

TOP_P, WIDE = 0.95, 256  # the release's; the ids that are looked at before all are sorted
PARTS = ("together", "alone", "transformers", "llama")


@dataclass
class Lines:
    """A file with a line of JSON for each finished prompt, by number. minutes: to work on it at most."""

    path: Path
    minutes: float
    found: dict[int, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for line in self.path.read_text().splitlines() if self.path.exists() else ():
            self.found |= {(read := json.loads(line))["number"]: read}

    def fill(self, numbers: Iterable[int], make: Callable[[int], dict[str, Any]], threads: int = 1) -> None:
        """Make what is missing until the time is over."""
        began = time.monotonic()

        def one(number: int) -> None:
            if time.monotonic() - began < 60 * self.minutes:
                line = {"number": number, **make(number)}
                with self.path.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                self.found[number] = line

        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(one, [number for number in numbers if number not in self.found]):
                pass


def asked(number: int) -> dict[int, str]:
    """IFEval's prompts, evenly chosen, by their place there; any first part of them is spread evenly too."""
    path = Path(os.environ["R1V_TEST_DATA"]) / "ifeval" / "input_data.jsonl"
    prompts = [json.loads(line)["prompt"] for line in path.read_text(encoding="utf-8").splitlines()]
    order = sorted(range(number), key=lambda at: (at * 0.6180339887) % 1.0)
    places = [at * len(prompts) // number for at in order]
    return {place: prompts[place] for place in places}


def line_of(completion: Completion) -> dict[str, Any]:
    """What is kept of an answer. gaps: of the two best logits, at each place."""
    tops = [each.top for each in completion.logprobs or ()]
    return {
        "ids": list(completion.token_ids),
        "reason": str(completion.finish_reason),
        "logprobs": [round(each.logprob, 6) for each in completion.logprobs or ()],
        "gaps": [round(top[0][1] - top[1][1], 6) for top in tops],
    }


def together(folder: Path, prompts: dict[int, str], lines: Lines, max_tokens: int, rows: int,
             device: str) -> None:  # fmt: skip
    """Our answers, rows of them at a time."""
    params = SamplingParams.greedy(max_tokens=max_tokens, detect_loops=False, logprobs=2)
    encoder = Processor.from_folder(folder)

    def make(number: int) -> dict[str, Any]:
        ids = encoder.encode([Message.user(prompts[number])]).token_ids
        return {"prompt": list(ids), **line_of(llm.chat(prompts[number], params))}

    with LLM(folder, dtype="float32", device=device) as llm:
        lines.fill(list(prompts), make, rows)


def alone(folder: Path, prompts: dict[int, str], answers: Lines, lines: Lines, max_tokens: int,
          number: int, device: str) -> dict[str, Any]:  # fmt: skip
    """Some of them again, one at a time, and what drafts did there."""
    params = SamplingParams.greedy(max_tokens=max_tokens, detect_loops=False)
    names = ("num_steps", "num_drafted", "num_accepted")

    def make(number: int) -> dict[str, Any]:
        before = llm.load.counters
        ids = llm.chat(prompts[number], params).token_ids
        return {"ids": list(ids)} | {name: llm.load.counters[name] - before[name] for name in names}

    with LLM(folder, dtype="float32", device=device) as llm:
        lines.fill([at for at in prompts if at in answers.found][:number], make)
    if not lines.found:
        return {"answers": 0}
    both = [(answers.found[at], line) for at, line in lines.found.items()]
    ids = sum(len(line["ids"]) for _, line in both)
    steps, drafted, accepted = (sum(line[name] for _, line in both) for name in names)
    return {
        "answers": len(both), "the same": sum(a["ids"] == b["ids"] for a, b in both), "ids": ids,
        "drafted": drafted, "accepted": accepted,
        # the first step of each reads the prompt and gives an id
        "steps saved": round(1 - (steps - len(both)) / max(ids - len(both), 1), 3),
    }  # fmt: skip


def beside_transformers(folder: Path, answers: Lines, lines: Lines, device: str) -> dict[str, Any]:
    """At how many places its likeliest id is ours, how far log-probabilities are apart; widths of top-p."""
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval().to(device)

    @torch.no_grad()
    def make(number: int) -> dict[str, Any]:
        each = answers.found[number]
        ids = torch.tensor([[*each["prompt"], *each["ids"]]], device=device)
        logits = model(ids, logits_to_keep=len(each["ids"]) + 1).logits[0, :-1].float()
        wrong = (logits.argmax(-1).cpu() != torch.tensor(each["ids"])).nonzero().flatten().tolist()
        theirs = logits.log_softmax(-1)[range(len(each["ids"])), each["ids"]].cpu()
        widths = {}
        for temperature in (0.6, 1.0):
            ordered = (logits / temperature).softmax(-1).sort(descending=True).values
            widths[str(temperature)] = ((ordered.cumsum(-1) < TOP_P).sum(-1) + 1).tolist()
        apart = float((theirs - torch.tensor(each["logprobs"])).abs().max())
        return {"wrong": wrong, "gaps": [each["gaps"][at] for at in wrong], "apart": apart, "widths": widths}

    lines.fill(list(answers.found), make)
    found = list(lines.found.values())
    if not found:
        return {"answers": 0}
    places = sum(len(answers.found[number]["ids"]) for number in lines.found)
    result: dict[str, Any] = {
        "answers": len(found), "answers the same": sum(not each["wrong"] for each in found), "places": places,
        "places the same": places - sum(len(each["wrong"]) for each in found),
        "gaps where they part": [gap for each in found for gap in each["gaps"]],
        "log-probabilities apart, most": float(f"{max(each['apart'] for each in found):.3g}"),
    }  # fmt: skip
    for temperature in ("0.6", "1.0"):
        widths = sorted(width for each in found for width in each["widths"][temperature])
        result[f"top-p {TOP_P} at {temperature}"] = {
            "places": len(widths), f"beyond {WIDE} ids": sum(n > WIDE for n in widths),
            "median": widths[len(widths) // 2], "most": widths[-1],
        }  # fmt: skip
    return result


def beside_llama(file: Path, answers: Lines, path: Path, max_tokens: int,
                 minutes: float) -> dict[str, Any] | None:  # fmt: skip
    """llama.cpp's own answers; None without it. A gap is that of our two best logits where the ids part."""
    python = os.environ.get("R1V_LLAMA_CPP_PYTHON")
    if not python:
        return None
    with tempfile.NamedTemporaryFile("w", suffix=".json") as prompts:
        json.dump({number: each["prompt"] for number, each in answers.found.items()}, prompts)
        prompts.flush()
        script = Path(__file__).parent / "peers" / "llama_side.py"
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        subprocess.run([python, script, file, prompts.name, path, str(max_tokens), str(minutes)], check=True,
                       env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    whole, compared, gaps, apart = 0, 0, [], []
    lines = Lines(path, 0).found
    if not lines:
        return {"answers": 0}
    for number, theirs in lines.items():
        each = answers.found[number]
        pairs = list(zip(each["ids"], theirs["ids"], strict=False))
        equal = next((at for at, (a, b) in enumerate(pairs) if a != b), len(pairs))
        whole += equal == len(pairs)
        compared += equal
        gaps += [each["gaps"][equal]] if equal < len(pairs) else []
        apart += [abs(each["logprobs"][at] - theirs["logprobs"][at]) for at in range(equal)]
    apart.sort()
    gaps.sort()
    return {"build": next(iter(lines.values()))["build"], "answers": len(lines), "answers the same": whole,
            "ids the same before parting": compared, "gaps where they part": gaps,
            "log-probabilities apart, median": round(apart[len(apart) // 2], 4),
            "log-probabilities apart, most": round(apart[-1], 4)}  # fmt: skip


def main() -> None:
    """Measure, print every part as it is known, and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three prompts of eight ids")
    parser.add_argument("--prompts", type=int, default=100)
    parser.add_argument("--max-tokens", type=int, default=256)
    parser.add_argument("--alone", type=int, default=20, help="prompts that are also answered alone")
    parser.add_argument("--rows", type=int, default=16, help="prompts answered at a time")
    parser.add_argument("--device", default="cpu", help="of both: cpu or cuda")
    parser.add_argument("--minutes", type=float, default=600.0, help="after which a part begins no prompt")
    parser.add_argument("--work", type=Path, help="keep what is made there (default: a folder that goes)")
    parser.add_argument("--skip", nargs="*", default=[], choices=PARTS,
                        help="parts; what is kept of answers written together is used")  # fmt: skip
    args = parser.parse_args()
    if args.quick:
        args.prompts, args.max_tokens, args.alone = 3, 8, 3
    missing = [name for name in ("R1V_REAL_WEIGHTS", "R1V_TEST_DATA") if not os.environ.get(name)]
    if missing:
        left_out = f"{' and '.join(missing)} not set"
        print(f"nothing is measured: {left_out}; they must name folders, see --help", flush=True)
        emit("real_text", processor(), {}, {}, {}, left_out=left_out)
        return
    (file,) = Path(os.environ["R1V_REAL_WEIGHTS"]).glob("*.gguf")
    results: dict[str, Any] = {}

    def tell(name: str, value: Any) -> None:
        results[name] = value
        print(f"{name}: {json.dumps(value)}", flush=True)

    with tempfile.TemporaryDirectory() as scratch:
        work = args.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        folder = work / "float32"
        if not (folder / "config.json").is_file():
            convert_gguf(file, folder, settings=GgufConfig(torch.float32, apart=True))
        prompts = asked(args.prompts)
        answers = Lines(work / f"together-{args.max_tokens}.jsonl", args.minutes)
        if "together" not in args.skip:
            together(folder, prompts, answers, args.max_tokens, args.rows, args.device)
        tell("r1v", {"answers": len(answers.found), "ids": sum(len(a["ids"]) for a in answers.found.values()),
                     "ended": sum(a["reason"] == "stop" for a in answers.found.values())})  # fmt: skip
        if "alone" not in args.skip:
            lines = Lines(work / f"alone-{args.max_tokens}.jsonl", args.minutes)
            tell("alone", alone(folder, prompts, answers, lines, args.max_tokens, args.alone, args.device))
        if "transformers" not in args.skip:
            lines = Lines(work / f"transformers-{args.max_tokens}.jsonl", args.minutes)
            tell("transformers", beside_transformers(folder, answers, lines, args.device))
        if "llama" not in args.skip:
            path = work / f"llama-{args.max_tokens}.jsonl"
            tell("llama.cpp", beside_llama(file, answers, path, args.max_tokens, args.minutes))
    config = {key: str(value) if isinstance(value, Path) else value for key, value in vars(args).items()}
    emit("real_text", processor(), config | {"model": file.name}, results, {})


if __name__ == "__main__":
    main()
