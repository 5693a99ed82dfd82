"""``r1v serve``: an OpenAI-compatible server and the chat page."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from r1v.cli.parser import (
    MODEL_HELP,
    CommandParser,
    add_model_arguments,
    check_model_arguments,
    chosen_backend,
    load_model,
)
from r1v.core import ConfigError

if TYPE_CHECKING:
    from r1v.llm import LLM
    from r1v.server import LogForm, ServerConfig

MAX_STEP_MS = 250.0  # of a step, for prompts: in a server nobody should wait long for others


def configure(parser: CommandParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", nargs="?", metavar="MODEL",
                        help=MODEL_HELP)  # fmt: skip
    add_model_arguments(parser)
    _add_server_arguments(parser)
    _add_limits(parser)


def _add_server_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("server")
    group.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS",
        help="address to listen on: 127.0.0.1 is this machine only, 0.0.0.0 every network",
    )  # fmt: skip
    group.add_argument(
        "--port", type=int, default=8000, metavar="N", help="port to listen on; 0 takes a free one"
    )
    group.add_argument(
        "--served-model-name", metavar="NAME",
        help="the model's name in the API (default: the last part of MODEL)",
    )  # fmt: skip
    group.add_argument(
        "--api-key-file", type=Path, metavar="FILE",
        help="file with the keys that open the server, one on each line (or $R1V_API_KEYS)",
    )  # fmt: skip
    group.add_argument("--cors-origin", action="append", default=[], metavar="ORIGIN",
                       help="pages of this origin may call the API; may be given several times")  # fmt: skip
    group.add_argument(
        "--image-folder", type=Path, metavar="DIR", help="allow file:// images from this folder"
    )
    group.add_argument("--no-remote-images", action="store_true", help="fetch no http(s) images")
    group.add_argument("--image-network", action="append", default=[], metavar="NETWORK",
                       help="allow images from this private network too, e.g. 10.1.0.0/16")  # fmt: skip
    group.add_argument("--image-port", action="append", type=int, default=[], metavar="N",
                       help="allow images from this port, beside 80 and 443")  # fmt: skip
    group.add_argument(
        "--private-drafts", action="store_true",
        help="guess the next tokens of an answer only from itself and its question",
    )  # fmt: skip
    group.add_argument("--deterministic", action="store_true", default=None,
                       help="make answers independent of what runs beside them (CPU; slower)")  # fmt: skip
    group.add_argument("--tool-calls", choices=("template", "any"), default="template",
                       help="which tool calls are read: in the template's form, or any, which also reads "
            "bare and fenced JSON")  # fmt: skip
    group.add_argument("--no-ui", action="store_true", help="serve the API only, without the chat page")
    group.add_argument(
        "--log", choices=("text", "json", "none"),
        help="form of the line for each request (default: text on a terminal, else json)",
    )  # fmt: skip
    group.add_argument("--listen-fd", type=int, metavar="N",
                       help="listen on this open socket, which a service manager hands over")  # fmt: skip


def _max_running(args: argparse.Namespace) -> int | None:
    given: int | None = args.max_running
    if given is not None and given < 1:
        raise ConfigError(f"--max-running is {given}; it must be at least 1")
    return given


def _max_step_ms(args: argparse.Namespace) -> float | None:
    """What was asked, or our engine's default; other backends refuse it as they would not obey it."""
    given: float | None = args.max_step_ms
    return MAX_STEP_MS if given is None and chosen_backend(args) == "r1v" else given


def _add_limits(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("limits")
    for option, kind, text in (
        ("--max-running", int, "sequences decoded at a time (default: 256 on a GPU, else 64)"),
        (
            "--max-step-ms",
            float,
            "time that prompts may take of a step: lower is steadier, higher faster (default: 250)",
        ),
        ("--max-queue", int, "sequences that may wait; more get status 429 (default: 256)"),
        ("--max-n", int, "completions of one request (default: 16)"),
        ("--deadline", float, "seconds of one request (default: 600)"),
        ("--drain", float, "seconds for running requests to finish after SIGTERM (default: 30)"),
        ("--max-images", int, "images of one request (default: 16)"),
        ("--max-image-pixels", int, "pixels of one image (default: 40 million)"),
        ("--max-image-mib", int, "MiB of one image's file (default: 20)"),
        ("--max-body-mib", int, "MiB of one request (default: 64)"),
        ("--image-cache-mib", int, "MiB of encoded images kept for later questions (default: 256)"),
        ("--cache-mib", int, "MiB of the key-value cache (default: most of what is free)"),
    ):
        group.add_argument(option, type=kind, metavar="N", help=text)


def run(args: argparse.Namespace) -> int:
    """Serve until a signal comes."""
    return start(args, open_browser=False)


def start(args: argparse.Namespace, *, open_browser: bool) -> int:
    """Load the model, listen, and serve until a signal comes."""
    if args.name is not None:
        args.model = args.name
    from r1v.cli.replicas import are_ours, replica_commands

    copies = args.data_parallel_size if are_ours(args) else 1
    if copies > 1:
        args.data_parallel_size = 1  # of each copy
    check_model_arguments(args)
    if open_browser and args.no_ui:
        raise ConfigError("--no-ui leaves out the page that r1v ui opens; use r1v serve")
    config = make_config(args, page=not args.no_ui)
    from r1v.server import serve, serve_replicas

    log_form: LogForm = args.log or ("text" if sys.stderr.isatty() else "json")
    if copies > 1:
        args.data_parallel_size = copies
        commands = replica_commands(args, args.argv)
        print(f"{copies} copies of {config.name} are being loaded", file=sys.stderr, flush=True)
        serve_replicas(
            commands, config, log_form=log_form,
            on_start=lambda url: announce(url, config, f"{copies} copies", open_browser),
        )  # fmt: skip
        return 0
    from r1v.llm import is_reward_model

    if is_reward_model(args.model):
        return serve_reward_model(args, config, log_form)
    llm = load(args, config)
    with llm:
        serve(
            llm, config, log_form=log_form,
            on_start=lambda url: announce(url, config, str(llm.backend), open_browser),
        )  # fmt: skip
    return 0


def serve_reward_model(args: argparse.Namespace, config: ServerConfig, log_form: LogForm) -> int:
    """Serve rewards of conversations. ConfigError: it is not asked to run on our own backend."""
    from r1v.cli.parser import chosen_backend
    from r1v.llm import ConversationScorer, ImageLimits, PromptLimits
    from r1v.server import serve_rewards

    if chosen_backend(args) != "r1v":
        raise ConfigError(f"{args.model} is a reward model, which only r1v's own engine runs, on one "
                          "device; leave out the backend and the parallel sizes")  # fmt: skip
    limits = PromptLimits(
        images=ImageLimits(config.max_image_pixels, config.max_image_bytes), max_images=config.max_images
    )
    scorer = ConversationScorer(
        args.model, device=args.device, dtype=args.dtype, max_tiles=args.max_tiles, limits=limits
    )

    def said(url: str) -> None:
        print(f"{config.name}, a reward model: {url}/v1/reward", file=sys.stderr, flush=True)

    serve_rewards(scorer, config, on_start=said, log_form=log_form)
    return 0


def make_config(args: argparse.Namespace, *, page: bool) -> ServerConfig:
    """The server's settings. Raises ConfigError."""
    from r1v.server import ServerConfig

    given = {
        "max_queue": args.max_queue,
        "max_n": args.max_n,
        "deadline_s": args.deadline,
        "drain_s": args.drain,
        "max_images": args.max_images,
        "max_image_pixels": args.max_image_pixels,
        "max_image_bytes": None if args.max_image_mib is None else args.max_image_mib << 20,
        "max_body_bytes": None if args.max_body_mib is None else args.max_body_mib << 20,
    }
    return ServerConfig(
        name=args.served_model_name or Path(args.model).name,
        host=args.host,
        port=args.port,
        listen_fd=args.listen_fd,
        api_keys=read_keys(args.api_key_file, os.environ.get("R1V_API_KEYS", "")),
        cors_origins=tuple(args.cors_origin),
        image_folder=args.image_folder,
        remote_images=not args.no_remote_images,
        image_networks=tuple(args.image_network),
        image_ports=(80, 443, *args.image_port),
        page=page,
        tool_calls=args.tool_calls,
        **{name: value for name, value in given.items() if value is not None},
    )


def load(args: argparse.Namespace, config: ServerConfig) -> LLM:
    """The model, with the server's limits. Raises as LLM does."""
    from r1v.engine import EngineConfig
    from r1v.llm import ImageLimits, PromptLimits

    engine = {
        "max_num_seqs": _max_running(args),
        "max_step_ms": _max_step_ms(args),
        "capture_ahead": True if chosen_backend(args) == "r1v" else None,
        "deterministic": args.deterministic,
        "shared_draft_bytes": 0 if args.private_drafts else None,
        "image_cache_bytes": None if args.image_cache_mib is None else args.image_cache_mib << 20,
        "cache_bytes": None if args.cache_mib is None else args.cache_mib << 20,
    }
    return load_model(
        args,
        engine=EngineConfig(keep_weights=False, **{k: v for k, v in engine.items() if v is not None}),
        limits=PromptLimits(
            images=ImageLimits(config.max_image_pixels, config.max_image_bytes), max_images=config.max_images
        ),
    )


def read_keys(path: Path | None, listed: str) -> tuple[str, ...]:
    """Keys of a file, or of a list with commas. ConfigError: the file cannot be read or holds none."""
    if path is None:
        return tuple(filter(None, (key.strip() for key in listed.split(","))))
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read ({error}); give a file with one key on each line"
        ) from error
    keys = tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))
    if not keys:
        raise ConfigError(f"{path} holds no key; write one on each line")
    return keys


def announce(url: str, config: ServerConfig, backend: str, open_browser: bool) -> None:
    """Say where the server is and what runs the model, once it listens. Whoever gave the socket knows."""
    if config.listen_fd is not None:
        return
    lines = [f"{config.name}: API at {url}/v1", f"runs by {backend}"]
    if config.page:
        lines.append(f"chat page at {url}/")
    if not config.on_loopback and not config.api_keys:
        lines.append("anyone who reaches this address can use it: --api-key-file closes it")
    print("\n".join(lines), file=sys.stderr, flush=True)
    if open_browser:
        import webbrowser

        webbrowser.open(url)
