"""From a folder of your own images and questions to a served model.

    python examples/own_images.py my_folder --out runs/mine --serve

``my_folder/questions.jsonl`` has a line for each question: ``images`` (names in the folder), ``question``,
``answer`` and, where you have one, ``thinking``, the chain that leads to the answer. Every fifth question is
held out: half of those choose the best weights, the other half are only measured on. Questions with a chain
are learned by supervised training; then all of them by GRPO, which only needs the answers. So that the model
keeps what it knew, it practises generated figures between your questions, as long as it could read figures
before. The script says how many held-out questions of yours, and how many held-out figures, are answered
right before and after each part. Run it again after an interruption. ``--serve`` starts ``r1v serve`` with
the result.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1v import figures
from r1v.core import ConfigError, R1VError
from r1v.models.hub import resolve_model
from r1v.train.core.checks import reason
from r1v.train.core.config_read import make
from r1v.train.data.curriculum import PlannedSample
from r1v.train.data.examples import ExampleSource, FigureSource, JsonlSource
from r1v.train.data.rows import parse_line, read_lines, with_images
from r1v.train.rollout.evaluate import accuracy_of
from r1v.train.stages.grpo import GRPOConfig, GRPOTrainer
from r1v.train.stages.sft import SFTConfig, Trainer

HELD_OUT = 5  # one question of so many
KNOWS_FIGURES = 0.2  # share of held-out figures right, above which the model practises them


@dataclass(frozen=True)
class Shares:
    """Right answers: of your questions that choose, of those that are only measured on, of figures."""

    chosen_by: float
    own: float
    figures: float


def split(folder: Path, out: Path) -> dict[str, list[dict[str, Any]]]:
    """The questions in four files of ``out``: to train on, those of them with a chain, and held-out ones,
    ``choose`` and ``measure``."""
    rows = []
    for number, line in enumerate(read_lines(folder / "questions.jsonl", "FOLDER"), 1):
        try:
            if line.strip():
                rows.append(with_images(parse_line(line), folder) | {"family": "all"})
        except ValueError as error:
            raise ConfigError(f"{folder / 'questions.jsonl'}, line {number}: {error}") from None
    check_pictures(rows, out)
    train = [row for i, row in enumerate(rows) if i % HELD_OUT]
    held = [row for i, row in enumerate(rows) if i % HELD_OUT == 0]
    parts = {
        "train": train,
        "chains": [row for row in train if row.get("thinking") or row.get("solution")],
        "choose": held[::2],
        "measure": held[1::2] or held,
    }
    out.mkdir(parents=True, exist_ok=True)
    for name, chosen in parts.items():
        (out / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in chosen))
    return parts


def check_pictures(rows: list[dict[str, Any]], out: Path) -> None:
    """Note the content of all pictures, by name. ConfigError: one cannot be read, or is another than when the
    training in ``out`` began; changed questions are noticed by the training itself."""
    names = sorted({name for row in rows for name in row["images"] if not name.startswith("data:")})
    found = {}
    for name in names:
        try:
            found[name] = hashlib.sha256(Path(name).read_bytes()).hexdigest()
        except OSError as error:
            raise ConfigError(f"picture {name} cannot be read: {reason(error)}") from None
    note = out / "pictures.json"
    begun = any(out.glob("*/checkpoints/step-*"))
    kept = json.loads(note.read_text()) if begun and note.exists() else {}
    changed = [name for name in names if name in kept and kept[name] != found[name]]
    if changed:
        raise ConfigError(
            f"{changed[0]} is another picture than when {out} was begun; name another --out to train on it"
        )
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(kept | found) + "\n")


def right(model: str | Path, out: Path, args: argparse.Namespace) -> Shares:
    """The shares of held-out questions answered right."""

    def of(source: ExampleSource, plan: list[PlannedSample]) -> float:
        return accuracy_of(model, source, plan, max_tokens=args.max_tokens, device=args.device).total

    found = []
    for name in ("choose", "measure"):
        source = JsonlSource(out / f"{name}.jsonl", chains=False)
        found.append(of(source, [PlannedSample("all", i, 1.0) for i in range(len(source.rows["all"]))]))
    names = tuple(figures.FAMILIES)
    plan = [PlannedSample(names[i % len(names)], i, 1.0) for i in range(args.figures)]
    return Shares(*found, of(FigureSource(names, heldout=True), plan) if plan else 0.0)


def say(when: str, found: Shares) -> None:
    """One line."""
    print(f"right {when}: {found.own:.3f} of your questions, {found.figures:.3f} of figures", flush=True)


def sources(file: Path, number: int, practise: float) -> list[str]:
    """Your rows, and figures for a share ``practise`` of the samples."""
    if not practise:
        return [str(file)]
    return [f"{file}::{number}", f"figures::{number * practise / (1 - practise):.3f}"]


def supervised(model: str | Path, out: Path, number: int, practise: float, args: argparse.Namespace) -> Path:
    """Learn the chains: each about ``--epochs`` times."""
    drawn = number * args.epochs / (1 - practise)
    steps = args.sft_steps or max(4, round(drawn / args.batch_size))
    return Trainer(
        make(
            SFTConfig, model=str(model), out=str(out / "sft"),
            source=sources(out / "chains.jsonl", number, practise),
            steps=steps, batch_size=args.batch_size, lr=args.lr, warmup_steps=max(1, steps // 10),
            direct_share=0.0, heldout=0, device=args.device,
        )
    ).train()  # fmt: skip


def reinforced(model: str | Path, out: Path, number: int, practise: float, args: argparse.Namespace) -> Path:
    """Learn from the answers; of all weights on the way those that answer the choosing questions best."""
    return GRPOTrainer(
        make(
            GRPOConfig, model=str(model), out=str(out / "grpo"),
            source=sources(out / "train.jsonl", number, practise), steps=args.grpo_steps,
            prompts=args.batch_size, max_tokens=args.max_tokens, lr=args.grpo_lr, workers=1,
            measure=str(out / "choose.jsonl"), eval_every=max(1, args.grpo_steps // 5), device=args.device,
        )
    ).train()  # fmt: skip


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="holds questions.jsonl and the images")
    parser.add_argument("--model", default="r1v-nano", help="what to start from: a name or a folder")
    parser.add_argument("--out", type=Path, default=Path("runs/own"))
    parser.add_argument("--epochs", type=float, default=4, help="times that each chain is learned")
    parser.add_argument(
        "--sft-steps", type=int, help="in place of --epochs; 0 leaves supervised training out"
    )
    parser.add_argument("--grpo-steps", type=int, default=10, help="0 leaves GRPO out")
    parser.add_argument("--batch-size", type=int, default=8, help="questions of a step")
    parser.add_argument("--lr", type=float, default=1e-4, help="of supervised training")
    parser.add_argument("--grpo-lr", type=float, default=5e-6)
    parser.add_argument(
        "--practise", type=float, default=0.5, help="share of figures among what is trained on"
    )
    parser.add_argument("--figures", type=int, default=52, help="held-out figures to measure on")
    parser.add_argument("--max-tokens", type=int, default=384, help="of an answer")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--serve", action="store_true", help="serve the result")
    parser.add_argument("--port", type=int, default=8000)
    args = parser.parse_args()
    if not 0 <= args.practise < 1:
        parser.error(f"--practise is {args.practise}; it must be at least 0 and below 1")
    return args


def main() -> int:
    args = arguments()
    parts = split(args.folder, args.out)
    print(", ".join(f"{name}: {len(rows)} questions" for name, rows in parts.items()), flush=True)
    best: str | Path = resolve_model(args.model)
    reached = right(best, args.out, args)
    say("before", reached)
    practise = args.practise if reached.figures > KNOWS_FIGURES else 0.0
    if args.practise and not practise:
        print("the model does not read figures, so it does not practise them", flush=True)
    for name, train, steps in (("sft", supervised, args.sft_steps), ("grpo", reinforced, args.grpo_steps)):
        rows = parts["chains" if name == "sft" else "train"]
        if steps == 0 or not rows:
            continue
        found = train(best, args.out, len(rows), practise, args)
        note = args.out / name / "best.json"
        if note.exists() and json.loads(note.read_text())["step"] == 0:
            print(f"{name} brought nothing: the weights before it answer most", flush=True)
            continue
        now = right(found, args.out, args)
        say(f"after {name}", now)
        if now.chosen_by >= reached.chosen_by:
            best, reached = found, now
    print(f"model: {best}", flush=True)
    if args.serve:
        command = ["serve", str(best), "--port", str(args.port), "--device", args.device]
        return subprocess.run([sys.executable, "-m", "r1v.cli.main", *command], check=False).returncode
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("own_images: stopped; the same command goes on")
    except (R1VError, OSError, ValueError) as error:
        sys.exit(f"own_images: {error}")
