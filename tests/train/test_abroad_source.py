"""Pictures of other people's tools as a source of training examples."""

from itertools import groupby

import pytest
from rich.console import Console

from r1v.core import ConfigError
from r1v.figures import abroad
from r1v.figures.names import POOLS
from r1v.train.core.config import DataConfig
from r1v.train.data.abroad import OFTEN, AbroadSource, _tools
from r1v.train.data.examples import FigureSource
from r1v.train.data.sources import BLOCK, MixedSource, figures_of, open_source
from r1v.train.data.spoilt import spoilt

QUIET = Console(quiet=True)


def opened(*source: str, families: tuple[str, ...] = ()) -> object:
    return open_source(DataConfig(source=source, families=families), 3, QUIET)


def test_a_group_asks_about_one_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    source = AbroadSource(("pie_chart",), 3)
    made = []
    real = abroad.make

    def spy(family: str, tool: str, seed: int, **more: int) -> object:
        made.append((tool, seed, more.get("question")))
        return real(family, tool, seed, **more)

    monkeypatch.setattr(abroad, "make", spy)
    monkeypatch.setattr(abroad, "usable", lambda *_: ["matplotlib", "pandas"])  # those that are dear to draw
    _tools.cache_clear()
    examples = [source.example("pie_chart", i, 1.0) for i in range(2 * abroad.TOGETHER)]
    assert len({(tool, seed) for tool, seed, _ in made}) == 2
    assert len({question for _, _, question in made}) == abroad.TOGETHER
    assert len({one.question for one in examples}) > abroad.TOGETHER
    _tools.cache_clear()
    for one in examples:
        assert one.answer == f"Answer: \\boxed{{{one.key.answer}}}"


def test_a_quick_tool_draws_a_picture_for_every_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abroad, "usable", lambda *_: ["painted"])
    _tools.cache_clear()
    examples = [AbroadSource(("bar_chart",), 3).example("bar_chart", i, 1.0) for i in range(6)]
    _tools.cache_clear()
    assert len({str(one.facts) for one in examples}) == 6


def test_held_out_tools_never_come_out(monkeypatch: pytest.MonkeyPatch) -> None:
    tools: set[tuple[str, str]] = set()
    monkeypatch.setattr(abroad, "make", lambda family, tool, *a, **k: tools.add((family, tool)) or stop())

    def stop() -> None:
        raise ConfigError("seen")

    source = AbroadSource.open((), 1, QUIET)
    for number in range(0, 4000, abroad.TOGETHER):
        family, index = source.pick(number, f"1/{number}")
        with pytest.raises(ConfigError, match="seen"):
            source.example(family, index, 1.0)
    shut = {(f, t) for f in abroad.SUBJECTS for t in abroad.tools(f, "heldout")}
    assert tools and not tools & shut
    assert {f for f, _ in tools} == set(source.families)


def test_an_index_gives_the_same_example_on_every_worker() -> None:
    source = AbroadSource(("table",), 3)
    one, again = source.example("table", 11, 1.0), AbroadSource(("table",), 3).example("table", 11, 1.0)
    assert (one.question, one.thinking, one.answer) == (again.question, again.thinking, again.answer)


def test_a_mixture_takes_turns_in_groups_and_keeps_the_shares() -> None:
    source = opened("figures::3", "abroad::1")
    assert isinstance(source, MixedSource)
    assert source.counts == {"figures": BLOCK // 8 * 3 // 4, "abroad": BLOCK // 8 // 4}  # groups of eight
    picked = [source.pick(n, f"3/{n}") for n in range(4096)]
    labels = [family.split("/")[0] for family, _ in picked]
    runs = [len(list(run)) for label, run in groupby(labels) if label == "abroad"]
    assert runs and all(run % abroad.TOGETHER == 0 for run in runs)
    for start in range(0, 4096, abroad.TOGETHER):
        group = [index for _, index in picked[start : start + abroad.TOGETHER]]
        assert group == list(range(group[0], group[0] + abroad.TOGETHER))


def test_families_are_chosen_by_name() -> None:
    source = opened("abroad", families=("bar_chart", "table"))
    assert isinstance(source, AbroadSource)
    assert list(dict.fromkeys(source.families)) == ["bar_chart", "table"]
    assert source.families.count("bar_chart") == OFTEN["bar_chart"]
    with pytest.raises(ConfigError, match="no other tool draws 'handwriting'"):
        opened("abroad", families=("handwriting",))


def test_a_share_of_the_pictures_is_spoilt_and_which_follows_from_the_index() -> None:
    source = FigureSource(("table",))
    assert spoilt(source, 0.0) is source
    half = spoilt(source, 0.5)
    changed = [
        half.example("table", i, 1.0).images[0].source.tobytes()
        != source.example("table", i, 1.0).images[0].source.tobytes()
        for i in range(40)
    ]
    assert 10 < sum(changed) < 30
    again = spoilt(source, 0.5).example("table", changed.index(True), 1.0)
    assert (
        again.images[0].source.tobytes()
        == half.example("table", changed.index(True), 1.0).images[0].source.tobytes()
    )
    assert again.thinking == source.example("table", changed.index(True), 1.0).thinking


def test_any_names_on_a_share_of_the_own_figures_of_training_alone() -> None:
    own = open_source(DataConfig(source=("figures",), families=("pie_chart",), open_names=0.5), 3, QUIET)
    listed = {name for pool in POOLS.values() for name in pool.names}

    def share(source: FigureSource) -> float:
        names = [set(source.example("pie_chart", i, 0.0).facts) for i in range(60)]
        return sum(not (found & listed) for found in names) / 60

    assert isinstance(own, FigureSource) and 0.3 < share(own) < 0.7
    held = figures_of(own, heldout=True)
    assert held is not None and share(held) == 0.0
