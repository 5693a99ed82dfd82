"""The card of a checkpoint: R1V-Nano's own, and what is left of READMEs that say less."""

from pathlib import Path

import pytest

from r1v.llm.card import read_card
from r1v.models import resolve_model


def test_nanos_card() -> None:
    card = read_card(resolve_model("r1v-nano"))
    assert 13_000_000 < card.num_parameters < 15_000_000 and 27_000_000 < card.num_bytes < 29_000_000
    assert (
        card.summary.startswith("A small model") and card.license == "mit" and card.languages == ("en", "zh")
    )
    assert any("Photographs" in point for point in card.cannot) and all(card.cannot)
    assert dict(card.kinds)["clock"] > 70 and len(card.kinds) >= 20


CLAIM = '{"claimed": ["x"], "families": {"x": {"accuracy": %s}}}'


@pytest.mark.parametrize(
    "scores",
    ["[" * 100_000, '{"claimed": ' + "[" * 600 + "]" * 600 + "}", CLAIM % "NaN", CLAIM % ("1" + "0" * 400),
     " " * (2 << 20) + CLAIM % "1", "{", '"x"'],
    ids=range(7),
)  # fmt: skip
def test_scores_that_are_none(tiny_checkpoint: Path, tmp_path: Path, scores: str) -> None:
    for file in tiny_checkpoint.iterdir():
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "scores.json").write_text(scores)
    assert read_card(tmp_path).kinds == ()


@pytest.mark.parametrize(
    ("text", "summary", "cannot"),
    [
        ("", "", ()),
        ("# Name\n\nOne line\nand another.\n", "One line and another.", ()),
        ("---\nlicense: mit\n", "", ()),
        ("<img src=x>\n\n> quoted\n\n![x](y)\n\nText.", "Text.", ()),
        ("Text.\n\n## What it cannot do\n\n- One\n  more.\n- Two.\n\nRest\n", "Text.", ("One more.", "Two.")),
        ("Text.\n\n## What it cannot do\n\nNothing listed.\n", "Text.", ()),
        ("x" * 2000, "x" * 600, ()),
    ],
)
def test_other_readmes(
    tiny_checkpoint: Path, tmp_path: Path, text: str, summary: str, cannot: tuple[str, ...]
) -> None:
    for file in tiny_checkpoint.iterdir():
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "README.md").write_text(text)
    (tmp_path / "scores.json").write_text('{"claimed": ["x"], "families": []}')
    card = read_card(tmp_path)
    assert (card.summary, card.cannot, card.kinds) == (summary, cannot, ())
    assert card.num_parameters > 0
