"""Shapes, coins, clocks and other drawings: which tools draw them."""

from __future__ import annotations

from r1v.figures.abroad import counting, networks, puzzles
from r1v.figures.abroad.scene import DrawingTool, Subject

_MPL, _SVG = ("matplotlib",), ("vl_convert", "matplotlib")

COUNTING = Subject(counting.plan, counting.ask, counting.PHRASES, (
    DrawingTool("boxes", "train", counting.nlvr, _MPL, cheap=True),
    DrawingTool("scatter", "train", counting.scatter, _MPL),
    DrawingTool("painted", "train", counting.painted, _MPL, cheap=True),
    DrawingTool("svg", "heldout", counting.svg, _SVG),
))  # fmt: skip
MONEY = Subject(puzzles.plan_coins, puzzles.ask_coins, puzzles.MONEY_PHRASES, (
    DrawingTool("painted", "train", puzzles.COINS_PAINTED, _MPL, cheap=True),
    DrawingTool("matplotlib", "train", puzzles.COINS_MPL, _MPL),
    DrawingTool("svg", "heldout", puzzles.COINS_SVG, _SVG),
))  # fmt: skip
VENN = Subject(puzzles.plan_sets, puzzles.ask_sets, puzzles.VENN_PHRASES, (
    DrawingTool("painted", "train", puzzles.SETS_PAINTED, _MPL, cheap=True),
    DrawingTool("matplotlib", "train", puzzles.SETS_MPL, _MPL),
    DrawingTool("matplotlib_venn", "heldout", puzzles.matplotlib_venn, ("matplotlib", "matplotlib_venn")),
))  # fmt: skip
CLOCKS = Subject(puzzles.plan_clock, puzzles.ask_clock, puzzles.CLOCK_PHRASES, (
    DrawingTool("painted", "train", puzzles.CLOCK_PAINTED, _MPL, cheap=True),
    DrawingTool("matplotlib", "train", puzzles.CLOCK_MPL, _MPL),
    DrawingTool("svg", "heldout", puzzles.CLOCK_SVG, _SVG),
))  # fmt: skip
NETWORKS = Subject(networks.plan_net, networks.ask_net, networks.NETWORK_PHRASES, (
    DrawingTool("networkx", "train", networks.networkx_net, ("matplotlib", "networkx", "scipy")),
    DrawingTool("painted", "train", networks.painted_net, _MPL, cheap=True),
    DrawingTool("layered", "train", networks.layered_net, _MPL, cheap=True),
    DrawingTool("graphviz", "heldout", networks.graphviz_net, ("!dot", "!neato", "!circo")),
))  # fmt: skip
