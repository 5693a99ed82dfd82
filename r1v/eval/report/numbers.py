"""Numbers as a report writes them, shared by Markdown and HTML."""

from __future__ import annotations

from collections.abc import Sequence

from r1v.eval.item import Json
from r1v.eval.published import RELEASE_PAGE, Published
from r1v.eval.report.collect import COLUMNS, FURTHER, Report, RunView


def percent(one: Json) -> str:
    """A score in percent."""
    return "" if one["score"] is None else f"{100 * one['score']:.1f}"


def interval(one: Json) -> str:
    """A 95% interval in percent, of a benchmark or of one of its groups."""
    return "" if one["low"] is None else f"{100 * one['low']:.1f} to {100 * one['high']:.1f}"


def has_cost(report: Report) -> bool:
    """Whether the cost of any run is known."""
    return any(
        one["tokens"].get("cost") is not None for run in report.runs for one in run.scores["tasks"].values()
    )


def cost(tokens: Json) -> str:
    """Dollars in total and per right answer."""
    if tokens.get("cost") is None:
        return ""
    per_right = tokens.get("cost_per_right")
    return f"${tokens['cost']:.2f}" + ("" if per_right is None else f", ${per_right:.3f} per right")


def facts(run: RunView) -> list[tuple[str, str]]:
    """A summary of a run's settings: (name, value)."""
    identity = run.manifest["identity"]
    model, plan = identity["model"], identity["plan"]
    sampling = model["sampling"]
    found = [("model", str(model["name"])), ("begun", str(run.manifest["created"])[:16].replace("T", " "))]
    if engine := model.get("engine"):
        found.append(("engine", f"{engine['backend']}, {engine['dtype']} on {engine['device']}"))
    if model.get("weights_sha256"):
        found.append(("weights", model["weights_sha256"][:16]))
    if model.get("quantisation"):
        found.append(("quantisation", model["quantisation"]))
    if model.get("url"):
        found.append(("endpoint", model["url"]))
    drawn = [f"temperature {sampling['temperature']}"] if sampling.get("temperature") is not None else []
    drawn += [f"top-p {sampling['top_p']}"] if sampling.get("top_p") not in (None, 1.0) else []
    penalty = sampling.get("repetition_penalty")
    drawn += [f"repetition penalty {penalty}"] if penalty not in (None, 1.0) else []
    drawn += [f"at most {sampling['max_tokens']} tokens"] if sampling.get("max_tokens") else []
    found.append(("sampling", ", ".join(drawn) or "the model's defaults"))
    found.append(("epochs", str(plan["epochs"])))
    cut = [name for name in identity["tasks"] if run.partial(name)]
    if cut:
        found.append(("only a part of", ", ".join(cut)))
    found.append(("protocol", str(plan.get("protocol", "before there were protocols"))))
    reading = run.scores.get("reading") or {"how": "rules"}
    if reading["how"] != "rules":
        reader = reading.get("judge")
        found.append(("answers read by", reading["how"] + (f", {reader['model']}" if reader else "")))
    judge = run.scores.get("judge")
    found.append(("judge", judge["model"] if judge else "none: rules"))
    return found


def release_columns(report: Report) -> dict[str, str]:
    """The release's columns, and further ones that any run has."""
    more = {key: title for key, title in FURTHER.items() if any(run.by_column(key) for run in report.runs)}
    return {**COLUMNS, **more}


def published_rows(
    report: Report, columns: Sequence[str]
) -> list[tuple[str, list[tuple[str, dict[str, Published]]]]]:
    """For each source its models, each with its numbers by benchmark. The release page comes first."""
    sources = sorted(
        {one.source for one in report.published}, key=lambda source: (source != RELEASE_PAGE, source)
    )
    found = []
    for source in sources:
        models: dict[str, dict[str, Published]] = {}
        for one in report.published:
            if one.source == source and one.benchmark in columns:
                models.setdefault(one.model, {})[one.benchmark] = one
        if models:
            found.append((source, list(models.items())))
    return found


def thinking_curve(run: RunView, task: str) -> list[tuple[float, float, int]]:
    """(mean thinking tokens, share right, samples) in bins of equal size, shortest first."""
    points = sorted(
        (one["thinking_tokens"], float(one["verdict"] == "right"))
        for one in run.verdicts
        if one["task"] == task and one["score"] is not None
    )
    bins = 6
    if len(points) < 2 * bins or not points[-1][0]:
        return []
    found = []
    for index in range(bins):
        part = points[index * len(points) // bins : (index + 1) * len(points) // bins]
        found.append((sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part), len(part)))
    return found
