"""R1V-Nano from its supervised checkpoint to the final one: pool, pairs, reward model, MPO, GRPO.

    python examples/nano/recipe.py runs/nano/sft/model --out runs/nano
    python examples/nano/recipe.py r1v/models/r1v-nano --out runs/try --tiny    # every stage once, on a CPU

Each stage is ``r1v train STAGE --config examples/nano/STAGE.toml`` with a time limit (``--pairs-s`` and so
on); it takes what it needs from the earlier stages, as far as they left something. A stage that is done is
not done again: run the same command after an interruption. The last line says what came out, as JSON.

The pool only says which families are asked: the more questions of a family the model answered right at times
but not always, the more often the later stages draw new questions of that family. (GRPO on the 144 questions
of the pool itself learned those by heart and nothing else.)
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from r1v.figures import FAMILIES

HERE = Path(__file__).parent
SECONDS = {"pool": 25, "pairs": 60, "reward": 40, "mpo": 100, "grpo": 160}
# --tiny: a CPU sees each stage work in about two minutes altogether
TINY = {
    "pairs": ["questions=16", "batch=16", "rollout.group=4", "rollout.temperature=1.3"],
    "reward": ["optim.batch_size=4", "epochs=1", "run.log_every=1"],
    "mpo": [
        "rounds=1",
        "questions=12",
        "rollout.group=4",
        "optim.batch_size=4",
        "data.heldout=1",
        "threshold=0.0",
        "rollout.temperature=1.3",
    ],
    "pool": ["run.steps=1", "prompts=12", "rollout.group=4"],
    "grpo": ["run.steps=2", "prompts=4", "rollout.group=4", "data.heldout=1", "run.eval_every=2"],
}
TINY_ALL = ["rollout.max_num_seqs=64", "rollout.memory_fraction=0.05", "rollout.max_tokens=128",
            'data.families=["clock","spatial"]']  # fmt: skip
SAMPLING = ("data.", "rollout.")  # groups that the reward model has not


class Recipe:
    """Runs the stages. sft: the checkpoint to start from."""

    def __init__(
        self, sft: Path, out: Path, seconds: dict[str, float], extra: Sequence[str], tiny: bool
    ) -> None:
        self.sft, self.out, self.seconds, self.extra, self.tiny = sft, out, seconds, list(extra), tiny

    def policy(self) -> Path:
        """The model that the next stage starts from: MPO's best, or the supervised one."""
        best = self.out / "mpo" / "best"
        return best if best.with_name("best.json").exists() else self.sft

    def stage(self, name: str, *changes: str) -> bool:
        """Run one, unless it is done; whether it came to its end."""
        mark = self.out / f"{name}.done"
        if mark.exists():
            return True
        own = [*TINY_ALL, *TINY[name]] if self.tiny else []
        changes = (*changes, f"run.deadline_s={self.seconds[name]}", *self.extra, *own)
        if name == "reward":  # it trains on what is in the pairs, and samples nothing
            changes = tuple(change for change in changes if not change.startswith(SAMPLING))
        command = ["train", name, "--config", str(HERE / f"{name}.toml"), *changes]
        begun = time.monotonic()
        done = subprocess.run([sys.executable, "-m", "r1v.cli.main", *command], check=False)
        print(f"{name}: status {done.returncode}, {time.monotonic() - begun:.0f} s", flush=True)
        if done.returncode == 0:
            mark.touch()
        return done.returncode == 0

    def run(self) -> bool:
        """All stages; False where one failed. The later ones go on from what there is."""
        self.out.mkdir(parents=True, exist_ok=True)
        pairs, judge = self.out / "pairs" / "pairs.jsonl", self.out / "reward" / "model"
        pool = self.stage("pool", f"model={self.sft}", f"run.out={self.out / 'pool'}")
        asked = [f"data.families={json.dumps(weighted(self.out / 'pool' / 'pool.jsonl'))}"] if pool else []
        good = self.stage("pairs", f"model={self.sft}", f"run.out={pairs.parent}", *asked)
        good &= good and self.stage(
            "reward", f"model={self.sft}", f"run.out={judge.parent}", f"pairs={pairs}"
        )
        if good:
            mpo = [f"model={self.sft}", f"run.out={self.out / 'mpo'}", f"reward_model={judge}"]
            good &= self.stage("mpo", *mpo, *asked)
        rated = [f"reward.model={judge}"] if good else ["reward.model=", "reward.model_weight=0.0"]
        grpo = [f"model={self.policy()}", f"run.out={self.out / 'grpo'}", *rated, *asked]
        return self.stage("grpo", *grpo) and good and pool

    def summary(self) -> dict[str, Any]:
        """What the stages reached, from their metrics."""
        found: dict[str, Any] = {}
        for name, key in (("reward", "heldout_accuracy"), ("mpo", "heldout"), ("mpo", "heldout_margin"),
                          ("grpo", "heldout"), ("grpo", "reward")):  # fmt: skip
            values = [row[key] for row in metrics(self.out / name) if key in row]
            if values:
                found[f"{name}_{key}"] = [round(values[0], 4), round(values[-1], 4)]
        shares = [row["ssb"] for row in metrics(self.out / "grpo") if "ssb" in row]
        if shares:
            for key in ("fresh_effective", "effective"):
                found[f"ssb_{key}"] = round(sum(share[key] for share in shares) / len(shares), 4)
        best = self.out / "grpo" / "best"
        found["final"] = str(best if best.with_name("best.json").exists() else self.policy())
        return found


def weighted(pool: Path) -> list[str]:
    """Every family once, and three times as many in the pool's proportions."""
    kept = Counter(json.loads(line)["family"] for line in pool.read_text().splitlines())
    share = 3 * len(FAMILIES) / max(sum(kept.values()), 1)
    return [name for name in FAMILIES for _ in range(1 + round(share * kept[name]))]


def metrics(run: Path) -> list[dict[str, Any]]:
    """A run's lines; none where it has not begun."""
    path = run / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sft", type=Path, help="the supervised checkpoint's folder")
    parser.add_argument("--out", type=Path, default=Path("runs/nano"))
    parser.add_argument("--tiny", action="store_true", help="tiny settings, to see every stage work on a CPU")
    for name, default in SECONDS.items():
        parser.add_argument(f"--{name}-s", type=float, default=default, help=f"seconds (default {default})")
    parser.add_argument(
        "changes", nargs="*", metavar="key=value", help="for every stage, e.g. data.workers=8"
    )
    args = parser.parse_intermixed_args()
    seconds = {name: getattr(args, f"{name}_s") for name in SECONDS}
    recipe = Recipe(args.sft, args.out, seconds, args.changes, args.tiny)
    good = recipe.run()
    print(json.dumps(recipe.summary()))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
