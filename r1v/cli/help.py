"""How ``--help`` looks: one form for defaults, one spelling of an option, an example at the end.

Enters: the parsers of the commands. Leaves: the same parsers with their examples. Always holds: every example
parses (tests/cli/test_help.py).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from r1v.cli.nano import ABOUT

# command, with its action -> what is typed after the first word
EXAMPLES: dict[str, tuple[str, ...]] = {
    "ask": (
        'r1v ask examples/demo.png "Find the current in amperes."',
        'r1v ask --json --no-thinking "Calculate 47 + 38."',
    ),
    "chat": ("r1v chat examples/demo.png", "r1v chat --model r1v2-38b-awq --thinking-budget 2000"),
    "serve": ("r1v serve r1v-nano", "r1v serve r1v2-38b-awq --host 0.0.0.0 --api-key-file keys.txt"),
    "ui": ("r1v ui r1v-nano",),
    "inspect": ("r1v inspect r1v-nano", "r1v inspect --kernels"),
    "plan": (
        "r1v plan r1v-nano",
        "r1v plan r1v2-38b --memory 40GB --context 16384",
        "r1v plan r1v2-38b --train sft --devices 8 --memory 80GB --lora",
    ),
    "verify": ("r1v verify r1v-nano --against transformers --out certificate.json",),
    "run": ("r1v run questions.jsonl answers.jsonl --model r1v-nano",),
    "quantize": ("r1v quantize r1v-nano nano-awq", "r1v quantize r1v2-38b r1v2-awq --vision-bits 8"),
    "compare": ("r1v compare r1v-nano nano-awq --out report",),
    "export": ("r1v export gguf r1v-nano nano-gguf --type q8_0",),
    "convert": ("r1v convert r1v-nano nano-release --layout release",),
    "assemble": ("r1v assemble --vision OpenGVLab/InternViT-300M-448px-V2_5 --llm Qwen/Qwen2.5-0.5B-Instruct "
                 "--thinking install --out mine",),
    "figures": ("r1v figures quiz --n 5",),
    "figures make": ("r1v figures make --n 1000 --family clock --split train --out figures",),
    "figures list": ("r1v figures list",),
    "figures show": ("r1v figures show --n 8 --out sheet.png",),
    "figures quiz": ("r1v figures quiz --n 10 --pictures my-ten",),
    "eval": ("r1v eval list",),
    "eval run": (
        "r1v eval run mathvista --limit 20 --out runs/vista",
        "r1v eval run questions.jsonl --out runs/mine",
        "r1v eval run aime24 --model my-model --url http://localhost:8000/v1 --out runs/aime",
    ),
    "eval score": ("r1v eval score runs/vista",),
    "eval diff": ("r1v eval diff runs/before runs/after",),
    "eval report": ("r1v eval report runs/before runs/after --out report",),
    "eval list": ("r1v eval list",),
    "eval scaling": ("r1v eval scaling runs/vista", "r1v eval scaling runs/vista --reward runs/reward"),
    "eval leaderboard": ("r1v eval leaderboard runs/one runs/two --form html --out board.html",),
    "eval gap": ("r1v eval gap runs/vista runs/vista-blind",),
    "eval readings": ("r1v eval readings runs/vista --form markdown",),
    "train": ("r1v train sft --config sft.toml optim.lr=1e-5", "r1v train sft --help"),
    "train init": ("r1v train init --config init.toml",),
    "train sft": ("r1v train sft model.path=r1v-nano run.out=runs/sft run.steps=100",),
    "train transfer": ("r1v train transfer --config transfer.toml",),
    "train distill": ("r1v train distill --config distill.toml",),
    "train iterate": ("r1v train iterate --config iterate.toml",),
    "train pairs": ("r1v train pairs --config pairs.toml",),
    "train reward": ("r1v train reward --config reward.toml",),
    "train mpo": ("r1v train mpo --config mpo.toml",),
    "train grpo": (
        "r1v train grpo --config grpo.toml run.out=runs/grpo",
        "torchrun --nproc-per-node 8 -m r1v.cli.main train grpo --config grpo.toml",
    ),
    "train rollout": ("r1v train rollout --config rollout.toml",),
    "train pool": ("r1v train pool --config grpo.toml",),
    "train plot": ("r1v train plot runs/sft --out curve.png",),
    "train watch": ("r1v train watch runs/mine",),
    "reward": ("r1v reward score replies.jsonl --model runs/reward/final --out scored.jsonl",),
    "reward score": ("r1v reward score replies.jsonl --model runs/reward/final --out scored.jsonl",),
    "reward clean": ("r1v reward clean pairs.jsonl --model runs/reward/final --low 0 --out clean.jsonl",),
    "reward bench": ("r1v reward bench vl_rewardbench --model runs/reward/final --limit 100",),
}  # fmt: skip
NOTES = {"ask": ABOUT, "chat": ABOUT}


class HelpFormatter(argparse.HelpFormatter):
    """The default of every option that has one, at its end; an option by its first long spelling, though the
    release's spellings with ``_`` are accepted too."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text = action.help
        value = action.default
        shown = not (value is None or value is False or value == [] or value == argparse.SUPPRESS)
        if not text or not shown or "(default:" in text or not (action.option_strings or action.nargs == "?"):
            return text
        return f"{text} (default: %(default)s)"

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings:
            return super()._format_action_invocation(action)
        if action.nargs == 0:
            short = [name for name in action.option_strings if not name.startswith("--")]
            long = [name for name in action.option_strings if name.startswith("--")]
            return ", ".join(short + long[:1])
        value = self._format_args(action, self._get_default_metavar_for_optional(action))
        return f"{action.option_strings[0]} {value}"

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if not text.startswith("example"):
            return super()._fill_text(text, width, indent)
        examples, _, note = text.partition("\n\n")
        return examples + (f"\n\n{super()._fill_text(note, width, indent)}" if note else "")


def add_examples(parser: argparse.ArgumentParser) -> None:
    """Give a command's parser, and those of its actions, what stands at the end of their help."""
    for name, each in named_parsers(parser):
        if name in EXAMPLES:
            lines = EXAMPLES[name]
            title = "example" if len(lines) == 1 else "examples"
            each.epilog = "\n".join([f"{title}:", *(f"  {line}" for line in lines)])
            if name in NOTES:
                each.epilog += f"\n\n{NOTES[name]}"


def named_parsers(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """A command's parser and those of its actions, by what is typed after ``r1v``."""
    yield parser.prog.removeprefix("r1v "), parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from named_parsers(inner)
