"""One process at a time writes into a folder, whatever command it runs; a full disk is told in one line."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from r1v.core import ConfigError
from r1v.models.convert import convert
from r1v.write_lock import WriteLock, remove_leftovers, writing

HOLDER = (
    "import sys; from r1v.write_lock import WriteLock\n"
    "lock = WriteLock(sys.argv[1]); print(1, flush=True); input()"
)


@pytest.fixture
def hold() -> Iterator[Callable[[Path], subprocess.Popen[bytes]]]:
    """Starts another process that holds a folder's lock."""
    started = []

    def start(folder: Path) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        started.append(process)
        assert process.stdout is not None and process.stdout.readline() == b"1\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_of_two_processes(tmp_path: Path, hold: Callable[[Path], subprocess.Popen[bytes]]) -> None:
    folder = tmp_path / "new" / "folder"
    process = hold(folder)
    with pytest.raises(ConfigError, match=rf"being written by process {process.pid} of .*; wait"):
        WriteLock(folder)
    WriteLock(tmp_path / "new" / "other").close()
    process.kill()  # the system frees what a killed process held
    process.wait()
    with writing(folder):
        assert (tmp_path / "new" / ".folder.lock").exists()
    assert not list((tmp_path / "new").iterdir())


def test_in_one_process_and_its_forks(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    with writing(folder):
        with writing(folder):
            child = os.fork()
            if child == 0:  # it works for this process, and frees nothing when it ends
                with writing(folder):
                    pass
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        assert (tmp_path / ".folder.lock").exists()
    assert not (tmp_path / ".folder.lock").exists()


def test_every_writer_takes_it(
    tmp_path: Path, tiny_checkpoint: Path, hold: Callable[[Path], subprocess.Popen[bytes]]
) -> None:
    from r1v.cli.main import build_parser
    from r1v.eval.report import write_report
    from r1v.eval.store import RunFolder
    from r1v.figures.dataset import DatasetConfig, make_dataset
    from r1v.models import convert, load, save
    from r1v.models.assemble import assemble
    from r1v.quant import QuantConfig, quantise_checkpoint
    from r1v.quant.gguf_export import export_gguf
    from r1v.train.core.run import TrainingRun
    from r1v.verify.certificate import Certificate

    def command(*words: str) -> object:
        args = build_parser(words[0]).parse_args(words)
        return args.run(args)

    out = tmp_path / "out"
    config = SimpleNamespace(run=SimpleNamespace(out=str(out), keep=1))  # of any stage
    writers: list[Callable[[], object]] = [
        lambda: convert(tiny_checkpoint, out, "release"),
        lambda: save(load(tiny_checkpoint), out, tokenizer_from=tiny_checkpoint),
        lambda: assemble(tiny_checkpoint, tiny_checkpoint, out),
        lambda: quantise_checkpoint(tiny_checkpoint, out, QuantConfig(group_size=8, method="rtn")),
        lambda: export_gguf(tiny_checkpoint, out),
        lambda: make_dataset(DatasetConfig(families=("clock",), num_items=1), out),
        lambda: RunFolder(out).claim(),
        lambda: TrainingRun(config),
        lambda: write_report([tiny_checkpoint], out),
        lambda: Certificate("m", "0", "x", {}, "float32", 0.0, ()).write(out),
        lambda: command("compare", str(tiny_checkpoint), str(tiny_checkpoint), "--out", str(out)),
        lambda: command("reward", "score", "rows", "--model", str(tiny_checkpoint), "--out", str(out)),
    ]
    hold(out)
    for writer in writers:
        with pytest.raises(ConfigError, match="is being written by process"):
            writer()


def full_disk() -> None:
    """Let no file grow beyond 2 kB."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))


def test_a_full_disk(tiny_checkpoint: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "r1v.cli.main", "convert", str(tiny_checkpoint), str(tmp_path / "out"),
         "--layout", "release"], capture_output=True, text=True, preexec_fn=full_disk,
    )  # fmt: skip
    assert done.returncode == 1 and done.stderr.startswith(f"r1v: {tmp_path / 'out'} cannot be written: ")
    assert done.stderr.count("\n") == 1 and not list(tmp_path.iterdir())


def test_an_answer_that_has_no_room(tiny_checkpoint: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "r1v.cli.main", "ask", "Why?", "--model", str(tiny_checkpoint),
             "--max-tokens", "4"], stdout=full, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    assert done.returncode == 1 and "has no room" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("place", ["/proc/r1v-out", "/dev/null/out", "/dev/full/a", "LONG"])
@pytest.mark.parametrize(
    "command",
    [
        ("convert", "r1v-nano", "OUT", "--layout", "release"),
        ("export", "gguf", "r1v-nano", "OUT"),
        ("quantize", "r1v-nano", "OUT"),
        ("figures", "make", "--out", "OUT", "--n", "1"),
    ],
    ids=lambda words: words[0],
)
def test_a_path_that_cannot_be_written_is_told_in_one_line(
    command: tuple[str, ...], place: str, tmp_path: Path, run_r1v: Callable[..., tuple[int, str, str]]
) -> None:
    """Whatever the system says of it: no such folder, no folder, too long a name."""
    out = str(tmp_path / ("x" * 300)) if place == "LONG" else place
    status, _, errors = run_r1v(*(out if word == "OUT" else word for word in command))
    lines = [line for line in errors.splitlines() if line.strip()]
    assert status == 1 and len(lines) == 1 and lines[0].startswith("r1v: "), errors
    assert "Traceback" not in errors and not any(tmp_path.iterdir())


def test_what_a_killed_writer_left_is_removed_by_the_next(tiny_checkpoint: Path, tmp_path: Path) -> None:
    """A whole copy of the model, hidden; another target's, and names that only look so, stay."""
    script = (
        "import os, signal, sys\n"
        "from r1v.models import checkpoint\n"
        "from r1v.models.convert import convert\n"
        "checkpoint.write_shards = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "convert(sys.argv[1], sys.argv[2], 'native')\n"
    )
    target = tmp_path / "k"
    done = subprocess.run([sys.executable, "-c", script, str(tiny_checkpoint), str(target)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert [each.name for each in tmp_path.glob(".k.partial-*")]
    for other in (".k.partial-mine", ".kk.partial-12"):
        (tmp_path / other).mkdir()
    convert(tiny_checkpoint, target, "native")
    assert {each.name for each in tmp_path.iterdir()} == {"k", ".k.partial-mine", ".kk.partial-12"}


def test_a_name_that_is_no_text_is_written_and_told(tiny_checkpoint: Path, tmp_path: Path) -> None:
    target = os.fsencode(tmp_path) + b"/out\xff"
    command = [
        sys.executable,
        "-m",
        "r1v.cli.main",
        "convert",
        str(tiny_checkpoint),
        target,
        "--layout",
        "native",
    ]
    done = subprocess.run(
        command, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == f"wrote {tmp_path}/out\\udcff in the native layout\n".encode()
    assert os.path.isfile(target + b"/config.json")


def test_without_the_lock_nothing_is_removed(tmp_path: Path) -> None:
    """As on a file system that has none: whoever made it may still be writing."""
    (tmp_path / ".k.partial-12").mkdir()
    remove_leftovers(tmp_path / "k")
    assert (tmp_path / ".k.partial-12").is_dir()
    with writing(tmp_path / "k"):
        remove_leftovers(tmp_path / "k")
    assert not (tmp_path / ".k.partial-12").exists()
