"""``r1v run INPUT.jsonl OUTPUT.jsonl``: answers to a file of requests; started again, it goes on."""

from __future__ import annotations

import argparse
import asyncio
import copy
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from r1v.cli.parser import CommandParser, add_model_arguments, load_model
from r1v.core import ConfigError, R1VError, UnavailableError

if TYPE_CHECKING:
    from r1v.batch.run import Progress, Worker
    from r1v.llm import LLM


def configure(parser: CommandParser) -> None:
    """Declare the arguments."""
    parser.add_argument("input", type=Path, metavar="INPUT.jsonl", help="requests in OpenAI's batch format")
    parser.add_argument("output", type=Path, metavar="OUTPUT.jsonl",
                        help="answers; one that is there is completed")  # fmt: skip
    add_model_arguments(parser)
    group = parser.add_argument_group("run")
    group.add_argument("--workers", type=int, default=1, metavar="N",
                       help="processes with a model each; with CUDA each on a device of its own")  # fmt: skip
    group.add_argument("--also-url", action="append", default=[], metavar="URL",
                       help="a further server beside --base-url; may be given several times")  # fmt: skip
    group.add_argument("--concurrency", type=int, metavar="N", help="requests at a time of each worker")
    group.add_argument("--keep-going", action="store_true",
                       help="a line that no worker can answer gets a 503; else it ends the run")  # fmt: skip
    group.add_argument(
        "--image-folder", type=Path, metavar="FOLDER", help="file:// images may come from here"
    )
    group.add_argument("--quiet", action="store_true", help="no progress")


def run(args: argparse.Namespace) -> int:
    """Run; 0 when every line has its answer, be it an error of the line's own."""
    if not args.input.is_file():
        raise ConfigError(f"there is no file {args.input}")
    if args.workers < 1 or (args.concurrency is not None and args.concurrency < 1):
        raise ConfigError("--workers and --concurrency must be at least 1")
    if args.workers > 1 and args.base_url is not None:
        raise ConfigError("--workers is for local models; name further servers with --also-url")
    from r1v.batch.run import BatchRun, Output

    output = Output(args.output)
    workers = make_workers(args)
    try:
        batch = BatchRun(args.input, output, workers, keep_going=args.keep_going)
        final = batch.run(lambda progress: None if args.quiet else show(progress))
    finally:
        output.close()
    if not args.quiet:
        print(file=sys.stderr)
    print(f"{final.num_done} lines in {args.output}, {final.num_failed} of them with an error")
    return 0


def show(progress: Progress) -> None:
    """One line on standard error, over and over."""
    left = progress.left_s
    rest = (
        ""
        if left is None
        else f", {int(left // 3600)}:{int(left % 3600 // 60):02d}:{int(left % 60):02d} left"
    )
    failed = f", {progress.num_failed} with an error" if progress.num_failed else ""
    text = f"{progress.num_done}/{progress.num_lines} lines, {progress.lines_per_s:.1f}/s{rest}{failed}"
    print(f"\r{text:<78}", end="", file=sys.stderr, flush=True)


def make_workers(args: argparse.Namespace) -> list[Worker]:
    """One worker a server, or a process, or this process alone."""
    from r1v.batch.run import Worker

    if args.workers > 1:
        children = [Child(args, number) for number in range(args.workers)]
        return [Worker(child.answer, args.concurrency or 16) for child in children]
    workers = []
    for url in [args.base_url, *args.also_url]:
        here = copy.copy(args)
        here.base_url = url
        llm = load_model(here)
        workers.append(Worker(Answerer(llm, args).answer, args.concurrency or min(llm.max_running, 64)))
    return workers


class Answerer:
    """Answers bodies of chat completions with a model, as our server does."""

    def __init__(self, llm: LLM, args: argparse.Namespace) -> None:
        from r1v.server.config import ServerConfig
        from r1v.server.images import ImageSource
        from r1v.server.params import Translator

        self._llm = llm
        config = ServerConfig(name=args.model, image_folder=args.image_folder, max_n=128, page=False)
        self._translator = Translator(llm.info, llm.default_params, config, ImageSource(config))

    def answer(self, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """(status, response). Raises UnavailableError, CapacityError."""
        from pydantic import ValidationError

        from r1v.core import CapacityError
        from r1v.server.answers import ChatWriter
        from r1v.server.errors import APIError, from_r1v, from_validation
        from r1v.server.schema import ChatBody

        try:
            checked = ChatBody.model_validate({**body, "stream": None, "stream_options": None})
            request = asyncio.run(self._translator.chat(checked))
            completions = self._llm.start(request).wait()
        except (UnavailableError, CapacityError):
            raise
        except ValidationError as error:
            refused = from_validation(error.errors())
        except APIError as error:
            refused = error
        except R1VError as error:
            refused = from_r1v(error)
        else:
            writer = ChatWriter(
                str(body.get("model")),
                self._llm.token_text,
                with_tools=bool(checked.tools),
                fingerprint="r1v",
            )
            finishes = [
                (c.finish_reason.value, c.finish_detail and c.finish_detail.value) for c in completions
            ]
            return 200, writer.whole(completions, finishes, {})
        return refused.status, dict(refused.body())


class Child:
    """A process with a model of its own, asked through a pipe."""

    def __init__(self, args: argparse.Namespace, number: int) -> None:
        import multiprocessing

        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        plain = {name: value for name, value in vars(args).items() if name != "run"}
        self._process = context.Process(target=child_main, args=(theirs, plain, number), daemon=True)
        self._process.start()
        theirs.close()
        self._waiting: dict[int, list[Any]] = {}
        self._next = 0
        self._lock = threading.Lock()
        self._came = threading.Condition()
        self._gone = False
        threading.Thread(target=self._receive, daemon=True).start()

    def answer(self, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """See Answerer. UnavailableError: the process has ended."""
        with self._lock:
            ticket, self._next = self._next, self._next + 1
            try:
                self._pipe.send((ticket, body))
            except OSError as error:
                raise UnavailableError(f"a worker process has ended ({self._process.exitcode})") from error
        with self._came:
            while ticket not in self._waiting:
                if self._gone:
                    raise UnavailableError(f"a worker process has ended ({self._process.exitcode})")
                self._came.wait()
            found = self._waiting.pop(ticket)
        if isinstance(found, str):
            raise UnavailableError(found)
        status, answer = found
        return int(status), answer

    def _receive(self) -> None:
        while True:
            try:
                ticket, found = self._pipe.recv()
            except (EOFError, OSError):
                with self._came:
                    self._gone = True
                    self._came.notify_all()
                return
            with self._came:
                self._waiting[ticket] = found
                self._came.notify_all()


def child_main(pipe: Any, values: dict[str, Any], number: int) -> None:
    """A worker process: answers until its parent closes the pipe, or is killed."""
    from concurrent.futures import ThreadPoolExecutor

    args = argparse.Namespace(**values)
    if args.device == "auto":
        import torch

        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        args.device = f"cuda:{number % count}" if count else "cpu"
    answerer = Answerer(load_model(args), args)
    lock = threading.Lock()

    def work(ticket: int, body: Mapping[str, Any]) -> None:
        try:
            found: Any = answerer.answer(body)
        except R1VError as error:
            found = str(error)
        with lock:
            pipe.send((ticket, found))

    with ThreadPoolExecutor(args.concurrency or 16) as pool:
        while True:
            try:
                ticket, body = pipe.recv()
            except (EOFError, OSError, KeyboardInterrupt):
                return
            pool.submit(work, ticket, body)
