"""Training examples whose pictures are drawn by other people's tools.

Enters: indices of samples. Leaves: examples. Always holds: an example depends on its index alone; the samples
of one group share a picture that is expensive to draw, so a worker that makes them one after the other draws
it once; held-out tools and wordings never occur.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from rich.console import Console

from r1v.core import ConfigError, ImageRef
from r1v.figures import abroad
from r1v.train.data.examples import AnswerKey, Example, box

# families that are drawn several times as often as the others, because their names and layouts vary without
# limit
OFTEN = {"bar_chart": 3, "line_chart": 3, "pie_chart": 3, "network": 3, "table": 3, "venn": 3,
         "function_plot": 2, "circuit": 2, "expression": 2, "molecule": 3, "calendar": 2}  # fmt: skip


@dataclass(frozen=True)
class AbroadSource:
    """The figures of ``r1v.figures.abroad`` by their training tools, without end.

    families: those with a tool on this machine, as often as OFTEN says. together: samples in a group, which
    ask about one picture.
    """

    families: tuple[str, ...]
    seed: int = 0
    together: int = abroad.TOGETHER

    @classmethod
    def open(
        cls, families: Sequence[str], seed: int, console: Console, *, alone: bool = True
    ) -> AbroadSource:
        """The families of a configuration (none: all) that can be drawn here; says which tools are missing.

        Raises ConfigError for a family that no tool draws, if it is the only source (``alone``).
        """
        wanted = [one for one in dict.fromkeys(families) if one in abroad.SUBJECTS]
        unknown = [one for one in families if one not in abroad.SUBJECTS]
        if unknown and alone:
            raise ConfigError(f"data.families: no other tool draws {unknown[0]!r}; they draw "
                              f"{', '.join(abroad.SUBJECTS)}")  # fmt: skip
        lacking = sorted({need for needs in abroad.missing("train").values() for need in needs})
        if lacking:
            console.print(f"abroad: tools left out for want of {', '.join(lacking)}", highlight=False)
        usable = tuple(one for one in wanted or abroad.SUBJECTS if abroad.usable(one, "train"))
        if not usable:
            raise ConfigError(
                "data.source: abroad needs other drawing tools, and none is installed here: "
                "pip install 'r1v[figures-more]'"
            )
        return cls(tuple(one for one in usable for _ in range(OFTEN.get(one, 1))), seed)

    def max_images(self, family: str) -> int:
        """Every question is about one picture."""
        return 1

    def pick(self, number: int, seed: str) -> tuple[str, int]:
        """The family of the number-th sample's group, drawn at random; figures have no end."""
        return Random(f"{self.seed}/abroad/{number // self.together}").choice(self.families), number

    def example(self, family: str, index: int, variation: float) -> Example:
        """The index-th example of a family; variation has no meaning for other people's styles."""
        group, inside = divmod(index, self.together)
        names = _tools(family)
        tool = names[Random(f"{self.seed}/{family}/{group}").randrange(len(names))]
        if abroad.tools(family)[tool].cheap:
            item = abroad.make(family, tool, index)
        else:
            item = abroad.make(family, tool, group, question=inside)
        return Example(
            tuple(map(ImageRef, item.images)), item.question, item.solution, box(item.answer),
            AnswerKey(item.answer, item.answer_type, item.tolerance), item.facts, item.difficulty,
        )  # fmt: skip


@functools.cache
def _tools(family: str) -> tuple[str, ...]:
    """A family's tools of training; quick ones, whose questions each have a picture of their own, twice."""
    every = abroad.tools(family)
    return tuple(name for name in abroad.usable(family, "train") for _ in range(1 + every[name].cheap))
