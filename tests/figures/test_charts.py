"""Charts, tables and graphs: deterministic, inside the canvas, true to their facts, with the right answer."""

import re
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageDraw

from r1v.figures import DIFFICULTIES, Figure, claims, family, make, wording
from r1v.figures.drawing import agg
from r1v.figures.drawing.style import FONTS

FAMILIES = ("bar_chart", "line_chart", "pie_chart", "table", "function_plot", "kinematics")


def kind_of(figure: Figure) -> str:
    return figure.template.split("/")[0]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_seed_gives_one_figure(name: str) -> None:
    for seed in range(6):
        first, again = make(name, seed), make(name, seed)
        assert (first.question, first.answer, first.solution) == (
            again.question,
            again.answer,
            again.solution,
        )
        assert first.images[0].tobytes() == again.images[0].tobytes()
        assert first.facts == again.facts


@pytest.mark.parametrize("variation", [0.0, 1.0])
@pytest.mark.parametrize("name", FAMILIES)
def test_figures_are_well_formed(name: str, variation: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agg, "SHARE", 0.0)  # slow, and has a test of its own
    kinds = set()
    for seed in range(120):
        figure = make(name, seed, variation=variation, difficulty=DIFFICULTIES[seed % 3])
        kinds.add(kind_of(figure))
        assert not re.search(r"[{}\[\]|]", figure.question), figure.question
        assert figure.answer and figure.answer in figure.solution
        assert figure.tolerance == 0.0 and len(figure.solution) <= 400
        if figure.answer_type == "number":
            float(figure.answer)
        image = figure.images[0]
        assert image.mode == "RGB" and min(image.size) >= 380 and max(image.size) <= 520
        said = claims.check(figure.solution, figure.facts)
        assert said.stated and not said.wrong, figure.solution
    assert kinds == set(family(name).kinds)


@pytest.mark.parametrize("name", FAMILIES)
def test_drawing_stays_inside_the_canvas(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agg, "SHARE", 0.0)
    outside: list[str] = []
    plain = ImageDraw.ImageDraw.text

    def checked(draw: ImageDraw.ImageDraw, xy, text, *args, **options) -> None:  # type: ignore[no-untyped-def]
        plain(draw, xy, text, *args, **options)
        box = draw.textbbox(xy, text, font=options["font"], anchor=options.get("anchor"))
        width, height = draw.im.size
        if box[0] < -1 or box[1] < -1 or box[2] > width + 1 or box[3] > height + 1:
            outside.append(f"{text!r} at {box} of {width}x{height}")
        assert options["font"].size >= 15 * max(width, height) / 448 - 1

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", checked)
    for seed in range(150):
        make(name, seed)
        assert not outside, (name, seed, outside)


@pytest.mark.parametrize("name", FAMILIES)
def test_wordings_suffice_and_are_split(name: str) -> None:
    for kind, grammar in family(name).kinds.items():
        count = int(np.prod([len(options) for options in wording.alternatives(grammar)]))
        assert count >= 24, kind
    for seed in range(60):
        figure = make(name, seed, variation=0.0)
        assert wording.split_of_template(figure.template) == figure.split


@pytest.mark.parametrize("name", ["bar_chart", "line_chart", "pie_chart", "function_plot"])
def test_matplotlib_draws_the_same_content(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agg, "SHARE", 1.0)
    for seed in range(3):
        figure = make(name, seed)
        assert figure.images[0].tobytes() == make(name, seed).images[0].tobytes()
        assert min(figure.images[0].size) >= 400 and np.asarray(figure.images[0]).std() > 5


def recompute(figure: Figure) -> str | None:
    """The answer, found again from facts and question alone; None for a kind that has no check here."""
    kind, facts, question = kind_of(figure), figure.facts, figure.question
    numbers = {
        k: int(v.rstrip("%"))
        for k, v in facts.items()
        if re.fullmatch(r"-?\d+%?", v) and k not in ("grid step", "grid from")
    }
    words = re.findall(r"\w+", question)
    named = [k for k in numbers if k in words]
    match figure.family, kind:
        case ("bar_chart", "total") if named:
            return str(sum(numbers[k] for k in named))
        case ("bar_chart", "difference"):
            return str(abs(numbers[named[0]] - numbers[named[1]]))
        case ("bar_chart", "extreme") | ("pie_chart", "largest"):
            large = re.search("largest|highest|greatest|biggest", question)
            return (max if large else min)(numbers, key=lambda k: numbers[k])
        case "bar_chart", "above":
            return str(sum(v > int(re.findall(r"\d+", question)[0]) for v in numbers.values()))
        case "line_chart", "gap":
            label = next(w for w in words if any(k.endswith(f" {w}") for k in numbers))
            first, second = (v for k, v in numbers.items() if k.endswith(f" {label}"))
            return str(abs(first - second))
        case "pie_chart", "amount":
            return str(int(re.findall(r"\d+", question)[0]) * numbers[named[-1]] // 100)
        case "table", "column_sum":
            return str(sum(v for k, v in numbers.items() if " " in k and k.split()[1] in words))
        case "table", "cost":
            row = next(k.split()[0] for k in numbers if k.split()[0] in words)
            return str(numbers[f"{row} price"] * numbers[f"{row} number"])
        case "function_plot", "intercept":
            return facts["f(0)"]
        case "function_plot", "slope":
            (a, fa), (b, fb) = [(int(re.findall(r"-?\d+", k)[0]), v) for k, v in numbers.items()][:2]
            return f"{(fb - fa) / (b - a):g}"
        case "kinematics", "distance":
            values = list(numbers.values())
            return str(sum(abs(b - a) for a, b in pairwise(values)))
        case "kinematics", "displacement":
            first, last = (int(n) for n in re.findall(r"t = (\d+) s", question))
            ends = [(int(k[2:-1]), v) for k, v in numbers.items() if first <= int(k[2:-1]) <= last]
            area = sum((u + w) * (b - a) / 2 for (a, u), (b, w) in pairwise(ends))
            return f"{area:g}"
    return None


@pytest.mark.parametrize("name", FAMILIES)
def test_answers_follow_from_the_facts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agg, "SHARE", 0.0)
    checked = 0
    for seed in range(200):
        figure = make(name, seed, variation=0.0)
        answer = recompute(figure)
        checked += answer is not None
        assert answer is None or answer == figure.answer, (figure.question, figure.solution)
    assert checked >= 20


@pytest.mark.parametrize("name", FAMILIES)
def test_every_line_of_arithmetic_is_right(name: str) -> None:
    for seed in range(200):
        figure = make(name, seed, variation=0.0)
        for left, right in re.findall(
            r"((?:\(?-?\d+\)? [+x/-] )+\(?-?\d+\)?) = (-?[\d.]+\d|-?\d)", figure.solution
        ):
            assert eval(left.replace("x", "*")) == float(right), figure.solution


def test_bars_reach_the_height_of_their_value() -> None:
    """Heights in pixels, read back from the picture, stand in the ratio of the values."""
    for seed in range(40):
        figure = make("bar_chart", seed, variation=0.0, fonts=FONTS)
        pixels = np.asarray(figure.images[0]).astype(int)
        blue = (abs(pixels - np.array((66, 120, 190))).sum(-1) < 12).sum(0)
        heights = [int(h) for h, before in zip(blue[1:], blue[:-1], strict=True) if h and not before]
        values = [int(v) for v in figure.facts.values()]
        assert len(heights) == len(values)
        tallest = max(values)
        for height, value in zip(heights, values, strict=True):
            assert abs(height / max(heights) - value / tallest) < 0.02


def test_unseen_fonts_work() -> None:
    for name in FAMILIES:
        assert isinstance(make(name, 5, fonts=("STIXGeneral.ttf", "cmr10.ttf")).images[0], Image.Image)
