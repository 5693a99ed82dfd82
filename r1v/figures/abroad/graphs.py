"""Motion graphs and graphs of functions in other people's axes, with the families' own questions and more."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from r1v.figures.abroad.mpl import picture
from r1v.figures.abroad.scene import Asked, ToolPicture, plain_request
from r1v.figures.families import function_plot, kinematics
from r1v.figures.families.function_plot import Plot
from r1v.figures.families.kinematics import Motion
from r1v.figures.item import DIFFICULTIES

_END = "[|||| Give the number.| Just the number.]"
_AT = "[||| in the graph| here| according to the graph]"
MOTION_PHRASES: dict[str, tuple[str, str]] = {
    "position": (
        f"[What is the position at|Where is it at|What is x at|How far is the {{who}} at|Position at] t = "
        f"{{t}} s"
        f"{_AT}?{_END}",
        "[How far has the {who} got after {t} seconds, by the graph]?",
    ),
    "at": (
        f"[What is the velocity at|What is the speed at|How fast is the {{who}} at|Velocity at|What is v at] "
        f"t = {{t}} s{_AT}?{_END}",
        "[How quick is it after {t} seconds]?",
    ),
    "velocity": (
        f"[What is the velocity|How fast does it move|What is the speed with its sign|What is the slope "
        f"of the "
        f"graph] {{when}}{_AT}?{_END}",
        "[Work out the velocity {when}.]",
    ),
    "rest": (
        f"[For how many seconds does it stand still|How long is the {{who}} at rest|For how long does it "
        f"not move]"
        f"{_AT}?{_END}",
        "[How many seconds does the {who} wait in all]?",
    ),
    "distance": (
        f"[What is the total distance|How far does it travel in total|How many metres does the {{who}} cover]"
        f"{_AT}?{_END}",
        "[What length of way is covered, forth and back]?",
    ),
    "acceleration": (
        f"[What is the acceleration|How large is the acceleration|Find the acceleration|Calculate the "
        f"acceleration] {{when}}{_AT}?{_END}",
        "[By how many m/s per second does v change {when}]?",
    ),
    "displacement": (
        "[What is the displacement from|How far does it travel from|What is the distance covered "
        "from|Find the "
        f"area under the graph from] t = {{first}} s to t = {{last}} s{_AT}?{_END}",
        "[How many metres are covered between {first} s and {last} s]?",
    ),
    "max": (
        f"[What is the highest {{quantity}}|What is the maximum {{quantity}}|What is the largest "
        f"{{quantity}}]"
        f"{_AT}?{_END}",
        "[How large does the {quantity} get at most]?",
    ),
}  # fmt: skip
PLOT_PHRASES: dict[str, tuple[str, str]] = {
    "value": (
        "[What is f({x})|What is y when x = {x}|What is the value at x = {x}|Find f({x})|What is the y "
        "value for "
        f"x = {{x}}]{_AT}?{_END}",
        "[How high is the curve over x = {x}]?",
    ),
    "solve": (
        "[For which {which}x is y = {y}|At which {which}x is f(x) = {y}|What is the {which}x where the graph "
        f"reaches {{y}}|Find the {{which}}x with f(x) = {{y}}]?{_END}",
        "[What {which}x gives a height of {y}]?",
    ),
    "intercept": (
        f"[What is the y-intercept|Where does it cross the y-axis|Where does the graph cut the y "
        f"axis]{_AT}?{_END}",
        "[At what height is the y-axis met]?",
    ),
    "slope": (
        f"[What is the slope|What is the slope of the line|What is the gradient|How steep is the "
        f"line]{_AT}?{_END}",
        "[By how much does y change when x grows by 1]?",
    ),
    "vertex": (
        f"[What is the {{axis}}-coordinate of the vertex|What is the {{axis}} of the {{extreme}} point|At "
        f"which "
        f"{{axis}} is the {{extreme}} point]{_AT}?{_END}",
        "[Give the {axis} of the {extreme} point.]",
    ),
}
SIZES = ((6.4, 4.8), (6.4, 4.8), (8, 4), (5, 5), (7, 5), (10, 4), (4.5, 3.5), (6, 6))


@dataclass(frozen=True, slots=True)
class Move:
    """A motion, and the words for who moves."""

    motion: Motion
    level: int
    who: str
    kinds: tuple[str, ...]


def plan_motion(rng: Random, level: int) -> Move:
    """A motion of straight pieces, and the kinds of questions whose answers are whole numbers."""
    kind = rng.choice(
        ("position", "velocity", "rest", "distance", "acceleration", "displacement", "acceleration")
    )
    motion = kinematics.plan(plain_request(kind, DIFFICULTIES[level], rng))
    possible = ("acceleration", "displacement") if motion.letter == "v" else ("velocity", "rest", "distance")
    kinds = tuple(one for one in possible if kinematics.fits(one, motion))
    always = ("at", "max") if motion.letter == "v" else ("position", "max")
    return Move(motion, level, rng.choice(kinematics.MOVERS), kinds * 2 + always)


def ask_motion(move: Move, drawn: ToolPicture, rng: Random) -> Asked:
    """One question about a motion graph."""
    motion, kind = move.motion, rng.choice(move.kinds)
    facts = {f"{motion.letter}({t})": str(v) for t, v in zip(motion.times, motion.values, strict=True)}
    quantity, unit = ("velocity", "m/s") if motion.letter == "v" else ("position", "m")
    fields: dict[str, object] = {}
    if kind == "max":
        best = max(motion.values)
        work, answer = f"The highest {quantity} is {best} {unit}.", str(best)
        fields = {"quantity": quantity}
    else:
        asked = "position" if kind == "at" else kind
        fields, answer, work = kinematics.ask(plain_request(asked, DIFFICULTIES[move.level], rng), motion)
        if kind == "at":
            work = work.splitlines()[0] + f"\nSo the velocity is {answer} m/s."
    solution = f"{kinematics.corners(motion)}\n{work}"
    return Asked(kind, {"who": move.who, **fields}, answer, "number", solution, facts)


def motion_look(motion: Motion, rng: Random) -> dict[str, str]:
    """Names of the axes and a title as textbooks and programs have them."""
    what, unit = ("velocity", "m/s") if motion.letter == "v" else ("position", "m")
    letter = motion.letter
    names = rng.choice(
        (
            (f"{letter} ({unit})", "t (s)"),
            (f"{what.capitalize()} ({unit})", "Time (s)"),
            (f"{letter} [{unit}]", "t [s]"),
            (f"{what} in {unit}", "time in s"),
            (f"{letter} / {unit}", "t / s"),
        )
    )
    title = rng.choice(("", "", f"{what.capitalize()}-time graph", f"{what.capitalize()} vs. time"))
    return {"y": names[0], "x": names[1], "title": title}


def matplotlib_motion(move: Move, rng: Random) -> ToolPicture:
    """plt.plot with the names of axes; mostly with a grid."""
    motion, look = move.motion, motion_look(move.motion, rng)

    def paint(figure: Any, axes: Any) -> None:
        axes.plot(motion.times, motion.values, rng.choice(("-", "-", "o-", "b-", "r-", "g-o", "k-")))
        axes.set_xlabel(look["x"])
        axes.set_ylabel(look["y"])
        axes.set_title(look["title"])
        _ticks(axes, motion, rng)

    return ToolPicture(picture(rng, paint, sizes=SIZES))


def seaborn_motion(move: Move, rng: Random) -> ToolPicture:
    """seaborn.lineplot with markers."""
    import seaborn

    motion, look = move.motion, motion_look(move.motion, rng)

    def paint(figure: Any, axes: Any) -> None:
        seaborn.lineplot(x=motion.times, y=motion.values, ax=axes, marker=rng.choice((None, "o")))
        axes.set(xlabel=look["x"], ylabel=look["y"], title=look["title"])
        _ticks(axes, motion, rng)

    theme = rng.choice(("darkgrid", "whitegrid"))
    return ToolPicture(picture(rng, paint, sheets=0.0, sizes=SIZES, rc=dict(seaborn.axes_style(theme))))


def _ticks(axes: Any, motion: Motion, rng: Random) -> None:
    """A grid in most graphs; every step at the value axis in half of them."""
    if rng.random() < 0.7:
        axes.grid(True)
    if rng.random() < 0.5:
        axes.set_yticks(range(motion.low, motion.high + 1, motion.step))
        axes.set_xticks(range(motion.end + 1))
    if motion.low < 0 and rng.random() < 0.6:
        axes.axhline(0, color="black", linewidth=0.8)


@dataclass(frozen=True, slots=True)
class Curve:
    """A function's graph and the kinds of questions that it allows."""

    plot: Plot
    level: int
    kinds: tuple[str, ...]


def plan_curve(rng: Random, level: int) -> Curve:
    """A line, a parabola, a corner or steps, over a range in which points can be read."""
    kind = rng.choice(("value", "solve", "intercept", "slope", "vertex"))
    plot = function_plot.plan(plain_request(kind, DIFFICULTIES[level], rng))
    kinds = ["value", "value"] + ([] if plot.jumps else ["solve", "solve"])
    if any(x == 0 for x, _ in plot.points()) and not plot.jumps:
        kinds.append("intercept")
    if plot.shape == "line":
        kinds += ["slope", "slope"]
    if plot.vertex is not None:
        kinds += ["vertex", "vertex"]
    return Curve(plot, level, tuple(kinds))


def ask_curve(curve: Curve, drawn: ToolPicture, rng: Random) -> Asked:
    """One question about a function's graph."""
    plot, kind = curve.plot, rng.choice(curve.kinds)
    fields, answer, solution = function_plot.ask(plain_request(kind, DIFFICULTIES[curve.level], rng), plot)
    facts = {f"f({x})": str(y) for x, y in plot.points()}
    if plot.vertex is not None:
        facts["lowest x" if plot.opens_up else "highest x"] = str(plot.vertex)
    return Asked(kind, fields, answer, "number", solution, facts)


def _curve(axes: Any, plot: Plot, rng: Random, color: str) -> None:
    for piece in function_plot.curve_pieces(plot):
        axes.plot([x for x, _ in piece], [y for _, y in piece], color=color)
    if plot.jumps:
        for x, y, filled in function_plot.dots_of(plot):
            axes.plot([x], [y], "o", color=color, markerfacecolor=color if filled else "white")


def matplotlib_curve(curve: Curve, rng: Random) -> ToolPicture:
    """plt.plot with a grid, ticks as they come or at every unit."""
    plot = curve.plot

    def paint(figure: Any, axes: Any) -> None:
        _curve(axes, plot, rng, rng.choice(("C0", "C0", "red", "blue", "green", "C1")))
        low, high, bottom, top = plot.bounds
        axes.grid(rng.random() < 0.85)
        if rng.random() < 0.5:
            axes.set_xticks(range(low, high + 1))
            axes.set_yticks(range(bottom, top + 1))
        if rng.random() < 0.6:
            axes.axhline(0, color="black", linewidth=0.8)
            axes.axvline(0, color="black", linewidth=0.8)
        if rng.random() < 0.6:
            axes.set_xlabel("x")
            axes.set_ylabel(rng.choice(("y", "f(x)")))

    return ToolPicture(picture(rng, paint, sizes=SIZES))


def textbook_curve(curve: Curve, rng: Random) -> ToolPicture:
    """Axes through the origin, as sympy draws them: spines moved to zero, no frame."""
    plot = curve.plot

    def paint(figure: Any, axes: Any) -> None:
        _curve(axes, plot, rng, rng.choice(("C0", "blue", "red", "black")))
        low, high, bottom, top = plot.bounds
        axes.spines[["left", "bottom"]].set_position("zero")
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlim(low - 0.5, high + 0.5)
        axes.set_ylim(bottom - 0.5, top + 0.5)
        axes.set_xticks([x for x in range(low, high + 1) if x])
        axes.set_yticks([y for y in range(bottom, top + 1) if y])
        if rng.random() < 0.7:
            axes.grid(True, alpha=rng.choice((0.3, 0.6)))
        if rng.random() < 0.5:
            axes.set_aspect("equal")

    return ToolPicture(picture(rng, paint, sheets=0.1, sizes=SIZES))
