"""Settings of the façade, and how "auto" is resolved.

Enters: what the user asked for. Leaves: a new LLMConfig in which nothing is "auto". Always holds: a resolved
config says exactly what ran, so that it can be stored beside a result.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from r1v.core import CheckpointError, ConfigError, Decoding, SamplingParams, UnavailableError, parse_json
from r1v.prompt import PromptLimits

DTYPES: dict[str, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}

# Below, reading half the bytes gains nothing on a CPU without bf16 instructions; above, decoding took a third
# of float32's time (14 M and 180 M parameters, two threads).
SMALL_BYTES = 128 << 20


REMOTE_FORMS = ("openai", "anthropic")


@dataclass(frozen=True, slots=True)
class ParallelConfig:
    """How many devices share one model (vLLM; transformers takes every device that it is given).

    tensor, pipeline, data: sizes of the groups, as vLLM names them. executor: "auto", "mp" (processes of this
    machine) or "ray" (several machines). devices: how many accelerators transformers may use; None is all.
    offload: layers that fit on no accelerator stay in the CPU's memory (transformers). quantisation: None,
    "bnb-8bit" or "bnb-4bit" (transformers with bitsandbytes).
    """

    tensor: int = 1
    pipeline: int = 1
    data: int = 1
    executor: str = "auto"
    devices: int | None = None
    offload: bool = False
    quantisation: str | None = None

    def __post_init__(self) -> None:
        for name in ("tensor", "pipeline", "data"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}_parallel_size is {getattr(self, name)}; it must be at least 1")
        if self.executor not in ("auto", "mp", "ray"):
            raise ConfigError(f"executor is {self.executor!r}; use auto, mp or ray")
        if self.quantisation not in (None, "bnb-8bit", "bnb-4bit"):
            raise ConfigError(f"quantisation is {self.quantisation!r}; use bnb-8bit or bnb-4bit, or none")


@dataclass(frozen=True, slots=True)
class RemoteConfig:
    """How a remote endpoint is asked.

    url: up to and with /v1. form: "openai" (chat completions) or "anthropic" (messages). api_key: not kept in
    a resolved config. max_concurrent: requests on the way at a time. requests_per_minute: None is no limit of
    ours. max_retries: of one request, after errors that may pass. timeout_s: without a byte from the server.
    max_image_bytes, max_image_side: larger images are made smaller. extra: fields of the body as they are.
    """

    url: str = ""
    form: str = "openai"
    api_key: str = field(default="", repr=False)
    max_concurrent: int = 16
    requests_per_minute: float | None = None
    max_retries: int = 6
    timeout_s: float = 600.0
    max_image_bytes: int = 5 << 20
    max_image_side: int = 8000
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.url and not self.url.startswith(("http://", "https://")):
            raise ConfigError(f"the URL is {self.url!r}; it must begin with http:// or https://")
        if self.form not in REMOTE_FORMS:
            raise ConfigError(f"form is {self.form!r}; use one of {', '.join(REMOTE_FORMS)}")
        for name in ("max_concurrent", "max_image_bytes", "max_image_side"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.max_retries < 0 or self.timeout_s <= 0:
            raise ConfigError("max_retries must be at least 0, timeout_s more than 0")
        if self.requests_per_minute is not None and not self.requests_per_minute > 0:
            raise ConfigError(f"requests_per_minute is {self.requests_per_minute}; it must be more than 0")


@dataclass(frozen=True, slots=True)
class LLMConfig:
    """What runs, and where.

    model: a folder, a built-in or short name, or a Hugging Face repo id. device: "auto", "cpu", "cuda" or
    "cuda:N". dtype: of weights and activations. max_model_len: tokens of prompt and output together; None is
    what the model allows. max_tiles: of each image's grid; None is the checkpoint's own number.
    limits: what one request may bring. parallel: of the backends vllm and transformers. remote: of the
    backend openai.
    """

    model: str = "r1v-nano"
    backend: str = "r1v"
    device: str = "auto"
    dtype: str = "auto"
    max_model_len: int | None = None
    max_tiles: int | None = None
    limits: PromptLimits = field(default_factory=PromptLimits)
    parallel: ParallelConfig = field(default_factory=ParallelConfig)
    remote: RemoteConfig = field(default_factory=RemoteConfig)

    def __post_init__(self) -> None:
        if self.dtype != "auto" and self.dtype not in DTYPES:
            raise ConfigError(f"dtype is {self.dtype!r}; use auto, {', '.join(DTYPES)}")
        for name in ("max_model_len", "max_tiles"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name} is {value}; it must be at least 1, or None")


def resolve(config: LLMConfig, folder: Path) -> LLMConfig:
    """The same settings with device and dtype decided for this machine and the checkpoint in folder.

    Raises UnavailableError where the device is not there, ConfigError where its name is not known.
    """
    device = resolve_device(config.device)
    return replace(config, device=device, dtype=resolve_dtype(config.dtype, device, weight_bytes(folder)))


def resolve_device(name: str) -> str:
    """ "auto" is the first CUDA device where there is one, else the CPU."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"device {name!r} is not known; use auto, cpu, cuda or cuda:N") from error
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"device {name!r} is not supported; use auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UnavailableError(
            f"device {name!r} does not exist: torch sees {torch.cuda.device_count()} CUDA devices; "
            "use cpu or auto"
        )
    return name


def resolve_dtype(name: str, device: str, num_weight_bytes: int) -> str:
    """On CUDA "auto" is bfloat16, or float16 where the device does not know it. On a CPU it is float32 for a
    small model, else bfloat16: the engine computes in float32 there, but reads half the bytes.

    num_weight_bytes: of the checkpoint's files.
    """
    if name != "auto":
        return name
    if device != "cpu":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    return "float32" if num_weight_bytes <= SMALL_BYTES else "bfloat16"


def weight_bytes(folder: Path) -> int:
    """Bytes of the weight files in a folder."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


RELEASE = SamplingParams(**asdict(Decoding()))  # where a checkpoint says nothing


def default_params(folder: Path) -> SamplingParams:
    """Sampling as the checkpoint's generation_config.json has it; what it does not say is the release's.

    A checkpoint that says ``do_sample: false`` is decoded greedily, without a penalty unless it names one.
    Raises CheckpointError for a file that cannot be read, ConfigError for a value out of range.
    """
    path = folder / "generation_config.json"
    if not path.is_file():
        return SamplingParams().over(RELEASE)
    try:
        text = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    stored = parse_json(text, str(path), error=CheckpointError)
    if not isinstance(stored, dict):
        raise CheckpointError(f"{path} holds a {type(stored).__name__}; it must hold an object")
    known = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty")
    given = {name: stored[name] for name in known if stored.get(name) is not None}
    if not isinstance(stored.get("do_sample", True), bool | None):
        given_text = json.dumps(stored["do_sample"])[:60]
        raise CheckpointError(f"{path}: do_sample is {given_text}; it must be true or false")
    if stored.get("do_sample") is False:
        penalty = given.get("repetition_penalty", 1.0)
        given = {"temperature": 0.0, "top_p": 1.0, "repetition_penalty": penalty}
    try:
        return SamplingParams(**{**given, **_off(given)}).over(RELEASE)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _off(given: dict[str, Any]) -> dict[str, Any]:
    """A value in our form where other libraries write a whole number as 1.0, or "no limit" in their own
    way."""
    top_k = given.get("top_k")
    if isinstance(top_k, float) and top_k.is_integer():
        top_k = int(top_k)
    return {"top_k": 0} if top_k == -1 else {} if top_k is None else {"top_k": top_k}
