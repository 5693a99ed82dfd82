"""Draw the questions that ship with the page: ``python web/draw_examples.py``.

Writes r1v/server/page/examples: ``one-of-each.json`` with one question of each kind, and ``KIND.json`` with
further ones. All are held-out figures, from seeds that no training, measurement or quiz uses. The one of each
kind is the first that R1V-Nano answers right, drawn plainly; the others are not chosen in any way.
"""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

from r1v import LLM, ImageRef, Message, SamplingParams, figures
from r1v.scoring import equivalent, extract_boxed

FOLDER = Path(__file__).parents[1] / "r1v" / "server" / "page" / "examples"
FIRST_SEED = 8 * (1 << 32) + 7  # every eighth seed is held out
PLAIN = 0.35  # how far the look of the one of each kind strays from the family's plain one
EACH = 10
COLOURS = 64  # enough for a drawing, and smaller


def encoded(figure: figures.Figure) -> dict[str, Any]:
    """A question as the page reads it; its pictures as lossless WebP in Base64."""
    pictures = []
    for image in figure.images:
        file = io.BytesIO()
        image.convert("RGB").quantize(COLOURS).convert("RGB").save(file, "WEBP", lossless=True, method=6)
        pictures.append(base64.b64encode(file.getvalue()).decode())
    return {"question": figure.question, "answer": figure.answer, "images": pictures}


def is_right(llm: LLM, figure: figures.Figure) -> bool:
    """Whether the model's boxed answer is the exact one."""
    message = Message.user(figure.question, [ImageRef(image) for image in figure.images])
    given = extract_boxed(llm.chat([message], SamplingParams.greedy(max_tokens=400)).answer)
    return given is not None and equivalent(given, figure.answer, figure.answer_type, figure.tolerance)


def main() -> None:
    """Draw and write."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    llm = LLM("r1v-nano")
    first = {}
    for number, name in enumerate(figures.FAMILIES):
        base = FIRST_SEED + 8 * 100_000 * number
        tries = (figures.make(name, base + 8 * i, difficulty="medium", variation=PLAIN) for i in range(200))
        first[name] = next(
            encoded(figure) for figure in tries if figure.question.isascii() and is_right(llm, figure)
        )
        drawn = [encoded(figures.make(name, base + 8 * (1000 + i))) for i in range(EACH)]
        (FOLDER / f"{name}.json").write_text(json.dumps(drawn, ensure_ascii=False), encoding="utf-8")
    (FOLDER / "one-of-each.json").write_text(json.dumps(first, ensure_ascii=False), encoding="utf-8")
    size = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"{len(first)} kinds, {EACH + 1} questions each, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
