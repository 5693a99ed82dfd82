"""HTML by Chromium without a window, for what people see in a browser. Held out: never trained on."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from html import escape
from pathlib import Path
from random import Random

from PIL import Image, ImageChops

from r1v.core import UnavailableError
from r1v.figures.abroad.scene import ToolPicture
from r1v.figures.abroad.tables import TableMatter

BROWSER = "chromium"
FONTS = ("Arial, sans-serif", "Georgia, serif", "Verdana, sans-serif", "'Courier New', monospace",
         "'Liberation Sans', sans-serif", "'Times New Roman', serif")  # fmt: skip


def render(html: str, width: int = 900, height: int = 700, scale: float = 1.0) -> Image.Image:
    """A page as Chromium paints it, cut to what is on it. Raises UnavailableError where it paints none."""
    program = shutil.which(BROWSER)
    assert program is not None, "the tool names it as needed"
    with tempfile.TemporaryDirectory() as folder:
        page, shot = Path(folder) / "page.html", Path(folder) / "shot.png"
        page.write_text(html, encoding="utf-8")
        try:
            subprocess.run(
                [program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                 f"--user-data-dir={folder}/profile", f"--force-device-scale-factor={scale}",
                 f"--window-size={width},{height}", f"--screenshot={shot}", page.as_uri()],
                check=True, capture_output=True, timeout=120,
            )  # fmt: skip
            image = Image.open(shot).convert("RGB")
        except (OSError, subprocess.SubprocessError) as error:
            raise UnavailableError(
                f"{program} paints no page here ({error}); choose another tool, or install another Chromium"
            ) from error
    return cut(image)


def cut(image: Image.Image, margin: int = 12) -> Image.Image:
    """Without the empty room to the right and below, but for a margin."""
    paper = Image.new("RGB", image.size, image.getpixel((image.width - 1, image.height - 1)))
    box = ImageChops.difference(image, paper).getbbox() or (0, 0, image.width, image.height)
    return image.crop((0, 0, min(image.width, box[2] + margin), min(image.height, box[3] + margin)))


def page(style: str, body: str) -> str:
    """A whole page."""
    head = f"<!doctype html><html><head><meta charset='utf-8'><style>{style}</style></head>"
    return f"{head}<body>{body}</body></html>"


def table(matter: TableMatter, rng: Random) -> ToolPicture:
    """A table in the styles of web pages."""
    font, size = rng.choice(FONTS), rng.choice((14, 16, 18, 20))
    looks = (
        "table{border-collapse:collapse}td,th{border:1px solid #999;padding:6px 12px}",
        "table{border-collapse:collapse}th{background:#04AA6D;color:white;text-align:left}"
        "td,th{border:1px solid #ddd;padding:8px}tr:nth-child(even){background:#f2f2f2}",
        "table{border-collapse:collapse}td,th{padding:8px 16px;border-bottom:1px solid #ddd;text-align:right}"
        "td:first-child,th:first-child{text-align:left}",
        "body{background:#1e1e1e;color:#ddd}table{border-collapse:collapse}"
        "td,th{border:1px solid #555;padding:6px 10px}",
        "table,td,th{border:1px solid black}td,th{padding:4px 8px}",
        "td,th{padding:3px 14px}th{border-bottom:2px solid #333}",
    )
    rows = matter.grid()
    head = "".join(f"<th>{escape(cell)}</th>" for cell in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in rows[1:])
    title = f"<h3>{escape(matter.title)}</h3>" if matter.title else ""
    style = f"body{{font-family:{font};font-size:{size}px}}" + rng.choice(looks)
    return ToolPicture(render(page(style, f"{title}<table><tr>{head}</tr>{body}</table>")))
