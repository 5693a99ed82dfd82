"""The loss of quality in four bits: rounding to nearest, our AWQ (also with an 8-bit tower) and
llmcompressor's AWQ.

All are made of one checkpoint with one calibration set, run by one engine, and measured on the same held-out
chains and figures. ``--work FOLDER`` keeps every part, and a run that was stopped goes on there. Prints the
table of docs/guides/quantise.md and ends with one line of JSON. ± is half of a 95% interval over chains or
questions; accuracies have Wilson's. llmcompressor is left out unless R1V_LLMCOMPRESSOR_PYTHON, or
``--llmcompressor``, names its interpreter (see benchmarks/peers/llmcompressor_awq.py).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from shared.models import report_header
from shared.report import print_result

from r1v import LLM, SamplingParams
from r1v.eval.statistics import wilson
from r1v.models.hub import resolve_model
from r1v.models.tensor_files import TensorFiles
from r1v.quant import QuantConfig, quantise_checkpoint
from r1v.quant.calibration import conversation, figure_chats, figure_questions
from r1v.quant.chat import Chat, load_chats, save_chats
from r1v.quant.compare import Answers, Chains, LayerError, MeanInterval, ask, mean, on_chains

METHODS = {
    "rounding": QuantConfig(method="rtn"),
    "AWQ": QuantConfig(),
    "AWQ with clipping": QuantConfig(clipping=True),
    "AWQ, 8-bit tower": QuantConfig(vision_bits=8),
}
PEER = Path(__file__).parents[1] / "peers" / "llmcompressor_awq.py"


@dataclass(frozen=True)
class Measured:
    """One checkpoint. chains, and the changes against the original: None for the original itself."""

    num_bytes: int
    answers: Answers
    chains: Chains | None
    accuracy_change: MeanInterval | None
    length_change: MeanInterval | None


def kept(path: Path, make: Callable[[], Any]) -> Any:
    """What make gives as JSON, from the file if it is there."""
    if not path.is_file():
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(make()))
        partial.rename(path)
    return json.loads(path.read_text())


def check_settings(work: Path, source: Path, args: argparse.Namespace) -> None:
    """Stop where the folder holds another model's parts, or those of other settings."""
    files = {path.name: [path.stat().st_size, path.stat().st_mtime_ns] for path in sorted(source.iterdir())}
    names = ("chats", "chains", "questions", "max_tokens")
    settings = {"files": files, **{name: getattr(args, name) for name in names}}
    if kept(work / "settings.json", lambda: settings) != settings:
        raise SystemExit(f"{work} is of another model or of other settings; remove it or name another --work")


def kept_chats(path: Path, make: Callable[[], list[Chat]]) -> list[Chat]:
    """Chats, from the file if it is there."""
    if not path.is_file():
        save_chats(make(), path.with_suffix(".partial"))
        path.with_suffix(".partial").rename(path)
    return load_chats(path)


def answers_from(values: dict[str, Any]) -> Answers:
    """From JSON."""
    return Answers(**{**values, "right": tuple(values["right"]), "lengths": tuple(values["lengths"])})


def chains_from(values: dict[str, Any]) -> Chains:
    """From JSON."""
    layers = tuple(LayerError(**each) for each in values["layers"])
    means = {name: MeanInterval(**values[name]) for name in ("kl", "agreement")}
    return Chains(**{**values, **means, "layers": layers})


def by_llmcompressor(python: str, source: Path, chats: Path, target: Path) -> None:
    """Run the peer's program; what it says goes to its log."""
    with target.with_suffix(".log").open("w") as log:
        subprocess.run(
            [python, str(PEER), str(source), str(chats), str(target)], check=True, stdout=log, stderr=log
        )


def make_checkpoints(source: Path, work: Path, num_chats: int, python: str | None) -> dict[str, Path]:
    """Every method's folder, each made once."""
    path = work / "calibration.safetensors"
    chats = kept_chats(path, lambda: figure_chats(source, "own", num_chats))
    folders = {}
    for name, config in METHODS.items():
        folders[name] = work / name.replace(", ", "-").replace(" ", "-")
        if not folders[name].is_dir():
            quantise_checkpoint(
                source, folders[name], config, chats=None if config.method == "rtn" else chats
            )
    if python:
        folders["llmcompressor"] = work / "llmcompressor"
        if not folders["llmcompressor"].is_dir():
            by_llmcompressor(python, source, path, folders["llmcompressor"])
    return folders


def measure(
    source: Path, folders: dict[str, Path], work: Path, args: argparse.Namespace
) -> dict[str, Measured]:
    """Chains and questions, the original first."""
    chains = kept_chats(
        work / "heldout.safetensors",
        lambda: figure_chats(source, "own", args.chains, split="heldout", max_tokens=args.max_tokens),
    )
    items = figure_questions("heldout", args.questions)
    found: dict[str, Measured] = {}
    original: Answers | None = None
    for name, folder in {"original": source, **folders}.items():
        answers = answers_from(
            kept(
                work / f"answers-{name}.json",
                lambda folder=folder: asdict(ask(folder, items, args.max_tokens)),
            )
        )
        if original is None:
            original = answers
            found[name] = Measured(TensorFiles(folder).num_bytes, answers, None, None, None)
            continue
        both = chains_from(
            kept(
                work / f"chains-{name}.json", lambda folder=folder: asdict(on_chains(source, folder, chains))
            )
        )
        accuracy = mean([float(b) - float(a) for a, b in zip(original.right, answers.right, strict=True)])
        length = mean([float(b - a) for a, b in zip(original.lengths, answers.lengths, strict=True)])
        found[name] = Measured(TensorFiles(folder).num_bytes, answers, both, accuracy, length)
    return found


def speeds(folders: dict[str, Path], rounds: int, tokens: int) -> dict[str, float]:
    """Tokens a second of one conversation, first token to last: medians of interleaved rounds."""
    item = figure_questions("heldout", 1)[0]
    params = SamplingParams.greedy(max_tokens=tokens, min_tokens=tokens, detect_loops=False)
    models = {name: LLM(folder) for name, folder in folders.items()}
    times: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(rounds + 1):
        for name, llm in models.items():
            stamps = [time.perf_counter() for _ in llm.stream(conversation(item), params)]
            times[name].append((tokens - 1) / (stamps[-1] - stamps[0]))
    for llm in models.values():
        llm.close()
    return {name: statistics.median(each[1:]) for name, each in times.items()}


def table(found: dict[str, Measured], rates: dict[str, float]) -> str:
    """As Markdown: a row for each figure."""

    def chains(name: str) -> Chains | None:
        return found[name].chains

    def accuracy(name: str) -> str:
        answers = found[name].answers
        low, high = wilson(answers.accuracy, answers.num_questions)
        return f"{answers.accuracy:.1%} ({low:.1%} to {high:.1%})"

    perplexity = next(each.chains.perplexity_a for each in found.values() if each.chains)
    rows: dict[str, Callable[[str], str]] = {
        "size, MB": lambda n: f"{found[n].num_bytes / 1e6:.1f}",
        "perplexity": lambda n: f"{c.perplexity_b if (c := chains(n)) else perplexity:.4f}",
        "KL a token, nats": lambda n: f"{c.kl} (most {c.kl_max:.2f})" if (c := chains(n)) else "",
        "same likeliest token": lambda n: f"{c.agreement.value:.2%}" if (c := chains(n)) else "",
        "error after the last layer": lambda n: f"{c.layers[-1].error:.1e}" if (c := chains(n)) else "",
        "accuracy": accuracy,
        "change of accuracy": lambda n: str(found[n].accuracy_change or ""),
        "tokens an answer": lambda n: f"{found[n].answers.mean_tokens:.1f}",
        "change of tokens": lambda n: str(found[n].length_change or ""),
        "loops": lambda n: f"{found[n].answers.loop_rate:.1%}",
        "unfinished": lambda n: f"{found[n].answers.unfinished_rate:.1%}",
        "no numbers, no ids": lambda n: (
            f"{c.nan_count if (c := chains(n)) else 0}, {found[n].answers.out_of_vocabulary}"
        ),
        "tokens/s": lambda n: f"{rates[n]:.0f}" if n in rates else "",
    }
    lines = ["| | " + " | ".join(found) + " |", "|---" * (len(found) + 1) + "|"]
    lines += [
        f"| {label} | " + " | ".join(cell(name) for name in found) + " |" for label, cell in rows.items()
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="r1v-nano")
    parser.add_argument("--chats", type=int, default=32, help="to calibrate with: the model's own")
    parser.add_argument("--chains", type=int, default=64, help="held-out chains, the model's own")
    parser.add_argument("--questions", type=int, default=208, help="held-out figures of all families in turn")
    parser.add_argument("--max-tokens", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5, help="of the timing; 0 leaves it out")
    parser.add_argument(
        "--llmcompressor", default=os.environ.get("R1V_LLMCOMPRESSOR_PYTHON"), metavar="PYTHON"
    )
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="default: a new one, removed at the end")
    parser.add_argument("--quick", action="store_true", help="a few chats, chains and questions")
    args = parser.parse_args()
    if args.quick:
        args.chats, args.chains, args.questions, args.rounds, args.max_tokens = 2, 2, 4, 1, 160
    report_header(model=args.model, chats=args.chats, chains=args.chains, questions=args.questions)
    source = resolve_model(args.model)
    with tempfile.TemporaryDirectory() as temporary:
        work = args.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        check_settings(work, source, args)
        folders = make_checkpoints(source, work, args.chats, args.llmcompressor)
        found = measure(source, folders, work, args)
        rates: dict[str, float] = {}
        if args.rounds:
            rates = kept(
                work / "speeds.json", lambda: speeds({"original": source, **folders}, args.rounds, 96)
            )
    print(table(found, rates))
    values = {name: asdict(each) | {"tokens_per_s": rates.get(name)} for name, each in found.items()}
    for each in values.values():
        del each["answers"]["right"], each["answers"]["lengths"]
    print_result("quantisation", {"model": args.model, "methods": values})


if __name__ == "__main__":
    main()
