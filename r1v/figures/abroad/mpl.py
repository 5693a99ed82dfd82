"""A picture from matplotlib in its own style: sizes, style sheets and resolutions that people use.

Without pyplot; the settings of a style sheet hold while one figure is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from PIL import Image

from r1v.figures.abroad.faces import matplotlib_family
from r1v.figures.drawing.style import NAMED_COLORS

SIZES = ((6.4, 4.8), (6.4, 4.8), (8, 4), (10, 5), (5, 5), (12, 4), (4, 3), (7, 5), (6, 3), (4.8, 6.4))
SHEETS = (
    "ggplot", "bmh", "fivethirtyeight", "seaborn-v0_8", "seaborn-v0_8-whitegrid", "dark_background",
    "Solarize_Light2", "tableau-colorblind10", "classic", "seaborn-v0_8-darkgrid",
    "seaborn-v0_8-pastel", "seaborn-v0_8-ticks", "seaborn-v0_8-deep", "fast",
)  # fmt: skip


def settings(rng: Random, share: float = 0.5) -> dict[str, Any]:
    """matplotlib's defaults, or with the given share one of its style sheets."""
    from matplotlib import rcParamsDefault, style

    defaults: Any = rcParamsDefault
    skip = ("backend", "interactive", "toolbar", "figure.max_open_warning", "date.epoch")
    found = {key: value for key, value in defaults.items() if not key.startswith(skip)}
    if rng.random() < share:
        found |= dict(style.library[rng.choice([s for s in SHEETS if s in style.library])])
    return found


def picture(
    rng: Random, paint: Callable[[Any, Any], None], *, sheets: float = 0.5,
    sizes: tuple[tuple[float, float], ...] = SIZES, tight: float = 0.5, limit: int = 1200,
    rc: Mapping[str, Any] | None = None, letters: bool = True, **axes: Any,
) -> Image.Image:  # fmt: skip
    """What ``paint(figure, axes)`` draws on one axes.

    sheets: share of style sheets; tight: share whose layout is made to fit; limit: of either side in pixels;
    rc: further settings; letters: in any of `faces` and of any size; axes: for add_subplot.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        current: Any = matplotlib.rcParams
        found = settings(rng, sheets) | dict(rc or {})
        if letters and rng.random() < 0.6:
            found |= {
                "font.family": matplotlib_family(rng),
                "font.size": rng.choice((7, 8, 9, 10, 10, 11, 13)),
            }
        current.update(_light(found))
        width, height = rng.choice(sizes)
        dpi = rng.choice((100, 100, 100, 72, 80, 120))
        dpi = min(dpi, int(limit / max(width, height)))
        figure = Figure(figsize=(width, height), dpi=dpi)
        canvas = FigureCanvasAgg(figure)
        paint(figure, figure.add_subplot(**axes))
        if rng.random() < tight:
            figure.tight_layout()
        canvas.draw()
        image = Image.frombytes("RGBA", canvas.get_width_height(), bytes(canvas.buffer_rgba()))
        figure.clear()
    return image.convert("RGB")


def _light(found: dict[str, Any]) -> dict[str, Any]:
    """Only the settings that differ from the present ones, because setting all of them takes milliseconds."""
    import matplotlib

    now: Any = matplotlib.rcParams
    return {key: value for key, value in found.items() if key in now and now[key] != value}


def color_name(color: Any) -> str:
    """The everyday name of a colour that matplotlib knows."""
    from matplotlib.colors import to_rgb

    return nearest_name(tuple(round(255 * c) for c in to_rgb(color)))


def nearest_name(rgb: tuple[int, ...]) -> str:
    """The everyday name nearest to a colour of three channels from 0 to 255, grey only for dull ones."""
    import colorsys

    hue, light, vivid = colorsys.rgb_to_hls(*(c / 255 for c in rgb[:3]))
    if light < 0.13:
        return "black"
    if vivid < 0.14 or light > 0.93:
        return "gray" if light < 0.85 else "white"
    degrees = hue * 360
    if 5 <= degrees < 48 and (light < 0.4 or vivid < 0.35):
        return "brown"
    if (degrees >= 325 or degrees < 12) and light > 0.65:
        return "pink"
    for end, name in ((12, "red"), (42, "orange"), (68, "yellow"), (165, "green"), (250, "blue"),
                      (300, "purple"), (340, "pink"), (361, "red")):  # fmt: skip
        if degrees < end:
            return name
    raise AssertionError(f"{degrees} degrees; {len(NAMED_COLORS)} names")


def grid_of(ticks: Any, low: float, high: float) -> tuple[float, float]:
    """The lowest tick within an axis' range, and the distance of ticks."""
    seen = [float(t) for t in ticks if low - 1e-9 <= t <= high + 1e-9]
    return (seen[0], seen[1] - seen[0]) if len(seen) > 1 else (low, (high - low) or 1.0)
