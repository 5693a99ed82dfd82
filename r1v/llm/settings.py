"""Which settings each backend supports: a setting that it does not support is an error, never ignored.

Enters: what the user asked for. Leaves: a ConfigError that names the setting and who takes it; a description
of what runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from r1v.core import ConfigError
from r1v.engine import EngineConfig
from r1v.llm.config import LLMConfig, ParallelConfig, RemoteConfig

LOCAL = ("r1v", "transformers", "vllm")

# setting -> the backends that take it, and its value where it is not set
_MODEL: dict[str, tuple[tuple[str, ...], Any]] = {
    "device": (LOCAL, "auto"),
    "dtype": (LOCAL, "auto"),
    "max_tiles": (LOCAL, None),
}
_PARALLEL = {
    "tensor": ("vllm",), "pipeline": ("vllm",), "data": ("vllm",), "executor": ("vllm",),
    "devices": ("transformers",), "offload": ("transformers",), "quantisation": ("transformers",),
}  # fmt: skip
_REMOTE = ("url", "form", "requests_per_minute", "extra")
# fields of EngineConfig that other backends than ours obey too
_ENGINE = {
    "max_num_seqs": (*LOCAL, "openai"),
    "cache_bytes": ("r1v", "vllm"),
    "keep_weights": (*LOCAL, "openai"),
}
# the names of settings on the command line, where those differ
_OPTIONS = {
    "tensor": "tensor_parallel_size", "pipeline": "pipeline_parallel_size", "data": "data_parallel_size",
    "url": "url", "form": "api_form", "image_cache_bytes": "image_cache_mib",
    "cache_bytes": "cache_mib", "shared_draft_bytes": "shared_draft_bytes (--private-drafts)",
}  # fmt: skip


def check_settings(config: LLMConfig, engine: EngineConfig) -> None:
    """ConfigError: a setting that the backend would not obey."""
    backend = config.backend
    for name, value, backends in _given(config, engine):
        if backend not in backends:
            raise ConfigError(
                f"{_OPTIONS.get(name, name)} is {value!r}, but the backend {backend} does not take it: leave "
                f"it out, or use the backend {' or '.join(backends)}"
            )


def _given(config: LLMConfig, engine: EngineConfig) -> Iterator[tuple[str, Any, tuple[str, ...]]]:
    """(name, value, backends) of every setting that was given and not all backends take."""
    for name, (backends, neutral) in _MODEL.items():
        if getattr(config, name) != neutral:
            yield name, getattr(config, name), backends
    for name, backends in _PARALLEL.items():
        if getattr(config.parallel, name) != getattr(ParallelConfig(), name):
            yield name, getattr(config.parallel, name), backends
    for name in _REMOTE:
        if getattr(config.remote, name) != getattr(RemoteConfig(), name):
            yield name, getattr(config.remote, name), ("openai",)
    for each in fields(EngineConfig):
        value = getattr(engine, each.name)
        if value != each.default:
            yield each.name, value, _ENGINE.get(each.name, ("r1v",))


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """What runs a model. devices: one entry a device, or the URL of a server. versions: of r1v and of the
    libraries that compute."""

    name: str
    devices: tuple[str, ...]
    dtype: str
    versions: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """One line for logs."""
        counts = {device: self.devices.count(device) for device in self.devices}
        devices = ", ".join(f"{count} x {name}" if count > 1 else name for name, count in counts.items())
        versions = ", ".join(f"{name} {found}" for name, found in self.versions.items())
        return f"{self.name} on {devices} ({self.dtype}; {versions})"


def describe(config: LLMConfig) -> BackendInfo:
    """What runs. config: resolved."""
    libraries = {"r1v": ("torch",), "transformers": ("torch", "transformers"), "vllm": ("torch", "vllm")}
    versions = {"r1v": _version("r1v")}
    versions |= {name: _version(name) for name in libraries.get(config.backend, ())}
    return BackendInfo(config.backend, _devices(config), config.dtype, versions)


def _devices(config: LLMConfig) -> tuple[str, ...]:
    if config.backend == "openai":
        return (config.remote.url,)
    parallel = config.parallel
    count = parallel.tensor * parallel.pipeline * parallel.data
    if not config.device.startswith("cuda"):
        return (config.device,) * count
    first = torch.device(config.device).index
    if config.backend == "transformers" and first is None:
        count = min(parallel.devices or torch.cuda.device_count(), torch.cuda.device_count())
    found = torch.cuda.device_count()
    names = [torch.cuda.get_device_name(((first or 0) + i) % found) for i in range(count)]
    return tuple(f"cuda:{(first or 0) + i} {name}" for i, name in enumerate(names))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # vLLM's build for CPUs has another name
        return version(f"{name}-cpu") if name == "vllm" else "unknown"
