"""How a question becomes messages.

Enters: a question's text, options and pictures, and the prompts of the protocol. Leaves: the conversation
that is asked. Always holds: the protocol decides on the prompt, the question on the places of its pictures.
"""

from __future__ import annotations

from collections.abc import Sequence

from r1v.core import ImageRef, Message
from r1v.eval.benchmark import Load
from r1v.eval.prompts import options_text
from r1v.eval.questions.pictures import placed

IN_PICTURE = "The question is in the picture."


def asked(
    request: Load,
    question: str,
    options: Sequence[str] = (),
    pictures: Sequence[ImageRef] = (),
    prompt: str = "",
) -> tuple[Message, ...]:
    """A question of one turn. prompt: the name of its wording; None is "choice" for a question with options
    and "open" for one without. A wording that does not show the options ("marked") is for questions that show
    them themselves."""
    wording = request.prompt(prompt or ("choice" if options else "open"))
    if "{options}" in wording.text:
        text = wording.fill(question=question, options=options_text(tuple(options)))
    else:
        text = wording.fill(question=question)
    message = Message("user", placed(text, pictures))
    return (message,) if request.system is None else (Message("system", (request.system.text,)), message)
