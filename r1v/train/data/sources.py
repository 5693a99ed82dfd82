"""The source of examples that a configuration names."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from r1v import figures
from r1v.core import ConfigError
from r1v.train.data.examples import FigureSource, JsonlSource, Source
from r1v.train.data.hub import PREFIX, DatasetSource


def open_source(
    data: str, families: Sequence[str], seed: int, console: Console, *, chains: bool = True
) -> Source:
    """``figures``, a JSONL file or ``hf:`` with the name of a Hugging Face dataset, limited to the named
    families.

    Says how many rows of a file are bad, and which.

    chains: rows need a chain of thought to learn.
    """
    if data == "figures":
        return FigureSource(tuple(families) or tuple(figures.FAMILIES))
    source: JsonlSource | DatasetSource
    if data.startswith(PREFIX):
        source = DatasetSource(data, seed, chains=chains)
    else:
        source = JsonlSource(data, seed, chains=chains)
        for error in source.bad[:20]:
            console.print(f"bad row, left out: {error}", highlight=False)
        if source.bad:
            console.print(f"{len(source.bad)} bad rows left out of {data}", highlight=False)
        if source.unread:
            counted = ", ".join(f"{key} ({count} rows)" for key, count in source.unread.most_common(20))
            console.print(f"keys of {data} that are not used: {counted}", highlight=False)
    if families:
        missing = [name for name in families if name not in source.families]
        if missing:
            raise ConfigError(f"{data} has no rows of family {missing[0]!r}")
        source.families = tuple(families)
    return source
