"""R1V's modular transfer on a real language model: a reasoner, a projector that moves to it, what is trained.

    R1V_REAL_WEIGHTS=FOLDER python experiments/r1v_small/modular.py --out runs/small-modular
    python experiments/r1v_small/modular.py --out runs/try --tiny    # every stage once, on a CPU

Six families instead of twenty-five, so that each is seen often enough to be read. Stages: parts; first (the
reasoner and the substitute, side by side); second (what is trained, arm by arm, and the move); measure;
table.
``--only preferences`` adds pairs, reward model, MPO and GRPO on the best arm. What is done is not done again,
and a run that was cut off goes on, so the same command may be called several times. A command that fails is
named, and what does not need it goes on. Ends with the tables and one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from r1v.eval.statistics import wilson
from r1v.models.convert import describe_whole
from r1v_small.assemble import LANGUAGE_MODEL, language_model
from r1v_small.reproduce import BENCHMARKS, HERE, TINY, gpus

EXAMPLES = HERE.parents[1] / "examples"
CONFIG = HERE / "modular.toml"
R1V = ("-m", "r1v.cli.main")
STAGES = ("parts", "first", "second", "measure", "table")
# seconds of training; R1V's three phases had 2M, 200K and 40K rows at rates of 5 : 1 : 1
SECONDS = {"grpo": 100, "phase1": 50, "phase2": 15, "phase3": 10, "moved": 20,
           "all": 280, "lora": 90, "tower": 60, "projector": 40, "whole": 90, "preferences-pairs": 30,
           "preferences-reward": 30, "preferences-mpo": 60, "preferences-grpo": 100}  # fmt: skip
SHORT = ("--number", "2", "--max-tokens", "8")  # a measure with --tiny
_FEW = ("rollout.group=4", "rollout.max_tokens=96", "rollout.temperature=1.3", "data.workers=0")
TINY_STAGES = {
    "pairs": ("questions=8", "batch=8", *_FEW),
    "reward": ("optim.batch_size=2", "epochs=1", "workers=0"),
    "mpo": ("questions=8", "optim.batch_size=2", "data.heldout=0", "threshold=0.0", *_FEW),
    "grpo": ("run.steps=1", "prompts=2", "data.heldout=0", *_FEW),
}  # fmt: skip
PHASES = {"phase1": 3e-3, "phase2": 6e-4, "phase3": 6e-4}


@dataclass(frozen=True)
class Arm:
    """What is trained behind the substitute's projector. text: whether texts have other weights then."""

    says: str
    train: tuple[str, ...]
    lora: tuple[str, ...] = ()
    text: bool = False
    rate: float = 7e-4


ARMS = {  # in the order in which they are run
    "all": Arm("projector, tower, adapters of rank 32", ("projector", "vision"), ("llm",), True),
    "lora": Arm("projector, adapters of rank 32", ("projector",), ("llm",), True),
    "tower": Arm("projector, tower", ("projector", "vision")),
    "projector": Arm("projector", ("projector",), rate=3e-3),
    "whole": Arm("projector, language model", ("projector", "llm"), text=True, rate=5e-5),
}


class Plan:
    """The commands of every stage, for one folder."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.out = args, args.out
        self.failed: list[str] = []

    def run(self, name: str, *words: str | Path, gives: Path | None = None) -> bool:
        """A Python command, unless what it gives is there. Its output goes to a log; a failure is named."""
        if name in self.failed or (gives is not None and gives.exists()):
            return name not in self.failed
        log = self.out / "logs" / f"{name}.log"
        print(f"{time.strftime('%H:%M:%S')} {name}: python {' '.join(map(str, words))}", flush=True)
        begun = time.monotonic()
        with log.open("a") as file:
            status = subprocess.run([sys.executable, *map(str, words)], stdout=file, stderr=file).returncode
        print(
            f"{time.strftime('%H:%M:%S')} {name}: status {status}, {time.monotonic() - begun:.0f} s",
            flush=True,
        )
        if status:
            self.failed.append(name)
            print("\n".join(log.read_text(errors="replace").splitlines()[-4:]), flush=True)
        return status == 0

    def side_by_side(self, *work: Callable[[], object]) -> None:
        """Some at a time, in their order: one fills the device while another one starts or samples."""
        with ThreadPoolExecutor(self.args.jobs) as pool:
            for done in [pool.submit(one) for one in work]:
                done.result()

    def sft(self, name: str, model: Path, out: Path, *changes: str) -> bool:
        """A supervised run of the configuration beside this file."""
        words = [*R1V, "train", "sft", "--config", CONFIG, f"model.path={model}", f"run.out={out}",
                 f"run.deadline_s={self.args.seconds[name]}", *changes, *self.args.changes]  # fmt: skip
        own = [*TINY, "data.heldout=1", 'data.families=["money"]'] if self.args.tiny else []
        return self.run(name, *words, *own, gives=out / "model" / "config.json")

    # ------------------------------------------------------------------------------------------------ stages

    def parts(self) -> None:
        """The language model with thinking installed, the sums, and R1V-Nano's tower before it."""
        own, base = self.out / "reasoner", self.out / "substitute/base"
        self.run("convert", *R1V, "convert", self.args.language, own / "base", "--thinking", "install",
                 gives=own / "base/config.json")  # fmt: skip
        self.run("sums", EXAMPLES / "reasoner/questions.py", own, gives=own / "heldout.jsonl")
        self.run("substitute-parts", HERE / "assemble.py", "--llm", own / "base", "--out", base,
                 gives=base / "config.json")  # fmt: skip

    def reasoner(self) -> None:
        """A few supervised steps and GRPO on sums, in the last third of the layers."""
        own, few = self.out / "reasoner", self.args.tiny
        layers = describe_whole(own / "base")[1].language.num_layers
        last = [f"llm.layers.{n}.*" for n in range(layers - max(1, layers // 3), layers)]

        def stage(name: str, model: Path, rows: str, *changes: str) -> bool:
            words = [*R1V, "train", name, "--config", EXAMPLES / f"reasoner/{name}.toml",
                     f"model.path={model}", f"data.source={json.dumps([str(own / rows)])}",
                     f"model.lora={json.dumps(last)}", f"run.out={own / name}", *changes]  # fmt: skip
            return self.run(f"reasoner-{name}", *words, gives=own / name / "model/config.json")

        tiny = ["run.bf16=false", "run.steps=1"] if few else []
        if stage("sft", own / "base", "worked.jsonl", *tiny, *(["optim.batch_size=2"] if few else [])):
            tiny += ["prompts=1", "rollout.group=2", "rollout.max_tokens=8", "data.workers=0"] if few else []
            stage(
                "grpo", own / "sft/model", "train.jsonl", f"run.deadline_s={self.args.seconds['grpo']}", *tiny
            )

    def substitute(self) -> None:
        """The projector alone before the model as it is, in three phases."""
        model = self.out / "substitute/base"
        for phase, rate in PHASES.items():
            out = self.out / "substitute" / phase
            if not self.sft(phase, model, out, f"optim.lr={rate}"):
                return
            model = out / "model"

    def moved(self) -> None:
        """That projector before the reasoner, as it is and tuned."""
        base, reasoner = self.out / "moved/base", self.out / "reasoner/grpo/model"
        if self.run("moved-parts", HERE / "assemble.py", "--llm", reasoner, "--projector", self.phase3,
                    "--out", base, gives=base / "config.json"):  # fmt: skip
            self.sft("moved", base, self.out / "moved/aligned", "optim.lr=6e-4")

    @property
    def phase3(self) -> Path:
        """The substitute's trained model."""
        return self.out / "substitute/phase3/model"

    def first(self) -> None:
        """Reasoner and substitute need nothing of each other."""
        self.side_by_side(self.reasoner, self.substitute)

    def second(self) -> None:
        """The arms and the move. Arms keep the language model's own template for texts."""
        start = self.out / "arms/start"
        self.run("arms-parts", HERE / "assemble.py", "--llm", self.args.language, "--projector", self.phase3,
                 "--out", start, gives=start / "config.json")  # fmt: skip

        def trained(name: str) -> None:
            arm = ARMS[name]
            self.sft(name, start, self.out / "arms" / name, f"model.train={json.dumps(arm.train)}",
                     f"model.lora={json.dumps(arm.lora)}", f"optim.lr={arm.rate}",
                     f"model.keep_apart={'false' if name == 'whole' else 'true'}")  # fmt: skip

        arms = [lambda name=name: trained(name) for name in self.args.arms]
        self.side_by_side(arms[0], self.moved, *arms[1:])

    def measure(self) -> None:
        """Figures for every model with a tower; sums and instructions where texts are answered anew."""
        out, few = self.out, self.args.tiny
        results = out / "results"
        results.mkdir(exist_ok=True)
        each = ["--n", "1", "--max-tokens", "8"] if few else ["--each", str(self.args.each)]
        families = [word for name in self.families() for word in ("--family", name)]
        data = os.environ.get("R1V_TEST_DATA")
        texts = [
            "--only",
            "sums",
            *(["--only", "ifeval", "--data", f"{data}/ifeval/input_data.jsonl"] if data else []),
        ]
        work: list[Callable[[], object]] = []

        def add(name: str, *words: str | Path) -> None:
            gives = results / f"{name}.json"
            work.append(lambda: self.run(f"measure-{name}", *words, "--out", gives, gives=gives))

        for name, model in self.seeing().items():
            blind = [] if name == "all" else ["--no-blind"]
            asked = [*families, *each, *blind, "--batch", "192"]
            add(f"figures-{name}", BENCHMARKS / "nano_accuracy.py", "--model", model, *asked,
                "--samples", results / f"figures-{name}.jsonl")  # fmt: skip
        for name, model in {"language": self.out / "arms/start", **self.seeing()}.items():
            if name == "language" or (name in ARMS and ARMS[name].text):
                number = SHORT if few else ["--number", str(self.args.number)]
                add(f"texts-{name}", HERE / "measure.py", "--model", model, *texts, *number, "--batch", "192")
        for name in ("sft", "grpo"):
            model, rows = out / "reasoner" / name / "model", out / "reasoner/heldout.jsonl"
            asked = [EXAMPLES / "reasoner/measure.py", model, rows, *(SHORT if few else [])]
            if model.exists() and not self.sums(name):
                work.append(lambda name=name, asked=asked: self.run(f"sums-{name}", *asked))  # type: ignore[misc]
        self.side_by_side(*work)

    def families(self) -> Sequence[str]:
        """Those that are trained on."""
        return ["money"] if self.args.tiny else tomllib.loads(CONFIG.read_text())["data"]["families"]

    def seeing(self) -> dict[str, Path]:
        """Every model with a tower that is there, in the order of the tables."""
        found = {name: self.out / "substitute" / name / "model" for name in PHASES}
        found |= {"moved": self.out / "moved/base", "aligned": self.out / "moved/aligned/model"}
        found |= {name: self.out / "arms" / name / "model" for name in ARMS}
        return {name: folder for name, folder in found.items() if (folder / "config.json").exists()}

    def preferences(self) -> None:
        """Pairs, reward model, MPO, and GRPO with the hybrid reward and the buffer, on the best arm."""
        shares = {name: found[0] / found[1] for name in ARMS if (found := self.share(name))}
        best = max(shares, key=lambda name: shares[name]) if shares else self.args.arms[0]
        out, model = self.out / "preferences", self.out / "arms" / best / "model"
        judge, mpo = out / "reward/model", out / "mpo/model"
        asked = [f"data.families={json.dumps(list(self.families()))}"]

        stages = {
            "pairs": (f"model={model}", *asked),
            "reward": (f"model={model}", f"pairs={out / 'pairs/pairs.jsonl'}", "optim.micro_batches=4"),
            "mpo": (f"model={model}", f"reward_model={judge}", "rounds=1", "optim.micro_batches=8", *asked),
            "grpo": (f"model={mpo}", f"reward.model={judge}", "prompts=64", "optim.micro_batches=4", *asked),
        }
        for name, changes in stages.items():
            words = [*R1V, "train", name, "--config", EXAMPLES / f"nano/{name}.toml", f"run.out={out / name}",
                     f"run.deadline_s={self.args.seconds[f'preferences-{name}']}", *changes,
                     *(TINY_STAGES[name] if self.args.tiny else [])]  # fmt: skip
            if not self.run(f"preferences-{name}", *words):
                return

    # ----------------------------------------------------------------------------------------------- reports

    def share(self, name: str) -> tuple[int, int] | None:
        """Right answers to held-out figures, and how many were asked."""
        path = self.out / "results" / f"figures-{name}.json"
        if not path.exists():
            return None
        rows = json.loads(path.read_text())["families"].values()
        return sum(row["right"] for row in rows), sum(row["total"] for row in rows)

    def sums(self, name: str) -> dict[str, Any]:
        """What was measured of the reasoner after a stage; empty: not yet."""
        log = self.out / "logs" / f"sums-{name}.log"
        lines = log.read_text().splitlines() if log.exists() else []
        found = [line for line in lines if line.startswith('{"model"')]
        return dict(json.loads(found[-1])) if found else {}

    def samples(self, run: Path) -> tuple[int, str]:
        """Samples that a run has seen, and the shares of exact solutions on the way."""
        path = run / "metrics.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        batch = 2 if self.args.tiny else tomllib.loads(CONFIG.read_text())["optim"]["batch_size"]
        exact = [(row["step"] * batch, sum(row["heldout_exact"].values()) / len(row["heldout_exact"]))
                 for row in rows if "heldout_exact" in row]  # fmt: skip
        steps = max((row["step"] for row in rows if "step" in row), default=0)
        return steps * batch, ", ".join(f"{number:,}: {share:.0%}" for number, share in exact)

    def table(self) -> None:
        """Print and keep the tables (a), (b) and (c)."""
        lines = ["| the reasoner's held-out sums | right |", "|---|---|"]
        for name in ("sft", "grpo"):
            if one := self.sums(name):
                lines.append(
                    f"| {name} | {one['right']}% ({one['low']} to {one['high']}) of {one['questions']} |"
                )
        says = {"phase1": "substitute, phase 1", "phase2": "phase 2", "phase3": "phase 3",
                "moved": "moved to the reasoner", "aligned": "tuned there"}  # fmt: skip
        runs = {
            **{name: self.out / "substitute" / name for name in PHASES},
            "aligned": self.out / "moved/aligned",
        }
        lines += ["", "| | samples of its own | held-out figures | exact on the way |", "|---|---|---|---|"]
        for name in (*says, *ARMS):
            counted = self.share(name)
            if counted is None:
                continue
            low, high = wilson(counted[0] / counted[1], counted[1])
            run = runs.get(name, self.out / "arms" / name)
            seen, exact = self.samples(run) if name != "moved" else (0, "")
            right = f"{counted[0]} of {counted[1]}: {100 * counted[0] / counted[1]:.1f}"
            label = says.get(name) or ARMS[name].says
            lines.append(f"| {label} | {seen:,} | {right} ({100 * low:.1f}-{100 * high:.1f}) | {exact} |")
        text = "\n".join(lines)
        (self.out / "tables.md").write_text(text + "\n", encoding="utf-8")
        print(text)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--llm", default=os.environ.get("R1V_REAL_WEIGHTS") or LANGUAGE_MODEL,
                        help="folder or GGUF file (default: $R1V_REAL_WEIGHTS, else the Hub's)")  # fmt: skip
    parser.add_argument("--only", action="append", choices=(*STAGES, "preferences"),
                        help="this stage; may be given several times")  # fmt: skip
    parser.add_argument(
        "--arms", nargs="*", default=list(ARMS), choices=ARMS, help="what is trained, in order"
    )
    parser.add_argument("--seconds", action="append", default=[], metavar="NAME=N",
                        help=f"of training: {json.dumps(SECONDS)}")  # fmt: skip
    parser.add_argument("--each", type=int, default=8, help="held-out figures of each family and difficulty")
    parser.add_argument("--number", type=int, default=250, help="held-out sums; of IFEval all")
    parser.add_argument("--jobs", type=int, default=0, help="commands at a time (default: two on a GPU)")
    parser.add_argument(
        "--tiny", action="store_true", help="every stage once, with a step and an item or two"
    )
    parser.add_argument("changes", nargs="*", metavar="key=value", help="of the supervised runs")
    args = parser.parse_intermixed_args()
    given = dict(one.split("=", 1) for one in args.seconds)
    args.seconds = SECONDS | {name: float(value) for name, value in given.items()}
    args.jobs = args.jobs or (2 if gpus() else 1)
    args.language = language_model(args.llm)
    return args


def main() -> None:
    args = options()
    (args.out / "logs").mkdir(parents=True, exist_ok=True)
    plan = Plan(args)
    times: dict[str, Any] = {}
    for stage in args.only or STAGES:
        begun = time.monotonic()
        getattr(plan, stage)()
        times[f"seconds/{stage}"] = round(time.monotonic() - begun, 1)
    print(json.dumps({"name": "r1v_small_modular", "failed": plan.failed, **times}))
    raise SystemExit(bool(plan.failed))


if __name__ == "__main__":
    main()
