"""Figure questions that come with r1v, so that a plain install can quantise and compare: 64 of each split.

Enters: a split. Leaves: the same Figures as ``figures.make`` draws, in the order of ``figure_questions``.
Always holds: pictures are kept without loss. ``python -m r1v.quant.calibration`` draws the two
files anew.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from PIL import Image

from r1v.figures import Figure, Split

FOLDER = Path(__file__).parent / "questions"
NUM_SHIPPED = 64


def shipped_questions(split: Split, folder: Path = FOLDER) -> list[Figure]:
    """The questions of all families in turn that are shipped of a split."""
    found = []
    with zipfile.ZipFile(folder / f"{split}.zip") as file:
        for row in json.loads(file.read("questions.json")):
            pictures = []
            for name in row.pop("pictures"):
                with Image.open(io.BytesIO(file.read(name))) as picture:
                    pictures.append(picture.convert("RGB"))
            found.append(Figure(**row, images=tuple(pictures)))
    return found


def write_questions(items: Sequence[Figure], path: Path) -> None:
    """Write questions so that the same ones give the same bytes."""
    names = [each.name for each in fields(Figure) if each.name != "images"]
    rows = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for i, item in enumerate(items):
            row = {name: getattr(item, name) for name in names}
            row["facts"] = dict(item.facts)
            row["pictures"] = [f"{i:02d}-{j}.webp" for j in range(len(item.images))]
            for name, image in zip(row["pictures"], item.images, strict=True):
                written = io.BytesIO()
                image.convert("RGB").save(written, "WEBP", lossless=True, quality=80, method=4)
                file.writestr(zipfile.ZipInfo(name), written.getvalue(), zipfile.ZIP_STORED)
            rows.append(row)
        text = json.dumps(rows, ensure_ascii=False, indent=0)
        file.writestr(zipfile.ZipInfo("questions.json"), text, zipfile.ZIP_DEFLATED)
