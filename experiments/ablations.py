"""The published ablations on a small twin of R1V-Nano, several seeds, with intervals.

    python experiments/ablations.py --device cuda --jobs 8                 # all arms, three seeds
    python experiments/ablations.py --only ssb --plots docs/images         # one ablation, and its picture
    python experiments/ablations.py --small --seeds 1 --only recipe        # every stage once, on one core

Each arm of each seed is a process of its own; up to ``--jobs`` run at once, each on one thread. Finished arms
are not run again, and interrupted ones continue. Prints a table for each ablation, the mean over seeds with
its 95 % interval beside the published figure, writes them to report.md, and ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
sys.path.insert(0, str(Path(__file__).parent))

from shared.report import commit, interval, print_result, processor
from small.twin_arms import ARMS, QUICK, SMALL, TINY, Place, Sizes

POLL_S = 0.2


@dataclass(frozen=True)
class Ablation:
    """rows: what the table calls an arm, the arm, the published figures. source: where those stand.
    compared: measures whose difference from the first row is taken seed by seed, as bases differ."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, str, str], ...]
    published: str
    source: str
    compared: tuple[str, ...] = ("accuracy",)


ABLATIONS: dict[str, Ablation] = {
    "recipe": Ablation(
        "The stages in order",
        ("accuracy", "hallucination", "length", "late_reward", "effective", "fresh_effective"),
        (("SFT", "base", ""), ("MPO", "mpo", "8.7 / 73.2 / 73.5 / 60.6"),
         ("MPO and GRPO with the buffer", "mpo-grpo", "9.1 / 73.6 / 74.0 / 62.6")),
        "hallucination %, MMMU, MathVista, OlympiadBench", "R1V2, table 3",
    ),
    "ssb": Ablation(
        "Selective Sample Buffer", ("effective", "late_effective", "late_reward", "accuracy"),
        (("GRPO without", "ssb-off", "below 40 / 73.4 / 74.0"),
         ("GRPO with", "ssb-on", "above 60 / 73.6 / 74.0")),
        "effective %, MMMU, MathVista", "R1V2, table 2", ("late_reward", "accuracy"),
    ),
    "ssb-judge": Ablation(
        "Selective Sample Buffer beside a reward model",
        ("effective", "fresh_effective", "late_effective", "late_right", "late_reward", "accuracy"),
        (("GRPO without", "ssb-off-judge", "below 40 / 73.4 / 74.0"),
         ("GRPO with", "ssb-on-judge", "above 60 / 73.6 / 74.0")),
        "effective %, MMMU, MathVista", "R1V2, table 2", ("late_right", "accuracy"),
    ),
    "stages": Ablation(
        "SFT, MPO, MPO and GRPO", ("accuracy", "hallucination", "text", "length"),
        (("before", "base", ""), ("SFT on the chosen replies", "sft", "12.1 / 71.6 / 72.5 / 54.6"),
         ("SFT on reference chains", "references", ""), ("MPO", "mpo", "8.7 / 73.2 / 73.5 / 60.6"),
         ("MPO and GRPO", "mpo-grpo", "9.1 / 73.6 / 74.0 / 62.6")),
        "hallucination %, MMMU, MathVista, OlympiadBench", "R1V2, table 3",
    ),
    "components": Ablation(
        "Components trained in alignment", ("accuracy", "text", "hallucination"),
        (("adapter", "adapter", "73.6 / 74.0 / 62.6"),
         ("LLM and adapter", "llm-adapter", "72.1 / 72.0 / 60.8"),
         ("adapter and ViT", "adapter-vit", "72.3 / 71.8 / 60.2")),
        "MMMU, MathVista, OlympiadBench", "R1V2, table 4",
    ),
    "iterative": Ablation(
        "Iterative SFT", ("accuracy", "hallucination", "length"),
        (("before", "base", ""), ("thresholds 2, 3, 4, 5", "iterative", "62.5 -> 63.9, 64.7, 65.2, 65.6"),
         ("all rows in each round", "iterative-all", "")),
        "MMMU after M_0 -> rounds 1 to 4", "R1V, table 2",
    ),
    "threshold": Ablation(
        "MPO's threshold", ("accuracy", "best_valid", "last_valid", "pairs", "hallucination"),
        (("0 deviations", "mpo", "7: 67.8 / 70.4"),
         ("1 deviation", "mpo-1", "10: 73.6 at its best, then 68.9"),
         ("2 deviations", "mpo-2", "15: 72.6 / 73.3")),
        "MMMU, MathVista", "R1V2, section 3.2",
    ),
    "al-cotd": Ablation(
        "Distillation with adaptive length", ("length", "accuracy", "kept", "chain_lines", "hallucination"),
        (("before", "base", ""), ("alpha 0: no penalty", "al-cotd-off", ""),
         ("alpha 0.1", "al-cotd", "no figures"), ("alpha 0.2", "al-cotd-strong", "no figures")),
        "none published", "R1V, section 2.3", ("length", "accuracy"),
    ),
}  # fmt: skip


# ------------------------------------------------------------------------------------------------ schedule


def wanted(names: Sequence[str]) -> list[str]:
    """The arms of some ablations with all that they need, in the order of `ARMS`."""
    found: set[str] = set()

    def add(arm: str) -> None:
        arm = "base" if arm == "other" else arm
        if arm not in found:
            found.add(arm)
            for need in ARMS[arm].needs:
                add(need)

    for name in names:
        for _, arm, _ in ABLATIONS[name].rows:
            add(arm)
    return [arm for arm in ARMS if arm in found]


def work(place: Place, name: str) -> None:
    """One arm, in a process of its own: its result file, or what went wrong in its log."""
    folder = place.arm(name)
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    os.setsid()
    begun = time.monotonic()
    with (folder / "log.txt").open("a") as log:
        sys.stdout = sys.stderr = log
        try:
            result = ARMS[name].run(place) | {"seconds": round(time.monotonic() - begun, 1)}
        except Exception:  # noqa: BLE001 - the boundary: an arm that fails leaves the others running
            traceback.print_exc()
            log.flush()
            os._exit(1)
        part = folder / "result.json.part"
        part.write_text(json.dumps(result) + "\n")
        part.replace(folder / "result.json")
        for state in folder.rglob("state*.pt"):  # nothing goes on from here; the weights stay
            state.unlink()


class Schedule:
    """Starts arms as soon as what they need is there, those of the first ablations first."""

    def __init__(self, places: Sequence[Place], arms: Sequence[str], jobs: int) -> None:
        self.todo = [(place, arm) for arm in arms for place in places if not done(place, arm)]
        self.jobs = jobs
        self.running: list[tuple[Place, str, BaseProcess, float]] = []
        self.failed: list[str] = []

    def run(self, limit_s: float) -> None:
        """Until all is done, nothing can be started any more, or the time is over."""
        begun, fork = time.monotonic(), multiprocessing.get_context("fork")
        while self.todo or self.running:
            for place, arm in list(self.todo):
                if len(self.running) < self.jobs and ready(place, arm):
                    self.todo.remove((place, arm))
                    process = fork.Process(target=work, args=(place, arm))
                    process.start()
                    self.running.append((place, arm, process, time.monotonic()))
            if not self.running:
                break
            self.reap()
            if limit_s and time.monotonic() - begun > limit_s:
                self.stop()
                break
            time.sleep(POLL_S)

    def reap(self) -> None:
        """Say of each process that has ended what it found."""
        for one in list(self.running):
            place, arm, process, started = one
            if process.is_alive():
                continue
            self.running.remove(one)
            taken = f"seed {place.seed} {arm}: {time.monotonic() - started:.0f} s"
            if done(place, arm):
                found = place.result(arm)
                shown = [f"{k} {v:.3f}" for k, v in found.items() if isinstance(v, float) and k != "seconds"]
                print(f"{taken}  {', '.join(shown)}", flush=True)
            else:
                self.failed.append(f"seed {place.seed} {arm}")
                print(f"{taken}  FAILED, see {place.arm(arm) / 'log.txt'}", flush=True)

    def stop(self) -> None:
        """End what runs; its last checkpoints stay."""
        for place, arm, process, _ in self.running:
            print(f"seed {place.seed} {arm}: stopped at the limit of time", flush=True)
            os.killpg(process.pid or 0, signal.SIGTERM)  # its data workers too
        for *_, process, _ in self.running:
            process.join()


def done(place: Place, arm: str) -> bool:
    return (place.arm(arm) / "result.json").exists()


def ready(place: Place, arm: str) -> bool:
    """Whether all that an arm needs is there."""
    return all(
        (place.arm("base", place.other) / "result.json").exists() if need == "other" else done(place, need)
        for need in ARMS[arm].needs
    )


# -------------------------------------------------------------------------------------------------- report


def table(ablation: Ablation, found: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    """Markdown lines."""
    yield f"**{ablation.title}** (published: {ablation.published}; {ablation.source})"
    yield ""
    names = [column.replace("_", " ") for column in ablation.columns]
    names += [f"{column.replace('_', ' ')} - first row's" for column in ablation.compared]
    yield f"| | {' | '.join(names)} | seeds | published |"
    yield f"|---|{'---|' * len(names)}---|---|"
    first = {one["seed"]: one for one in found[ablation.rows[0][1]]}
    for place, (label, arm, published) in enumerate(ablation.rows):
        results = found[arm]
        cells = [interval([one[c] for one in results if c in one]) for c in ablation.columns]
        both = [(one, first[one["seed"]]) for one in results if place and one["seed"] in first]
        cells += [interval([a[c] - b[c] for a, b in both]) for c in ablation.compared]
        yield f"| {label} | {' | '.join(cells)} | {len(results)} | {published} |"
    if ablation.title == "Iterative SFT":
        for label, arm, _ in ablation.rows[1:]:
            rounds = zip(*(one["curves"]["accuracy"] for one in found[arm]), strict=True)
            yield f"\n{label}: accuracy after M_0 and each round {', '.join(map(interval, rounds))}"
    yield ""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/ablations"))
    parser.add_argument("--seeds", type=int, default=3, help="how many (default 3)")
    parser.add_argument("--seed", type=int, help="run only this one; a later call reports on all")
    parser.add_argument(
        "--only", action="append", choices=list(ABLATIONS), help="an ablation; may be repeated"
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--jobs", type=int, default=1, help="arms at once, each on one thread (default 1)")
    parser.add_argument("--limit-s", type=float, default=0.0, help="stop after so many seconds")
    parser.add_argument("--plots", type=Path, help="the folder for the pictures")
    parser.add_argument("--commit", default="", help="to be named in the result, where there is no git")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="one seed, a few steps: whether every arm works")
    size.add_argument("--small", action="store_true", help="shorter: the recipe on one core in under an hour")
    size.add_argument("--tiny", action="store_true", help="shorter still: three seeds of one on one core")
    args = parser.parse_args()
    sizes = QUICK if args.quick else SMALL if args.small else TINY if args.tiny else Sizes()
    out = args.out / "quick" if args.quick else args.out
    number = 1 if args.quick else args.seeds
    places = [Place(out, seed, (seed + 1) % number, args.device, sizes) for seed in range(number)]
    names = args.only or list(ABLATIONS)
    arms = wanted(names)
    for name in ("train", "valid", "heldout"):  # once, before the arms that share them
        places[0].data(name)
    schedule = Schedule([one for one in places if args.seed in (None, one.seed)], arms, args.jobs)
    schedule.run(args.limit_s)
    found = {arm: [one.result(arm) | {"seed": one.seed} for one in places if done(one, arm)] for arm in ARMS}
    report = "\n".join(line for name in names for line in table(ABLATIONS[name], found))
    print(report)
    (out / "report.md").write_text(report + "\n")
    if args.plots:
        from small.twin_plots import draw_all  # matplotlib is not everywhere where arms run

        draw_all(found, args.plots)
    print_result("ablations", {
        "device": f"{args.device}; {processor()}", "commit": args.commit or commit(),
        "config": asdict(sizes), "failed": schedule.failed,
        "results": {
            arm: {key: [round(one[key], 4) for one in results if math.isfinite(one.get(key, math.nan))]
                  for key, value in results[0].items() if isinstance(value, (int, float))}
            for arm, results in found.items() if results and arm in arms
        },
    })  # fmt: skip
    sys.exit(1 if schedule.failed else 0)


if __name__ == "__main__":
    main()
