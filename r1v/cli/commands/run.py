"""``r1v run INPUT.jsonl OUTPUT.jsonl``: answers to a file of requests; started again, it goes on."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from r1v.cli.parser import CommandParser, add_model_arguments, check_model_arguments, load_model
from r1v.core import ConfigError

if TYPE_CHECKING:
    from r1v.batch import BatchProgress
    from r1v.llm import LLM


def configure(parser: CommandParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "input", type=Path, metavar="INPUT.jsonl", help="file of requests in OpenAI's batch format"
    )
    parser.add_argument("output", type=Path, metavar="OUTPUT.jsonl",
                        help="file for the answers; an existing one is completed")  # fmt: skip
    add_model_arguments(parser)
    group = parser.add_argument_group("run")
    group.add_argument(
        "--workers", type=int, default=1, metavar="N",
        help="number of processes, each with a model; with CUDA each on a device of its own",
    )  # fmt: skip
    group.add_argument("--also-url", action="append", default=[], metavar="URL",
                       help="a further server beside --url; may be given several times")  # fmt: skip
    group.add_argument(
        "--concurrency", type=int, metavar="N",
        help="requests that each worker has at a time (default: as many as it decodes)",
    )  # fmt: skip
    group.add_argument("--keep-going", action="store_true",
                       help="give a line that no worker can answer a 503; without it such a line ends the "
            "run")  # fmt: skip
    group.add_argument(
        "--image-folder", type=Path, metavar="DIR", help="allow file:// images from this folder"
    )
    group.add_argument("--allow-failures", action="store_true",
                       help="exit with 0 although lines have an error")  # fmt: skip
    group.add_argument("--any-model", action="store_true",
                       help="answer lines whose body names another model, too")  # fmt: skip
    group.add_argument("--quiet", action="store_true", help="show no progress")


def run(args: argparse.Namespace) -> int:
    """Answer all lines. Returns 0 when every line has an answer, and 1 when some answers are errors, unless
    errors are allowed."""
    check_input(args.input)
    if args.workers < 1 or (args.concurrency is not None and args.concurrency < 1):
        raise ConfigError("--workers and --concurrency must be at least 1")
    if args.workers > 1 and (args.base_url is not None or args.also_url):
        raise ConfigError("--workers is for models on this machine; name further servers with --also-url")
    check_model_arguments(args)
    if args.output.exists() and args.output.samefile(args.input):
        raise ConfigError(f"{args.output} is the file of requests; name another file for the answers")
    from r1v.batch import AnswerFile, BatchRun, WorkerSettings, local_workers, process_workers

    settings = WorkerSettings(args.model, args.concurrency, args.image_folder)
    plain = argparse.Namespace(**{name: value for name, value in vars(args).items() if name != "run"})
    output = AnswerFile(args.output)
    try:
        if args.workers > 1:
            workers = process_workers([partial(load_on, plain, i) for i in range(args.workers)], settings)
        else:
            urls = [args.base_url, *args.also_url]
            workers = local_workers([partial(load_from, plain, url) for url in urls], settings)
        names = None if args.any_model else dict.fromkeys([Path(args.model).name, args.model])
        batch = BatchRun(args.input, output, workers, keep_going=args.keep_going, models=names)
        final = batch.run(lambda progress: None if args.quiet else show(progress))
    finally:
        output.close()
    if not args.quiet:
        print(file=sys.stderr)
    print(f"{final.num_done} lines in {args.output}, {final.num_failed} of them with an error")
    return 1 if final.num_failed and not args.allow_failures else 0


def check_input(path: Path) -> None:
    """Raise ConfigError for what cannot be read twice, line by line."""
    try:
        if not path.exists():
            raise ConfigError(
                f"there is no file {path}; name a file of requests, with one JSON object on each line"
            )
        if not path.is_file():
            raise ConfigError(
                f"{path} is not a regular file, but requests are read more than once; name a regular file"
            )
        path.open("rb").close()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; name another file") from error


def load_from(args: argparse.Namespace, url: str | None) -> LLM:
    """The model that the arguments name, or that a server has."""
    return load_model(argparse.Namespace(**{**vars(args), "base_url": url}))


def load_on(args: argparse.Namespace, number: int) -> LLM:
    """The model in one of several processes, each on a CUDA device of its own if there are any."""
    device = args.device
    if device == "auto":
        import torch

        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        device = f"cuda:{number % count}" if count else "cpu"
    return load_model(argparse.Namespace(**{**vars(args), "device": device}))


def show(progress: BatchProgress) -> None:
    """Write progress to one line on standard error, over and over."""
    left = progress.left_s
    rest = (
        ""
        if left is None
        else f", {int(left // 3600)}:{int(left % 3600 // 60):02d}:{int(left % 60):02d} left"
    )
    failed = f", {progress.num_failed} with an error" if progress.num_failed else ""
    text = f"{progress.num_done}/{progress.num_lines} lines, {progress.lines_per_s:.1f}/s{rest}{failed}"
    print(f"\r{text:<78}", end="", file=sys.stderr, flush=True)
