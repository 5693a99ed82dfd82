"""Data that crosses the borders between packages, and the error tree.

Enters and leaves: plain frozen dataclasses of standard-library types. Always holds: no torch, no numpy, no
input or output; every public value is checked where it is made, so that other packages can trust it.
"""

from __future__ import annotations

import enum
import json
import math
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

# ---------------------------------------------------------------------------------------------------- errors


class R1VError(Exception):
    """Bad input or an unmet need; the message names the value, the limit and the remedy, in one line."""


class ImageError(R1VError):
    """An image cannot be read, or is over a limit."""


class PromptError(R1VError):
    """A conversation cannot be turned into tokens: roles, template, image count."""


class CheckpointError(R1VError):
    """A checkpoint is missing, incomplete, damaged or of a shape that is not known here."""


class ConfigError(R1VError):
    """A configuration key or value is unknown or out of range."""


class ContextLengthError(R1VError):
    """The prompt does not fit the model's context."""


class CapacityError(R1VError):
    """Memory, cache or queue cannot hold what was asked for."""


class ComputeError(R1VError):
    """The model computed something that is not a number."""


class UnavailableError(R1VError):
    """An optional part (an extra, a device, the network) is needed and not there."""


# ------------------------------------------------------------------------------------------------------ JSON

MAX_JSON_DEPTH = 64  # of nested lists and objects: more than any request or checkpoint has
MAX_JSON_BYTES = 64 << 20


@contextmanager
def library_faults(fault: type[R1VError], what: str) -> Iterator[None]:
    """Every error of a library written in Rust becomes ``fault``, in one line. Such a library raises bare
    Exception, and its panics are no Exception at all: nothing that ends one request or load holds them."""
    try:
        yield
    except BaseException as error:
        panic = type(error).__name__ == "PanicException"
        if isinstance(error, R1VError) or not (panic or isinstance(error, Exception)):
            raise
        text = str(error).strip() or type(error).__name__
        raise fault(f"{what}: {text.splitlines()[0][:200]}") from (None if panic else error)


def parse_json(
    data: str | bytes | bytearray,
    what: str,
    *,
    error: type[R1VError] = R1VError,
    max_bytes: int = MAX_JSON_BYTES,
    max_depth: int = MAX_JSON_DEPTH,
    max_values: int | None = None,
    max_objects: int | None = None,
    max_keys: int | None = None,
    unique_keys: bool = False,
) -> Any:
    """The value of a JSON text that somebody else wrote: a client, a checkpoint, a data file, a model.

    data: text, or bytes in UTF-8 with or without a byte-order mark. what: its name for the message, as in
    "config.json". error: the class that is raised. max_bytes, max_depth: of the text and of nested lists and
    objects. max_values: of commas and opening brackets, counted before anything is parsed, because a short
    text can hold values that take a hundred times its memory; None is no bound. max_objects, max_keys: of
    objects in all, and of keys in one, for what is checked key by key afterwards. unique_keys: a key given
    twice in one object is an error, where otherwise the last value counts.

    Raises ``error`` in one line where the text is too large, too deep, not JSON, or holds a number that is
    not finite (NaN, Infinity, 1e999). What comes back can be walked by code that recurses.
    """
    if len(data) > max_bytes:
        raise error(f"{what} has {len(data)} bytes of JSON; the limit is {max_bytes}")
    if max_values is not None:
        marks: tuple[Any, ...] = (",", "[", "{") if isinstance(data, str) else (b",", b"[", b"{")
        if sum(map(data.count, marks)) > max_values:
            raise error(f"{what} has more than {max_values} values; send fewer")
    too_deep = f"{what} is nested more than {max_depth} deep; make it flatter"
    try:
        text = data if isinstance(data, str) else bytes(data).decode("utf-8")
        value = json.loads(text.removeprefix("\ufeff"), parse_constant=_no_number, parse_float=_finite,
                           object_pairs_hook=_unique if unique_keys else None)  # fmt: skip
    except RecursionError as cause:
        raise error(too_deep) from cause
    except UnicodeDecodeError as cause:
        raise error(f"{what} is not valid JSON (byte {cause.start} is not UTF-8)") from cause
    except json.JSONDecodeError as cause:
        place = f"line {cause.lineno} column {cause.colno}"
        raise error(f"{what} is not valid JSON ({cause.msg}, {place})") from cause
    except ValueError as cause:  # a number that is not finite, or has thousands of digits
        raise error(f"{what} is not valid JSON ({str(cause).partition(';')[0][:100]})") from cause
    level: list[Any] = [value] if isinstance(value, dict | list) else []
    num_objects = 0
    for _ in range(max_depth):
        objects = [each for each in level if isinstance(each, dict)]
        num_objects += len(objects)
        if max_objects is not None and num_objects > max_objects:
            raise error(f"{what} has more than {max_objects} objects; send fewer")
        if max_keys is not None and any(len(each) > max_keys for each in objects):
            raise error(f"{what} has an object of more than {max_keys} keys; send fewer")
        inner = [item for each in level for item in (each.values() if isinstance(each, dict) else each)]
        level = [item for item in inner if isinstance(item, dict | list)]
        if not level:
            return value
    raise error(too_deep)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise ValueError(f"the key {twice[:64]!r} is given twice")
    return found


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not a number in JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is too large for a number")
    return value


# -------------------------------------------------------------------------------------------------- messages

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")


@dataclass(frozen=True, slots=True)
class ImageRef:
    """One image by reference; opened by the prompt room.

    source: a path, the encoded bytes of a file, a ``data:`` URL, or a PIL image.
    """

    source: str | bytes | os.PathLike[str] | Any

    def __str__(self) -> str:
        """A short name for error messages."""
        if isinstance(self.source, bytes):
            return f"<{len(self.source)} bytes>"
        if isinstance(self.source, str):
            return self.source if len(self.source) <= 120 else self.source[:60] + "…"
        return str(self.source)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function call that the model made. arguments: a JSON object as text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation.

    content: text and images in their order. reasoning: the thinking of an assistant turn, kept apart from
    its answer (templates drop or keep it as they like).
    """

    role: Role
    content: tuple[str | ImageRef, ...] = ()
    reasoning: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise PromptError(f"message role {self.role!r} is not known; use one of {', '.join(ROLES)}")
        for part in self.content:
            if not isinstance(part, str | ImageRef):
                raise PromptError(
                    f"message content holds a {type(part).__name__}; give text (str) or images (ImageRef)"
                )

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return "".join(part for part in self.content if isinstance(part, str))

    @property
    def images(self) -> tuple[ImageRef, ...]:
        """The image parts, in their order."""
        return tuple(part for part in self.content if isinstance(part, ImageRef))

    @classmethod
    def user(
        cls, text: str, images: Sequence[ImageRef | str | bytes | os.PathLike[str] | Any] = ()
    ) -> Message:
        """A user turn with its images before the text, each on a line, as the release's scripts put them."""
        parts: list[str | ImageRef] = []
        for image in images:
            parts.append(image if isinstance(image, ImageRef) else ImageRef(image))
            parts.append("\n")
        return cls("user", (*parts, text))


# -------------------------------------------------------------------------------------------------- sampling


@dataclass(frozen=True, slots=True)
class Decoding:
    """The settings that a checkpoint can choose itself, all of them known. The defaults are those of the
    release's script. Fields as in SamplingParams."""

    temperature: float = 0.6
    top_k: int = 0
    top_p: float = 0.95
    min_p: float = 0.0
    repetition_penalty: float = 1.05


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How one request is decoded.

    The five settings whose default is None are the checkpoint's where they are not given (its
    ``generation_config.json``), and the release's where the checkpoint does not say either (see Decoding).

    temperature: below 1e-5 is greedy. top_k: 0 is off. top_p, min_p: in [0, 1]; 1 and 0 are off.
    repetition_penalty: over prompt and output, in [0.01, 10]; 1 is off. presence_penalty, frequency_penalty:
    over the output, in [-2, 2].
    max_tokens: None is up to the context's end. thinking_budget: tokens of thinking; -1 is no limit, 0 is no
    thinking. detect_loops: end thinking that repeats itself; the answer follows. detect_answer_loops: end an
    answer that repeats itself, with the reason "length" and the detail "loop". logprobs: None, or the number
    of top tokens to report beside the chosen one. n: completions of the prompt.
    """

    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int | None = None
    max_tokens: int | None = None
    min_tokens: int = 0
    stop: tuple[str, ...] = ()
    stop_token_ids: tuple[int, ...] = ()
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    logprobs: int | None = None
    thinking_budget: int = -1
    detect_loops: bool = True
    detect_answer_loops: bool = False
    n: int = 1

    def __post_init__(self) -> None:
        if self.temperature is not None:
            _in_range("temperature", self.temperature, 0.0, 100.0)
        if self.top_k is not None:
            _whole("top_k", self.top_k, 0)
        if self.top_p is not None:
            _in_range("top_p", self.top_p, 0.0, 1.0, open_low=True)
        if self.min_p is not None:
            _in_range("min_p", self.min_p, 0.0, 1.0)
        if self.repetition_penalty is not None:
            _in_range("repetition_penalty", self.repetition_penalty, 0.01, 10.0)
        _in_range("presence_penalty", self.presence_penalty, -2.0, 2.0)
        _in_range("frequency_penalty", self.frequency_penalty, -2.0, 2.0)
        _whole("min_tokens", self.min_tokens, 0)
        _whole("thinking_budget", self.thinking_budget, -1)
        _whole("n", self.n, 1, 128)
        if self.seed is not None:
            _whole("seed", self.seed, -(2**63), 2**63 - 1)
        if self.max_tokens is not None:
            _whole("max_tokens", self.max_tokens, 1)
        if self.logprobs is not None:
            _whole("logprobs", self.logprobs, 0, 20)
        if any(not s for s in self.stop):
            raise ConfigError("stop holds an empty string; each stop string needs at least one character")
        for token_id in self.stop_token_ids:
            _whole("a token of stop_token_ids", token_id, 0, 2**31)
        for token_id, bias in self.logit_bias.items():
            _whole("a token of logit_bias", token_id, 0, 2**31)
            _in_range(f"logit_bias[{token_id}]", bias, -100.0, 100.0)

    @property
    def decoding(self) -> Decoding:
        """The five settings that can be None, with the release's where they are."""
        return Decoding(**self._given())

    def over(self, defaults: SamplingParams) -> SamplingParams:
        """These settings, with the defaults' where they are None."""
        return replace(self, **{**defaults._given(), **self._given()})

    def _given(self) -> dict[str, Any]:
        names = Decoding.__dataclass_fields__
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    @classmethod
    def greedy(cls, **changes: Any) -> SamplingParams:
        """Deterministic decoding: temperature 0, no penalty."""
        return cls(**{"temperature": 0.0, "top_p": 1.0, "repetition_penalty": 1.0, **changes})


def _whole(name: str, value: int, low: int, high: int | None = None) -> None:
    """Reject a value that is not a whole number or lies outside its range, naming all three."""
    if isinstance(value, float):
        raise ConfigError(f"{name} is {value!r}; it must be a whole number")
    _in_range(name, value, low, high)


def _in_range(
    name: str, value: float, low: float | None, high: float | None, *, open_low: bool = False
) -> None:
    """Reject a value that is not a number or lies outside its range, naming all three."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{name} is {value!r}, which is not a number")
    above = low is None or (value > low if open_low else value >= low)
    if not (above and (high is None or value <= high)):  # also catches NaN
        bounds = f"{'more than' if open_low else 'at least'} {low}" if low is not None else ""
        if high is not None:
            bounds += f"{' and ' if bounds else ''}at most {high}"
        huge = isinstance(value, int) and value.bit_length() > 200  # Python refuses to print some of these
        raise ConfigError(f"{name} is {'a huge number' if huge else value}; it must be {bounds}")


# --------------------------------------------------------------------------------------------------- results


class FinishReason(enum.StrEnum):
    """Why a generation ended."""

    STOP = "stop"  # an end token or a stop string
    LENGTH = "length"  # max_tokens or the context's end
    CANCELLED = "cancelled"
    ERROR = "error"


class FinishDetail(enum.StrEnum):
    """What cut the thinking short, or (LOOP with the reason LENGTH, where it was asked for) the answer."""

    BUDGET = "budget"
    LOOP = "loop"


Segment: TypeAlias = Literal["thinking", "answer"]


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """Log-probability (natural log) of one chosen token, and of the most likely ones, best first."""

    token_id: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class TokenEvent:
    """A piece of output as it streams. text may be empty while a character is incomplete.

    index: which of the ``n`` completions it belongs to.
    """

    segment: Segment
    text: str
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    index: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts. image_tokens and cached_tokens are parts of prompt_tokens, reasoning_tokens of
    completion_tokens."""

    prompt_tokens: int = 0
    image_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds: from arrival to the first token, and from there to the last."""

    first_token_s: float = 0.0
    decode_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Completion:
    """One finished output. Thinking that was never closed is thinking: answer is then empty. stop: the stop
    string that ended it, where one did. refused: the answer says that it cannot be told
    (`r1v.prompt.is_refusal`)."""

    thinking: str
    answer: str
    token_ids: tuple[int, ...]
    finish_reason: FinishReason
    finish_detail: FinishDetail | None = None
    usage: Usage = field(default_factory=Usage)
    timing: Timing = field(default_factory=Timing)
    logprobs: tuple[TokenLogprob, ...] | None = None
    index: int = 0
    stop: str | None = None
    refused: bool = False


# the level above which this process uses no instruction sets (`ops.isa`); empty: no limit. The command line
# sets it before torch is imported
instruction_limit: list[str] = []


def usable_cores(root: Path = Path("/")) -> int:
    """Cores that this process may use: those of the machine, fewer where its affinity or the quota of its
    container (cgroups 1 and 2) say so; at least 1. root: where /proc and /sys are found."""
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # Linux only
        cores = min(cores, len(os.sched_getaffinity(0)))
    for quota, period in _cpu_quotas(root):
        cores = min(cores, math.ceil(quota / period))
    return max(1, cores)


def _cpu_quotas(root: Path) -> list[tuple[int, int]]:
    """(quota, period) in microseconds of each control group that holds this process, where one is set."""
    groups = root / "sys/fs/cgroup"
    folders = [groups, groups / "cpu"]
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers or "cpu" in controllers.split(","):  # version 2; version 1
            # the quota of every group above counts too; a container may see its own at the root alone
            own = groups / controllers / path.strip("/")
            folders += [own, *(folder for folder in own.parents if folder.is_relative_to(groups))]
    files = ("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")
    found = [" ".join(_text(at / name) for name in names).split() for at in folders for names in files]
    numbers = [[int(word) for word in words] for words in found if all(word.isdigit() for word in words)]
    return [(pair[0], pair[1]) for pair in numbers if len(pair) == 2 and min(pair) > 0]


def _text(path: Path) -> str:
    """What a file of the system says; nothing where it cannot be read."""
    try:
        return path.read_text()
    except OSError:
        return ""


# -------------------------------------------------------------------------------------------------- progress


class ProgressPace:
    """What all displays of progress ask: at most ten a second, whatever the work's own speed."""

    def __init__(self, every_s: float = 0.1) -> None:
        """every_s: seconds between two displays; 0.1 is the least."""
        self._every_s, self._last = max(every_s, 0.1), float("-inf")

    def due(self) -> bool:
        """Whether to show it now; then the next one is not due for a while."""
        now = time.monotonic()
        if now - self._last < self._every_s:
            return False
        self._last = now
        return True
