"""Geometry, circuits and molecules: answers worked out anew from the facts, drawings clear of overlaps."""

import re
from collections import Counter
from fractions import Fraction

import pytest
from PIL import ImageFilter

from r1v.figures import DIFFICULTIES, Figure, family, make, molecules
from r1v.figures.drawing import sketch
from r1v.figures.drawing.style import FONTS, UNSEEN_FONTS
from r1v.figures.families import circuit

READING = re.compile(r"^([A-Za-z][\w ]*): ([\w= ]+?)(?:, \d+ H)?$", re.MULTILINE)


def kind_of(figure: Figure) -> str:
    return figure.template.split("/")[0]


def numbers(figure: Figure) -> dict[str, int]:
    return {name: int(value) for name, value in figure.facts.items() if value.isdigit()}


# ------------------------------------------------------------------------------- all three families


@pytest.mark.parametrize("name", ["geometry", "circuit", "molecule"])
def test_every_reading_is_a_fact_and_every_kind_occurs(name: str) -> None:
    kinds = set()
    for seed in range(150):
        figure = make(name, seed, variation=0.5 * (seed % 3), difficulty=DIFFICULTIES[seed % 3])
        kinds.add(kind_of(figure))
        found = READING.findall(figure.solution)
        assert found or figure.answer == "0", figure.solution
        for fact, value in found:
            assert figure.facts[fact] == value, figure.solution
    assert kinds == set(family(name).kinds)


@pytest.mark.parametrize("name", ["geometry", "circuit"])
@pytest.mark.parametrize("variation", [0.0, 1.0])
def test_labels_meet_nothing(name: str, variation: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every painted sketch is clear; a handful of plain ones that cannot be may not."""
    painted: list[bool] = []
    plain = sketch.Sketch.paint
    monkeypatch.setattr(sketch.Sketch, "paint", lambda self: (painted.append(self.clear()), plain(self))[1])
    for seed in range(200):
        make(name, seed, variation=variation, difficulty=DIFFICULTIES[seed % 3])
    assert painted.count(False) <= 1


@pytest.mark.parametrize("name", ["geometry", "circuit", "molecule"])
def test_answers_are_spread(name: str) -> None:
    """Guessing a kind's most common answer is right less often than two times in five."""
    answers: dict[str, Counter[str]] = {}
    for seed in range(600):
        figure = make(name, seed, variation=0.0)
        answers.setdefault(kind_of(figure), Counter())[figure.answer] += 1
    for kind, counts in answers.items():
        assert counts.most_common(1)[0][1] < 0.45 * counts.total(), f"{name} {kind}: {counts}"
    best = sum(counts.most_common(1)[0][1] for counts in answers.values())
    assert best < 0.3 * 600


# ---------------------------------------------------------------------------------------- geometry


def geometry_answer(figure: Figure) -> int:
    """The answer from the facts alone."""
    kind, facts = kind_of(figure), numbers(figure)
    values = sorted(facts.values())
    if kind == "missing_angle":
        return 180 * (len(values) - 1) - sum(values)
    if kind == "exterior":
        return facts["exterior"] - min(values) if "exterior" in facts else sum(values)
    if kind == "isosceles":
        if "exterior" in facts:
            return 180 - 2 * (180 - facts["exterior"])
        return 180 - 2 * values[0] if figure.difficulty == "easy" else (180 - values[0]) // 2
    if kind == "parallel" and figure.difficulty == "hard":
        return sum(values) if "bend" not in facts else facts["bend"] - min(values)
    if kind == "parallel":
        equal = figure.facts["pair"] in ("vertical", "corresponding", "alternate")
        return facts["given"] if equal else 180 - facts["given"]
    if kind == "right_triangle":
        hypotenuse = re.search(r" \+ ", figure.solution) is not None
        square = values[0] ** 2 + values[1] ** 2 if hypotenuse else values[1] ** 2 - values[0] ** 2
        return round(square**0.5)
    if kind.startswith("rectangle"):
        return values[0] * values[1] if kind.endswith("area") else 2 * sum(values)
    width, height = (facts["top"], facts["bottom"]), (facts["left"], facts["right"])
    if kind == "l_shape_perimeter":
        return 2 * (max(width) + max(height))
    return max(width) * max(height) - (max(width) - min(width)) * (max(height) - min(height))


def test_geometry_answers_follow_from_the_facts() -> None:
    for seed in range(400):
        figure = make("geometry", seed, variation=0.0, difficulty=DIFFICULTIES[seed % 3])
        assert int(figure.answer) == geometry_answer(figure), f"seed {seed}: {figure.solution}"


def test_worked_lines_are_true() -> None:
    """Every line ``a op b = c`` of the solutions holds."""
    line = re.compile(r"^([\d +*/-]+) = ([\d +*/-]+)$", re.MULTILINE)
    checked = 0
    for name in ("geometry", "circuit"):
        for seed in range(200):
            for left, right in line.findall(make(name, seed, variation=0.0).solution):
                assert re.fullmatch(r"[\d +*/-]+", left + right)
                assert eval(left) == eval(right), f"{name} {seed}: {left} = {right}"
                checked += 1
    assert checked > 500


# ----------------------------------------------------------------------------------------- circuit


def joined(*ohms: Fraction) -> Fraction:
    return 1 / sum((1 / ohm for ohm in ohms), Fraction(0))


def test_circuit_answers_follow_from_the_facts() -> None:
    shapes = set()
    for seed in range(300):
        figure = make("circuit", seed, variation=0.0, difficulty=DIFFICULTIES[seed % 3])
        values = numbers(figure)
        ohms = [Fraction(values[f"R{i}"]) for i in range(1, len(values))]
        said = figure.solution
        if "R1 and R2 are parallel" in said:
            total, shape = joined(*ohms), "parallel"
        elif "R1 is parallel to that" in said:
            total, shape = joined(ohms[0], ohms[1] + ohms[2]), "beside"
        elif "R2 and R3 are parallel" in said:
            total, shape = ohms[0] + joined(ohms[1], ohms[2]) + sum(ohms[3:]), "mixed"
        else:
            total, shape = sum(ohms, Fraction(0)), "series"
        shapes.add(shape)
        current = values["battery"] / total
        expected = {"total": total, "current": current}.get(kind_of(figure))
        if expected is None:
            name = re.search(r"over (R\d)", said)
            assert name is not None and name.group(1) in figure.question
            expected = current * values[name.group(1)]
        assert Fraction(figure.answer) == expected, f"seed {seed}: {said}"
    assert shapes == {"parallel", "beside", "mixed", "series"}


def test_schemdraw_draws_the_same_circuits(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, int]] = []
    plain = circuit.schematic

    def counted(*args):  # type: ignore[no-untyped-def]
        image = plain(*args)
        calls.append(image.size)
        assert max(high - low for low, high in image.getextrema()) > 60
        edges = [image.crop(box).getextrema() for box in ((0, 0, image.width, 2), (0, 0, 2, image.height))]
        assert all(low == high for edge in edges for low, high in edge), "something touches the border"
        return image

    monkeypatch.setattr(circuit, "schematic", counted)
    for seed in range(120):
        make("circuit", seed)
    assert 1 <= len(calls) <= 15


@pytest.mark.parametrize("font", [*FONTS, *UNSEEN_FONTS])
def test_signs_are_shown_only_by_faces_that_have_them(font: str) -> None:
    assert sketch.has_glyph(font, "A")
    assert not sketch.has_glyph(font, "\U000f1234")
    assert sketch.has_glyph(font, "Ω") == (font != "cmr10.ttf")


# ---------------------------------------------------------------------------------------- molecule


def test_list_of_molecules() -> None:
    descriptors = pytest.importorskip("rdkit.Chem.rdMolDescriptors")
    both = molecules.named("train") + molecules.named("heldout")
    assert len(both) >= 120 and len(molecules.named("heldout")) >= 30
    assert len({m.smiles for m in both}) == len({m.name for m in both}) == len(both)
    known = {m.name: m.formula for m in both}
    assert known["ethanol"] == "C2H6O" and known["aspirin"] == "C9H8O4" and known["chloroform"] == "CHCl3"
    assert (
        known["caffeine"] == "C8H10N4O2" and known["glucose"] == "C6H12O6" and known["taurine"] == "C2H7NO3S"
    )
    for molecule in both:
        assert molecule.formula == descriptors.CalcMolFormula(molecule.mol)
        assert len(molecule.rings) == descriptors.CalcNumRings(molecule.mol)
        assert 2 <= molecule.size <= 14


def test_no_molecule_is_in_both_splits() -> None:
    shown: dict[str, set[str]] = {"train": set(), "heldout": set()}
    for seed in range(400):
        figure = make("molecule", seed, variation=0.0)
        shown[figure.split].add(figure.facts["molecule"])
    assert len(shown["train"]) > 150 and len(shown["heldout"]) > 25
    assert not shown["train"] & shown["heldout"]


def test_molecule_answers_follow_from_the_facts() -> None:
    for seed in range(200):
        figure = make("molecule", seed, variation=1.0)
        groups = {n: v for n, v in figure.facts.items() if re.fullmatch(r"[A-Z][a-z]?\d+", n)}
        elements = Counter(re.sub(r"\d", "", name) for name in groups)
        hydrogens = 0
        for name, group in groups.items():
            rest = group.removeprefix(re.sub(r"\d", "", name))
            hydrogens += 0 if not rest else int(rest[1:] or 1)
        kind = kind_of(figure)
        if kind == "formula":
            counts = Counter({e: int(n or 1) for e, n in re.findall(r"([A-Z][a-z]?)(\d*)", figure.answer)})
            assert counts == elements + Counter({"H": hydrogens})
            continue
        expected = {
            "carbons": elements["C"],
            "oxygens": elements["O"],
            "hydrogens": hydrogens,
            "rings": sum(name.startswith("ring ") for name in figure.facts),
            "double_bonds": sum(name.startswith("double bond ") for name in figure.facts),
        }[kind]
        assert figure.answer == str(expected), f"seed {seed}"


def test_painted_molecules_look_as_rdkits_own() -> None:
    """The vector output painted here against RDKit's own picture of the same molecule and options."""
    import numpy as np

    from r1v.figures.families import molecule as drawn

    pictures = {0: [], 1: []}  # type: ignore[var-annotated]
    for seed in (1, 4, 9, 11, 14):
        for cairo in (0, 1):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(
                    "r1v.figures.drawing.style.Style.flag", lambda self, p, c=cairo: p == 0.04 and bool(c)
                )
                patch.setattr(drawn.Style, "uniform", lambda self, plain, low, high: plain)
                image = make("molecule", seed, variation=0.0).images[0]
            pictures[cairo].append(
                np.asarray(image.convert("L").filter(ImageFilter.GaussianBlur(3)), dtype=float)
            )
    for ours, theirs in zip(pictures[0], pictures[1], strict=True):
        assert ours.shape == theirs.shape
        assert abs(ours - theirs).mean() < 4.0
        assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.95


def test_molecules_stay_inside() -> None:
    for seed in range(60):
        image = make("molecule", seed, variation=1.0).images[0]
        for box in ((0, 0, image.width, 1), (0, image.height - 1, image.width, image.height),
                    (0, 0, 1, image.height), (image.width - 1, 0, image.width, image.height)):  # fmt: skip
            edge = image.crop(box).getextrema()
            assert all(high - low < 12 for low, high in edge), f"seed {seed} touches the border"
