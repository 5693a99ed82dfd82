"""Damaged headers and configurations end in one of our errors, never in a crash; memory while loading."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from r1v.core import CheckpointError, R1VError
from r1v.models import LanguageConfig, R1VConfig, VisionConfig, write_native, write_release
from r1v.models.config_json.read import parse_native, parse_release
from r1v.models.tensor_files import TensorFiles, read_header

CONFIG = R1VConfig(
    vision=VisionConfig(32, 2, 4, 48, image_size=56, patch_size=14, qk_norm=True),
    language=LanguageConfig(97, 48, 2, 6, 2, 8, 80, eos_token_id=(1, 2)),
    image_token_id=5,
)
QUIET = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def tensor_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fuzz") / "model.safetensors"
    save_file(
        {"a.weight": torch.ones(3, 4), "b": torch.zeros(2, dtype=torch.bfloat16)}, path, {"format": "pt"}
    )
    return path


def read_all(path: Path) -> None:
    """Read every tensor, or raise one of our errors."""
    files = TensorFiles(path.parent)
    for name, tensor in files:
        assert tuple(tensor.shape) == files.infos[name].shape and tensor.dtype == files.infos[name].dtype


@QUIET
@given(data=st.data())
def test_damaged_bytes(tensor_file: Path, tmp_path: Path, data: st.DataObject) -> None:
    raw = bytearray(tensor_file.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.sampled_from([len(raw), len(raw), data.draw(st.integers(0, len(raw)))]))]
    damaged = tmp_path / "model.safetensors"
    damaged.write_bytes(raw)
    try:
        read_all(damaged)
    except CheckpointError as error:
        assert "\n" not in str(error)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["F32", "BF16", "I4", [0, 4], [4, 0], [0, 48], [-1, 2], [2**62, 2**62]]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@QUIET
@given(data=st.data())
def test_damaged_headers(tmp_path: Path, data: st.DataObject) -> None:
    header: Any = {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, 48]},
        "b": {"dtype": "BF16", "shape": [2], "data_offsets": [48, 52]},
    }
    entry = data.draw(st.sampled_from(["a", "b", None]))
    if entry is None:
        header[data.draw(st.sampled_from(["a", "b", "c"]))] = data.draw(VALUES)
    else:
        header[entry][data.draw(st.sampled_from(["dtype", "shape", "data_offsets"]))] = data.draw(VALUES)
    text = json.dumps(data.draw(st.sampled_from([header, header, header, [header], "x"]))).encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"\0" * 52)
    try:
        read_all(path)
    except CheckpointError as error:
        assert "\n" not in str(error)


def test_a_header_that_claims_to_be_huge_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.write((2**40).to_bytes(8, "little"))
        file.truncate(2**41)  # sparse
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        read_header(path)


@QUIET
@given(data=st.data())
def test_damaged_configurations(data: st.DataObject) -> None:
    layout = data.draw(st.sampled_from(["release", "native"]))
    values = write_release(CONFIG, "bfloat16") if layout == "release" else write_native(CONFIG, "bfloat16")
    values = copy.deepcopy(values)
    for _ in range(data.draw(st.integers(1, 3))):
        section = values
        inner = [key for key, value in values.items() if isinstance(value, dict)]
        chosen = data.draw(st.sampled_from([None, *inner]))
        if chosen is not None:
            section = values[chosen]
        key = data.draw(st.sampled_from([*section, "rope_scaling", "rope_parameters", "layer_types", "new"]))
        if data.draw(st.booleans()):
            section.pop(key, None)
        else:
            section[key] = data.draw(VALUES)
    parse = parse_release if layout == "release" else parse_native
    try:
        parse(json.loads(json.dumps(values)))
    except R1VError as error:
        assert "\n" not in str(error)


def test_what_is_written_is_read_back() -> None:
    assert parse_release(json.loads(json.dumps(write_release(CONFIG)))) == CONFIG
    assert parse_native(json.loads(json.dumps(write_native(CONFIG)))) == CONFIG


PEAK = """
import sys, torch
from r1v.models import load

def peak() -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) * 1024

torch.zeros(1) + 1
before = peak()
model = load(sys.argv[1])
size = sum(p.numel() * p.element_size() for p in model.parameters())
print(size, peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_peak_memory_is_the_model_and_one_shard(tmp_path: Path) -> None:
    from r1v.models import R1V, save

    model = R1V(R1VConfig(
        vision=VisionConfig(256, 4, 4, 1024, image_size=56, patch_size=14),
        language=LanguageConfig(20_000, 512, 12, 8, 2, 64, 2048, tied=True),
    ))  # fmt: skip
    shard_bytes = 45_000_000  # the embedding is 41 MB
    save(model, tmp_path / "big", max_shard_bytes=shard_bytes)
    assert len(list((tmp_path / "big").glob("*.safetensors"))) >= 5
    del model
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(tmp_path / "big")],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    size, peak = map(int, done.stdout.split())
    assert size > 200_000_000
    assert peak < size + shard_bytes + 30_000_000, (size, peak)
