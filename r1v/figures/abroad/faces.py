"""Typefaces of training pictures: matplotlib's own, and those of small font packages that are installed.

Enters: nothing. Leaves: names for `load_font` and for matplotlib. Always holds: no typeface that a held-out
tool writes with is among them (they use those of the system). ``pip install 'r1v[figures-more]'`` has the
packages.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from random import Random

from r1v.figures.drawing.style import font_folder

OWN = (
    "DejaVuSans.ttf",
    "DejaVuSans.ttf",
    "DejaVuSerif.ttf",
    "STIXGeneral.ttf",
    "DejaVuSansMono.ttf",
    "DejaVuSans-Bold.ttf",
    "STIXGeneralBol.ttf",
    "cmss10.ttf",
)
# that have a minus sign and the weight which matplotlib asks for
USUAL = (
    "DejaVuSans.ttf",
    "DejaVuSerif.ttf",
    "DejaVuSansMono.ttf",
    "STIXGeneral.ttf",
    "Lato-Regular.ttf",
    "HankenGrotesk-Regular.otf",
    "SourceSansPro-Regular.otf",
    "RedHatDisplay-Regular.ttf",
    "Manrope-Regular.ttf",
    "Caladea-Regular.ttf",
)
PACKAGES: dict[str, tuple[str, ...]] = {
    "font_lato": ("Lato-Regular.ttf", "Lato-Regular.ttf", "Lato-Bold.ttf", "Lato-Light.ttf"),
    "font_hanken_grotesk": (
        "HankenGrotesk-Regular.otf",
        "HankenGrotesk-Regular.otf",
        "HankenGrotesk-Medium.otf",
        "HankenGrotesk-Light.otf",
    ),
    "font_source_sans_pro": (
        "SourceSansPro-Regular.otf",
        "SourceSansPro-Regular.otf",
        "SourceSansPro-Semibold.otf",
    ),
    "font_rhd": ("RedHatDisplay-Regular.ttf", "RedHatDisplay-Medium.ttf"),
    "font_manrope": ("Manrope-Regular.ttf", "Manrope-Light.ttf"),
    "font_fjallaone": ("FjallaOne-Regular.ttf",),
    "font_caladea": ("Caladea-Regular.ttf", "Caladea-Bold.ttf"),
}


@functools.cache
def faces() -> tuple[str, ...]:
    """Of matplotlib by file name, then of packages by path; one that stands twice is used twice as often."""
    found = list(OWN)
    for package, names in PACKAGES.items():
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            folder = Path(spec.origin).parent / "files"
            found += [str(folder / name) for name in names if (folder / name).is_file()]
    return tuple(found)


@functools.cache
def _level() -> tuple[str, ...]:
    """The faces that matplotlib finds by their family's name alone."""
    return tuple(face for face in faces() if face.endswith(USUAL))


@functools.cache
def _family(face: str) -> str:
    """A typeface's name in matplotlib, which is told of the file."""
    from matplotlib import font_manager

    path = str(font_folder() / face)
    if face not in OWN:
        font_manager.fontManager.addfont(path)
    return str(font_manager.FontProperties(fname=path).get_name())


def matplotlib_family(rng: Random) -> str:
    """The name of one of `faces` for ``font.family``: of usual weight, and with a minus sign."""
    return _family(rng.choice(_level()))
