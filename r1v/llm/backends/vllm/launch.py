"""How vLLM is started on one of our checkpoints: which versions, which folder, which arguments.

Enters: a checkpoint's folder and the façade's settings. Leaves: what vLLM's own constructors take. Always
holds: no code of a checkpoint is ever run, and a checkpoint that vLLM would compute wrongly is refused.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch

from r1v.core import CheckpointError, UnavailableError
from r1v.llm.config import LLMConfig, ParallelConfig
from r1v.models import convert
from r1v.models.adapter import refuse_adapter
from r1v.models.config_json.read import read_json

TESTED = "0.32"  # the versions that the slow tests run
OLDEST, NEWEST = (0, 32), (0, 33)
CPU_CACHE_BYTES = 1 << 30
CPU_HEAD_DIMS = (32, 64, 80, 96, 112, 128, 160, 192, 224, 256, 512)  # of its attention on a CPU


def check_vllm() -> str:
    """vLLM's version. Its messages go to standard error from its import on, as answers go to standard output,
    unless the user has set another place. UnavailableError: not installed, or not one that we know."""
    if importlib.util.find_spec("vllm") is None:
        raise UnavailableError(
            "vLLM is needed, but is not installed here; on a machine with GPUs: pip install 'r1v[vllm]', "
            "on a CPU: benchmarks/peers/vllm_cpu.sh"
        )
    os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")  # read once, when it is imported
    import vllm

    found = str(vllm.__version__)
    numbers = tuple(int("".join(filter(str.isdigit, part)) or 0) for part in found.split(".")[:2])
    if not OLDEST <= numbers <= NEWEST:
        raise UnavailableError(
            f"vLLM is {found}; known here are 0.{OLDEST[1]} to 0.{NEWEST[1]} (tested with {TESTED}): "
            f"pip install 'vllm=={TESTED}.*'"
        )
    return found


def folder_for_vllm(folder: Path) -> Path:
    """A folder that vLLM loads without flags: release layout, model_type internvl_chat.

    The native layout is rewritten once (weights too); of the release layout only config.json is, the rest are
    links. Kept in ~/.cache/r1v/vllm. A language model alone is taken as it is. CheckpointError: vLLM would
    compute it wrongly.
    """
    folder = folder.resolve()
    refuse_adapter(folder, "vLLM")
    values = read_json(folder / "config.json")
    if values.get("model_type") in ("qwen2", "qwen3"):
        _check_heads(folder, values)
        return folder
    _check_heads(folder, values.get("text_config") or values["llm_config"])
    stamp = "".join(
        f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns};" for path in sorted(folder.iterdir())
    )
    key = hashlib.sha256(f"2 {folder} {stamp}".encode()).hexdigest()[:20]
    target = Path.home() / ".cache" / "r1v" / "vllm" / key
    if (target / "config.json").is_file():
        return target
    building = target.with_name(f"{key}.{os.getpid()}")
    shutil.rmtree(building, ignore_errors=True)
    building.parent.mkdir(parents=True, exist_ok=True)
    if values.get("model_type") == "internvl":
        convert(folder, building, "release")
        values = read_json(building / "config.json")
    else:
        building.mkdir()
        for path in folder.iterdir():
            if path.is_file() and path.suffix != ".py" and path.name != "config.json":
                (building / path.name).symlink_to(path)
    values = {k: v for k, v in values.items() if k != "auto_map"}
    values |= {"model_type": "internvl_chat", "architectures": ["InternVLChatModel"]}
    for part in ("llm_config", "vision_config"):
        values[part] = {k: v for k, v in values[part].items() if k != "auto_map"}
    (building / "config.json").write_text(json.dumps(values, indent=2))
    try:
        building.rename(target)
    except OSError:  # another process has made it meanwhile
        shutil.rmtree(building, ignore_errors=True)
    return target


def _check_heads(folder: Path, language: dict[str, Any]) -> None:
    """vLLM's Qwen2 takes hidden_size / heads for the size of a head, and cuts larger weights off silently."""
    derived = language["hidden_size"] // language["num_attention_heads"]
    head_dim = language.get("head_dim") or derived
    if language.get("model_type", "qwen2") == "qwen2" and head_dim != derived:
        raise CheckpointError(
            f"{folder}: head_dim is {head_dim}, hidden_size / num_attention_heads is {derived}; vLLM runs a "
            "Qwen2 model only where the two are equal: use --backend r1v"
        )
    if not torch.cuda.is_available() and head_dim not in CPU_HEAD_DIMS:
        known = ", ".join(map(str, CPU_HEAD_DIMS))
        raise CheckpointError(
            f"{folder}: head_dim is {head_dim}; on a CPU vLLM supports only {known}: use --backend r1v"
        )


def environment(parallel: ParallelConfig) -> dict[str, str]:
    """Settings that vLLM reads from the environment only; what the user has set stands.

    On a GPU its sampler would import flashinfer without asking whether it is there.
    On a CPU one process computes: the executor of several processes hands steps over by spinning, which
    stalls for a minute at a time on one or two cores. Threads are bound to no cores, as OMP_NUM_THREADS and
    the process's own affinity say where they run.
    """
    if torch.cuda.is_available():
        found = importlib.util.find_spec("flashinfer") is not None
        return {} if found else {"VLLM_USE_FLASHINFER_SAMPLER": "0"}
    one = parallel.tensor * parallel.pipeline * parallel.data == 1
    return {"VLLM_CPU_OMP_THREADS_BIND": "nobind"} | ({"VLLM_ENABLE_V1_MULTIPROCESSING": "0"} if one else {})


def engine_arguments(folder: Path, config: LLMConfig, **more: Any) -> dict[str, Any]:
    """What vLLM is told; ``dtype`` is resolved."""
    parallel = config.parallel
    arguments: dict[str, Any] = {
        "model": str(folder),
        "dtype": config.dtype,
        "trust_remote_code": False,
        "generation_config": "vllm",
        "limit_mm_per_prompt": {"image": config.limits.max_images, "video": 0},
        "max_model_len": config.max_model_len,
        "tensor_parallel_size": parallel.tensor,
        "pipeline_parallel_size": parallel.pipeline,
        "data_parallel_size": parallel.data,
        "async_scheduling": False,  # steering needs the last id before the next step
        "disable_log_stats": True,
        "use_tqdm_on_load": False,
        **more,
    }
    if parallel.executor != "auto":
        arguments["distributed_executor_backend"] = parallel.executor
    if not torch.cuda.is_available():
        arguments |= {"enforce_eager": True, "kv_cache_memory_bytes": CPU_CACHE_BYTES}
    return arguments


def prepare(parallel: ParallelConfig) -> None:
    """To be called before vLLM's engine is made in this process."""
    from r1v.llm.backends.vllm.plugin import register

    for name, value in environment(parallel).items():
        os.environ.setdefault(name, value)
    register()
