"""A comparison as JSON, as a page of Markdown and as plots.

Enters: a Comparison and a folder. Leaves: ``comparison.json``, ``comparison.md``, ``layers.png``,
``lengths.png``.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

from r1v.quant.compare import Answers, Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def write_report(found: Comparison, folder: Path) -> None:
    """Write all files; the folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(dataclasses.asdict(found), indent=1)
    (folder / "comparison.json").write_text(text + "\n", encoding="utf-8")
    plots = _plots(found, folder)
    (folder / "comparison.md").write_text(markdown(found, plots), encoding="utf-8")


def markdown(found: Comparison, plots: tuple[str, ...] = ()) -> str:
    """One page: what was measured, A beside B."""
    chains = found.chains
    lines = [
        f"# {found.target} against {found.source}",
        "",
        f"{chains.num_tokens:,} tokens of held-out chains; ± is half a 95% interval.",
        "",
        "| | A | B | B less A |",
        "|---|---|---|---|",
        f"| size | {found.bytes_a / 1e6:.1f} MB | {found.bytes_b / 1e6:.1f} MB | "
        f"{found.bytes_b / found.bytes_a - 1:.0%} |",
        f"| perplexity | {chains.perplexity_a:.4f} | {chains.perplexity_b:.4f} | |",
        f"| KL(A, B) a token, nats | | {chains.kl}, most {chains.kl_max:.3f} | |",
        f"| same likeliest token, share | | {chains.agreement} | |",
        f"| logits that are not numbers | | {chains.nan_count} | |",
    ]
    a, b = found.answers_a, found.answers_b
    if a is not None and b is not None:
        lines += [
            f"| accuracy on {a.num_questions} figures | {a.accuracy:.1%} | {b.accuracy:.1%} | "
            f"{found.accuracy_change} |",
            f"| tokens an answer | {a.mean_tokens:.1f} | {b.mean_tokens:.1f} | {found.length_change} |",
            f"| loops | {a.loop_rate:.1%} | {b.loop_rate:.1%} | |",
            f"| unfinished | {a.unfinished_rate:.1%} | {b.unfinished_rate:.1%} | |",
            f"| ids outside the vocabulary | {a.out_of_vocabulary} | {b.out_of_vocabulary} | |",
            f"| tokens/s, prompts included | {a.tokens_per_s:.1f} | {b.tokens_per_s:.1f} | |",
        ]
    lines += ["", "| layer | relative squared error of its output |", "|---|---|"]
    lines += [f"| {each.layer} | {each.error:.2e} |" for each in chains.layers]
    lines += [""] + [f"![{name}]({name}.png)" for name in plots]
    return "\n".join(lines) + "\n"


def _plots(found: Comparison, folder: Path) -> tuple[str, ...]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(6, 3), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    layers = found.chains.layers
    axes.plot([each.layer for each in layers], [each.error for each in layers], marker="o")
    axes.set(xlabel="layer", ylabel="relative squared error", title="Error of each layer's output")
    axes.set_ylim(0, 1.1 * max(1e-6, *(each.error for each in layers)))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.savefig(folder / "layers.png", dpi=120)
    if found.answers_a is None or found.answers_b is None:
        return ("layers",)
    figure = Figure(figsize=(6, 3), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _lengths(axes, found.answers_a, found.answers_b)
    figure.savefig(folder / "lengths.png", dpi=120)
    return ("layers", "lengths")


def _lengths(axes: Axes, a: Answers, b: Answers) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.hist([a.lengths, b.lengths], bins=20, label=["A", "B"])
    axes.set(xlabel="tokens of an answer", ylabel="answers", title="Length of the chains")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
