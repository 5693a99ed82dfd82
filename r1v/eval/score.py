"""From outputs to verdicts and scores, without generating anything.

Enters: a run folder. Leaves: verdicts.jsonl and scores.json in it. Always holds: both depend only on the
outputs, the questions and the judge's stored verdicts, not on the time or the order in which outputs came.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeAlias

from r1v.core import ConfigError, usable_cores
from r1v.eval.benchmark import Benchmark, Combine, GraderError, GradingTools, Scored
from r1v.eval.grading.extraction import Extractor, read_as
from r1v.eval.grading.judge import Judge, JudgedAnswer, counting
from r1v.eval.item import Grade, Item, Json, Sample
from r1v.eval.questions.own import recorded_benchmark
from r1v.eval.sandbox.run import layers_here
from r1v.eval.statistics import Mean, bootstrap, clustered_mean, interval, pass_at_k, quantile
from r1v.eval.store import Key, RunError, RunFolder, is_partial
from r1v.scoring import MathVerifier, Verdict, extract_answer, verdict_of
from r1v.scoring.verifier import available

# what is scored, how much of it is done, of how much, dollars of the judge so far (None: no price is known)
ScoringProgress: TypeAlias = Callable[[str, int, int, float | None], None]
_NO_SCORE: Json = {"score": None, "low": None, "high": None}
MAX_JUDGE_FAILURES = 0.02  # of the samples; above it there is no score


@dataclass(frozen=True, slots=True)
class Judged:
    """One sample with its verdict. score: 0 if there is no answer, None only if the judge failed. by_rule:
    the grader's own result if a judge decided. cost: in dollars, if it is known."""

    task: str
    id: str
    epoch: int
    verdict: Verdict
    score: float | None
    extracted: str | None
    answer: str
    rule: str
    group: str
    thinking_tokens: int
    tokens: int
    by_rule: bool | None = None
    cost: float | None = None
    details: Json = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


def score_run(
    folder: RunFolder,
    *,
    judge: Judge | None = None,
    judge_choices: bool = False,
    code_timeout_s: float = 6.0,
    progress: ScoringProgress | None = None,
    reading: str = "rules",
    extractor: Extractor | None = None,
) -> Json:
    """Score all samples of a run and write the results. reading: how answers are read, one of
    ``extraction.READINGS``; extractor: the model that reads, for "judge".

    judge_choices: the judge also decides on multiple choice, as some protocols have it. progress:
    (what, done, total, dollars of the judge so far). Raises RunError for a run that has no samples.
    """
    manifest, samples, names = _to_score(folder)
    verifier = MathVerifier() if available() else None
    tools = GradingTools(verifier, code_timeout_s, max(1, usable_cores() // 2))
    judged: list[Judged] = []
    known = {name: recorded_benchmark(name, manifest["identity"]["tasks"][name].get("own")) for name in names}
    broken: dict[str, Json] = {}
    try:
        for name in names:
            own = [sample for sample in samples.values() if sample.task == name]
            try:
                judged += score_task(
                    reread(known[name], reading, extractor),
                    folder.items(name),
                    own,
                    tools,
                    judge,
                    progress,
                    judge_choices=judge_choices,
                    extractor=extractor,
                )
            except GraderError as error:
                mend = f"the answers are kept: mend it, then r1v eval score {folder.path}"
                broken[name] = {**_NO_SCORE, "error": f"{error}; {mend}"}
    finally:
        if verifier is not None:
            verifier.close()
    summary = {
        name: {**_summary(manifest, samples, known[name], judged, folder), **broken.get(name, {})}
        for name in names
    }
    _tell_failures(summary, judge, extractor, len(judged))
    by_judge = {one.task for one in judged if one.rule == "judge"}
    scores = {
        "judge": {**judge.describe(), "tasks": sorted(by_judge), "choices": judge_choices} if judge else None,
        "math_verify": verifier is not None,
        "sandbox": layers_here() if any(one.rule == "tests" for one in judged) else None,
        "reading": {"how": reading, **({"judge": extractor.describe()} if extractor else {})},
        "tasks": summary,
    }
    folder.write_text("verdicts.jsonl", "".join(one.to_json() + "\n" for one in judged))
    folder.write_json("scores.json", scores)
    return scores


def _tell_failures(
    summary: dict[str, dict[str, Any]], judge: Judge | None, extractor: Extractor | None, num_judged: int
) -> None:
    """Add why a judge gave no verdict, and take the scores away if the model that reads answers failed."""
    for one in summary.values():
        judge_failed = str(Verdict.JUDGE_FAILED) in one["verdicts"] and "error" in one
        if judge is not None and judge.failure and judge_failed:
            one["error"] += f" (the first of them: {judge.failure})"
        if extractor is not None and extractor.judge.failures > MAX_JUDGE_FAILURES * max(1, num_judged):
            one |= {**_NO_SCORE, "error": _unread(extractor.judge.failures)}


def _summary(
    manifest: Json, samples: Iterable[Key], which: Benchmark, judged: Sequence[Judged], folder: RunFolder
) -> dict[str, Any]:
    """The numbers of one benchmark of a run, how many questions (in each epoch) were not asked yet, and the
    grader if it is not the one of the run's beginning. samples, judged: of all benchmarks."""
    name, there = which.name, set(samples)
    items, epochs = folder.items(name), manifest["identity"]["plan"]["epochs"]
    judged = [one for one in judged if one.task == name]
    missing = sum((name, item.id, epoch) not in there for item in items for epoch in range(1, epochs + 1))
    began = manifest["identity"]["tasks"][name].get("own") or {}
    now = which.own or {}
    changed = {"grader": {**now, "changed": True}} if began.get("sha256") != now.get("sha256") else {}
    return {
        **summarise(which, judged, epochs, items),
        "partial": is_partial(manifest, name) or missing > 0,
        "not_asked": missing,
        **changed,
    }


def _to_score(folder: RunFolder) -> tuple[Json, dict[Any, Sample], list[str]]:
    """The manifest and the samples of a run, and the names of the tasks to score. Raises RunError."""
    manifest = folder.manifest()
    if manifest is None:
        raise RunError(
            f"{folder.path} has no manifest.json; give the folder of a run (`r1v eval run … --out RUN`)"
        )
    samples = folder.samples()
    names = list(manifest["identity"]["tasks"])
    if not any(sample.task in names for sample in samples.values()):
        raise RunError(f"{folder.path} has no samples of {', '.join(names)} yet; run `r1v eval run` first")
    return manifest, samples, names


def score_task(
    which: Benchmark,
    items: Sequence[Item],
    samples: Sequence[Sample],
    tools: GradingTools,
    judge: Judge | None = None,
    progress: ScoringProgress | None = None,
    *,
    judge_choices: bool = False,
    extractor: Extractor | None = None,
) -> list[Judged]:
    """The verdicts on one benchmark's samples, in the order of its questions and epochs.

    A judge is not asked about a failed sample, about multiple choice (unless ``judge_choices``), or about a
    text that was cut before any answer: a truncated answer stays truncated.
    """
    order = {item.id: index for index, item in enumerate(items)}
    ordered = sorted((s for s in samples if s.id in order), key=lambda s: (order[s.id], s.epoch))
    if extractor is not None:
        extractor.read_all(
            [(items[order[s.id]], s.output) for s in ordered if s.output.error is None],
            _told(progress, f"{which.name}, reading", extractor.judge),
        )
    graded: list[Grade] = []
    with ThreadPoolExecutor(1) as pool:  # graders of programs start their own processes
        for grade in pool.map(lambda s: grade_sample(which, items[order[s.id]], s, tools), ordered):
            graded.append(grade)
            if progress:
                progress(which.name, len(graded), len(ordered), None)
    asked: dict[tuple[str, int], JudgedAnswer] = {}
    if judge is not None and which.judged:
        asked = {
            (sample.id, sample.epoch): question_for_judge(items[order[sample.id]], sample)
            for sample in ordered
            if sample.output.error is None
            and sample.output.answer.strip()
            and (judge_choices or not items[order[sample.id]].options)
            and not _was_cut(sample, extract_answer(sample.output.answer).how)
        }
    verdicts: Mapping[JudgedAnswer, bool | None] = {}
    if judge is not None and asked:
        count = counting(_told(progress, f"{which.name}, judge", judge), len(set(asked.values())))
        verdicts = judge.ask_all(list(asked.values()), progress=count)
    found = []
    for sample, grade in zip(ordered, graded, strict=True):
        question = asked.get((sample.id, sample.epoch))
        said = verdicts.get(question) if question is not None else None
        found.append(_judged(items[order[sample.id]], sample, grade, question is not None, said))
    return found


def _told(progress: ScoringProgress | None, what: str, judge: Judge) -> Callable[[int, int], None] | None:
    """Progress of a judge, with what it has cost."""
    return None if progress is None else lambda done, total: progress(what, done, total, judge.cost)


def _unread(failures: int) -> str:
    return (
        f"the model that reads answers failed on {failures} of them, more than {MAX_JUDGE_FAILURES:.0%}: "
        "there is no score; ask again with: r1v eval score RUN --reading judge --judge MODEL"
    )


def reread(which: Benchmark, reading: str, extractor: Extractor | None) -> Benchmark:
    """The benchmark with another way of reading answers. Raises ConfigError."""
    if reading == "rules":
        return which
    if reading == "judge" and extractor is None:
        raise ConfigError("reading 'judge' needs a model that reads: give --judge MODEL")
    if extractor is not None:
        return replace(which, grade=extractor.grader(which))
    return replace(which, grade=read_as(reading, which))


def grade_sample(which: Benchmark, item: Item, sample: Sample, tools: GradingTools) -> Grade:
    """The grade of one sample. A failed sample has none."""
    if sample.output.error is not None:
        return Grade(None, None, "failed")
    return which.grade(item, sample.output, tools)


def question_for_judge(item: Item, sample: Sample) -> JudgedAnswer:
    """What the judge sees: the extracted answer if there is one, otherwise the whole answer."""
    found = extract_answer(sample.output.answer)
    right = (item.answer, *item.grading.get("also", ()))
    reference = ", or ".join(map(item.shown, right))
    return JudgedAnswer(
        item.text, reference, found.text if found.how == "boxed" and found.text else sample.output.answer
    )


def _was_cut(sample: Sample, how: str) -> bool:
    """Whether the text was cut before any answer. The last line of a cut text does not count as one."""
    return sample.output.finish_reason == "length" and how.startswith(
        ("last-line", "first-line", "option", "none")
    )


def _judged(item: Item, sample: Sample, grade: Grade, asked: bool, said: bool | None) -> Judged:
    output = sample.output
    right, by_rule = grade.right, None
    if asked:
        right, by_rule = said, grade.right
    verdict = verdict_of(
        right,
        found=asked or (grade.extracted is not None and not _was_cut(sample, grade.rule)),
        finish_reason="error" if output.error is not None else output.finish_reason,
        finish_detail=output.finish_detail,
        judge_failed=asked and said is None,
    )
    score: float | None
    if verdict is Verdict.JUDGE_FAILED:
        score = None
    elif asked:
        score = float(bool(said))
    else:
        score = grade.score or 0.0
    return Judged(
        task=sample.task, id=sample.id, epoch=sample.epoch, verdict=verdict, score=score,
        extracted=grade.extracted, answer=item.answer, rule="judge" if asked else grade.rule,
        group=item.group, thinking_tokens=output.reasoning_tokens, tokens=output.completion_tokens,
        by_rule=by_rule, cost=output.cost, details=grade.details,
    )  # fmt: skip


def summarise(which: Benchmark, judged: Sequence[Judged], epochs: int, items: Sequence[Item] = ()) -> Json:
    """The numbers of one benchmark: score with its interval, pass@k, verdicts, groups, tokens. items: the
    questions, which a benchmark that combines samples in its own way needs."""
    by_question: dict[str, list[float]] = {}
    for one in judged:
        if one.score is not None:
            by_question.setdefault(one.id, []).append(one.score)
    mean = clustered_mean(by_question)
    groups = _groups(judged)
    verdicts = {str(kind): sum(one.verdict is kind for one in judged) for kind in Verdict}
    summary: dict[str, Any] = {
        "title": which.title,
        "column": which.column,
        **(
            combined(which.combine, judged, items)
            if which.combine and mean
            else _aggregate(which, mean, groups)
        ),
        "mean": asdict(mean) if mean else None,
        "epochs": epochs,
        "samples": len(judged),
        "verdicts": {kind: count for kind, count in verdicts.items() if count},
        "pass_at_k": _pass_at_k(by_question, epochs),
        "groups": {name: asdict(value) for name, value in groups.items()} if len(groups) > 1 else {},
        "tokens": _tokens(judged),
        "details": _details(judged),
    }
    failed = verdicts[str(Verdict.JUDGE_FAILED)] / max(1, len(judged))
    if failed > MAX_JUDGE_FAILURES:
        summary |= _NO_SCORE
        summary["error"] = (
            f"the judge gave no verdict on {failed:.1%} of the samples, more than {MAX_JUDGE_FAILURES:.0%}: "
            "there is no score; ask again with: r1v eval score RUN --judge MODEL"
        )
    if judged and verdicts[str(Verdict.FAILED)] == len(judged):
        summary |= _NO_SCORE
        summary["error"] = (
            f"all {len(judged)} samples failed, so there is no answer to score; "
            "see to the model, then run the same command again"
        )
    disagreements = [one for one in judged if one.by_rule is not None and one.score is not None]
    if disagreements:
        summary["judge_against_rules"] = {
            "compared": len(disagreements),
            "differ": sum(one.by_rule != (one.score >= 1) for one in disagreements if one.score is not None),
        }
    return summary


def _groups(judged: Sequence[Judged]) -> dict[str, Mean]:
    found: dict[str, dict[str, list[float]]] = {}
    for one in judged:
        if one.score is not None and one.group:
            found.setdefault(one.group, {}).setdefault(one.id, []).append(one.score)
    means = {name: clustered_mean(scores) for name, scores in sorted(found.items())}
    return {name: mean for name, mean in means.items() if mean is not None}


def group_weights(which: Benchmark, sizes: Mapping[str, int]) -> dict[str, float]:
    """The weight of each group in the benchmark's score; sizes: samples by group."""
    if which.aggregate == "mean" or set(sizes) <= {""}:
        total = sum(sizes.values())
        return {name: size / total for name, size in sizes.items()}
    return _weights(sizes, which.pooled)


def _aggregate(which: Benchmark, mean: Mean | None, groups: Mapping[str, Mean]) -> Json:
    """The benchmark's score in [0, 1] with its 95% interval: of the mean, or of weighted means of groups."""
    if mean is None:
        return _NO_SCORE
    if which.aggregate == "mean" or not groups:
        return {"score": mean.value, "low": mean.low, "high": mean.high}
    sizes = {name: one.num_samples for name, one in groups.items()}
    weights = _weights(sizes, which.pooled)
    value = sum(weights[name] * one.value for name, one in groups.items())
    variance = sum((weights[name] * one.stderr) ** 2 for name, one in groups.items())
    low, high = interval(value, variance, mean.num_questions, mean.num_samples)
    return {"score": value, "low": low, "high": high}


def combined(combine: Combine, judged: Sequence[Judged], items: Sequence[Item]) -> Json:
    """The score of a benchmark that combines samples in its own way, averaged over epochs. Its interval comes
    from resampling units."""
    by_id = {item.id: item for item in items}
    epochs: dict[int, dict[str, list[Scored]]] = {}
    for one in judged:
        if one.score is not None:
            item = by_id[one.id]
            epochs.setdefault(one.epoch, {}).setdefault(combine.unit(item), []).append((item, one.score))
    if not epochs:
        return _NO_SCORE

    def value(units: Sequence[str]) -> float:
        drawn = [
            combine.value([pair for unit in units for pair in by_unit.get(unit, ())])
            for by_unit in epochs.values()
            if any(unit in by_unit for unit in units)
        ]
        return sum(drawn) / len(drawn) if drawn else 0.0

    units = sorted({unit for by_unit in epochs.values() for unit in by_unit})
    low, high = bootstrap(units, value)
    found: dict[str, Any] = {"score": value(units), "low": low, "high": high}
    if combine.parts is not None:
        whole = [combine.parts([pair for pairs in one.values() for pair in pairs]) for one in epochs.values()]
        found["parts"] = {name: sum(one[name] for one in whole) / len(whole) for name in whole[0]}
    return found


def _weights(sizes: Mapping[str, int], pooled: Sequence[str] = ()) -> dict[str, float]:
    """The weight of each group, by its path. On each level of the paths the parts have equal weights; within
    a pooled outer part the samples have."""
    parts: dict[str, dict[str, int]] = {}
    for name, size in sizes.items():
        part, _, rest = name.partition("/")
        parts.setdefault(part, {})[rest] = size
    weights = {}
    for part, inner in parts.items():
        total = sum(inner.values())
        if part in pooled:
            shares = {rest: size / total for rest, size in inner.items()}
        else:
            shares = {"": 1.0} if set(inner) == {""} else _weights(inner)
        for rest, share in shares.items():
            weights[f"{part}/{rest}" if rest else part] = share / len(parts)
    return weights


def _pass_at_k(by_question: Mapping[str, Sequence[float]], epochs: int) -> dict[str, float]:
    """pass@k for k = 1 … epochs over the questions that have all their epochs."""
    whole = [values for values in by_question.values() if len(values) == epochs]
    if not whole:
        return {}
    return {
        str(k): sum(pass_at_k(epochs, sum(value >= 1 for value in values), k) for values in whole)
        / len(whole)
        for k in range(1, epochs + 1)
    }


def _tokens(judged: Sequence[Judged]) -> Json:
    """The length of the thinking, and the tokens per right answer."""
    lengths = [one.thinking_tokens for one in judged if one.verdict is not Verdict.FAILED]
    if not lengths:
        return {}
    total = sum(one.tokens for one in judged)
    right = sum(one.verdict is Verdict.RIGHT for one in judged)
    costs = [one.cost for one in judged if one.cost is not None]
    return {
        "thinking_mean": sum(lengths) / len(lengths),
        "thinking_quantiles": {
            str(share): quantile(lengths, share) for share in (0.05, 0.25, 0.5, 0.75, 0.95)
        },
        "thinking_max": max(lengths),
        "completion_total": total,
        "completion_per_right": total / right if right else None,
        "cost": sum(costs) if costs else None,
        "cost_per_right": sum(costs) / right if costs and right else None,
    }


def _details(judged: Sequence[Judged]) -> Json:
    """The graders' own numbers. Counts are added up, shares are averaged."""
    counts: dict[str, int] = {}
    shares: dict[str, list[float]] = {}
    for one in judged:
        for name, value in one.details.items():
            if isinstance(value, bool):
                continue
            if isinstance(value, int):
                counts[name] = counts.get(name, 0) + value
            elif isinstance(value, float):
                shares.setdefault(name, []).append(value)
    return {**counts, **{name: sum(values) / len(values) for name, values in shares.items()}}
