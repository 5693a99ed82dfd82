"""The families' matters drawn by other people's tools: facts, answers, and what is held out."""

import hashlib
import itertools
import operator
import re
import sys
from decimal import Decimal
from random import Random

import numpy
import pytest
from PIL import Image

from r1v.core import ConfigError
from r1v.figures import FAMILIES, Figure, abroad, make
from r1v.figures.abroad import catalogue, charts, mpl, scene, words, words_further
from r1v.figures.claims import check

DRAWN = [(f, t) for f in abroad.SUBJECTS for t in abroad.usable(f, "train")]
SHUT = [(f, t) for f in abroad.SUBJECTS for t in abroad.tools(f, "heldout")]
SUM = re.compile(r"(-?[\d.]+) ([-+*/x×÷]) \(?(-?[\d.]+)\)? = (-?\d+(?:\.\d+)?)")
SIGNS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "x": operator.mul, "×": operator.mul,
         "/": operator.truediv, "÷": operator.truediv}  # fmt: skip


def some(family: str, tool: str, pictures: int = 2, questions: int = 12) -> list[Figure]:
    cheap = abroad.tools(family)[tool].cheap
    pairs = itertools.product(range(pictures), range(questions))
    if cheap:
        return [abroad.make(family, tool, s * questions + q) for s, q in pairs]
    return [abroad.make(family, tool, s, question=q) for s, q in pairs]


def digest(figure: Figure) -> str:
    parts = [figure.question, figure.answer, figure.solution, repr(sorted(figure.facts.items()))]
    hashed = hashlib.sha256("\n".join(parts).encode())
    hashed.update(figure.images[0].tobytes())
    return hashed.hexdigest()


@pytest.mark.parametrize("family", abroad.SUBJECTS)
def test_two_tools_train_and_one_is_held_out(family: str) -> None:
    assert family in FAMILIES
    assert len(abroad.tools(family, "train")) >= 2 and abroad.tools(family, "heldout")
    assert not set(abroad.tools(family, "train")) & set(abroad.tools(family, "heldout"))


@pytest.mark.parametrize(("family", "tool"), DRAWN)
def test_figures_are_whole(family: str, tool: str) -> None:
    for figure in some(family, tool):
        where = f"{family} {tool} {figure.seed}\n{figure.question}\n{figure.solution}\n{dict(figure.facts)}"
        found = check(figure.solution, figure.facts)
        assert found.wrong == 0 and (found.stated > 0 or figure.answer == "0"), where
        assert figure.answer in figure.solution.splitlines()[-1], where
        assert not set("{}[]|") & set(figure.question) and "  " not in figure.question, where
        assert figure.question == figure.question.strip() and figure.split == "train"
        if figure.answer_type == "number":
            float(figure.answer)
        assert len(figure.solution) < 900, where
        image = figure.images[0]
        assert image.mode == "RGB" and min(image.size) >= 30 and max(image.size) <= 1500, where
        assert image.convert("L").getextrema()[0] < image.convert("L").getextrema()[1], where


@pytest.mark.parametrize(("family", "tool"), DRAWN)
def test_every_written_sum_is_right(family: str, tool: str) -> None:
    for figure in some(family, tool):
        for part in re.split(r"\n|, |; |so ", figure.solution):
            found = SUM.fullmatch(part)
            if found:
                a, sign, b, c = found.groups()
                assert abs(SIGNS[sign](float(a), float(b)) - float(c)) < 1e-6, figure.solution


@pytest.mark.parametrize(("family", "tool"), DRAWN)
def test_a_seed_gives_the_same_figure_again(family: str, tool: str) -> None:
    first = digest(abroad.make(family, tool, 5, question=1))
    catalogue._picture.cache_clear()
    assert digest(abroad.make(family, tool, 5, question=1)) == first
    assert digest(abroad.make(family, tool, 6, question=1)) != first


@pytest.mark.parametrize(("family", "tool"), SHUT)
def test_a_held_out_tool_never_draws_for_training(family: str, tool: str) -> None:
    with pytest.raises(ConfigError, match="held out"):
        abroad.make(family, tool, 0)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "tool"), SHUT)
def test_held_out_tools_draw_whole_figures(family: str, tool: str) -> None:
    if tool not in abroad.usable(family, "heldout"):
        pytest.skip(f"needs {', '.join(abroad.tools(family)[tool].missing())}")
    for seed in range(2):
        for question in range(10):
            figure = abroad.make(family, tool, seed, "heldout", question)
            found = check(figure.solution, figure.facts)
            assert found.wrong == 0 and (found.stated > 0 or figure.answer == "0"), figure.solution
            assert figure.answer in figure.solution.splitlines()[-1] and figure.split == "heldout"
            assert "{" not in figure.question and min(figure.images[0].size) >= 20


@pytest.mark.parametrize("family", abroad.SUBJECTS)
def test_held_out_wordings_are_no_training_wordings(family: str) -> None:
    for kind, (trained, held) in catalogue.subject(family).phrases.items():
        texts = {scene.phrase(kind, trained, Random(i))[1].lower().strip(" ?.") for i in range(400)}
        for i in range(20):
            assert scene.phrase(kind, held, Random(i))[1].lower().strip(" ?.") not in texts, kind


def test_further_words_name_their_fields_and_are_no_held_out_wordings() -> None:
    for family, kinds in words_further.FURTHER.items():
        phrases = catalogue.subject(family).phrases
        assert set(kinds) <= set(phrases)
        for kind, clauses in kinds.items():
            known = set(re.findall(r"{(\w+)}", " ".join(phrases[kind])))
            assert set(re.findall(r"{(\w+)}", " ".join(clauses))) <= known | {"name_on"}, (family, kind)
            fields: dict[str, object] = dict.fromkeys(known, "A")
            held = {scene.phrase(kind, phrases[kind][1], Random(i))[1].format(**fields).lower().strip(" ?.")
                    for i in range(40)}  # fmt: skip
            said = [
                words_further.further(family, kind, fields, phrases[kind][1], Random(i)) for i in range(400)
            ]
            texts = {one[1].lower().strip(" ?.") for one in said if one}
            assert len(texts) > 60 and not texts & held, (family, kind, texts & held)


def test_unknown_names_are_said() -> None:
    with pytest.raises(ConfigError, match="no tool 'crayon'"):
        abroad.make("bar_chart", "crayon", 0)
    with pytest.raises(ConfigError, match="no other tool draws"):
        abroad.make("handwriting", "matplotlib", 0)


def test_bars_are_as_high_as_the_facts_say(monkeypatch: pytest.MonkeyPatch) -> None:
    axes = pytest.importorskip("matplotlib.axes").Axes
    seen: list[tuple[list[str], list[float]]] = []
    for name in ("bar", "barh"):
        real = getattr(axes, name)

        def spy(self, *args, _real=real, **kwargs):  # type: ignore[no-untyped-def]
            if args and isinstance(args[0], list):  # matplotlib's barh calls bar with names
                seen.append((list(args[0]), [float(v) for v in args[1]]))
            return _real(self, *args, **kwargs)

        monkeypatch.setattr(axes, name, spy)
    for seed in range(40, 46):
        figure = abroad.make("bar_chart", "matplotlib", seed)
        if set(figure.facts) == {"title"}:
            continue
        names, values = seen[-1]
        for name, value in zip(names, values, strict=True):
            assert float(figure.facts[name].rstrip("%")) == value


def test_a_bar_between_grid_lines_is_read_where_matplotlib_has_its_ticks() -> None:
    pytest.importorskip("matplotlib")
    for seed in range(60, 67):
        figure = abroad.make("bar_chart", "matplotlib", seed)
        step = figure.facts.get("grid step")
        for at, name, value in re.findall(r"line ([\d.]+); (.+?): ([\d.]+)$", figure.solution, re.MULTILINE):
            assert step is not None
            assert abs(float(value) / float(step) - float(at)) <= 0.05 + 1e-9, (name, figure.solution)


def test_sectors_are_read_clockwise_from_the_top() -> None:
    patches = pytest.importorskip("matplotlib.patches")
    from r1v.figures.abroad.chart_tools import clockwise

    # 20% from three o'clock on, counter-clockwise, then 30%, then 50%: the top lies in the second
    edges = [0, 72, 180, 360]
    wedges = [patches.Wedge((0, 0), 1, a, b) for a, b in itertools.pairwise(edges)]
    assert clockwise(wedges) == [1, 0, 2]


@pytest.mark.parametrize(
    ("color", "name"),
    [
        ("#1f77b4", "blue"),
        ("#ff7f0e", "orange"),
        ("#2ca02c", "green"),
        ("#d62728", "red"),
        ("#9467bd", "purple"),
        ("#8c564b", "brown"),
        ("#7f7f7f", "gray"),
        ("black", "black"),
        ("yellow", "yellow"),
        ("#e377c2", "pink"),
    ],
)
def test_colours_have_their_everyday_names(color: str, name: str) -> None:
    pytest.importorskip("matplotlib")
    assert mpl.color_name(color) == name


def test_names_are_many_and_differ() -> None:
    rng = Random(3)
    drawn = [words.names(rng, 5) for _ in range(400)]
    assert all(len({name.lower() for name in five}) == 5 for five in drawn)
    assert len({name for five in drawn for name in five}) > 1000
    assert all(len(name) <= 12 for five in drawn for name in five)


def test_values_differ_and_numbers_are_plain() -> None:
    for seed in range(200):
        values = charts.values_of(Random(seed), 6, 1)
        assert len(set(values)) == 6 and min(values) > 0
    assert scene.plain(Decimal("12.50")) == "12.5" and scene.plain(Decimal("1200")) == "1200"
    assert scene.plain(Decimal("3.0")) == "3"


@pytest.mark.parametrize("name", ["margins", "caption", "page", "second", "scaled", "jpeg", "dark", "screen"])
def test_spoilt_pictures_hold_the_same_matter(name: str) -> None:
    spoil = sys.modules["r1v.figures.abroad.spoil"]
    image = make("table", 3).images[0].copy()
    image.putpixel((0, 0), (255, 0, 255))  # a colour that is nowhere else
    for seed in range(4):
        out = getattr(spoil, name)(image, Random(seed))
        again = getattr(spoil, name)(image, Random(seed))
        assert out.mode == "RGB" and out.tobytes() == again.tobytes()
        if name in ("margins", "caption", "page", "second"):  # the whole picture is in it, as it was
            ((top, left),) = numpy.argwhere((numpy.asarray(out) == (255, 0, 255)).all(2))
            part = out.crop((left, top, left + image.width, top + image.height))
            assert part.tobytes() == image.tobytes()
        else:
            assert 0.4 < out.width / image.width < 1.7


def test_a_dark_theme_turns_light_and_keeps_hues() -> None:
    spoil = sys.modules["r1v.figures.abroad.spoil"]
    image = Image.new("RGB", (2, 1))
    image.putpixel((0, 0), (255, 255, 255))
    image.putpixel((1, 0), (200, 40, 40))
    out = spoil.dark(image, Random(0))
    assert out.getpixel((0, 0)) == (0, 0, 0) and out.getpixel((1, 0)) == (215, 55, 55)


def test_named_colours_are_never_turned(monkeypatch: pytest.MonkeyPatch) -> None:
    spoil = sys.modules["r1v.figures.abroad.spoil"]
    image = Image.new("RGB", (300, 200), (255, 255, 255))
    image.paste((0, 0, 0), (100, 50, 200, 150))
    for seed in range(80):
        out = numpy.asarray(abroad.spoil(image, "counting", Random(seed)))
        middle = out[out.shape[0] // 2 - 10 : out.shape[0] // 2 + 10]
        assert out.max() > 150, "there is still light paper"
        assert middle.size
    assert spoil.dark not in [one for one in spoil.LOOK if "counting" not in spoil.COLOURED]


def test_a_guest_is_painted_by_another_hand_and_keeps_the_family_s_solution() -> None:
    for seed in range(30):
        figure = abroad.make("circuit", "painted", seed)
        if figure.template.startswith("battery"):
            continue
        ohms = [int(v) for k, v in figure.facts.items() if k.startswith("R")]
        assert ohms and all(f"R{i}: {ohm}" in figure.solution for i, ohm in enumerate(ohms, 1))
    shapes = {round(abroad.make("force", "painted", seed).images[0].width / 60) for seed in range(12)}
    assert len(shapes) > 3
