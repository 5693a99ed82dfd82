"""Short names for categories, rows and series, in pools of one theme each."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from random import Random

from r1v.figures.open_names import open_names


@dataclass(frozen=True, slots=True)
class Pool:
    """Names of one theme. titles: what a chart over them may be headed. ordered: the names have an order."""

    names: tuple[str, ...]
    titles: tuple[str, ...]
    ordered: bool = False


def _pool(names: str, *titles: str, ordered: bool = False) -> Pool:
    return Pool(tuple(names.split()), titles, ordered)


POOLS: dict[str, Pool] = {
    "fruit": _pool("apple pear plum fig kiwi lemon mango grape peach melon", "Fruit sold", "Fruit in kg"),
    "animal": _pool(
        "cat dog cow fox hen pig goat duck bear lion wolf frog horse mouse tiger", "Animals seen", "Pets"
    ),
    "city": _pool(
        "Rome Paris Oslo Lima Bern Kyiv Cairo Delhi Seoul Tokyo Milan Quito London Berlin Madrid",
        "Visitors",
        "Hotels by city",
    ),
    "person": _pool(
        "Ann Ben Max Tom Lea Eva Sam Leo Mia Zoe Tim Ida Kim Jon Amy Dan Lucy Paul", "Points", "Books read"
    ),
    "month": _pool(
        "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec", "Sales by month", "Rain in mm", ordered=True
    ),
    "day": _pool("Mon Tue Wed Thu Fri Sat Sun", "Guests by day", "Cakes sold", ordered=True),
    "letter": _pool("A B C D E F G H K L M N P Q R S T U V W X Y Z", "Groups", "Results", ordered=True),
    "sport": _pool("golf chess tennis judo rugby soccer hockey yoga", "Favourite sport", "Members"),
    "thing": _pool("pen book bag cup hat lamp ball chair bike car bus boat", "Stock", "Items sold"),
}
OPEN_SHARE: ContextVar[float] = ContextVar("OPEN_SHARE", default=0.0)  # set by `catalogue.make`
SPOKEN = ("fruit", "animal", "city", "person", "sport", "thing")  # themes without an order


def any_names(rng: Random, count: int, max_length: int) -> list[str]:
    """Any names at all, with the share OPEN_SHARE; else none, and no random number is drawn."""
    share = OPEN_SHARE.get()
    return open_names(rng, count, max_length) if share and rng.random() < share else []


def pick(
    rng: Random, count: int, max_length: int, themes: tuple[str, ...] = tuple(POOLS)
) -> tuple[str, list[str]]:
    """A theme and ``count`` different names of it, of at most ``max_length`` letters; months run on.

    With the share OPEN_SHARE the names are any names, and the theme has only its titles.
    """
    if any(not POOLS[t].ordered for t in themes) and (found := any_names(rng, count, max_length)):
        return rng.choice([t for t in themes if not POOLS[t].ordered]), found
    fitting = {t: [n for n in POOLS[t].names if len(n) <= max_length] for t in themes}
    theme = rng.choice([t for t in themes if len(fitting[t]) >= count])
    names = fitting[theme]
    if not POOLS[theme].ordered:
        return theme, rng.sample(names, count)
    start = rng.randrange(len(names) - count + 1)
    return theme, names[start : start + count]
