"""What a report shows, taken from run folders and the published numbers.

Enters: scored run folders. Leaves: a ``Report``. Always holds: nothing is scored or rounded here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from r1v.core import ImageRef
from r1v.eval.benchmark import TASKS
from r1v.eval.diff import read_verdicts
from r1v.eval.item import Item, Json, data_url, image_bytes
from r1v.eval.published import CHARTS, Published, published
from r1v.eval.statistics import interval
from r1v.eval.store import RunFolder, is_partial

# the ten columns of the release's table: their names in its data, and as they are shown
COLUMNS: dict[str, str] = {
    "AIME24": "AIME 2024",
    "LiveCodeBench": "LiveCodeBench",
    "LiveBench": "LiveBench",
    "IFEval": "IFEval",
    "BFCL": "BFCL",
    "MMMU": "MMMU",
    "MathVista": "MathVista",
    "MathVision": "MathVision",
    "OlympiadBench": "OlympiadBench",
    "MMMU_Pro": "MMMU-Pro",
}
FURTHER: dict[str, str] = {
    "MATH_500": "MATH-500",
    "GPQA": "GPQA",
    "AI2D": "AI2D",
    "ChartQA": "ChartQA",
    "TextVQA": "TextVQA",
    "RealWorldQA": "RealWorldQA",
    "VL_RewardBench_overall": "VL-RewardBench",
    "RewardBench": "RewardBench",
    "EMMA_mini": "EMMA-mini",
    "MMK12": "MMK12",
    "MMStar": "MMStar",
    "MMBench_en_v11": "MMBench 1.1",
    "HallusionBench": "HallusionBench",
    "MathVerse": "MathVerse",
    "WeMath": "We-Math",
    "VisuLogic": "VisuLogic",
    "LogicVista": "LogicVista",
    "MME_Reasoning": "MME-Reasoning",
    "PhyX": "PhyX",
    "SeePhys": "SeePhys",
}
MAX_SIDE = 480  # pixels; larger pictures are scaled down in the page
# the charts of the release page: title, columns, models
CHARTS_SHOWN: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "Text reasoning",
        ("AIME24", "LiveCodeBench", "LiveBench", "IFEval", "BFCL"),
        ("Skywork-R1V2-38B", "Skywork-R1V1-38B", "DeepSeek-R1-671B", "OpenAI-o1", "OpenAI-o4-mini"),
    ),
    (
        "Multimodal reasoning: proprietary models",
        ("MMMU", "MathVista", "MathVision"),
        ("Skywork-R1V2-38B", "Claude 3.5 Sonnet", "Gemini 2 Flash", "Kimi k1.5 longcot", "OpenAI-o4-mini"),
    ),
    (
        "Multimodal reasoning: open models",
        ("MMMU", "MathVista", "MathVision", "OlympiadBench", "MMMU_Pro"),
        ("Skywork-R1V2-38B", "Skywork-R1V1-38B", "InternVL3-38B", "Qwen2.5-VL-72B", "QvQ-Preview-72B"),
    ),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """One sample as the browser shows it."""

    run: int
    task: str
    id: str
    epoch: int
    verdict: str
    group: str
    question: str
    images: tuple[str, ...]
    thinking: str
    answer: str
    extracted: str
    right: str
    rule: str
    tokens: int


@dataclass(frozen=True, slots=True)
class RunView:
    """One run. name: for tables."""

    name: str
    path: str
    manifest: Json
    scores: Json
    verdicts: tuple[Json, ...]
    seconds: float

    def partial(self, task: str) -> bool:
        """Whether questions of a benchmark are missing: by a limit, in its data, or since the run was cut."""
        scored = self.scores["tasks"].get(task, {})
        return bool(scored.get("partial", is_partial(self.manifest, task)))

    def by_column(self, column: str) -> Json | None:
        """The score for a column of the published tables: that of its benchmark, or the mean of its parts
        (MMMU-Pro is the mean of two). ``parts`` names the measured parts if some are missing."""
        tasks = self.scores["tasks"]
        names = [name for name in TASKS if name in tasks and tasks[name]["column"] == column]
        names = [name for name in names if tasks[name]["score"] is not None]
        parts = [tasks[name] for name in names]
        if not parts:
            return None
        value = sum(one["score"] for one in parts) / len(parts)
        if len(parts) == 1:
            low, high = parts[0]["low"], parts[0]["high"]
        else:
            variance = sum(one["mean"]["stderr"] ** 2 for one in parts) / len(parts) ** 2
            questions = sum(one["mean"]["num_questions"] for one in parts)
            low, high = interval(value, variance, questions, sum(one["samples"] for one in parts))
        alone = column == "MMMU_Pro" and len(parts) == 1
        return {
            "score": value,
            "low": low,
            "high": high,
            "parts": parts[0]["title"] if alone else "",
            "partial": any(self.partial(name) for name in names),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a report shows. pictures: data URLs by name."""

    runs: tuple[RunView, ...]
    samples: tuple[Shown, ...]
    pictures: Json
    published: tuple[Published, ...]


def collect(paths: Sequence[Path], max_samples: int) -> Report:
    """Read scored runs. The first max_samples samples of each benchmark and run are kept for the sample
    browser. Runs of the same model with the same sampling are shown as one if they have no benchmark in
    common."""
    runs: list[RunView] = []
    samples: list[Shown] = []
    pictures: dict[str, str] = {}
    for path in paths:
        folder = RunFolder(path)
        seconds = sum(sample.output.seconds for sample in folder.samples().values())
        manifest, scores = folder.read_json("manifest.json"), folder.read_json("scores.json")
        run = RunView(_name(manifest), path.name, manifest, scores, tuple(read_verdicts(path)), seconds)
        place = next((i for i, other in enumerate(runs) if _belong_together(other, run)), len(runs))
        samples += _samples(folder, place, run.verdicts, max_samples, pictures)
        runs[place:] = [_together(runs[place], run), *runs[place + 1 :]] if place < len(runs) else [run]
    names = [run.name for run in runs]
    named = [
        replace(run, name=f"{run.name} ({run.path})" if names.count(run.name) > 1 else run.name)
        for run in runs
    ]
    return Report(tuple(named), tuple(samples), pictures, published())


def _belong_together(left: RunView, right: RunView) -> bool:
    def made(run: RunView) -> Json:
        plan = {key: value for key, value in run.manifest["identity"]["plan"].items() if key != "limit"}
        return {
            "model": run.manifest["identity"]["model"],
            "plan": plan,
            "judge": _judge_of(run),
            "reading": run.scores.get("reading"),
        }

    return made(left) == made(right) and not left.scores["tasks"].keys() & right.scores["tasks"].keys()


def _judge_of(run: RunView) -> Json | None:
    """The names of the judges."""
    judge = run.scores.get("judge")
    return None if judge is None else {key: judge[key] for key in ("model", "prompt")}


def _together(left: RunView, right: RunView) -> RunView:
    identity = left.manifest["identity"]
    tasks = {
        name: {"partial": is_partial(run.manifest, name), **run.manifest["identity"]["tasks"][name]}
        for run in (left, right)
        for name in run.manifest["identity"]["tasks"]
    }
    return replace(
        left,
        manifest={**left.manifest, "identity": {**identity, "tasks": tasks}},
        scores={**left.scores, "tasks": {**left.scores["tasks"], **right.scores["tasks"]}},
        verdicts=(*left.verdicts, *right.verdicts),
        seconds=left.seconds + right.seconds,
    )


def _name(manifest: Json) -> str:
    model = manifest["identity"]["model"]
    name = str(model["name"]).rstrip("/")
    return name.split("/")[-1] if model["kind"] != "inspect" else name


def _samples(
    folder: RunFolder, run: int, verdicts: Sequence[Json], limit: int, pictures: dict[str, str]
) -> list[Shown]:
    outputs = folder.samples()
    found = []
    for task in dict.fromkeys(verdict["task"] for verdict in verdicts):
        items = {item.id: item for item in folder.items(task)}
        for verdict in [one for one in verdicts if one["task"] == task][:limit]:
            sample = outputs.get((task, verdict["id"], verdict["epoch"]))
            item = items.get(verdict["id"])
            if sample is None or item is None:
                continue
            found.append(
                Shown(
                    run=run, task=task, id=item.id, epoch=sample.epoch, verdict=verdict["verdict"],
                    group=item.group, question=item.text, images=tuple(_pictures(item, pictures)),
                    thinking=sample.output.thinking, answer=sample.output.error or sample.output.answer,
                    extracted=verdict["extracted"] or "", right=_right(item), rule=verdict["rule"],
                    tokens=sample.output.completion_tokens,
                )
            )  # fmt: skip
    return found


def _right(item: Item) -> str:
    if item.answer:
        return item.shown(item.answer)
    return json.dumps(item.grading.get("instruction_id_list", ""), ensure_ascii=False)


def _pictures(item: Item, pictures: dict[str, str]) -> list[str]:
    names = []
    for message in item.messages:
        for ref in message.images:
            name = str(ref.source).rsplit("/", 1)[-1]
            if name not in pictures:
                pictures[name] = _small(ref)
            names.append(name)
    return names


def _small(ref: ImageRef) -> str:
    """A data URL of the picture. Large pictures are scaled down, so that the page stays small."""
    import io

    from PIL import Image, UnidentifiedImageError

    data = image_bytes(ref)
    try:
        image = Image.open(io.BytesIO(data))
        if max(image.size) <= MAX_SIDE and len(data) < 60_000:
            return data_url(data)
        image.thumbnail((MAX_SIDE, MAX_SIDE))
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, "WEBP", quality=80)
    except (UnidentifiedImageError, OSError):
        return data_url(data)
    return data_url(buffer.getvalue())


def chart_values(
    report: Report, columns: Sequence[str], models: Sequence[str]
) -> list[tuple[str, int, list[Any]]]:
    """(model, colour, [(value, low, high) or None per column]) of our runs, then of the published models'
    chart values. A run's colour is its place in the report; a published model's comes after all of these, by
    its place among the models of all charts, so that each has one colour in all of them."""
    known_models = list(dict.fromkeys(model for _, _, shown in CHARTS_SHOWN for model in shown))
    rows: list[tuple[str, int, list[Any]]] = []
    for index, run in enumerate(report.runs):
        values: list[Any] = []
        for column in columns:
            one = run.by_column(column)
            values.append((100 * one["score"], 100 * one["low"], 100 * one["high"]) if one else None)
        if any(values):
            rows.append((run.name, index, values))
    for model in models:
        known = {p.benchmark: p.score for p in report.published if p.model == model and p.source == CHARTS}
        known |= {
            p.benchmark: p.score
            for p in report.published
            if p.model == model == "Skywork-R1V2-38B" and p.benchmark not in known
        }
        colour = len(report.runs) + known_models.index(model)
        rows.append((model, colour, [(known[c], None, None) if c in known else None for c in columns]))
    return rows
