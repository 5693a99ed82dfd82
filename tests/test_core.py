"""The one door for JSON that somebody else wrote, and the cores that a process may use."""

import ast
import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import r1v
from r1v.core import CheckpointError, ProgressPace, R1VError, parse_json, usable_cores

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(PLAIN, st.booleans())
def test_what_is_json_comes_through(value: object, mark: bool) -> None:
    text = json.dumps(value)
    assert parse_json(text, "x") == value
    assert parse_json((b"\xef\xbb\xbf" if mark else b"") + text.encode(), "x") == value


@given(st.text() | st.binary())
def test_anything_else_is_one_line(data: str | bytes) -> None:
    try:
        parse_json(data, "config.json", error=CheckpointError)
    except CheckpointError as error:
        assert "config.json" in str(error) and "\n" not in str(error) and len(str(error)) < 300


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("{'a': 1}", "not valid JSON"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        ("NaN", "NaN"),
        ('{"a": -Infinity}', "Infinity"),
        ("[1e999]", "too large"),
        ("[" + "9" * 5000 + "]", "not valid JSON"),
        ("[" * 65 + "]" * 65, "more than 64 deep"),
        ('{"a":' * 65 + "1" + "}" * 65, "more than 64 deep"),
        ("[" * 100_000, "more than 64 deep"),
        ('{"a":' * 600 + "1" + "}" * 600, "more than 64 deep"),
        ('{"a":' * 600 + "1", "not valid JSON|more than 64 deep"),
        (" " * 2000, "limit is 1000"),
    ],
)
def test_what_is_refused(data: str | bytes, reason: str) -> None:
    limit = 1000 if reason.startswith("limit") else 1 << 20
    with pytest.raises(R1VError, match=reason) as caught:
        parse_json(data, "the body", max_bytes=limit)
    assert type(caught.value) is R1VError and "\n" not in str(caught.value)


def test_depth_is_counted_inside_strings_as_text() -> None:
    assert parse_json("[" * 64 + "]" * 64, "x")
    assert parse_json(json.dumps("[" * 1000), "x") == "[" * 1000


def test_many_values_are_refused_before_they_are_made() -> None:
    data = "[" + ",".join(["{}"] * 1_000_000) + "]"
    start = time.process_time()
    for each in (data, data.encode()):
        with pytest.raises(R1VError, match="more than 1000 values"):
            parse_json(each, "x", max_values=1000)
    assert time.process_time() - start < 5
    assert len(parse_json(data, "x")) == 1_000_000


V1 = "sys/fs/cgroup/cpu/cpu.cfs_"
A, BOTH = "sys/fs/cgroup/cpu/a/cpu.cfs_", "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_"


@pytest.mark.parametrize(("files", "expected"), [
    ({}, 64),
    ({"sys/fs/cgroup/cpu.max": "150000 100000"}, 2),
    ({"sys/fs/cgroup/cpu.max": "max 100000"}, 64),
    ({"sys/fs/cgroup/cpu.max": "20000 100000"}, 1),
    ({f"{V1}quota_us": "400000\n", f"{V1}period_us": "100000\n"}, 4),
    ({f"{V1}quota_us": "-1\n", f"{V1}period_us": "100000\n"}, 64),
    ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "300000 100000"}, 3),
    ({"proc/self/cgroup": "2:cpuset:/\n1:cpu:/a/b", f"{A}quota_us": "150000", f"{A}period_us": "100000"}, 2),
    ({"proc/self/cgroup": "4:cpu,cpuacct:/a", f"{BOTH}quota_us": "300000", f"{BOTH}period_us": "100000"}, 3),
    ({"proc/self/cgroup": "1:cpu:/docker/1f\n0::/docker/1f\n",
      f"{V1}quota_us": "400000\n", f"{V1}period_us": "100000\n"}, 4),
    ({"sys/fs/cgroup/cpu.max": "nonsense"}, 64),
])  # fmt: skip
def test_the_quota_of_a_container_counts(
    files: dict[str, str], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert usable_cores(tmp_path) == expected


# what these read was written by this program itself: its children, logs and notes
OWN_JSON = {
    "core.py", "server/console.py", "figures/dataset.py", "train/plot.py", "train/stages/distill.py",
    "train/rollout/evaluate.py", "train/rollout/wire.py", "train/core/growing.py", "train/core/run.py",
    "prompt/template.py", "prompt/template_child.py", "eval/sandbox/child.py", "quant/shipped.py",
    "scoring/verifier.py", "scoring/verifier_child.py", "train/watch/server.py",
}  # fmt: skip


def test_what_others_wrote_is_parsed_by_one_function() -> None:
    """`parse_json` is bounded in bytes and depth; nothing but our own notes is read by the library itself."""
    package = Path(r1v.__file__).parent
    found = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("json.loads", "json.load")
        and not ast.unparse(node).startswith("json.loads(json.dumps(")
    }
    assert found <= OWN_JSON, sorted(found - OWN_JSON)


def test_progress_is_shown_at_most_ten_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("r1v.core.time.monotonic", lambda: clock[0])
    for every_s, most in ((0.0, 100), (0.1, 100), (0.5, 20)):
        pace, shown = ProgressPace(every_s), 0
        for _ in range(10_000):  # ten seconds of work that reports every millisecond
            shown += pace.due()
            clock[0] += 0.001
        assert most - 1 <= shown <= most + 1
