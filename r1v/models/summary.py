"""What a checkpoint holds, by its config.json and the headers of its files: nothing is loaded.

Enters: a folder. Leaves: a Summary. Always holds: quantised and incomplete checkpoints can be looked at too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1v.core import CheckpointError
from r1v.models.checkpoint import describe, open_any_files, parameter_shapes
from r1v.models.config import LanguageConfig, R1VConfig, VisionConfig
from r1v.models.config_json.read import Kind, shown, unused_keys
from r1v.models.quantised import named_method, stored_quantisation
from r1v.models.tensor_files import TensorFiles


@dataclass(frozen=True, slots=True)
class Summary:
    """A checkpoint at a glance.

    config: of the whole model, or of the bare part. parameters: by part, as the architecture has them.
    stored_bytes, num_files, dtypes (name -> share of the bytes): of the files. quantisation: as config.json
    says it. unused: keys of config.json that other programs left and that are not read. problem: why it
    cannot be loaded, by config and headers; None where nothing is wrong.
    """

    path: Path
    kind: Kind
    config: R1VConfig | VisionConfig | LanguageConfig
    parameters: dict[str, int]
    stored_bytes: int
    num_files: int
    dtypes: dict[str, float]
    quantisation: str | None
    unused: list[str]
    problem: str | None

    @property
    def num_parameters(self) -> int:
        """Of all parts."""
        return sum(self.parameters.values())


def summarise(path: Path) -> Summary:
    """The summary of a folder. CheckpointError, ConfigError: it has no readable, supported config.json."""
    description = describe(path)
    parameters: dict[str, int] = {}
    for name, shape in parameter_shapes(description.module).items():
        whole = isinstance(description.config, R1VConfig)
        part = name.split(".")[0] if whole else description.kind.split("-")[0]
        parameters[part] = parameters.get(part, 0) + math.prod(shape)
    stored_bytes, num_files, dtypes, problem = 0, 0, dict[str, float](), None
    try:
        files = TensorFiles(path)
        stored_bytes, num_files = files.num_bytes, len(files.files)
        for dtype in {info.dtype for info in files.infos.values()}:
            num_bytes = sum(info.num_bytes for info in files.infos.values() if info.dtype == dtype)
            dtypes[str(dtype).removeprefix("torch.")] = num_bytes / max(stored_bytes, 1)
        open_any_files(description)
    except CheckpointError as error:
        problem = str(error)
    return Summary(
        path, description.kind, description.config, parameters, stored_bytes, num_files, dtypes,
        _quantisation(description.values), unused_keys(description.values), problem,
    )  # fmt: skip


def _quantisation(values: Mapping[str, Any]) -> str | None:
    """Method, bits and group size of a quantised checkpoint, of its first kind of layers."""
    found = stored_quantisation(values)
    if found is None:
        return None
    parts = [named_method(found)]
    groups = found.get("config_groups")  # as compressed-tensors writes it
    first = next(iter(groups.values()), None) if isinstance(groups, Mapping) else None
    weights = first.get("weights") if isinstance(first, Mapping) else None
    if isinstance(weights, Mapping):
        found = {"bits": weights.get("num_bits"), "group_size": weights.get("group_size")}
    bits = found.get("bits", found.get("w_bit"))
    group = found.get("group_size", found.get("q_group_size"))
    parts += [f"{shown(bits)} bits"] if bits is not None else []
    parts += [f"group {shown(group)}"] if group is not None else []
    return ", ".join(parts)
