"""What a model wrote, made fit to be shown as Markdown.

Enters: text. Leaves: text in which HTML is inert, images are not loaded, and every ``\\boxed{}`` is in math.
Always holds: whatever the model wrote, the page's own sanitiser gets only Markdown and LaTeX to work on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# What begins code or math, as the page is told to find it.
_OPENERS = re.compile(r"```|`|\$\$|\\\[|\\\(|\$(?!\s)")
_INLINE = {"`": re.compile(r"`[^`\n]*`"), "$": re.compile(r"\$[^$\n]+?(?<!\s)\$")}
_CLOSERS = {"```": "```", "$$": "$$", "\\[": "\\]", "\\(": "\\)"}
_BREAK = "\u200b"  # after "<" or "!", what follows is no tag and no image any more
_COMMANDS = re.compile(r"\\(href|url|includegraphics|html\w+|class|cssId|def|gdef|edef|xdef|newcommand)\b")


def show(text: str) -> str:
    """The text as Markdown that loads nothing and runs nothing."""
    shown, end = [], 0
    for start, stop, is_code in _spans(text):
        shown.append(_prose(text[end:start]))
        shown.append(_inert(text[start:stop]) if is_code else _math(text[start:stop]))
        end = stop
    shown.append(_prose(text[end:]))
    return "".join(shown)


def _spans(text: str) -> Iterator[tuple[int, int, bool]]:
    """(start, end, whether it is code) of each piece of code or math; a dollar in code is none. The work
    grows with the length alone: what has no end is looked for once."""
    place, endless = 0, set()
    while (match := _OPENERS.search(text, place)) is not None:
        start, opener = match.start(), match.group()
        place = match.end()
        if opener in _INLINE:
            inline = _INLINE[opener].match(text, start)
            end = -1 if inline is None else inline.end()
        elif opener in endless:
            continue
        elif (found := text.find(_CLOSERS[opener], place + (opener != "```"))) >= 0:
            end = found + len(opener)
        else:
            endless.add(opener)
            end = len(text) if opener == "```" else -1  # code may still be being written
        if end >= 0:
            yield start, end, opener[0] == "`"
            place = end


def _inert(text: str) -> str:
    return text.replace("<", f"<{_BREAK}")


def _math(text: str) -> str:
    return _COMMANDS.sub(r"\\text{\1}", text.replace("<", r"\lt "))


def _prose(text: str) -> str:
    """HTML, images and links inert; boxes in math."""
    shown, start = [], 0
    while (place := text.find("\\boxed{", start)) >= 0:
        end = _closing(text, place + len("\\boxed"))
        if end is None:  # still being written
            break
        shown.append(_links(text[start:place]))
        shown.append(f"${_math(text[place:end])}$")
        start = end
    shown.append(_links(text[start:]))
    return "".join(shown)


def _links(text: str) -> str:
    """Neither HTML nor images; a link is shown with its address, and not to be clicked."""
    text = _inert(text).replace("![", f"!{_BREAK}[").replace("](", f"]{_BREAK}(").replace("]:", f"]{_BREAK}:")
    return re.sub(r"(https?:)//", rf"\1/{_BREAK}/", text)


def _closing(text: str, start: int) -> int | None:
    """The place after the brace that closes the one at start."""
    depth = 0
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return place + 1
    return None
