"""How a generation looks: on a terminal with rich, elsewhere as plain text.

Enters: pieces of thinking and answer as they stream, then the finished Completion. Leaves: text on standard
output; where that is no terminal, what is said about the text is on standard error. Always holds: control
characters that a model writes never reach the terminal.
"""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING, Protocol, TextIO

from r1v.core import Completion, FinishDetail, FinishReason, Segment, TokenEvent

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.markdown import Markdown
    from rich.status import Status

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_BOX_ALONE = re.compile(
    r"[\s*_$]*(?:(?:the )?(?:final )?answer(?: is)?|答案(?:是|为)?)?[\s*_$:：]*(?:\\[(\[])?\s*"
    r"(\\(?:boxed|fbox)\{.*\})\s*(?:\\[)\]])?[\s*_$.。]*",
    re.IGNORECASE | re.DOTALL,
)
_BLOCK_END = re.compile(r"\n[ \t]*\n")
REFRESH_S = 0.1


class Screen(Protocol):
    """Shows one generation."""

    def show(self, event: TokenEvent) -> None:
        """Show a piece as it arrives."""
        ...

    def finish(self, completion: Completion, boxed: str | None) -> None:
        """Show the end: what cut it short, tokens and speed. boxed: the content of the answer's box."""
        ...

    def close(self) -> None:
        """Leave the terminal as it was found, wherever the generation stands."""
        ...


def make_screen(*, hide_thinking: bool = False, output: TextIO | None = None) -> Screen:
    """A RichScreen where output (default: standard output) is a terminal, else a PlainScreen."""
    output = sys.stdout if output is None else output
    if output.isatty():
        return RichScreen(hide_thinking=hide_thinking)
    return PlainScreen(output, hide_thinking=hide_thinking)


def printable(text: str) -> str:
    """The text without control characters, except for line ends and tabs."""
    return _CONTROL.sub("", text)


def tokens_per_s(completion: Completion) -> float:
    """Speed of decoding; 0 where there were fewer than two tokens."""
    tokens, seconds = completion.usage.completion_tokens - 1, completion.timing.decode_s
    return tokens / seconds if tokens > 0 and seconds > 0 else 0.0


def summary(completion: Completion) -> str:
    """One line: tokens, of them thinking, speed, time to the first token."""
    usage, timing = completion.usage, completion.timing
    parts = [f"{usage.completion_tokens} tokens"]
    if usage.reasoning_tokens:
        parts[0] += f" ({usage.reasoning_tokens} thinking)"
    if speed := tokens_per_s(completion):
        parts.append(f"{speed:.1f} tokens/s")
    parts.append(f"first token after {timing.first_token_s:.2f} s")
    return ", ".join(parts)


def remark(completion: Completion) -> str | None:
    """What cut the generation short, in a few words; None where it ended by itself."""
    remarks = []
    if completion.finish_detail is FinishDetail.BUDGET:
        remarks.append("thinking ended at its budget")
    elif completion.finish_detail is FinishDetail.LOOP:
        remarks.append("thinking went round in circles and was ended")
    if completion.finish_reason is FinishReason.LENGTH:
        where = "the answer is cut off" if completion.answer else "the thinking did not reach an answer"
        remarks.append(f"token limit reached: {where}")
    elif completion.finish_reason is FinishReason.CANCELLED:
        remarks.append("interrupted")
    elif completion.finish_reason is FinishReason.ERROR:
        remarks.append("ended by an error")
    elif completion.refused:
        remarks.append("no answer: the model says that it cannot tell")
    return "; ".join(remarks) or None


class PlainScreen:
    """Plain text: the thinking between ``<think>`` lines, then the answer as it is.

    notes: where the facts go that are not the model's text (default: standard error), so that a file or a
    program that reads ``output`` gets the answer alone.
    """

    def __init__(self, output: TextIO, *, hide_thinking: bool = False, notes: TextIO | None = None) -> None:
        self._output, self._notes = output, notes
        self._hide_thinking = hide_thinking
        self._segment: Segment | None = None

    def show(self, event: TokenEvent) -> None:
        text = printable(event.text)
        if not text or (event.segment == "thinking" and self._hide_thinking):
            return
        if event.segment != self._segment:
            self._enter(event.segment)
        self._write(text)

    def _enter(self, segment: Segment | None) -> None:
        from r1v.prompt import CLOSE_TEXT, OPEN_TEXT

        if segment == "thinking":
            self._write(f"{OPEN_TEXT}\n")
        elif self._segment == "thinking":
            self._write(f"\n{CLOSE_TEXT}\n\n")
        self._segment = segment

    def finish(self, completion: Completion, boxed: str | None) -> None:
        if self._segment == "thinking" and completion.answer == "":
            self._write("\n")  # never closed by the model, so not closed here
        elif self._segment is not None:
            self._write("\n")
        lines = []
        if (cut := remark(completion)) is not None:
            lines.append(f"[{cut}]")
        lines.append(f"[{summary(completion)}]")
        print("\n" + "\n".join(lines), file=self._notes or sys.stderr, flush=True)

    def close(self) -> None:
        self._output.flush()

    def _write(self, text: str) -> None:
        encoding = self._output.encoding or "utf-8"
        self._output.write(text.encode(encoding, "replace").decode(encoding))
        self._output.flush()


class RichScreen:
    """Thinking dimmed as it streams, the answer in Markdown block by block; a last block that is nothing but
    the boxed answer in a frame."""

    def __init__(self, *, hide_thinking: bool = False, console: Console | None = None) -> None:
        from rich.console import Console

        self._console = console or Console(highlight=False)
        self._hide_thinking = hide_thinking
        self._status: Status | None = None
        self._segment: Segment | None = None
        self._num_hidden = 0
        self._answer = MarkdownFlow(self._console)
        self._wait("looking and thinking…" if hide_thinking else "looking…")

    def _wait(self, words: str) -> None:
        if self._status is None:
            self._status = self._console.status(f"[dim]{words}[/dim]", spinner="dots", refresh_per_second=10)
            self._status.start()
        else:
            self._status.update(f"[dim]{words}[/dim]")

    def _stop_waiting(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def show(self, event: TokenEvent) -> None:
        from rich.text import Text

        if event.segment == "thinking" and self._hide_thinking:
            self._num_hidden += len(event.token_ids)
            self._wait(f"thinking… {self._num_hidden} tokens")
            return
        text = printable(event.text)
        if not text:
            return
        self._stop_waiting()
        if event.segment == "answer":
            if self._segment == "thinking":
                self._console.print("\n")
            self._answer.push(text)
        else:
            self._console.print(Text(text, style="dim italic"), end="", soft_wrap=True)
        self._segment = event.segment

    def finish(self, completion: Completion, boxed: str | None) -> None:
        from rich.panel import Panel
        from rich.text import Text

        from r1v.cli.screen.mathtext import readable

        self._stop_waiting()
        if boxed is not None and is_box(self._answer.pending):
            self._answer.drop_pending()  # the frame says it
            self.close()
            frame = Panel.fit(
                Text(readable(printable(boxed)), style="bold"), title="answer", border_style="green"
            )
            self._console.print(frame)
        else:
            self.close()
        if (cut := remark(completion)) is not None:
            self._console.print(Text(cut, style="yellow"))
        self._console.print(Text(summary(completion), style="dim"))

    def close(self) -> None:
        self._stop_waiting()
        self._answer.finish()
        if self._segment == "thinking":
            self._console.print("\n")
        self._segment = None


class MarkdownFlow:
    """Markdown that is printed block by block; the block being written shows in place until it is whole."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.pending = ""  # what is not printed for good
        self._live: Live | None = None
        self._shown_at = 0.0
        self._num_printed = 0

    def push(self, text: str) -> None:
        """Take more of the answer."""
        self.pending += text
        end = whole_blocks(self.pending)
        if end:
            block, self.pending = self.pending[:end], self.pending[end:]
            self._stop()
            self._print(block)
        now = time.monotonic()
        if self.pending.strip() and now - self._shown_at >= REFRESH_S:
            self._shown_at = now
            self._update()

    def finish(self) -> None:
        """Print what is left."""
        self._stop()
        if self.pending.strip():
            self._print(self.pending)
        self.pending = ""

    def drop_pending(self) -> None:
        """Take back what is not printed for good."""
        self._stop()
        self.pending = ""

    def _update(self) -> None:
        from rich.live import Live

        if self._live is None:
            self._live = Live(
                console=self._console, auto_refresh=False, transient=True, vertical_overflow="crop"
            )
            self._live.start()
        self._live.update(self._markdown(self.pending), refresh=True)

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _print(self, block: str) -> None:
        from rich.segment import SegmentLines

        lines = self._console.render_lines(self._markdown(block), pad=False)
        while lines and not "".join(part.text for part in lines[-1]).strip():
            lines.pop()
        while lines and not "".join(part.text for part in lines[0]).strip():
            lines.pop(0)
        if self._num_printed:
            self._console.print()
        self._num_printed += 1
        self._console.print(SegmentLines(lines, new_lines=True), end="")

    def _markdown(self, text: str) -> Markdown:
        from rich.markdown import Markdown

        from r1v.cli.screen.mathtext import readable_markdown

        return Markdown(readable_markdown(text), hyperlinks=False)


def is_box(text: str) -> bool:
    r"""Whether a block is nothing but one ``\boxed{...}``, with or without "Answer:" before it."""
    found = _BOX_ALONE.fullmatch(text)
    if found is None:
        return False
    depth = 0
    for i, character in enumerate(found[1]):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "}" and not depth:
            return i == len(found[1]) - 1  # the first box ends where the block does
    return False


def whole_blocks(text: str) -> int:
    r"""Length of the part of text that is made of whole Markdown blocks.

    A block ends at an empty line outside code fences and display formulas (``$$``, ``\[``), unless what
    follows may still belong to the same list.
    """
    end = 0
    for match in _BLOCK_END.finditer(text):
        before = text[: match.end()]
        if before.count("```") % 2 or before.count("$$") % 2 or before.count("\\[") > before.count("\\]"):
            continue
        if not text[match.end() :].strip() or text[match.end()] in " \t":
            continue  # nothing more yet, or an indented line that continues a list item
        end = match.end()
    return end
