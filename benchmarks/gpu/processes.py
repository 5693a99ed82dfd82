"""What several processes do on GPUs, beside one process (PYTHONPATH=.:benchmarks).

Parts: `mpo` compares every number that MPO logs, and its weights, in one process and in all, with a ranker
that makes pairs of any replies (a tiny model answers nothing right); `sequence` the same of SFT, the reward
model, GRPO and MPO, where two processes compute each row together; `ahead` runs GRPO twice with the next
questions answered during the update, with its engine on the same device and on another one, and compares all
runs; `block` hands tensors to another process through a block on the device. A tiny model in float32; `mpo`,
`ahead` and `block` take about a minute each, most of it the start of Python and torch.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from gpu.parts import Findings, Part, Settings, main
from gpu.train import SMALL, devices, last_line, numbers

from r1v import models
from r1v.cli.main import main as r1v_main
from r1v.scoring import Verdict
from r1v.train.data.examples import AnswerKey
from r1v.train.data.questions import EncodedQuestion
from r1v.train.reward.ranking import Ranked, Ranker
from r1v.train.reward.rules import RuleReward
from r1v.train.rollout.blocks import DeviceBlock, Laid, SharedBlock, WeightBlock, fill, read
from r1v.train.rollout.sampler import Response

INIT = [
    "train", "init", 'families=["arithmetic","counting"]', "vocab_size=400", "tokenizer_samples=50",
    "image_size=32", "patch_size=8", "vision_hidden=32", "vision_layers=1", "vision_heads=2", "vision_mlp=64",
    "llm_hidden=128", "llm_layers=2", "llm_heads=2", "llm_kv_heads=1", "llm_mlp=256", "context=1024",
]  # fmt: skip
ASKED = [*SMALL, "rollout.max_tokens=4", "rollout.group=4", "data.heldout=2"]
MPO = ["mpo", *ASKED, "rounds=2", "questions=9", "optim.batch_size=2", "heldout_share=0.25"]
GRPO = ["grpo", *ASKED, "prompts=3", "updates=2", "run.eval_every=2"]


# ------------------------------------------------------------------------------------------ a run's process


def by_first_id(self: RuleReward, response: Response, key: AnswerKey) -> Verdict:
    """About a third of all replies are right."""
    return Verdict.RIGHT if response.token_ids[0] % 3 == 0 else Verdict.WRONG


def small_ids_first(
    self: Ranker, questions: list[EncodedQuestion], groups: list[list[Response]]
) -> list[Ranked]:
    """Every reply has a rank, so there are pairs."""
    return [Ranked(tuple(-float(r.token_ids[0]) for r in g), (True,) * len(g), 0.5) for g in groups]


def worker(words: list[str]) -> int:
    """One process of a run of ``r1v`` with these words, judged by its first ids."""
    RuleReward.verdict = by_first_id  # type: ignore[method-assign]
    Ranker.__call__ = small_ids_first  # type: ignore[method-assign]
    return r1v_main(words)


def run(words: list[str], number: int) -> str:
    """Some processes of `worker`. Returns "", or what went wrong."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(number)]
    command = [sys.executable, *(launcher if number > 1 else []), __file__, "--worker", *words]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "2"}
    )
    return "" if done.returncode == 0 else last_line(done.stderr) or done.stderr[-300:]


# ---------------------------------------------------------------------------------------------------- parts


class Runs:
    """A new tiny model, and runs of it that are compared with the first of their name."""

    def __init__(self, settings: Settings, findings: Findings) -> None:
        self.settings, self.findings = settings, findings
        self.folder = Path(tempfile.mkdtemp())
        self._said(run([*INIT, f"out={self.folder / 'init'}"], 1))
        self._first: dict[str, Path] = {}

    @staticmethod
    def _said(said: str) -> None:
        if said:
            raise RuntimeError(said)

    def pairs(self) -> str:
        """A file of pairs for the reward model."""
        folder = self.folder / "pairs"
        words = ["train", "pairs", f"model={self.folder / 'init'}", f"run.out={folder}", "questions=12",
                 f"run.device={self.settings.device}", "run.bf16=false", "references=true",
                 "rollout.max_tokens=8", "rollout.group=2", 'data.families=["counting"]']  # fmt: skip
        self._said(run(words, 1))
        return f"pairs={folder}/pairs.jsonl"

    def compare(self, stage: str, words: list[str], number: int) -> None:
        """Run a stage, and add how far it is from the first run of this stage."""
        out = self.folder / f"{len(list(self.folder.iterdir()))}"
        where = [f"model={self.folder / 'init'}", f"run.out={out}", f"run.device={self.settings.device}"]
        said = run(["train", *words, *where], number)
        row = {"stage": stage, "processes": number, "failed": bool(said), "said": said}
        if not said and stage in self._first:
            row |= difference(self._first[stage], out)
        elif not said:
            self._first[stage] = out
        changed = [
            word for word in words if word.startswith(("model.sequence", "rollout.stale", "rollout.eng"))
        ]
        self.findings.add(**row, words=" ".join(changed))


def difference(one: Path, two: Path) -> dict[str, float | int]:
    """The largest relative difference of the numbers that two runs logged, and that of their weights."""
    first, second = numbers(one), numbers(two)
    a, b = (models.load(folder / "model", torch.float32).state_dict() for folder in (one, two))
    return {
        "numbers": len(first),
        "other_numbers": len(second) - len(first),
        "worst_number": max(
            (abs(x - y) / max(abs(x), 1e-3) for x, y in zip(first, second, strict=False)), default=0.0
        ),
        "worst_weight": max(float((a[name] - b[name]).abs().max()) for name in a),
    }


def mpo(settings: Settings, findings: Findings) -> None:
    """One process and all."""
    runs = Runs(settings, findings)
    runs.compare("mpo", MPO, 1)
    runs.compare("mpo", MPO, devices(settings))


def sequence(settings: Settings, findings: Findings) -> None:
    """Two processes compute each row together."""
    runs, two = Runs(settings, findings), ["model.sequence_parallel=2"]
    reward = [
        "reward",
        *(word for word in SMALL if "families" not in word),
        runs.pairs(),
        "heldout_share=0.3",
    ]
    stages = {
        "sft": ["sft", *SMALL, "optim.muon_lr=0.003", "data.heldout=2"],
        "sft packed": ["sft", *SMALL, "data.packing=true", "data.heldout=0"],
        "reward": reward, "grpo": GRPO, "mpo": MPO,
    }  # fmt: skip
    for stage, words in stages.items():
        runs.compare(stage, words, 1)
        runs.compare(stage, [*words, *two], 2)


def ahead(settings: Settings, findings: Findings) -> None:
    """The same run twice, and with the engine on another device."""
    runs, words = Runs(settings, findings), [*GRPO, "rollout.stale=1"]
    runs.compare("grpo", words, 1)
    runs.compare("grpo", words, 1)
    if settings.device == "cuda" and torch.cuda.device_count() > 1:
        runs.compare("grpo", [*words, "rollout.engine_device=cuda:1"], 1)


def block(settings: Settings, findings: Findings) -> None:
    """Tensors through a block, to another process: they arrive whole, and the block can be written again."""
    device = torch.device(settings.device, 0) if settings.device == "cuda" else torch.device("cpu")
    made: WeightBlock = DeviceBlock(1 << 20, device) if settings.device == "cuda" else SharedBlock(1 << 20)
    tensors = [(f"t{n}", torch.randn(400, 300 + n, device=device)) for n in range(6)]
    reader = subprocess.Popen(
        [sys.executable, __file__, "--reader", str(device)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert reader.stdin is not None and reader.stdout is not None
    found = list[float]()
    for filled in fill(made, tensors):
        laid = [[one.name, one.dtype, list(one.shape), one.start] for one in filled.tensors]
        reader.stdin.write(json.dumps([made.place(), laid]) + "\n")
        reader.stdin.flush()
        found += json.loads(reader.stdout.readline())
    reader.stdin.close()
    expected = [float(tensor.double().sum()) for _, tensor in tensors]
    worst = max(abs(a - b) for a, b in zip(expected, found, strict=True))
    findings.add(step="block", device=str(device), tensors=len(found), worst_sum=worst, exit=reader.wait())


def read_blocks(device: str) -> None:
    """The other process: it prints the sums of each block's tensors."""
    for line in sys.stdin:
        place, laid = json.loads(line)
        tensors = read(place, [Laid(*one) for one in laid], b"", torch.device(device))
        print(json.dumps([float(tensor.double().sum()) for _, tensor in tensors]), flush=True)


PARTS = {"mpo": Part(mpo, 700), "sequence": Part(sequence, 1500), "ahead": Part(ahead, 700),
         "block": Part(block, 120)}  # fmt: skip

if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        sys.exit(worker(sys.argv[2:]))
    elif sys.argv[1:2] == ["--reader"]:
        read_blocks(sys.argv[2])
    else:
        main((__doc__ or "").splitlines()[0], PARTS, __file__)
