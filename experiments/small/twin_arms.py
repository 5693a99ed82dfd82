"""The arms of the ablations: what each trains, from which other arms, and what it reports.

Enters: a place (folders of this seed, data, device, sizes). Leaves: plain values for a result file. Always
holds: arms that are compared differ in the one thing that their names say.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1v.core import ConfigError
from r1v.models.assemble import AssembleConfig, assemble
from r1v.train.core.config_read import make
from r1v.train.reward.model import Calibration
from r1v.train.stages.distill import DistillConfig, distill
from r1v.train.stages.grpo import GRPOConfig, GRPOTrainer
from r1v.train.stages.iterate import IterateConfig, iterate
from r1v.train.stages.mpo import MPOConfig, MPOTrainer
from r1v.train.stages.pairs import PairsConfig, make_pairs
from r1v.train.stages.reward import RewardStageConfig, RewardTrainer
from small.twin import (
    MAX_TOKENS,
    MEMORY,
    QUIET,
    make_data,
    make_model,
    mean,
    measure,
    supervise,
)

PICTURES = ("count", "sides")
BOTH = ("projector", "llm")


@dataclass(frozen=True)
class Sizes:
    """How large the study is. rows, valid, heldout: questions a family. chunk: supervised steps between two
    looks at the base's accuracy, which shall lie between low and high. questions: that MPO, the reward model
    and distillation ask. steps: of alignment, and of more supervised training; grpo: of GRPO."""

    rows: int = 4000
    valid: int = 60
    heldout: int = 200
    chunk: int = 80
    most: int = 25  # chunks
    low: float = 0.65
    high: float = 0.88
    questions: int = 192
    rounds: int = 4
    chains: int = 512
    steps: int = 120
    grpo: int = 120


# Shorter: all stages of one seed on one core in under an hour
SMALL = Sizes(rounds=2, chains=256, grpo=80)
# The buffer beside a reward model, three seeds on one core in under an hour
TINY = Sizes(rows=1600, valid=30, heldout=80, chains=400, grpo=80)
QUICK = Sizes(
    rows=40, valid=2, heldout=4, chunk=4, most=1, low=0.0, high=1.0, questions=6, rounds=1, chains=8, steps=2,
    grpo=2,
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where one arm of one seed works. out: of the whole study; other: the seed of another base."""

    out: Path
    seed: int
    other: int
    device: str
    sizes: Sizes

    def arm(self, name: str, seed: int | None = None) -> Path:
        """The folder of an arm, of this seed unless said otherwise."""
        return self.out / f"seed{self.seed if seed is None else seed}" / name

    def result(self, name: str) -> dict[str, Any]:
        """What another arm has reported."""
        found: dict[str, Any] = json.loads((self.arm(name) / "result.json").read_text())
        return found

    def data(self, name: str) -> Path:
        """train, valid (pictures only: what chooses and draws curves) or heldout."""
        number = {"train": self.sizes.rows, "valid": self.sizes.valid, "heldout": self.sizes.heldout}[name]
        return make_data(
            self.out / "data", name, number, PICTURES if name == "valid" else (*PICTURES, "text")
        )

    def measure(self, model: Path) -> dict[str, float]:
        """On the held-out questions."""
        return measure(model, self.data("heldout"), self.device)

    @property
    def common(self) -> dict[str, Any]:
        """What every stage's configuration has."""
        return {"seed": self.seed, "device": self.device, "bf16": False}


@dataclass(frozen=True)
class Arm:
    """needs: arms of the same seed, or ``other`` for the base of another one."""

    run: Callable[[Place], dict[str, Any]]
    needs: tuple[str, ...] = ("base",)


def lines(run: Path, key: str) -> list[dict[str, Any]]:
    """A run's metrics that have a key."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [one for one in rows if key in one]


# ------------------------------------------------------------------------------- what the others start from


def base(p: Place) -> dict[str, Any]:
    """Trained until it answers about three quarters; a chunk that overshoots is redone, shorter."""
    s, folder = p.sizes, p.arm("base")
    model, done, steps, total = make_model(folder / "init", p.seed), 0, s.chunk, 0
    for number in range(s.most):
        found = supervise(
            model, folder / f"chunk{number}", p.data("train"), steps=steps, lr=2e-3, muon_lr=4e-3,
            seed=p.seed, device=p.device, first=total * 32,
        )  # fmt: skip
        accuracy = measure(found, p.data("valid"), p.device)["accuracy"]
        print(f"chunk {number}: {steps} steps, accuracy {accuracy:.3f}", flush=True)
        if accuracy > s.high and steps > 8 and number + 1 < s.most:
            steps = max(8, steps // 2)
            continue
        model, done, total = found, number, total + steps
        if accuracy >= s.low:
            break
    return {**p.measure(model), "steps": total, "model": str(folder / f"chunk{done}" / "model")}


def start(p: Place, seed: int | None = None) -> Path:
    """The base's checkpoint, wherever the study lies now."""
    named = json.loads((p.arm("base", seed) / "result.json").read_text())["model"]
    return p.arm("base", seed) / Path(named).parent.name / "model"


def judge(p: Place) -> dict[str, Any]:
    """Pairs of the base's replies, and the reward model that learns them."""
    folder = p.arm("judge")
    folder.mkdir(parents=True, exist_ok=True)
    pairs = make_pairs(
        make(
            PairsConfig, model=str(start(p)), out=str(folder / "pairs"), data=str(p.data("train")),
            families=PICTURES, questions=2 * p.sizes.chains, group=6, batch=64, per_question=2,
            references=True, max_tokens=MAX_TOKENS, workers=0, memory_fraction=MEMORY,
            first_sample=1000, **p.common,
        ),
        QUIET,
    )  # fmt: skip
    RewardTrainer(
        make(
            RewardStageConfig,
            model=str(start(p)), out=str(folder / "reward"), pairs=str(pairs), lr=3e-4, epochs=2,
            batch_size=16, heldout_share=0.1, workers=0, schedule="cosine", warmup_steps=5, save_every_s=60,
            **p.common,
        ),
        QUIET,
    ).train()  # fmt: skip
    found = Calibration.load(folder / "reward" / "model")
    right = lines(folder / "reward", "heldout_accuracy")[-1]["heldout_accuracy"]
    return {"pair_accuracy": right, "deviation": found.deviation, "pairs": sum(1 for _ in pairs.open())}


# ----------------------------------------------------------------------------------------------------- GRPO


def grpo(
    p: Place, name: str, model: Path, *, ssb: bool, best: bool = False, judged: bool = False
) -> dict[str, Any]:
    """One run, its curves by step. best: measure the weights that answer most of the validation questions,
    instead of the last. judged: with the reward model of ``judge`` in the reward."""
    run = p.arm(name) / "run"
    scorer = {"reward__model": str(p.arm("judge") / "reward" / "model")} if judged else {}
    GRPOTrainer(
        make(
            GRPOConfig,
            model=str(model), out=str(run), data=str(p.data("train")), families=PICTURES, steps=p.sizes.grpo,
            prompts=16, group=8, max_num_seqs=128, max_tokens=MAX_TOKENS, lr=1e-4, workers=0, ssb=ssb,
            heldout=p.sizes.valid,
            measure=str(p.data("valid")), eval_every=10, memory_fraction=MEMORY, probe_limit=0.1,
            first_sample=2000, save_every_s=60, **scorer, **p.common,
        ),
        QUIET,
    ).train()  # fmt: skip
    rows = lines(run, "reward")
    return {
        **p.measure(run / ("best" if best else "model")),
        "effective": mean([one["ssb"]["effective"] for one in rows]),
        "fresh_effective": mean([one["ssb"]["fresh_effective"] for one in rows]),
        "late_effective": mean([one["ssb"]["effective"] for one in rows[len(rows) // 2 :]]),
        "late_reward": mean([one["reward"] for one in rows[-10:]]),
        "late_right": mean([one["rule"] for one in rows[-10:]]),
        "curves": {
            "effective": [one["ssb"]["effective"] for one in rows],
            "reward": [one["reward"] for one in rows],
            "valid": [one["heldout"] for one in lines(run, "heldout")],
        },
    }


# ------------------------------------------------------------------------------------------------------ MPO


def mpo(p: Place, name: str, *, threshold: float = 0.0, weights: tuple[float, float, float] = (0.8, 0.2, 1.0),
        ) -> dict[str, Any]:  # fmt: skip
    """One run, measured with the weights that answer most of the validation questions; those before the
    first round are among them. threshold: in deviations of the reward model's scores. weights: of the
    three losses."""
    run = p.arm(name) / "run"
    trainer = MPOTrainer(
        make(
            MPOConfig, model=str(start(p)), out=str(run), data=str(p.data("train")), families=PICTURES,
            rounds=p.sizes.rounds, questions=p.sizes.questions, group=6, max_tokens=MAX_TOKENS,
            reward_model=str(p.arm("judge") / "reward" / "model"),
            threshold=threshold * p.result("judge")["deviation"], lr=1e-5, epochs=2, batch_size=16,
            heldout_share=0.1, heldout=p.sizes.valid, measure=str(p.data("valid")), preference=weights[0],
            quality=weights[1], generation=weights[2], workers=0, memory_fraction=MEMORY, first_sample=2500,
            save_every_s=60, **p.common,
        ),
        QUIET,
    )  # fmt: skip
    ended = ""
    try:
        trainer.train()
    except ConfigError as error:  # no pair is left that reaches the threshold: the run ends there
        ended = str(error)
    collected, held = lines(run, "pairs"), lines(run, "heldout")
    margins = lines(run, "heldout_margin")
    return {
        **p.measure(run / "best"),
        "pairs": sum(one["pairs"] for one in collected),
        "steps": trainer.bench.step,
        "margin": margins[-1]["heldout_margin"] if margins else 0.0,
        "best_valid": max(one["heldout"] for one in held),
        "last_valid": held[-1]["heldout"],
        "ended": ended,
        "curves": {"valid": [one["heldout"] for one in held], "step": [one["step"] for one in held]},
    }


# ----------------------------------------------------------------------------------------------- supervised


def references(p: Place) -> dict[str, Any]:
    """More of the base's own training: reference chains instead of sampled ones."""
    found = supervise(
        start(p), p.arm("references") / "run", p.data("train"), steps=p.sizes.steps, lr=3e-4, muon_lr=0.0,
        seed=p.seed, device=p.device, train=BOTH, families=PICTURES, first=100_000,
    )  # fmt: skip
    return {**p.measure(found), "steps": p.sizes.steps}


def align(p: Place, name: str, train: tuple[str, ...]) -> dict[str, Any]:
    """A new projector between the base's language model and another base's tower, trained on pictures."""
    folder = p.arm(name)
    model = folder / "assembled"
    if not (folder / "run").exists():
        assemble(start(p, p.other), start(p), model, None, AssembleConfig(seed=p.seed))
    found = supervise(
        model, folder / "run", p.data("train"), steps=p.sizes.steps, lr=1e-3, muon_lr=0.0, seed=p.seed,
        device=p.device, train=train, families=PICTURES, first=200_000,
    )  # fmt: skip
    return p.measure(found)


def distilled(p: Place, name: str, alpha: float) -> dict[str, Any]:
    """Chains of the base's own under a penalty, and the base trained on them."""
    folder = p.arm(name)
    chains = folder / "chains.jsonl"
    if not chains.exists():
        made = distill(
            make(
                DistillConfig,
                model=str(start(p)), out=str(folder), data=str(p.data("train")), families=PICTURES,
                questions=p.sizes.chains, alpha=alpha, temperature=1.0, max_tokens=MAX_TOKENS, batch=64,
                memory_fraction=MEMORY, first_sample=3000, **p.common,
            ),
            QUIET,
        )  # fmt: skip
        assert made == chains
    found = supervise(
        start(p), folder / "run", chains, steps=p.sizes.steps, lr=3e-4, muon_lr=0.0, seed=p.seed,
        device=p.device, train=BOTH,
    )  # fmt: skip
    counts = json.loads((folder / "counts.json").read_text())
    rows = [json.loads(line) for line in chains.read_text().splitlines()]
    kept = [len(one["thinking"].splitlines()) for one in rows if not one["corrected"]]
    return {**p.measure(found), "kept": counts["kept"] / len(rows), "chain_lines": mean(kept)}


def iterated(p: Place, name: str, thresholds: tuple[int, ...]) -> dict[str, Any]:
    """Rounds of supervised training on the chains of ``distilled``; measured after each."""
    folder = p.arm(name)
    iterate(
        make(
            IterateConfig,
            model=str(start(p)), out=str(folder / "run"), data=str(p.arm("al-cotd") / "chains.jsonl"),
            reward_model=str(p.arm("judge") / "reward" / "model"), batch_size=32, max_tokens=MAX_TOKENS,
            thresholds=thresholds, epochs=1, train=BOTH, first_lr=3e-4, lr=2e-4, later_lr=1e-4,
            save_every_s=60, **p.common,
        ),
        QUIET,
    )  # fmt: skip
    rounds = [p.measure(folder / "run" / f"round{t}" / "sft" / "model") for t in range(len(thresholds) + 1)]
    reports = [
        json.loads((folder / "run" / f"round{t}" / "report.json").read_text())
        for t in range(1, len(thresholds) + 1)
    ]
    return {**rounds[-1], "curves": {"accuracy": [one["accuracy"] for one in rounds]},
            "rows": [one["rows"] for one in reports], "wrong": [one["wrong"] for one in reports]}  # fmt: skip


# What is compared first comes first: the order is the schedule's.
ARMS: dict[str, Arm] = {
    "base": Arm(base, ()),
    "ssb-off": Arm(lambda p: grpo(p, "ssb-off", start(p), ssb=False)),
    "ssb-on": Arm(lambda p: grpo(p, "ssb-on", start(p), ssb=True)),
    "judge": Arm(judge),
    "mpo": Arm(lambda p: mpo(p, "mpo"), ("base", "judge")),
    "sft": Arm(lambda p: mpo(p, "sft", weights=(0.0, 0.0, 1.0)), ("base", "judge")),
    "mpo-grpo": Arm(
        lambda p: grpo(p, "mpo-grpo", p.arm("mpo") / "run" / "best", ssb=True, best=True), ("mpo",)
    ),
    "ssb-off-judge": Arm(
        lambda p: grpo(p, "ssb-off-judge", start(p), ssb=False, judged=True), ("base", "judge")
    ),
    "ssb-on-judge": Arm(
        lambda p: grpo(p, "ssb-on-judge", start(p), ssb=True, judged=True), ("base", "judge")
    ),
    "references": Arm(references),
    "mpo-1": Arm(lambda p: mpo(p, "mpo-1", threshold=1.0), ("base", "judge")),
    "mpo-2": Arm(lambda p: mpo(p, "mpo-2", threshold=2.0), ("base", "judge")),
    "al-cotd": Arm(lambda p: distilled(p, "al-cotd", 0.1)),
    "al-cotd-off": Arm(lambda p: distilled(p, "al-cotd-off", 0.0)),
    "al-cotd-strong": Arm(lambda p: distilled(p, "al-cotd-strong", 0.2)),
    "adapter": Arm(lambda p: align(p, "adapter", ("projector",)), ("base", "other")),
    "llm-adapter": Arm(lambda p: align(p, "llm-adapter", BOTH), ("base", "other")),
    "adapter-vit": Arm(lambda p: align(p, "adapter-vit", ("projector", "vision")), ("base", "other")),
    "iterative": Arm(lambda p: iterated(p, "iterative", (2, 3, 4, 5)), ("judge", "al-cotd")),
    "iterative-all": Arm(lambda p: iterated(p, "iterative-all", (0, 0, 0, 0)), ("judge", "al-cotd")),
}  # fmt: skip
