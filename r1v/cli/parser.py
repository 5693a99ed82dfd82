"""The argument parser of a command, and the arguments that several commands share.

Always holds: what a user did not give is absent from ``sampling_changes``, so that the checkpoint's own
defaults stand.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from r1v.cli.help import HelpFormatter
from r1v.core import ConfigError, SamplingParams, UnavailableError

if TYPE_CHECKING:
    from r1v.engine import EngineConfig
    from r1v.llm import LLM, PromptLimits


MODEL_HELP = "a folder, a GGUF file, a built-in or short name, or owner/name on the Hugging Face hub"
MOST_THREADS = 256  # that can be asked for on a machine of fewer cores; a million end the process
BACKENDS = ("r1v", "transformers", "vllm", "openai")


class CommandParser(argparse.ArgumentParser):
    """As argparse's, but with ``intermixed`` set, words may stand before, between and after the options."""

    intermixed = False

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **{"formatter_class": HelpFormatter, **settings})

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        if not self.intermixed:
            return super().parse_known_args(args, namespace)
        self.intermixed = False  # argparse calls this method again, once for each of its two passes
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self.intermixed = True


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Which model, and where it runs. Further spellings are those of the release's scripts and of earlier
    versions; help shows the first."""
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model", "--model_path", metavar="MODEL", default=os.environ.get("R1V_MODEL", "r1v-nano"),
        help=f"{MODEL_HELP} (default: $R1V_MODEL, else r1v-nano)",
    )  # fmt: skip
    group.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu, cuda or cuda:N")
    group.add_argument("--dtype", default="auto", metavar="TYPE", help="auto, float32, bfloat16 or float16")
    group.add_argument(
        "--max-model-len", type=int, metavar="N",
        help="tokens of prompt and output together (default: the model's)",
    )  # fmt: skip
    group.add_argument(
        "--max-tiles", type=int, metavar="N", help="most tiles of an image (default: the checkpoint's)"
    )
    group.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: the idle cores)")
    group.add_argument("--backend", choices=BACKENDS,
                       help="what runs the model (default: r1v; openai with --url; vllm for several "
                            "devices)")  # fmt: skip
    group.add_argument("--tensor-parallel-size", "--tensor_parallel_size", type=int, default=1, metavar="N",
                       help="devices that share the model; more than one needs vLLM")  # fmt: skip
    group.add_argument(
        "--pipeline-parallel-size", "--pipeline_parallel_size", type=int, default=1, metavar="N",
        help="split the layers into N groups, each on devices of its own (vLLM)",
    )  # fmt: skip
    group.add_argument("--data-parallel-size", type=int, default=1, metavar="N",
                       help="copies of the model: vLLM's, or with r1v serve one on each GPU")  # fmt: skip
    group.add_argument(
        "--executor", default="auto", choices=("auto", "mp", "ray"),
        help="run vLLM in processes of this machine, or on several machines through Ray",
    )  # fmt: skip
    group.add_argument("--offload", action="store_true",
                       help="keep what fits on no device in the CPU's memory (transformers)")  # fmt: skip
    group.add_argument("--quantisation", choices=("bnb-8bit", "bnb-4bit"),
                       help="load the weights in 8 or 4 bits with bitsandbytes (transformers)")  # fmt: skip
    group.add_argument("--url", "--base-url", metavar="URL", dest="base_url",
                       help="URL of a server, up to and with /v1; its key is in $R1V_API_KEY, "
            "$OPENAI_API_KEY or $ANTHROPIC_API_KEY")  # fmt: skip
    group.add_argument("--api-form", default="openai", choices=("openai", "anthropic"),
                       help="which API that server has")  # fmt: skip
    group.add_argument(
        "--requests-per-minute", type=float, metavar="N",
        help="most requests sent to that server in a minute (default: no limit)",
    )  # fmt: skip


def add_sampling_arguments(parser: argparse.ArgumentParser) -> None:
    """How to decode; the defaults are the checkpoint's."""
    group = parser.add_argument_group(
        "sampling",
        "What is not given is as the checkpoint says, else temperature 0.6, top-p 0.95, penalty 1.05.",
    )
    group.add_argument(
        "--temperature", type=float, metavar="T", help="randomness of the sampling; 0 is greedy"
    )
    group.add_argument(
        "--top-p", "--top_p", type=float, metavar="P",
        help="draw from the likeliest tokens with this share of the probability; 1 is off",
    )  # fmt: skip
    group.add_argument(
        "--top-k", "--top_k", type=int, metavar="K", help="draw from the K likeliest tokens; 0 is off"
    )
    group.add_argument(
        "--min-p", "--min_p", type=float, metavar="P",
        help="leave out tokens less likely than P times the likeliest one; 0 is off",
    )  # fmt: skip
    group.add_argument(
        "--repetition-penalty", "--repetition_penalty", type=float, metavar="R",
        help="make tokens that were used before less likely; 1 is off",
    )  # fmt: skip
    group.add_argument(
        "--seed", type=int, metavar="N",
        help="the same seed gives the same output (default: another one each time)",
    )  # fmt: skip
    group.add_argument("--max-tokens", "--max_tokens", type=int, metavar="N",
                       help="most tokens of thinking and answer together (default: up to the end of the "
            "context)")  # fmt: skip
    group.add_argument("--stop", action="append", metavar="TEXT",
                       help="end the answer before this text; may be given several times")  # fmt: skip
    group.add_argument("--detect-answer-loops", "--detect_answer_loops", action="store_true", default=None,
                       help="end an answer that repeats itself, as thinking that does")  # fmt: skip
    thinking = group.add_mutually_exclusive_group()
    thinking.add_argument(
        "--thinking-budget", "--thinking_budget", type=int, metavar="N",
        help="most tokens of thinking, after which the answer comes (default: -1, no limit)",
    )  # fmt: skip
    thinking.add_argument("--no-thinking", action="store_true", help="answer without thinking")


def sampling(args: argparse.Namespace, defaults: SamplingParams) -> SamplingParams:
    """The defaults with what the user gave. ConfigError: a value out of range."""
    names = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "seed", "max_tokens",
             "thinking_budget", "detect_answer_loops")  # fmt: skip
    changes: dict[str, Any] = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    if args.stop:
        changes["stop"] = tuple(args.stop)
    if args.no_thinking:
        changes["thinking_budget"] = 0
    return replace(defaults, **changes)


def load_model(
    args: argparse.Namespace, *, engine: EngineConfig | None = None, limits: PromptLimits | None = None
) -> LLM:
    """The model that the arguments name. engine, limits: those of a server. Raises as LLM does."""
    check_model_arguments(args)
    backend = chosen_backend(args)
    if backend == "vllm":
        quiet_vllm(args.threads)
    if backend == "r1v":
        use_expandable_segments()
    with long_lived_objects():
        from r1v.llm import LLM

        place_threads(args, serves=engine is not None)
        return LLM(
            args.model,
            backend=backend,
            device=args.device,
            dtype=args.dtype,
            max_model_len=args.max_model_len,
            max_tiles=args.max_tiles,
            engine=engine,
            limits=limits,
            **backend_settings(args, engine),
        )


def quiet_vllm(threads: int | None) -> None:
    """Tell vLLM, which reads the environment only, to keep its log to itself (it is for its developers; what
    goes wrong is raised) and how many threads to use. Before vLLM is imported."""
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("PYTHONWARNINGS", "ignore")  # of the processes that it starts
    os.environ.setdefault("TORCH_LOGS", "-all")
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    warnings.filterwarnings("ignore")
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)


def use_expandable_segments() -> None:
    """Have torch grow what it holds of a GPU, where the user has not configured its allocator: in segments of
    fixed sizes the unused rests of 38B in 4 bits are what it lacks on a card of 30 GB. Before torch's first
    use of the GPU."""
    if not {"PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"} & os.environ.keys():
        os.environ["PYTORCH_ALLOC_CONF"] = "expandable_segments:True"


def place_threads(args: argparse.Namespace, serves: bool) -> None:
    """Choose the threads that compute, and on a CPU their memory node, where the user has not. serves: all of
    them, as a server's load is its own."""
    import torch

    from r1v.cli.nodes import keep_to_one_node
    from r1v.core import usable_cores

    on_cpu = args.device == "cpu" or not torch.cuda.is_available()
    if args.threads is None and "OMP_NUM_THREADS" not in os.environ and on_cpu:
        keep_to_one_node()
        torch.set_num_threads(min(torch.get_num_threads(), usable_cores()))
    if args.threads is not None or not serves:
        set_threads(args.threads)


def set_threads(threads: int | None) -> None:
    """Let torch compute on so many threads. None: OMP_NUM_THREADS, else the cores of this process or
    container that the last minute left idle, since a product waits for its slowest thread: two on two busy
    cores are slower than one."""
    import torch

    from r1v.core import usable_cores

    if threads is None:
        if "OMP_NUM_THREADS" in os.environ:
            return
        usable = usable_cores()
        threads = min(torch.get_num_threads(), usable)
        if hasattr(os, "getloadavg"):
            # the load is that of the whole machine, so cores that are not ours carry a part of it
            beyond = (os.cpu_count() or 1) - usable
            threads = max(1, round(threads - max(0.0, os.getloadavg()[0] - beyond)))
    torch.set_num_threads(threads)


def chosen_backend(args: argparse.Namespace) -> str:
    """What runs the model: the one named, or the one that the other arguments need."""
    if args.backend is not None:
        return str(args.backend)
    if args.base_url is not None:
        return "openai"
    return "vllm" if max(_sizes(args)) > 1 else "r1v"


def _sizes(args: argparse.Namespace) -> tuple[int, int, int]:
    return args.tensor_parallel_size, args.pipeline_parallel_size, args.data_parallel_size


def backend_settings(args: argparse.Namespace, engine: EngineConfig | None = None) -> dict[str, Any]:
    """Arguments of LLM for the backends that are not our own. engine: its number of sequences is a remote
    server's too."""
    from r1v.llm import ParallelConfig, RemoteConfig

    tensor, pipeline, data = _sizes(args)
    parallel = ParallelConfig(tensor, pipeline, data, args.executor, None, args.offload, args.quantisation)
    names = ["R1V_API_KEY", "ANTHROPIC_API_KEY" if args.api_form == "anthropic" else "OPENAI_API_KEY"]
    key = next((os.environ[name] for name in names if os.environ.get(name)), "")
    remote = RemoteConfig(
        args.base_url or "", args.api_form, key, requests_per_minute=args.requests_per_minute
    )
    if engine is not None and engine.max_num_seqs:
        remote = replace(remote, max_concurrent=engine.max_num_seqs)
    return {"parallel": parallel, "remote": remote}


@contextmanager
def long_lived_objects() -> Iterator[None]:
    """Objects that are made inside live until the process ends, so the garbage collector is told to skip
    them. This saves about 0.3 s at the import of torch and as much at the exit."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def check_model_arguments(args: argparse.Namespace) -> None:
    """Raise ConfigError for impossible numbers of devices or threads, or for a backend that cannot use
    them."""
    for name, size in zip(("tensor", "pipeline", "data"), _sizes(args), strict=True):
        if size < 1:
            raise ConfigError(f"--{name}_parallel_size is {size}; it must be at least 1")
    backend = chosen_backend(args)
    if backend == "vllm" and importlib.util.find_spec("vllm") is None:
        raise UnavailableError(
            "the backend vllm needs vLLM, which is not installed here; on a machine with GPUs: "
            "pip install 'r1v[vllm]', on a CPU: benchmarks/peers/vllm_cpu.sh"
        )
    if backend == "openai" and args.base_url is None:
        raise ConfigError("the backend openai needs a URL; give one with --url https://…/v1")
    most = max(MOST_THREADS, os.cpu_count() or 1)
    if args.threads is not None and not 1 <= args.threads <= most:
        raise ConfigError(f"--threads is {args.threads}; it must be at least 1 and at most {most}")
    if args.threads is not None and backend == "openai":
        raise ConfigError("--threads is for models on this machine, but the backend openai asks a server: "
                          "leave it out")  # fmt: skip
