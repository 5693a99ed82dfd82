"""Draw the questions that ship with the page: ``python web/draw_examples.py``.

Writes r1v/server/page/examples: ``one-of-each.json`` with one question of each kind, and ``KIND.json`` with
further ones. All are held-out figures, from seeds that no training, measurement or quiz uses. The one of each
kind is the first that R1V-Nano answers right: a typed sum and a story for the kinds without pictures, a
picture by a tool that never drew for training for the kinds of ABROAD, one drawn plainly for the rest. The
further ones are not chosen in any way, save for the last two of the kinds that others' tools draw and of the
kinds without pictures: they are the next such ones that R1V-Nano answers right. Needs ``r1v[figures-more]``,
Chromium and Graphviz.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from r1v import LLM, ImageRef, Message, SamplingParams, figures
from r1v.figures import abroad, people
from r1v.scoring import equivalent, extract_boxed

FOLDER = Path(__file__).parents[1] / "r1v" / "server" / "page" / "examples"
FIRST_SEED = 8 * (1 << 32) + 7  # every eighth seed is held out
PLAIN = 0.35  # how far the look of the one of each kind strays from the family's plain one
EACH = 10
COLOURS = 64  # enough for a drawing, and smaller
FOREIGN_SEED = 1 << 33  # of pictures by other tools and of typed sums, which have no held-out seeds
FOREIGN = 2  # pictures by other tools in each kind's further ones
TRIES = 200
ABROAD = ("counting", "spatial", "solid", "odd_one", "money", "formula")  # these show another tool's picture
WRITTEN = {"arithmetic": "sum", "word_problem": "story"}  # kinds without a picture, as people type them


def encoded(question: str, answer: str, images: tuple[Any, ...], tool: str = "") -> dict[str, Any]:
    """A question as the page reads it; its pictures as lossless WebP in Base64. tool: not r1v's own."""
    pictures = []
    for image in images:
        file = io.BytesIO()
        image.convert("RGB").quantize(COLOURS).convert("RGB").save(file, "WEBP", lossless=True, method=6)
        pictures.append(base64.b64encode(file.getvalue()).decode())
    found: dict[str, Any] = {"question": question, "answer": answer, "images": pictures}
    return found | ({"tool": tool} if tool else {})


def is_right(llm: LLM, figure: figures.Figure | people.Said) -> bool:
    """Whether the model's boxed answer is the exact one, as the page compares them: without a tolerance."""
    message = Message.user(figure.question, [ImageRef(image) for image in figure.images])
    given = extract_boxed(llm.chat([message], SamplingParams.greedy(max_tokens=400)).answer)
    return given is not None and equivalent(given, figure.answer, figure.answer_type)


def plain(llm: LLM, name: str, base: int) -> dict[str, Any]:
    """The first of a kind that the model answers right, drawn plainly."""
    for i in range(TRIES):
        figure = figures.make(name, base + 8 * i, difficulty="medium", variation=PLAIN)
        if figure.question.isascii() and is_right(llm, figure):
            return encoded(figure.question, figure.answer, figure.images)
    raise SystemExit(f"{name}: none of {TRIES} is answered right")


def written(llm: LLM, source: str) -> Iterator[dict[str, Any]]:
    """Sums and stories as people type them, those that the model answers right."""
    for seed in itertools.count(FOREIGN_SEED):
        said = people.said("typed", source, seed, "heldout")
        if said.question.isascii() and is_right(llm, said):
            yield encoded(said.question, said.answer, ())


def foreign(llm: LLM, name: str) -> list[dict[str, Any]]:
    """The first pictures by a held-out tool that the model answers right; fewer where it fails too often."""
    found: list[dict[str, Any]] = []
    tools = abroad.usable(name, "heldout") if name in abroad.SUBJECTS else []
    for tool, i in itertools.product(tools, range(TRIES // 4)):
        figure = abroad.make(name, tool, FOREIGN_SEED + i, "heldout")
        fits = max(figure.images[0].size) < 1000 and figure.question.isascii()
        if fits and is_right(llm, figure):
            found.append(encoded(figure.question, figure.answer, figure.images, tool))
        if len(found) > FOREIGN:
            break
    return found


def main() -> None:
    """Draw and write."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    llm = LLM("r1v-nano")
    for name, lacks in abroad.missing("heldout").items():
        print(f"left out: {name} needs {', '.join(lacks)}")
    first = {}
    for number, name in enumerate(figures.FAMILIES):
        base = FIRST_SEED + 8 * 100_000 * number
        drawn = [figures.make(name, base + 8 * (1000 + i)) for i in range(EACH)]
        more = [encoded(figure.question, figure.answer, figure.images) for figure in drawn]
        if name in WRITTEN:
            first[name], *others = itertools.islice(written(llm, WRITTEN[name]), FOREIGN + 1)
        else:
            others = foreign(llm, name)
            first[name] = others.pop(0) if name in ABROAD and others else plain(llm, name, base)
        more += others[:FOREIGN]
        (FOLDER / f"{name}.json").write_text(json.dumps(more, ensure_ascii=False), encoding="utf-8")
        tool = first[name].get("tool", "own")
        print(f"{name} ({tool}): {first[name]['question']} {len(more)} more", flush=True)
    (FOLDER / "one-of-each.json").write_text(json.dumps(first, ensure_ascii=False), encoding="utf-8")
    size = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"{len(first)} kinds, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
