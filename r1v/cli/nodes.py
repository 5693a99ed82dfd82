"""Memory nodes of a machine (NUMA): which cores read which part of its memory directly.

Enters: what Linux says below /sys. Leaves: the cores to compute on. Always holds: on a machine with one node,
or whose nodes cannot be read, nothing changes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


def memory_nodes(root: Path = Path("/")) -> list[frozenset[int]]:
    """The cores of each node that has any, in the order of the nodes' numbers. root: where /sys is found."""
    folders = (root / "sys/devices/system/node").glob("node[0-9]*")
    found = []
    for folder in sorted(folders, key=lambda path: int(path.name.removeprefix("node"))):
        try:
            found.append(parse_cores((folder / "cpulist").read_text()))
        except (OSError, ValueError):
            return []  # part of a map is worse than none
    return [cores for cores in found if cores]


def parse_cores(text: str) -> frozenset[int]:
    """Linux's list of cores: "0-3,8" is 0, 1, 2, 3 and 8. Raises ValueError for anything else."""
    cores: set[int] = set()
    for part in text.strip().split(","):
        if part:
            first, _, last = part.partition("-")
            cores.update(range(int(first), int(last or first) + 1))
    return frozenset(cores)


def cores_of_one_node(allowed: frozenset[int], nodes: Sequence[frozenset[int]]) -> frozenset[int]:
    """Of the cores that may be used, those of the node that has the most of them, the first such; all of them
    where no node has any."""
    return max((allowed & node for node in nodes), key=len, default=frozenset()) or allowed


def keep_to_one_node(root: Path = Path("/")) -> None:
    """Run this process, and the threads that it starts from now on, on the cores of one memory node: a
    product waits for its slowest thread, and weights of another node are read more slowly. Where the system
    has no such setting, nothing happens."""
    if not hasattr(os, "sched_setaffinity"):  # Linux only
        return
    allowed = frozenset(os.sched_getaffinity(0))
    chosen = cores_of_one_node(allowed, memory_nodes(root))
    if chosen != allowed:
        os.sched_setaffinity(0, chosen)


def shares_of_copies(
    allowed: frozenset[int], nodes: Sequence[frozenset[int]], number: int
) -> list[frozenset[int]]:
    """The cores of each of ``number`` copies of a program. Each keeps to one node, and the nodes have equally
    many copies or differ by one; where a node has too few cores for that, all cores are dealt out in turn."""
    held = [sorted(allowed & node) for node in nodes if allowed & node] or [sorted(allowed)]
    copies = [number // len(held) + (n < number % len(held)) for n in range(len(held))]
    if any(len(cores) < each for cores, each in zip(held, copies, strict=True)):
        held, copies = [sorted(allowed)], [number]
    # every so many cores: the two threads of a core often lie half of a node's list apart
    return [frozenset(cores[n::each]) for cores, each in zip(held, copies, strict=True) for n in range(each)]
