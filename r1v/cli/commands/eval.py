"""``r1v eval``: run benchmarks, score runs, compare them, report on them."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r1v.cli.eval_views import VIEWS, configure_views, report_errors, report_failed, show_scores
from r1v.cli.parser import use_expandable_segments
from r1v.core import ConfigError, ProgressPace, SamplingParams

if TYPE_CHECKING:
    from collections.abc import Callable


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _configure_run(actions.add_parser("run", help="ask a model the questions of benchmarks"))
    score = actions.add_parser("score", help="score a run again, without generating")
    score.add_argument("run_folder", metavar="RUN", type=Path, help="the run's folder")
    _add_judge(score)
    diff = actions.add_parser("diff", help="what differs between two runs, and which samples flipped")
    diff.add_argument("left", metavar="A", type=Path, help="a run's folder")
    diff.add_argument("right", metavar="B", type=Path, help="the folder of another run")
    diff.add_argument("--json", action="store_true", help="print it as JSON")
    report = actions.add_parser(
        "report", help="tables, charts and single samples, as Markdown and one HTML page"
    )
    report.add_argument("runs", metavar="RUN", type=Path, nargs="+", help="the runs' folders")
    report.add_argument("--out", metavar="DIR", type=Path, required=True, help="the folder to write")
    report.add_argument(
        "--max-samples", type=int, default=200, metavar="N", help="samples shown per benchmark and run"
    )
    actions.add_parser("list", help="list the benchmarks and the protocols")
    configure_views(actions)


def _configure_run(run: argparse.ArgumentParser) -> None:
    """In one piece: one call for each option."""
    run.add_argument(
        "tasks", metavar="TASK", nargs="+",
        help="names of benchmarks (see r1v eval list), or your own questions: a file, a folder, "
             "hf:OWNER/NAME, a .py file",
    )  # fmt: skip
    run.add_argument(
        "--model", default=os.environ.get("R1V_MODEL", "r1v-nano"), metavar="MODEL",
        help="a folder or name of ours, PROVIDER/MODEL of Inspect, or with --url a served model's name",
    )  # fmt: skip
    run.add_argument(
        "--url", metavar="URL",
        help="an OpenAI-compatible endpoint, such as http://localhost:8000/v1; its key is read from "
             "R1V_API_KEY",
    )  # fmt: skip
    run.add_argument(
        "--out", metavar="RUN", type=Path, required=True, help="the run's folder; one that is there goes on"
    )
    run.add_argument(
        "--data", metavar="DIR", type=Path, help="folder with the data; without it data sets are downloaded"
    )
    run.add_argument(
        "--revision", metavar="TASK=COMMIT", action="append", default=[], help="commit of a data set"
    )
    run.add_argument(
        "--option", metavar="TASK.NAME=VALUE", action="append", default=[], help="an option of a benchmark"
    )
    run.add_argument(
        "--prompt", metavar="NAME=FILE", action="append", default=[], help="use the wording in this file"
    )
    run.add_argument("--limit", type=int, metavar="N", help="only the first N questions of each benchmark")
    run.add_argument("--shuffle-seed", type=int, metavar="N", help="shuffle the questions, before --limit")
    run.add_argument(
        "--protocol", default="r1v", metavar="NAME",
        help="r1v, r1v2, r1v3 or official: prompts, sampling, lengths, how answers are read (default: r1v)",
    )  # fmt: skip
    run.add_argument("--epochs", type=int, default=1, metavar="K", help="how often each question is asked")
    run.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the sampling")
    run.add_argument(
        "--release", nargs="?", const="transformers", choices=("transformers", "vllm"),
        help="sample as one of the release's scripts does (without a value: transformers, up to 64K tokens)",
    )  # fmt: skip
    run.add_argument("--temperature", type=float, metavar="T", help="0 is greedy (default: the model's)")
    run.add_argument("--top-p", type=float, metavar="P", help="1 is off (default: the model's)")
    run.add_argument("--top-k", type=int, metavar="K", help="0 is off (default: the model's)")
    run.add_argument("--repetition-penalty", type=float, metavar="R", help="1 is off (default: the model's)")
    run.add_argument(
        "--max-tokens", type=int, metavar="N", help="most tokens of an answer, its thinking included"
    )
    run.add_argument(
        "--thinking-budget", type=int, metavar="N", help="most tokens of thinking; 0 is none, -1 no limit"
    )
    run.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu, cuda or cuda:N")
    run.add_argument("--dtype", default="auto", metavar="TYPE", help="auto, float32, bfloat16 or float16")
    run.add_argument("--max-model-len", type=int, metavar="N", help="tokens of prompt and output together")
    run.add_argument("--max-tiles", type=int, metavar="N", help="most image tiles of one question")
    run.add_argument(
        "--max-connections", type=int, metavar="N", help="questions that are asked at the same time"
    )
    run.add_argument(
        "--price", metavar="IN,OUT",
        help="dollars for a million tokens of prompts and of answers, to show the cost as it grows",
    )  # fmt: skip
    run.add_argument(
        "--inspect-logs", metavar="DIR", type=Path, help="keep Inspect's logs there, for inspect view"
    )
    without = run.add_mutually_exclusive_group()
    without.add_argument("--blind", action="store_true", help="leave the pictures out")
    without.add_argument(
        "--caption-only", action="store_true", help="put the model's own captions in place of the pictures"
    )
    run.add_argument("--no-score", action="store_true", help="generate the answers only")
    run.add_argument("--quiet", action="store_true", help="show no progress")
    _add_judge(run)


def _add_judge(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--judge", metavar="MODEL", help="an LLM that decides on free answers, named as --model is"
    )
    parser.add_argument(
        "--judge-choices", action="store_true", help="the judge also decides on multiple choice questions"
    )
    parser.add_argument(
        "--reading", metavar="WAY",
        help="how answers are read: rules, box, toolkit, toolkit+box, or judge, a model that says which "
             "answer was given (default: the protocol's)",
    )  # fmt: skip
    parser.add_argument("--judge-url", metavar="URL", help="an OpenAI-compatible endpoint of the judge")
    parser.add_argument("--judge-price", metavar="IN,OUT", help="the judge's price, as --price")
    parser.add_argument(
        "--code-timeout", type=float, default=6.0, metavar="S", help="seconds for a test of a program"
    )


def run(args: argparse.Namespace) -> int:
    """Do one action."""
    actions: dict[str, Callable[[argparse.Namespace], int]] = {
        "run": _run, "score": _score, "diff": _diff, "report": _report, "list": _list, **VIEWS,
    }  # fmt: skip
    return actions[args.action](args)


def _pairs(texts: list[str], form: str) -> dict[str, str]:
    found = {}
    for text in texts:
        name, mark, value = text.partition("=")
        if not mark or not name:
            raise ConfigError(f"{text!r} is not of the form {form}")
        found[name] = value
    return found


def _run(args: argparse.Namespace) -> int:
    from r1v.eval.manifest import Plan
    from r1v.eval.model import ModelSettings, open_target
    from r1v.eval.protocols import protocol
    from r1v.eval.runner import run as run_benchmarks
    from r1v.eval.store import RunFolder

    _check_counts(args)
    _check_judge(args)
    if args.no_score and args.judge:
        raise ConfigError(
            "--no-score grades nothing, so --judge has nothing to do; leave --judge out here and give it to "
            "r1v eval score"
        )
    way = protocol(args.protocol)
    loaded = _load(args, way)
    settings = ModelSettings(
        args.model, args.url, os.environ.get("R1V_API_KEY"), args.device, args.dtype, args.max_model_len,
        args.max_tiles, args.max_connections, _price(args.price, "--price"),
    )  # fmt: skip
    use_expandable_segments()
    target = open_target(settings, _sampling(args, way.sampling_for([one.benchmark.name for one in loaded])))
    pictures = "none" if args.blind else "captions" if args.caption_only else "shown"
    plan = Plan(args.epochs, args.seed, args.limit, args.shuffle_seed, way.name, pictures)
    from r1v.eval.retries import telling_retries

    with telling_retries(_warn), RunFolder(args.out) as folder:
        recording = run_benchmarks(
            folder,
            target,
            _without_pictures(loaded, pictures, target, folder),
            plan,
            report=None if args.quiet else _Progress().asked,
            max_connections=args.max_connections,
            log_dir=args.inspect_logs,
        )
        if not args.quiet:
            print(file=sys.stderr)
        if args.no_score:
            asked = recording.generated
            return int(report_failed("this run", recording.failed, asked, recording.failure))
        scores = _scored(folder, args)
    show_scores(scores)
    return 1 if report_errors(scores, recording.failure) else 0


def _warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr, flush=True)


def _load(args: argparse.Namespace, way: Any) -> list[Any]:
    """The questions of the benchmarks that the command names. way: the protocol."""
    from r1v.eval.benchmark import load_items, remark
    from r1v.eval.questions.own import find_benchmarks

    chosen = find_benchmarks(args.tasks)
    revisions = _pairs(args.revision, "TASK=COMMIT")
    options = _pairs(args.option, "TASK.NAME=VALUE")
    _check_named(chosen, [*revisions, *(key.split(".", 1)[0] for key in options)])
    for one in chosen:
        if one.name in revisions and one.source is None:
            raise ConfigError(f"--revision {one.name}: it is read without a commit; leave it out")
    prompts = _prompts(args.prompt)
    loaded = [
        load_items(
            one,
            data=args.data,
            limit=args.limit,
            shuffle_seed=args.shuffle_seed,
            revision=revisions.get(one.name),
            prompts={**way.prompts_for(one), **prompts},
            options={
                **way.options_for(one),
                **{
                    key.split(".", 1)[1]: value
                    for key, value in options.items()
                    if key.startswith(f"{one.name}.")
                },
            },
        )
        for one in chosen
    ]
    for said in filter(None, map(remark, loaded)):
        print(said, file=sys.stderr)
    return loaded


def _without_pictures(loaded: list[Any], pictures: str, target: Any, folder: Any) -> list[Any]:
    """The questions as they are, without pictures, or with captions in their place."""
    from r1v.eval.blind import blind, caption_pictures, captioned

    if pictures == "captions":
        folder.claim()
        captions = caption_pictures(target.model, loaded, folder)
        return [captioned(one, captions) for one in loaded]
    return [blind(one) for one in loaded] if pictures == "none" else loaded


def _check_counts(args: argparse.Namespace) -> None:
    for name in ("limit", "epochs", "max_connections", "max_model_len", "max_tiles"):
        value = getattr(args, name)
        if value is not None and value < 1:
            raise ConfigError(f"--{name.replace('_', '-')} is {value}; it must be at least 1")
    _sampling(args, {})
    _check_code_timeout(args)


def _check_code_timeout(args: argparse.Namespace) -> None:
    if not 0 < args.code_timeout < float("inf"):
        raise ConfigError(f"--code-timeout is {args.code_timeout}; it must be a number of seconds above 0")


def _check_judge(args: argparse.Namespace) -> None:
    for name in ("judge_url", "judge_choices", "judge_price"):
        if getattr(args, name) and args.judge is None:
            raise ConfigError(
                f"--{name.replace('_', '-')} is a setting of the judge; name a judge with --judge"
            )


def _check_named(chosen: list[Any], names: list[str]) -> None:
    """--option and --revision are for benchmarks that are run."""
    asked = {one.name for one in chosen}
    for name in names:
        if name not in asked:
            raise ConfigError(f"{name!r} is not a benchmark of this run; it runs {', '.join(sorted(asked))}")


def _prompts(given: list[str]) -> dict[str, Any]:
    from r1v.eval.prompts import Wording, prompt

    found = {}
    for name, file in _pairs(given, "NAME=FILE").items():
        prompt(name)
        try:
            found[name] = Wording(name, 0, Path(file).read_text(encoding="utf-8").rstrip("\n"))
        except OSError as error:
            raise ConfigError(f"prompt file {file} cannot be read ({error.strerror})") from error
    return found


def _price(text: str | None, option: str) -> tuple[float, float] | None:
    """Dollars for a million tokens of prompts and of answers."""
    if text is None:
        return None
    try:
        prompts, answers = (float(part) for part in text.split(","))
        if not (0 <= prompts <= 1e6 and 0 <= answers <= 1e6):
            raise ValueError
    except ValueError:
        raise ConfigError(
            f"{option} is {text!r}; give two prices, in dollars for a million tokens of prompts and of "
            "answers, such as 2.5,10"
        ) from None
    return prompts, answers


def _sampling(args: argparse.Namespace, of_protocol: dict[str, Any]) -> Any:
    """What the command line says, then the release's script, then the protocol."""
    from r1v.eval.model import AnswerSampling
    from r1v.eval.protocols import SCRIPTS

    names = ("temperature", "top_p", "top_k", "repetition_penalty", "max_tokens", "thinking_budget")
    given: dict[str, Any] = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    chosen = SCRIPTS[args.release] if args.release else {}
    SamplingParams(**given)  # refuses what is out of range
    return AnswerSampling(**{**of_protocol, **chosen, **given})


class _Progress:
    """A line on standard error for what is asked or scored, at most two a second, and the last of each
    benchmark that is asked."""

    def __init__(self) -> None:
        self._pace, self._task = ProgressPace(0.5), ""
        self._begun = self._paid = 0.0  # when the scoring of a benchmark began, and what was paid by then

    def asked(self, progress: Any) -> None:
        """Questions of a benchmark have been answered."""
        ended = progress.done >= progress.total and self._task != progress.task
        if ended:
            self._task = progress.task
        elif not self._pace.due():
            return
        left = "" if progress.left_s is None else f", {_duration(progress.left_s)} left"
        speed = progress.tokens / progress.elapsed_s if progress.elapsed_s else 0
        paid = _paid(progress.cost, progress.generated, progress.total - progress.done)
        self._say(f"{progress.task}: {progress.done} of {progress.total}, {speed:.0f} tokens/s{left}{paid}")

    def scored(self, task: str, done: int, total: int, cost: float | None = None) -> None:
        """So many answers of a benchmark are scored, or have been judged or run."""
        import time

        now = time.monotonic()
        if task != self._task:
            self._task, self._begun, self._paid, self._pace = task, now, cost or 0.0, ProgressPace(0.5)
            self._pace.due()  # what is done at once is not worth a line
        if self._pace.due():
            paid = _paid(None if cost is None else cost - self._paid, done, total - done)
            left = (now - self._begun) / done * (total - done)
            self._say(f"scoring {task}: {done} of {total}, {_duration(left)} left{paid}")

    def _say(self, text: str) -> None:
        print(text + "    ", end="\r" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)


def _paid(cost: float | None, done: int, to_do: int) -> str:
    """The cost so far and what it will be at the end, where a price is known."""
    if cost is None or not done:
        return ""
    return f", {_dollars(cost)} of about {_dollars(cost / done * (done + to_do))}"


def _dollars(amount: float) -> str:
    """Two places, or as many as a small amount needs."""
    return f"${amount:.2f}" if amount >= 0.01 or not amount else f"${amount:.6f}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"


def _judge(args: argparse.Namespace, folder: Any, wording: Any = None) -> Any:
    if args.judge is None:
        return None
    from r1v.eval.grading.judge import Judge
    from r1v.eval.model import AnswerSampling, ModelSettings, open_target

    price = _price(args.judge_price, "--judge-price")
    settings = ModelSettings(args.judge, args.judge_url, os.environ.get("R1V_JUDGE_API_KEY"), price=price)
    target = open_target(settings, AnswerSampling(temperature=0.0))
    return Judge(target.model, args.judge, folder, wording)


def _scored(folder: Any, args: argparse.Namespace) -> Any:
    """Scores of the whole run, so that its score file does not depend on the order of commands."""
    from r1v.eval.protocols import protocol
    from r1v.eval.score import score_run

    manifest = folder.manifest() or {"identity": {"plan": {}}}
    way = protocol(manifest["identity"]["plan"].get("protocol", "r1v"))
    reading = args.reading or way.reading
    return score_run(
        folder,
        judge=_judge(args, folder) if reading == "rules" else None,
        judge_choices=args.judge_choices or way.judge_choices,
        code_timeout_s=args.code_timeout,
        progress=None if getattr(args, "quiet", False) else _Progress().scored,
        reading=reading,
        extractor=extractor_of(args, folder, reading) if reading != "rules" else None,
    )


def extractor_of(args: argparse.Namespace, folder: Any, reading: str) -> Any:
    """The model that says which answer a reply gives; None where none is named."""
    from r1v.eval.grading.extraction import READINGS, Extractor
    from r1v.eval.prompts import prompt

    if reading not in READINGS:
        raise ConfigError(f"--reading is {reading!r}; use one of {', '.join(READINGS)}")
    judge = _judge(args, folder, prompt("extract")) if reading != "box" else None
    return None if judge is None else Extractor(judge, reading)


def _score(args: argparse.Namespace) -> int:
    from r1v.eval.store import RunFolder

    _check_judge(args)
    _check_code_timeout(args)
    with contextlib.ExitStack() as stack:
        if args.judge is not None:
            with contextlib.suppress(ImportError):  # without Inspect, opening the judge says what to install
                from r1v.eval.retries import telling_retries

                stack.enter_context(telling_retries(_warn))
        scores = _scored(stack.enter_context(RunFolder(args.run_folder)), args)
    show_scores(scores)
    return 1 if report_errors(scores) else 0


def _diff(args: argparse.Namespace) -> int:
    from r1v.eval.diff import compare_runs, diff_text

    found = compare_runs(args.left, args.right)
    if args.json:
        import json

        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        print(diff_text(found))
    return 0


def _report(args: argparse.Namespace) -> int:
    from r1v.eval.report import write_report

    for path in write_report(args.runs, args.out, max_samples=args.max_samples):
        print(path)
    return 0


def _list(args: argparse.Namespace) -> int:
    from r1v.eval.benchmark import TASKS, benchmark
    from r1v.eval.questions.own import package_benchmarks

    for name in TASKS:
        one = benchmark(name)
        origin = one.source.repo if one.source else "generated"
        print(f"{name:<18}{one.title:<34}{one.about} [{origin}]")
    for name in package_benchmarks():
        print(f"{name:<18}{'of an installed package':<34}")
    return 0
