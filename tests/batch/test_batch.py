"""A file of requests: one output line for each input line, whatever happens in between."""

import json
import os
import random
import threading
import time
from pathlib import Path

import pytest

from r1v.batch import AnswerFile, BatchProgress, BatchRun, Worker
from r1v.cli.commands.run import check_input
from r1v.core import ConfigError, UnavailableError


def write_input(path: Path, count: int, **body) -> Path:  # type: ignore[no-untyped-def]
    lines = (
        {"custom_id": f"q{i}", "method": "POST", "url": "/v1/chat/completions",
         "body": {"model": "m", "messages": [{"role": "user", "content": f"Say {i}"}], **body}}
        for i in range(count)
    )  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def ids(path: Path) -> list[str]:
    return [json.loads(line)["custom_id"] for line in path.read_text().splitlines()]


def echo(body):  # type: ignore[no-untyped-def]
    return 200, {"said": body["messages"][0]["content"]}


def go(source: Path, target: Path, *workers: Worker, keep_going: bool = False):  # type: ignore[no-untyped-def]
    output = AnswerFile(target)
    try:
        return BatchRun(source, output, workers, keep_going=keep_going).run(lambda _: None, 0.02)
    finally:
        output.close()


def test_each_line_once_and_resumed(tmp_path: Path) -> None:
    source, target = write_input(tmp_path / "in", 200), tmp_path / "out"
    with source.open("a") as file:
        file.write('\n{"broken\n{"custom_id": "x"}\n')
    done = go(source, target, Worker(echo, 4), Worker(echo, 3))
    assert (done.num_done, done.num_lines, done.num_failed) == (202, 202, 2)
    records = [json.loads(line) for line in target.read_text().splitlines()]
    good = [r for r in records if r["error"] is None]
    assert (
        all(r["response"]["body"]["said"] == f"Say {r['custom_id'][1:]}" for r in good) and len(good) == 200
    )
    # cut anywhere, it is completed
    data = target.read_bytes()
    for cut in random.Random(0).sample(range(len(data)), 5):
        target.write_bytes(data[:cut])
        go(source, target, Worker(echo, 5))
        assert sorted(map(str, ids(target))) == sorted(map(str, (r["custom_id"] for r in records)))
    go(source, target, Worker(pytest.fail, 1))  # nothing is left to do


def test_another_input_or_a_file_of_someone_else(tmp_path: Path) -> None:
    source, target = write_input(tmp_path / "in", 3), tmp_path / "out"
    go(source, target, Worker(echo, 1))
    with pytest.raises(ConfigError, match="answers to another file of requests"):
        go(write_input(tmp_path / "other", 3, seed=1), target, Worker(echo, 1))
    for text in ("hello\n", "hello", '{"custom_id": "one line without its end"}'):
        (tmp_path / "notes").write_text(text)
        with pytest.raises(ConfigError, match="was not written by r1v run"):
            go(source, tmp_path / "notes", Worker(echo, 1))
        assert (tmp_path / "notes").read_text() == text
    held = AnswerFile(target)
    with pytest.raises(ConfigError, match="another run"):
        AnswerFile(target)
    held.close()


def test_an_outage_ends_the_run_and_a_worker_may_fail(tmp_path: Path) -> None:
    source, target = write_input(tmp_path / "in", 40), tmp_path / "out"

    def down(body):  # type: ignore[no-untyped-def]
        raise UnavailableError("no server")

    with pytest.raises(UnavailableError):
        go(source, target, Worker(down, 2))
    assert target.read_text() == ""
    go(source, target, Worker(down, 1), Worker(echo, 2))
    assert sorted(ids(target)) == sorted(f"q{i}" for i in range(40))
    done = go(source, tmp_path / "out2", Worker(down, 20), keep_going=True)
    assert done.num_done == done.num_failed == 40


def test_constant_memory(tmp_path: Path) -> None:
    """So many lines are read ahead and no more."""
    source, target = write_input(tmp_path / "in", 2000), tmp_path / "out"
    free, begun = threading.Event(), []

    def slow(body):  # type: ignore[no-untyped-def]
        begun.append(body)
        free.wait()
        return echo(body)

    output = AnswerFile(target)
    batch = BatchRun(source, output, [Worker(slow, 4)], keep_going=False)
    thread = threading.Thread(target=batch.run, args=(lambda _: None, 0.05))
    thread.start()
    time.sleep(0.5)
    assert len(begun) == 4 and batch._tasks.qsize() == 8
    free.set()
    thread.join()
    output.close()
    assert len(ids(target)) == 2000


def test_lines_that_the_input_no_longer_has_are_not_counted(tmp_path: Path) -> None:
    source, target = write_input(tmp_path / "in", 3), tmp_path / "out"

    def fails_on_the_last(body):  # type: ignore[no-untyped-def]
        return (400, {"error": {"message": "no"}}) if "2" in body["messages"][0]["content"] else echo(body)

    done = go(source, target, Worker(fails_on_the_last, 1))
    assert (done.num_done, done.num_lines, done.num_failed) == (3, 3, 1)
    write_input(source, 2)
    done = go(source, target, Worker(echo, 1))
    assert (done.num_done, done.num_lines, done.num_failed) == (2, 2, 0)


def test_reports_are_few_although_a_worker_ends_early(tmp_path: Path) -> None:
    """At most ten a second, also while one thread has ended and another still answers."""
    source, target = write_input(tmp_path / "in", 2), tmp_path / "out"
    reports: list[BatchProgress] = []

    def slow(body):  # type: ignore[no-untyped-def]
        time.sleep(0.7 if "1" in body["messages"][0]["content"] else 0.0)
        return echo(body)

    output = AnswerFile(target)
    start = time.monotonic()
    final = BatchRun(source, output, [Worker(slow, 1), Worker(slow, 1)], keep_going=False).run(
        reports.append, 0.0
    )
    output.close()
    assert 1 <= len(reports) <= 10 * (time.monotonic() - start) + 2
    assert reports[-1] == final and final.num_done == 2


def line(custom_id="a", **changes):  # type: ignore[no-untyped-def]
    whole = {
        "custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions",
        "body": {"model": "m", "messages": [{"role": "user", "content": "Say 1"}]},
    }  # fmt: skip
    return {key: value for key, value in {**whole, **changes}.items() if value is not ...}


BODY = line()["body"]
# what is wrong -> (a line as text, words of the message)
WRONG = {
    "no JSON": ('{"custom_id": "a"', "line 3"),
    "an array": ("[]", "line 3 is not an object"),
    "null": ("null", "line 3 is not an object"),
    "no id": (json.dumps(line(...)), "line 3: custom_id is missing"),
    "a number as id": (json.dumps(line(7)), "line 3: custom_id is '7'"),
    "an empty id": (json.dumps(line("")), "custom_id is ''"),
    "half a character": (json.dumps(line("\ud800")), "lone surrogate"),
    "no body": (json.dumps(line(body=...)), "line 3 (custom_id 'a'): body is missing"),
    "no object as body": (json.dumps(line(body=[])), "(custom_id 'a'): body is no object"),
    "GET": (json.dumps(line(method="GET")), "method is 'GET'; only POST"),
    "another page": (json.dumps(line(url="/v1/embeddings")), "url is '/v1/embeddings'"),
    "an unknown key": (json.dumps(line(foo=1)), "'foo' is no key of a request"),
    "a stream": (json.dumps(line(body={**BODY, "stream": True})), "body.stream asks for a stream"),
    "another model": (json.dumps(line(body={**BODY, "model": "nope"})), "the model 'nope' does not answer"),
    "a model that is no text": (json.dumps(line(body={**BODY, "model": ["m"]})), "does not answer here"),
    "not UTF-8": (b'{"custom_id": "\xff"}', "line 3"),
}


@pytest.mark.parametrize(("given", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_line_is_said_by_its_place_and_name(
    given: str | bytes, words: str, tmp_path: Path
) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    raw = given if isinstance(given, bytes) else given.encode()
    source.write_bytes(b"\n" + json.dumps(line("first")).encode() + b"\n" + raw + b"\n")
    output = AnswerFile(target)
    BatchRun(source, output, [Worker(echo, 1)], keep_going=False, models=["m", "n"]).run(lambda _: None)
    output.close()
    good, bad = sorted(map(json.loads, target.read_text("utf-8").splitlines()), key=lambda one: one["id"])
    assert good["custom_id"] == "first" and good["error"] is None
    assert words in bad["error"]["message"] and bad["response"]["status_code"] in (400, 404)
    for of_python in ("KeyError", "indices", "subscript", "NoneType", "Errno"):
        assert of_python not in bad["error"]["message"]
    if b'"custom_id": "a"' in raw:
        assert bad["custom_id"] == "a"


def test_a_custom_id_names_one_line(tmp_path: Path) -> None:
    """The first has it; names are compared as texts, however they are written."""
    source, target = tmp_path / "in", tmp_path / "out"
    texts = [json.dumps(line(name)) for name in ("a", "b", "é", "a", "é", "c", "a")]
    texts[4] = json.dumps(line("é"), ensure_ascii=False)
    texts.append(json.dumps(line("b")).replace("custom_id", "custom\\u005fid"))
    texts.append(json.dumps(line("d", body={**BODY, "user": 'custom_id": "c'})))
    source.write_text("\n".join(texts), encoding="utf-8")
    done = go(source, target, Worker(echo, 1))
    assert (done.num_lines, done.num_failed) == (9, 4)
    records = sorted(map(json.loads, target.read_text("utf-8").splitlines()), key=lambda one: one["id"])
    assert [one["error"] is None for one in records] == [
        True,
        True,
        True,
        False,
        False,
        True,
        False,
        False,
        True,
    ]
    assert "line 7 (custom_id 'a'): line 1 has this custom_id already" in records[6]["error"]["message"]
    assert "line 2 has this custom_id" in records[7]["error"]["message"]


def test_the_answers_are_always_utf_8(tmp_path: Path) -> None:
    """Half a character, in a name or in an answer, is written as JSON writes it in ASCII."""
    source, target = write_input(tmp_path / "in", 2), tmp_path / "out"
    with source.open("a") as file:
        file.write(json.dumps(line("\udfff")) + "\n")
    go(source, target, Worker(lambda body: (200, {"said": "é\ud800"}), 1))
    records = [json.loads(one) for one in target.read_bytes().decode("utf-8").splitlines()]
    assert [one["custom_id"] for one in records] == ["q0", "q1", "\udfff"]
    assert records[0]["response"]["body"] == {"said": "é\ud800"}
    go(source, target, Worker(pytest.fail, 1))  # and it is read again


def test_files_that_cannot_be_used_are_refused_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    for path in ("folder", "pipe", "none/out", "file/out", "x" * 300):
        with pytest.raises(ConfigError, match=r"(is not a regular file|cannot be written: .*); name a file"):
            AnswerFile(tmp_path / path)
    with pytest.raises(ConfigError, match="cannot be written"):
        AnswerFile(Path("/proc/r1v/out"))
    for path in ("folder", "pipe"):
        with pytest.raises(ConfigError, match="is not a regular file"):
            check_input(tmp_path / path)
    with pytest.raises(ConfigError, match="is not a regular file"):
        check_input(Path("/dev/null"))
    with pytest.raises(ConfigError, match="there is no file"):
        check_input(tmp_path / "none")
    with pytest.raises(ConfigError, match="cannot be read"):
        check_input(tmp_path / ("x" * 300))
