"""A checkpoint's chat template and plain data in, the rendered text out.

Enters: the Jinja source of a template, and plain data. Leaves: text. Always holds: the template runs in
Jinja's sandbox in a child process, which the kernel ends when it takes more time or memory than any chat
template needs; so whatever a template does, it cannot hang or flood this process.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from r1v.core import CheckpointError, PromptError

# Built in for checkpoints of a known type that bring no template: plain ChatML, as Qwen2 uses it, without a
# default system message, tools or thinking.
CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

MAX_TEMPLATE_CHARS = 1_000_000
MAX_REQUEST_BYTES = 4 << 20  # of a template and its conversation as JSON; the child's own limit
WALL_S = 60.0  # the child's own limit is processor time; this one is for a machine that gives it none
_CHILD = Path(__file__).with_name("template_child.py")


class TemplateLimitError(PromptError):
    """A template was stopped because it took too much time or memory."""


class ChatTemplate:
    """A chat template that compiles. Safe to share between threads and to pickle."""

    def __init__(self, source: str) -> None:
        """Compile. Raises CheckpointError for a template that is too long or not Jinja."""
        if len(source) > MAX_TEMPLATE_CHARS:
            raise CheckpointError(
                f"the chat template has {len(source)} characters; the limit is {MAX_TEMPLATE_CHARS}"
            )
        private = next((character for character in source if character >= "\U000f0000"), None)
        if private is not None:
            raise CheckpointError(
                f"the chat template holds U+{ord(private):X}, a private character that is reserved; remove it"
            )
        self.source = source
        try:
            found = _ask({"source": source})
        except TemplateLimitError as error:
            raise CheckpointError(str(error)) from None
        if "literals" not in found:
            raise CheckpointError(f"the chat template is not valid Jinja: {found.get('line', 'too large')}")
        # the texts that the template writes or compares with
        self.literals: tuple[str, ...] = tuple(found["literals"])

    def render(self, hidden: Mapping[str, str] | None = None, /, **variables: Any) -> str:
        """The text for ``variables``, which are JSON data. hidden: private characters in their texts and what
        they stand for, by which the template compares and cuts (see `r1v.prompt.hiding`).

        PromptError: the template refuses, fails, or takes too much time or memory (TemplateLimitError).
        CheckpointError: it cannot work with any conversation.
        """
        found = _ask({"source": self.source, "variables": variables, "hidden": hidden})
        if "text" in found:
            return str(found["text"])
        line = found.get("line")
        if found["fault"] == "refuses":
            raise PromptError(f"the chat template refuses this conversation: {line}")
        if found["fault"] == "fails":
            raise PromptError(f"the chat template fails on this conversation: {line}")
        raise CheckpointError(f"the chat template is broken ({line}); use another template")

    def render_messages(
        self, messages: Sequence[Mapping[str, Any]], *, continue_final: bool = False, **variables: Any
    ) -> str:
        """The text of messages as transformers' ``apply_chat_template`` gives it. continue_final: leave the
        last message open for more; otherwise the model's turn is opened. variables: such as the special
        tokens, ``tools`` and ``enable_thinking``. Raises as `render`."""
        listed = [dict(message) for message in messages]
        if continue_final:
            listed[-1]["content"] = _marked(listed[-1]["content"])
        variables = {"tools": None, "documents": None} | variables
        text = self.render(messages=listed, add_generation_prompt=not continue_final, **variables)
        if not continue_final:
            return text
        end = text.rfind(_END_MARK)
        if end < 0:
            raise PromptError("the chat template drops the last message, so it cannot be continued")
        # a template that strips the content took the space behind the mark, and would strip the text's own
        return text[:end] if text[end + 1 : end + 2] == " " else text[:end].rstrip()


_END_MARK = "\U000f0000"  # no template writes it


def _marked(content: Any) -> Any:
    """A message's content, which is text or typed parts, with the mark behind its last text."""
    if isinstance(content, str):
        return f"{content}{_END_MARK} "
    parts = [dict(part) for part in content]
    texts = [part for part in parts if "text" in part]
    if not texts:
        raise PromptError("the last message has no text to continue")
    texts[-1]["text"] += f"{_END_MARK} "
    return parts


def _ask(request: dict[str, Any]) -> dict[str, Any]:
    """What this process's child answers."""
    # a forked process has a child of its own, since two cannot share one pipe
    return _children.setdefault(os.getpid(), _Child()).ask(request)


class _Child:
    """A process that renders, started when it is needed and again after it was ended."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """One answer. Raises TemplateLimitError."""
        try:
            body = json.dumps(request, ensure_ascii=False).encode("utf-8", "surrogatepass")
        except (TypeError, ValueError, RecursionError) as error:
            raise PromptError(f"a conversation for a chat template must be plain data: {error}") from None
        if len(body) > MAX_REQUEST_BYTES:
            raise PromptError(
                f"the conversation and its chat template have {len(body)} bytes; the limit is "
                f"{MAX_REQUEST_BYTES}; send less text"
            )
        with self._lock:
            used = self._process is not None
            answer = self._answer(body)
            if answer.get("fault") == "memory" and used:  # what went before may have left too little
                self.end()
                answer = self._answer(body)
            if answer.get("fault") == "memory":
                self.end()
                raise TemplateLimitError(
                    "the chat template takes too much memory and was stopped; use another template"
                )
            return answer

    def _answer(self, body: bytes) -> dict[str, Any]:
        """What the child says to one request. Raises TemplateLimitError where it says nothing."""
        process = self._started()
        try:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(len(body).to_bytes(8, "big") + body)
            process.stdin.flush()
            if not select.select([process.stdout], [], [], WALL_S)[0]:
                raise EOFError
            length = int.from_bytes(_exactly(process, 8), "big")
            answer: dict[str, Any] = json.loads(_exactly(process, length).decode("utf-8", "surrogatepass"))
        except (OSError, EOFError):
            process.kill()
            code = process.wait()
            self.end()
            took = "too much time" if code in (-signal.SIGPROF, -signal.SIGKILL) else "too deep a stack"
            raise TemplateLimitError(
                f"the chat template takes {took} and was stopped; use another template"
            ) from None
        return answer

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.end()
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(_CHILD)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            atexit.unregister(end_child)
            atexit.register(end_child)
        return self._process

    def end(self) -> None:
        """End the process and close its pipes."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


# One for each process that renders: a fork inherits the table, and uses its own entry.
_children: dict[int, _Child] = {}


def end_child() -> None:
    """End this process's child, if it has one; the next template starts another."""
    child = _children.pop(os.getpid(), None)
    if child is not None:
        child.end()


def _exactly(process: subprocess.Popen[bytes], length: int) -> bytes:
    assert process.stdout is not None
    data = process.stdout.read(length)
    if len(data) < length:
        raise EOFError
    return data
