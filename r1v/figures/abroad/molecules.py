"""Structural formulas by RDKit as it draws them by default, and by Open Babel, which is held out."""

from __future__ import annotations

import io
import re
from random import Random

from PIL import Image

from r1v.figures.abroad.scene import Asked, ToolPicture, plain_request
from r1v.figures.drawing.style import font_folder
from r1v.figures.families import molecule as family
from r1v.figures.item import DIFFICULTIES
from r1v.figures.molecules import Molecule, describe, rdkit_modules

_END = "[?|?|?|? Give the number.|? Just the number.]"
_COUNT = "[How many {} are there|How many {} does the molecule have|Number of {}|Count the {}]"
PHRASES: dict[str, tuple[str, str]] = {
    "formula": (
        "[What is the molecular formula|What is the chemical formula of this molecule|Give the molecular "
        "formula|What is the sum formula]?",
        "[Write this compound as a formula, like C2H6O.]",
    ),
    "carbons": (_COUNT.replace("{}", "carbon atoms") + _END, "[How often does carbon occur here?]"),
    "hydrogens": (
        _COUNT.replace("{}", "hydrogen atoms, with the ones not drawn,") + _END,
        "[All hydrogens, shown or not: how many?]",
    ),
    "oxygens": (_COUNT.replace("{}", "oxygen atoms") + _END, "[How often does oxygen occur here?]"),
    "rings": (_COUNT.replace("{}", "rings") + _END, "[How many closed rings do you see?]"),
    "double_bonds": (_COUNT.replace("{}", "double bonds") + _END, "[How many bonds are double ones?]"),
}


def plan(rng: Random, level: int) -> Molecule:
    """A molecule of the family's training list, or a composed one, its atoms in the order of its SMILES."""
    made = family.choose(plain_request(rng.choice(tuple(PHRASES)), DIFFICULTIES[level], rng))
    chem, _, _ = rdkit_modules()
    return describe(chem.MolFromSmiles(made.smiles), made.name)


def ask(molecule: Molecule, drawn: ToolPicture, rng: Random) -> Asked:
    """One question about a molecule; its atoms are read where the tool has put them."""
    kind = rng.choice(tuple(PHRASES))
    answer, solution, facts = family.working(kind, molecule, drawn.marks["spots"])
    how = "formula" if kind == "formula" else "number"
    return Asked(kind, {}, answer, how, solution, facts)  # type: ignore[arg-type]


def rdkit_image(molecule: Molecule, rng: Random, plain: bool = False) -> ToolPicture:
    """RDKit's own colours and sizes, or black and white."""
    _, depictor, draw = rdkit_modules()
    width, height = rng.choice(((300, 300), (400, 300), (500, 350), (640, 320), (250, 250)))
    depictor.SetPreferCoordGen(False)
    canvas = draw.MolDraw2DCairo(width, height)
    look = canvas.drawOptions()
    if plain:
        look.useBWAtomPalette()
    if rng.random() < 0.6:
        look.explicitMethyl = rng.random() < 0.6
        look.bondLineWidth = rng.choice((1, 2, 2, 3))
        look.rotate = rng.choice((0, 0, 30, 90, 180, rng.randrange(360)))
        look.padding = rng.choice((0.05, 0.1, 0.2))
        look.multipleBondOffset = rng.choice((0.15, 0.15, 0.12, 0.2))
        look.minFontSize, look.maxFontSize = rng.choice(((6, 40), (14, 40), (20, 50)))
        if rng.random() < 0.4:
            look.fontFile = str(
                font_folder() / rng.choice(("DejaVuSans-Bold.ttf", "DejaVuSerif.ttf", "STIXGeneral.ttf"))
            )
    canvas.DrawMolecule(molecule.mol)
    spots = [canvas.GetDrawCoords(i) for i in range(molecule.size)]
    canvas.FinishDrawing()
    image = Image.open(io.BytesIO(canvas.GetDrawingText())).convert("RGB")
    return ToolPicture(image, {"spots": [(spot.x, spot.y) for spot in spots]})


def rdkit_colours(molecule: Molecule, rng: Random) -> ToolPicture:
    """As MolToImage draws it."""
    return rdkit_image(molecule, rng)


def rdkit_black(molecule: Molecule, rng: Random) -> ToolPicture:
    """In black and white, as journals print it."""
    return rdkit_image(molecule, rng, plain=True)


def open_babel(molecule: Molecule, rng: Random) -> ToolPicture:
    """Open Babel's SVG, its own layout and letters."""
    import vl_convert
    from openbabel import openbabel

    found = openbabel.OBMol()
    conversion = openbabel.OBConversion()
    conversion.SetInAndOutFormats("smi", "svg")
    conversion.ReadString(found, molecule.smiles)
    openbabel.OBOp.FindType("gen2D").Do(found)
    atoms = [found.GetAtom(i) for i in range(1, molecule.size + 1)]
    spots = [(40 * atom.GetX(), -40 * atom.GetY()) for atom in atoms]
    conversion.AddOption("d", openbabel.OBConversion.OUTOPTIONS)  # no name below the drawing
    svg = conversion.WriteString(found)
    svg = re.sub(r"^.*?<svg", "<svg", svg, count=1, flags=re.DOTALL)
    image = Image.open(io.BytesIO(vl_convert.svg_to_png(svg, scale=rng.choice((2.0, 3.0))))).convert("RGBA")
    paper = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return ToolPicture(Image.alpha_composite(paper, image).convert("RGB"), {"spots": spots})
