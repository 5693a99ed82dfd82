"""The run folder: the questions, the outputs and their scores.

    manifest.json    what ran
    samples.jsonl    one line per output, appended and synced as it comes
    items/TASK.jsonl.gz, images/    the questions, so that a run can be read and scored by itself
    judgements.jsonl what a judge said, so that it is asked once
    captions.jsonl   what the model said of pictures, in runs that replace them by captions
    verdicts.jsonl, scores.json     what scoring makes of all that; written again by each scoring

Always holds: a sample whose line is in samples.jsonl is never generated again; a line that a crash cut off is
dropped, and its sample is generated again.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from r1v.core import R1VError, parse_json
from r1v.eval.item import Item, Json, Sample, image_bytes, image_kind, messages_from_json, messages_to_json
from r1v.write_lock import WriteLock

Key = tuple[str, str, int]


class RunError(R1VError):
    """A run folder is missing, damaged or in use, or belongs to another run."""


class RunFolder:
    """One run's folder. Appending is safe from several threads of one process."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._files: dict[str, IO[bytes]] = {}
        self._writing: WriteLock | None = None

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files that were appended to."""
        with self._lock:
            for file in self._files.values():
                file.close()
            self._files.clear()
            if self._writing is not None:
                self._writing.close()
                self._writing = None

    # ------------------------------------------------------------------------------------------ manifest

    def manifest(self) -> Json | None:
        """The manifest, or None before there is one. Raises RunError for one that cannot be read."""
        path = self.path / "manifest.json"
        if not path.is_file():
            return None
        return _read_json(path)

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON file, completely or not at all. Raises RunError for NaN and infinity."""
        try:
            text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
        except ValueError as error:
            raise RunError(
                f"{name} would hold a number that is not finite ({error}); the file stays as it is"
            ) from error
        self.write_text(name, text + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Write a text file, completely or not at all."""
        self.path.mkdir(parents=True, exist_ok=True)
        part = self.path / f".{name}.part"
        with open(part, "wb") as file:
            file.write(_encoded(text))
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self.path / name)

    def read_json(self, name: str) -> Json:
        """A JSON file of the run. Raises RunError."""
        return _read_json(self.path / name)

    # ------------------------------------------------------------------------------------------- samples

    def claim(self) -> None:
        """Keep other processes from writing outputs to this run until ``close``. Raises ConfigError if one is
        doing so."""
        with self._lock:
            self._opened("samples.jsonl")

    def append(self, sample: Sample) -> None:
        """Add an output. It is on the disk when this returns."""
        self._append("samples.jsonl", sample.to_json())

    def append_judgement(self, line: Json) -> None:
        """Add a judge's reply."""
        self._append("judgements.jsonl", json.dumps(line, ensure_ascii=False))

    def append_caption(self, line: Json) -> None:
        """Add the caption of a picture."""
        self._append("captions.jsonl", json.dumps(line, ensure_ascii=False))

    def captions(self) -> list[Json]:
        """The captions of pictures, in order."""
        return self._objects("captions.jsonl")

    def _append(self, name: str, line: str) -> None:
        with self._lock:
            file = self._opened(name)
            file.write(_encoded(line) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _opened(self, name: str) -> IO[bytes]:
        """A file opened for appending and locked for this process, without a line that a crash cut off."""
        if name not in self._files:
            self.path.mkdir(parents=True, exist_ok=True)
            if self._writing is None:
                self._writing = WriteLock(self.path, once=True)
            file: IO[bytes] = open(self.path / name, "ab")  # noqa: SIM115 - closed by close()
            _drop_cut_line(self.path / name)
            self._files[name] = file
        return self._files[name]

    def samples(self) -> dict[Key, Sample]:
        """All outputs by (task, id, epoch); an output replaces an earlier failure of the same key."""
        found: dict[Key, Sample] = {}
        for line in self._lines("samples.jsonl"):
            try:
                sample = Sample.from_json(line)
            except (R1VError, KeyError, TypeError) as error:
                raise RunError(
                    f"{self.path / 'samples.jsonl'} has a line that is not a sample ({error})"
                ) from error
            known = found.get(sample.key)
            if known is None or known.output.error is not None:
                found[sample.key] = sample
        return found

    def judgements(self) -> list[Json]:
        """The judges' replies, in order."""
        return self._objects("judgements.jsonl")

    def _objects(self, name: str) -> list[Json]:
        return [parse_json(line, f"a line of {name}", error=RunError) for line in self._lines(name)]

    def _lines(self, name: str) -> Iterable[str]:
        path = self.path / name
        if not path.is_file():
            return
        data = path.read_bytes()
        for line in data[: data.rfind(b"\n") + 1].decode("utf-8").split("\n"):
            if line.strip():
                yield line

    # --------------------------------------------------------------------------------------------- items

    def write_items(self, task: str, items: Sequence[Item]) -> str:
        """Store a task's questions. Returns the hash of what was stored."""
        names: dict[str, str] = {}
        (self.path / "images").mkdir(parents=True, exist_ok=True)
        for item in items:
            for ref in (ref for message in item.messages for ref in message.images):
                data = image_bytes(ref)
                digest = hashlib.sha256(data).hexdigest()
                names[digest] = f"{digest[:24]}.{image_kind(data)}"
                path = self.path / "images" / names[digest]
                if not path.exists():
                    path.write_bytes(data)
        lines = "".join(json.dumps(_item_json(item, names), ensure_ascii=False) + "\n" for item in items)
        (self.path / "items").mkdir(exist_ok=True)
        buffer = io.BytesIO()
        with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, compresslevel=6) as file:
            file.write(lines.encode())
        (self.path / "items" / f"{task}.jsonl.gz").write_bytes(buffer.getvalue())
        return hashlib.sha256(lines.encode()).hexdigest()

    def items(self, task: str) -> list[Item]:
        """A task's questions, in order. Raises RunError."""
        path = self.path / "items" / f"{task}.jsonl.gz"
        if not path.is_file():
            raise RunError(f"{path} is not there; it is written when a run starts: run `r1v eval run` again")
        with gzip.open(path, "rt", encoding="utf-8") as file:
            parsed = (parse_json(line, f"a line of {path}", error=RunError) for line in file)
            return [_item(values, str(self.path / "images")) for values in parsed]


def _item_json(item: Item, names: Mapping[str, str]) -> Json:
    return {
        "id": item.id,
        "messages": messages_to_json(item.messages, names),
        "answer": item.answer,
        "options": list(item.options),
        "group": item.group,
        "grading": dict(item.grading),
    }


def _item(values: Json, images: str) -> Item:
    messages = messages_from_json(values["messages"], images)
    return Item(
        values["id"], messages, values["answer"], tuple(values["options"]), values["group"], values["grading"]
    )


def _encoded(text: str) -> bytes:
    """JSON as UTF-8. A server may send half of a surrogate pair, which UTF-8 does not have; it is escaped."""
    return re.sub("[\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", text).encode()


def _read_json(path: Path) -> Json:
    try:
        value = parse_json(path.read_bytes(), str(path))
    except FileNotFoundError as error:
        raise RunError(
            f"{path} is not there; give the folder of a run (`r1v eval run … --out RUN`)"
        ) from error
    except R1VError as error:
        raise RunError(f"{error}; it may come from another program") from error
    if not isinstance(value, dict):
        raise RunError(f"{path} holds no JSON object; it may come from another program")
    return value


def _drop_cut_line(path: Path) -> None:
    """Remove everything after the last complete line."""
    if not path.is_file():
        return
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        with open(path, "r+b") as file:
            file.truncate(whole)


def is_partial(manifest: Json, task: str) -> bool:
    """Whether a limit left questions of a benchmark out, or its data was not the whole set; runs from before
    this was kept say it by their limit."""
    identity = manifest["identity"]
    about = identity["tasks"][task]
    return "of" in about.get("data", {}) or bool(about.get("partial", identity["plan"]["limit"] is not None))
