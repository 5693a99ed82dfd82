"""What every family of figures must hold, whichever it is."""

import hashlib
import importlib.util
import itertools
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from PIL import ImageDraw

from r1v.core import ConfigError
from r1v.figures import DIFFICULTIES, FAMILIES, Figure, family, make, seeds, split_of_seed, wording
from r1v.figures.claims import Claims, check
from r1v.figures.drawing.style import UNSEEN_FONTS

NAMES = [name for name, module in FAMILIES.items() if importlib.util.find_spec(module) is not None]
MAX_TOKENS = 190  # of a solution, by the rough count below
TYPES = ("number", "string", "choice", "time", "formula")


def some(name: str, number: int = 6, variations: tuple[float, ...] = (0.0, 1.0)) -> Iterator[Figure]:
    """Figures of a family: every difficulty, both splits."""
    for variation, difficulty, seed in itertools.product(variations, DIFFICULTIES, range(3, 3 + number)):
        yield make(name, seed, variation=variation, difficulty=difficulty)


def digest(figure: Figure) -> str:
    parts = [
        figure.template,
        figure.question,
        figure.answer,
        figure.solution,
        repr(sorted(figure.facts.items())),
    ]
    hashed = hashlib.sha256("\n".join(parts).encode())
    for image in figure.images:
        hashed.update(repr(image.size).encode() + image.tobytes())
    return hashed.hexdigest()


def claims(figure: Figure) -> Iterator[tuple[str, str]]:
    """(fact's name, what the solution goes on with) wherever a clause of the solution names a fact."""
    names = sorted(map(re.escape, figure.facts), key=len, reverse=True)
    if names:
        pattern = re.compile(r"(?:^|[\n;,.(]\s?)(" + "|".join(names) + r") ?[:=] ?")
        for match in pattern.finditer(figure.solution):
            yield match.group(1), figure.solution[match.end() :]


@pytest.mark.parametrize("name", NAMES)
def test_items_are_whole(name: str) -> None:
    kind_of = family(name)
    assert kind_of.name == name
    for figure in some(name):
        where = f"{name} seed {figure.seed} {figure.difficulty}"
        assert len(figure.images) == kind_of.num_images
        assert not set("{}[]") & set(figure.question), where
        assert "  " not in figure.question and figure.question == figure.question.strip(), where
        assert figure.answer and figure.answer == figure.answer.strip() and "\n" not in figure.answer, where
        assert figure.answer_type in TYPES and figure.tolerance >= 0.0
        if figure.answer_type == "number":
            float(figure.answer)
        if figure.answer_type == "time":
            assert re.fullmatch(r"\d{1,2}:\d\d", figure.answer), where
        tokens = re.findall(r"[A-Za-z]+|[^\sA-Za-z]|\n", figure.solution)
        assert 3 <= len(tokens) <= MAX_TOKENS, f"{where}: {len(tokens)} tokens\n{figure.solution}"
        for image in figure.images:
            assert image.mode == "RGB"
            assert all(250 <= side <= 640 for side in image.size), f"{where}: {image.size}"
            assert image.convert("L").resize((64, 64)).getcolors(2) is None, f"{where}: nothing drawn"


@pytest.mark.parametrize("name", NAMES)
def test_claims_stand_in_facts(name: str) -> None:
    kinds_with_claims, kinds = set(), set()
    for figure in some(name, 10):
        kind = figure.template.split("/")[0]
        kinds.add(kind)
        assert not check(figure.solution, figure.facts).wrong, figure.solution
        for fact, rest in claims(figure):
            kinds_with_claims.add(kind)
            value = figure.facts[fact]
            after = rest[len(value) : len(value) + 1]
            assert rest.startswith(value) and not after.isdigit(), (
                f"{name} seed {figure.seed}: {fact!r} is {value!r}, the solution says {rest[:30]!r}"
            )
    if family(name).num_images:
        assert kinds_with_claims == kinds, f"{name}: {kinds - kinds_with_claims} claim nothing"


def test_wrong_statements_are_counted() -> None:
    facts = {"bar": "12", "Ann": "5", "C1": "CH2", "red star": "row 1, column 2", "row 1": "5, 2"}
    assert check("bar 1, line 3; bar: 12\nAnn: 5, bar: 13", facts) == Claims(3, 1)
    assert check("C1: CH2, 4 H\nred star: row 1, column 2, 1 + 0 = 1 steps", facts) == Claims(2, 0)
    assert check("row 1: 5, 2, 7\nC1: CH3, 3 H\nzoo: 4", facts) == Claims(2, 2)


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_figure(name: str) -> None:
    for seed in range(3):
        assert digest(make(name, seed)) == digest(make(name, seed))
    assert len({make(name, seed).solution for seed in range(20)}) > 10


def test_same_figure_in_another_process() -> None:
    """Not a trace of hash randomisation: the same pixels and text in a fresh interpreter."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from test_families import digest, make, NAMES\n"
        "for name in NAMES: print(name, *(digest(make(name, seed)) for seed in range(5, 9)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, os.path.dirname(__file__)],
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
    )
    for line in run.stdout.splitlines():
        name, *there = line.split()
        assert there == [digest(make(name, seed)) for seed in range(5, 9)], name


@pytest.mark.parametrize("name", NAMES)
def test_unseen_fonts_change_no_content(name: str) -> None:
    for seed in range(6):
        seen, unseen = make(name, seed), make(name, seed, fonts=UNSEEN_FONTS)
        assert (seen.question, seen.answer) == (unseen.question, unseen.answer)


@pytest.mark.parametrize("name", NAMES)
def test_text_stays_inside(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = ImageDraw.ImageDraw.text
    outside = []

    def checked(self, xy, text, *args, **options):  # type: ignore[no-untyped-def]
        known = {
            k: v for k, v in options.items() if k in ("font", "anchor", "spacing", "align", "stroke_width")
        }
        left, top, right, bottom = self.textbbox(xy, text, **known)
        width, height = self.im.size
        if left < -1 or top < -1 or right > width + 1 or bottom > height + 1:
            outside.append((text, (left, top, right, bottom), (width, height)))
        return plain(self, xy, text, *args, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", checked)
    for figure in some(name, 10):
        assert not outside, f"{name} seed {figure.seed} {figure.difficulty}: {outside}"


@pytest.mark.parametrize("name", NAMES)
def test_wordings(name: str) -> None:
    for kind, grammar in family(name).kinds.items():
        assert "/" not in kind
        options = wording.alternatives(grammar)
        assert all(len(o) <= wording.MAX_ALTERNATIVES for o in options), kind
        assert all(len(set(o)) == len(o) for o in options), f"{name} {kind}: an alternative is there twice"
        names = [
            "".join(digits)
            for digits in itertools.product(*([f"{i:x}" for i in range(len(o))] for o in options))
        ]
        splits = {n: wording.split_of_template(f"{kind}/{n}") for n in names}
        assert len(names) >= 24, f"{name} {kind} has {len(names)} templates"
        assert "heldout" in splits.values(), f"{name} {kind} holds no template out"
        for place, alternatives in enumerate(options):
            trained = {n[place] for n in names if splits[n] == "train"}
            assert len(trained) == len(alternatives), f"{name} {kind}: an alternative is never trained"


@pytest.mark.parametrize("name", NAMES)
def test_splits_share_nothing(name: str) -> None:
    templates: dict[str, set[str]] = {"train": set(), "heldout": set()}
    for seed in range(32):
        figure = make(name, seed, variation=0.5)
        assert figure.split == split_of_seed(seed) == wording.split_of_template(figure.template)
        templates[figure.split].add(figure.template)
    assert not templates["train"] & templates["heldout"]


def test_seeds_of_a_split() -> None:
    first = list(itertools.islice(seeds("heldout", 100), 5))
    assert first == [103, 111, 119, 127, 135]
    assert not set(itertools.islice(seeds("train"), 100)) & set(itertools.islice(seeds("heldout"), 100))
    assert list(itertools.islice(seeds(None, 5), 3)) == [5, 6, 7]


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ConfigError, match="poem"):
        family("poem")
    with pytest.raises(ConfigError, match="-1"):
        make("counting", -1)
    with pytest.raises(ConfigError, match=r"1\.5"):
        make("counting", 1, variation=1.5)
    with pytest.raises(ConfigError, match="tough"):
        make("counting", 1, difficulty="tough")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="test"):
        next(seeds("test"))  # type: ignore[arg-type]


def test_wording_takes_a_choice_for_every_bracket() -> None:
    grammar = "[What is|Find] the {thing}[.|, please.| now.]"
    assert wording.expand(grammar, "kind/02").format(thing="sum") == "What is the sum now."
    assert wording.expand(grammar, "kind/11").format(thing="sum") == "Find the sum, please."
