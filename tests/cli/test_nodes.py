"""Memory nodes: read from a described machine, and the cores that are chosen on it."""

import os
from pathlib import Path

import pytest

from r1v.cli.nodes import cores_of_one_node, keep_to_one_node, memory_nodes, parse_cores, shares_of_copies

# two sockets of eight cores with two threads each, as Linux numbers them
TWO = [frozenset((*range(8), *range(16, 24))), frozenset((*range(8, 16), *range(24, 32)))]
ALL = TWO[0] | TWO[1]


def machine(root: Path, lists: dict[str, str]) -> Path:
    for name, text in lists.items():
        folder = root / "sys/devices/system/node" / name
        folder.mkdir(parents=True)
        (folder / "cpulist").write_text(text)
    return root


def test_nodes_are_read(tmp_path: Path) -> None:
    """The third has memory and no cores; node10 comes after node2, whatever their names' order."""
    root = machine(
        tmp_path, {"node10": "32-39\n", "node0": "0-7,16-23\n", "node1": "8-15,24-31\n", "node2": "\n"}
    )
    assert memory_nodes(root) == [*TWO, frozenset(range(32, 40))]
    assert memory_nodes(tmp_path / "none") == []


def test_a_map_that_cannot_be_read_counts_as_none(tmp_path: Path) -> None:
    assert memory_nodes(machine(tmp_path, {"node0": "0-7\n", "node1": "eight\n"})) == []
    assert parse_cores("0-2,5\n") == {0, 1, 2, 5} and parse_cores("") == set()


@pytest.mark.parametrize(("allowed", "nodes", "expected"), [
    (ALL, TWO, TWO[0]),
    (ALL, [ALL], ALL),
    (ALL, [], ALL),
    (frozenset((1, 9, 10)), TWO, frozenset((9, 10))),  # what the user's own choice leaves of each node
    (frozenset((1, 9)), TWO, frozenset((1,))),
    (frozenset((40, 41)), TWO, frozenset((40, 41))),  # a map of other cores
])  # fmt: skip
def test_one_node_is_chosen(
    allowed: frozenset[int], nodes: list[frozenset[int]], expected: frozenset[int]
) -> None:
    assert cores_of_one_node(allowed, nodes) == expected


def test_the_process_moves_only_where_there_are_several_nodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[frozenset[int]] = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(ALL), raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", lambda pid, cores: moved.append(cores), raising=False)
    keep_to_one_node(machine(tmp_path / "one", {"node0": "0-31\n"}))
    keep_to_one_node(tmp_path / "unknown")
    assert not moved
    keep_to_one_node(machine(tmp_path / "two", {"node0": "0-7,16-23\n", "node1": "8-15,24-31\n"}))
    assert moved == [TWO[0]]


@pytest.mark.parametrize("number", range(1, 33))
@pytest.mark.parametrize("nodes", [TWO, [ALL], []])
def test_copies_share_the_cores(nodes: list[frozenset[int]], number: int) -> None:
    shares = shares_of_copies(ALL, nodes, number)
    assert len(shares) == number and all(shares)
    assert sum(map(len, shares)) == len(frozenset().union(*shares))  # no core twice
    if number >= len(nodes):
        assert frozenset().union(*shares) == ALL
    for share in shares:
        assert not nodes or any(share <= node for node in nodes)


def test_two_copies_on_two_nodes_have_one_each() -> None:
    assert shares_of_copies(ALL, TWO, 2) == TWO
    # two on one node: both threads of a core, which lie 16 apart, belong to the same copy
    first, second = shares_of_copies(TWO[0], TWO, 2)
    assert {core % 16 for core in first}.isdisjoint(core % 16 for core in second)


def test_a_node_with_too_few_cores_is_no_limit() -> None:
    allowed = frozenset((0, 8, 9, 10, 11))
    shares = shares_of_copies(allowed, TWO, 4)
    assert sorted(len(share) for share in shares) == [1, 1, 1, 2]
    assert frozenset().union(*shares) == allowed
