"""The file of answers: one JSON line for each line that was answered, and which lines these are.

Enters: answers, in any order. Leaves: the file. Always holds: an answer is written whole or not at all;
memory is one bit a line, and a number for each line with an error.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import zlib
from pathlib import Path
from typing import Any, TypeAlias

from r1v.core import ConfigError, R1VError, parse_json

Json: TypeAlias = dict[str, Any]

_ID = re.compile(r"batch_req_(\d+)_([0-9a-f]{8})")
# recognises a line of ours with an answer without parsing it
_START = b'{"id":"batch_req_'
_HEAD, _TAIL = re.compile(rb'\{"id":"batch_req_(\d+)_([0-9a-f]{8})",'), b',"error":null}\n'


def answer_id(number: int, line: bytes) -> str:
    """The id of an answer: the number of its line, and a check that it is that line's."""
    return f"batch_req_{number:08d}_{zlib.crc32(line):08x}"


class AnswerFile:
    """The file of answers: knows which lines have one. One process at a time has it open."""

    def __init__(self, path: Path) -> None:
        """Opens or makes it; cuts off an unfinished last line. ConfigError: it is in use, or not ours."""
        self._path = path
        self._bits = bytearray()  # of the lines with an answer
        self._failed: set[int] = set()
        self._checks: dict[int, str] = {}  # of some lines, to see whether the input is still the same
        try:
            if path.exists() and not path.is_file():
                raise ConfigError(f"{path} is not a regular file; name a file for the answers")
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise ConfigError(
                f"{path} cannot be written: {error.strerror}; name a file in a folder that you may write"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise ConfigError(f"{path} is being written by another run; wait for it, or stop it") from error
        try:
            self._read()
        except ConfigError:
            os.close(self._file)
            raise

    def _read(self) -> None:
        end = 0
        with self._path.open("rb") as file:
            for place, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    if not (line.startswith(_START) or _START.startswith(line)):
                        raise self._foreign(place)
                    break  # the process was killed while it wrote this line
                number, check, failed = self._parse(place, line)
                self._mark(number, failed=failed)
                if len(self._checks) < 1000:
                    self._checks[number] = check
                end += len(line)
        os.ftruncate(self._file, end)

    def _parse(self, place: int, line: bytes) -> tuple[int, str, bool]:
        """Number and check of the input line that an output line answers, and whether by an error."""
        head = _HEAD.match(line)
        if head is not None and line.endswith(_TAIL):
            return int(head[1]), head[2].decode(), False
        try:
            found = parse_json(line, "the line")
            match = _ID.fullmatch(found["id"])
            assert match is not None
        except (R1VError, LookupError, TypeError, AttributeError, AssertionError) as error:
            raise self._foreign(place) from error
        return int(match[1]), match[2], found.get("error") is not None

    def _foreign(self, place: int) -> ConfigError:
        return ConfigError(
            f"{self._path}, line {place}, was not written by r1v run; name another output file"
        )

    def _mark(self, number: int, *, failed: bool) -> None:
        byte, bit = divmod(number, 8)
        if byte >= len(self._bits):
            self._bits.extend(bytes(byte + 1 - len(self._bits)))
        self._bits[byte] |= 1 << bit
        if failed:
            self._failed.add(number)

    def counts(self, num_lines: int) -> tuple[int, int]:
        """(with an answer, of them with an error) of the first num_lines lines. Lines that the input no
        longer has are not counted."""
        whole, rest = divmod(num_lines, 8)
        last = self._bits[whole] & ((1 << rest) - 1) if whole < len(self._bits) else 0
        done = int.from_bytes(self._bits[:whole], "little").bit_count() + last.bit_count()
        return done, sum(number < num_lines for number in self._failed)

    def has(self, number: int, line: bytes) -> bool:
        """Whether a line has its answer. ConfigError: the answer is another line's."""
        byte, bit = divmod(number, 8)
        if byte >= len(self._bits) or not self._bits[byte] >> bit & 1:
            return False
        check = self._checks.get(number)
        if check is not None and check != f"{zlib.crc32(line):08x}":
            raise ConfigError(f"{self._path} holds answers to another file of requests (line {number + 1} "
                              "differs); name another output file")  # fmt: skip
        return True

    def write(self, number: int, line: bytes, record: Json, *, failed: bool) -> None:
        """Add an answer; called by one thread at a time."""
        full = {"id": answer_id(number, line), **record}
        text = json.dumps(full, ensure_ascii=False, separators=(",", ":"))
        try:
            encoded = text.encode("utf-8")
        except UnicodeEncodeError:  # half characters, which the file may hold in the form \\ud800 alone
            encoded = json.dumps(full, separators=(",", ":")).encode("ascii")
        data = memoryview(encoded + b"\n")
        while data:
            data = data[os.write(self._file, data) :]
        self._mark(number, failed=failed)

    def close(self) -> None:
        """To the disk, and free for others."""
        os.fsync(self._file)
        os.close(self._file)
