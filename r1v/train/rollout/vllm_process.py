"""The process that holds vLLM and answers a GRPO trainer's questions: ``r1v train rollout``.

Enters: over a connection, weights and questions. Leaves: responses with their log-probabilities. Always
holds: answers come from the weights that were sent last, and nothing computed with older ones is used; it
serves one trainer at a time; a failure is reported to the trainer in one line.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from typing import Any, Protocol

from PIL import Image
from rich.console import Console

from r1v.core import R1VError
from r1v.llm.backends.vllm.launch import check_vllm, engine_arguments, folder_for_vllm, prepare
from r1v.llm.config import LLMConfig, ParallelConfig, resolve_dtype, weight_bytes
from r1v.train.core.checks import at_least, choice
from r1v.train.core.keys import key as about
from r1v.train.rollout.vllm_worker import NAME
from r1v.train.rollout.wire import (
    FOLDER_PREFIX,
    Answered,
    Ask,
    RolloutSampling,
    WireResponse,
    parse_address,
    read_asks,
    read_key,
    send,
)
from r1v.train.rollout.wire import receive as receive_message

END_S = 2.0  # the time for cleaning up when nobody is connected any more


@dataclass(frozen=True)
class RolloutEngineConfig:
    """A vLLM process that answers a GRPO trainer's questions with the weights that the trainer sends."""

    model: str = about("", "checkpoint that the trainer starts from", required=True)
    listen: str = about("", "where the trainer connects: HOST:PORT, or a socket's path", required=True)
    key: str = about("", "file with a secret that both know", required=True)
    tensor_parallel: int = about(1, "devices that share the model")
    dtype: str = about("auto", "of weights and cache: the trainer's, bfloat16 or float32")
    max_num_seqs: int = about(64, "responses decoded together")
    memory_fraction: float = about(0.9, "of each device")
    sleep: bool = about(False, "give weights and cache back when the trainer says so; on a GPU only")
    attached: bool = about(False, "end when the standard input does")

    def __post_init__(self) -> None:
        at_least(self, 1, "tensor_parallel", "max_num_seqs")
        choice("dtype", self.dtype, ("auto", "float32", "bfloat16", "float16"))


class RolloutEngine(Protocol):
    """An engine that answers. about: what the trainer is told when it connects."""

    about: dict[str, Any]

    def begin_weights(self) -> None:
        """Wake up, if it sleeps; other weights are coming."""

    def take_block(self, place: dict[str, Any], laid: Sequence[Sequence[Any]], content: bytes) -> str:
        """Take tensors under their names of the release's layout (see `blocks.read`). Returns "", or why the
        block cannot be opened."""

    def end_weights(self) -> None:
        """All have come."""

    def sleep(self) -> None:
        """Give the memory of weights and cache back until other weights come."""

    def sample(self, asks: Sequence[Ask], sampling: RolloutSampling) -> list[Answered]:
        """Answer questions."""


class VLLMEngine:
    """vLLM's offline engine, whose weights are replaced. See RolloutEngine."""

    def __init__(self, config: RolloutEngineConfig) -> None:
        """Raises UnavailableError, CheckpointError."""
        import torch

        version = check_vllm()
        source = Path(config.model)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = resolve_dtype(config.dtype, device, weight_bytes(source))
        self.about: dict[str, Any] = {"vllm": version, "dtype": dtype, "device": device}
        parallel = ParallelConfig(tensor=config.tensor_parallel)
        if config.tensor_parallel == 1:  # no further process, which could end without this one
            os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        prepare(parallel)
        from vllm import LLM

        arguments = engine_arguments(
            folder_for_vllm(source), LLMConfig(str(source), "vllm", dtype=dtype, parallel=parallel),
            max_num_seqs=config.max_num_seqs, logprobs_mode="raw_logprobs", worker_extension_cls=NAME,
        )  # fmt: skip
        self._sleeps, self._asleep = config.sleep and device == "cuda", False
        if device == "cuda":
            arguments["gpu_memory_utilization"] = config.memory_fraction
            arguments["enable_sleep_mode"] = self._sleeps
        self._llm = LLM(**arguments)
        seen = [set(each) for each in self._llm.collective_rpc("r1v_devices")]
        self.about["sees"] = sorted(set.intersection(*seen))

    def begin_weights(self) -> None:
        """See RolloutEngine. The cache wakes up when the weights are there, so that what they pass through on
        their way has its room."""
        if self._asleep:
            self._llm.wake_up(tags=["weights"])
        self._llm.collective_rpc("r1v_begin_weights")

    def take_block(self, place: dict[str, Any], laid: Sequence[Sequence[Any]], content: bytes) -> str:
        """See RolloutEngine."""
        said: list[str] = self._llm.collective_rpc("r1v_take_block", args=(place, laid, content))
        return next(filter(None, said), "")

    def sleep(self) -> None:
        """See RolloutEngine. vLLM has no sleep mode on a CPU."""
        if self._sleeps and not self._asleep:
            self._llm.sleep(level=2)
            self._asleep = True

    def end_weights(self) -> None:
        """See RolloutEngine."""
        self._llm.collective_rpc("r1v_end_weights")
        if self._asleep:
            self._llm.wake_up(tags=["kv_cache"])
            self._asleep = False
        if not self._llm.reset_prefix_cache():
            raise RuntimeError("vLLM kept its prefix cache, which older weights made")
        self._llm.reset_mm_cache()
        self._llm.llm_engine.reset_encoder_cache()

    def sample(self, asks: Sequence[Ask], sampling: RolloutSampling) -> list[Answered]:
        """See RolloutEngine. Each response is a request of its own; vLLM shares the cache of the prompt."""
        from vllm import SamplingParams

        common: dict[str, Any] = {
            "temperature": sampling.temperature, "max_tokens": sampling.max_tokens, "logprobs": 0,
            "stop_token_ids": list(sampling.stop), "detokenize": False,
            "logit_bias": dict.fromkeys(sampling.banned, -100.0) or None,
        }  # fmt: skip
        prompts, params = [], []
        for ask in asks:
            prompts += [_given(ask)] * sampling.n
            params += [SamplingParams(seed=ask.seed + i, **common) for i in range(sampling.n)]
        outputs = self._llm.generate(prompts, params, use_tqdm=False)
        answered = []
        for place in range(0, len(outputs), sampling.n):
            group = outputs[place : place + sampling.n]
            answered.append(
                Answered(list(group[0].prompt_token_ids), [_sampled(one.outputs[0]) for one in group])
            )
        return answered


def _given(ask: Ask) -> dict[str, Any]:
    given: dict[str, Any] = {"prompt_token_ids": list(ask.token_ids)}
    if ask.images:
        given["multi_modal_data"] = {"image": [Image.open(io.BytesIO(image)) for image in ask.images]}
    if ask.tiles is not None:
        least, most = ask.tiles
        given["mm_processor_kwargs"] = {"min_dynamic_patch": least, "max_dynamic_patch": most}
    return given


def _sampled(output: Any) -> WireResponse:
    ids = list(output.token_ids)
    logprobs = [table[token_id].logprob for token_id, table in zip(ids, output.logprobs, strict=True)]
    return WireResponse(ids, logprobs, str(output.finish_reason))


def serve(
    config: RolloutEngineConfig,
    console: Console | None = None,
    open_engine: Callable[[RolloutEngineConfig], RolloutEngine] = VLLMEngine,
) -> None:
    """Answer one trainer after the other, until interrupted. Raises R1VError."""
    console = console or Console(stderr=True)
    address, key = parse_address(config.listen), read_key(config.key)
    if config.attached:
        threading.Thread(target=_end_with_input, args=(config,), daemon=True).start()
    try:
        listener = Listener(address, authkey=key)
    except OSError as error:
        raise R1VError(f"cannot listen at {config.listen}: {error.strerror}; name another address") from None
    with contextlib.ExitStack() as stack:
        stack.callback(_remove_folder, config)
        stack.enter_context(listener)
        engine = open_engine(config)
        console.print(f"{engine.about}; waiting for a trainer at {config.listen}", highlight=False)
        while True:
            try:
                connection = listener.accept()
            except (AuthenticationError, EOFError, OSError) as error:
                console.print(f"turned away: {error or type(error).__name__}", highlight=False)
                continue
            with connection, contextlib.suppress(EOFError, OSError):  # a trainer that is gone
                send(connection, {"about": engine.about})
                while True:
                    _answer(engine, connection)


def _answer(engine: RolloutEngine, connection: Connection) -> None:
    """Answer one request. Every error in it is reported to the trainer."""
    head, blobs = receive_message(connection)
    reply: dict[str, Any] = {}
    try:
        if head["do"] == "begin weights":
            engine.begin_weights()
        elif head["do"] == "block":
            reply["refused"] = engine.take_block(head["place"], head["laid"], b"".join(blobs))
        elif head["do"] == "end weights":
            engine.end_weights()
        elif head["do"] == "sleep":
            engine.sleep()
        else:
            reply["answers"] = [asdict(one) for one in engine.sample(*read_asks(head, blobs))]
    except (EOFError, ConnectionError):
        raise
    except Exception as error:  # noqa: BLE001 - the trainer reports it, and ends
        traceback.print_exc()
        reply["error"] = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    send(connection, reply)


def _remove_folder(config: RolloutEngineConfig) -> None:
    """Where a trainer started this process: the folder that it made for both, which a killed one leaves."""
    folder = Path(config.listen).parent
    if config.attached and folder.name.startswith(FOLDER_PREFIX):
        shutil.rmtree(folder, ignore_errors=True)


def _end_with_input(config: RolloutEngineConfig) -> None:
    """End with the process that started this one, even where that was killed; tidily, if that is quick."""
    while os.read(0, 4096):  # not through sys.stdin, whose lock would be held when the interpreter ends
        pass
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    time.sleep(END_S)
    _remove_folder(config)
    os._exit(1)
