"""Lines against a logarithmic axis, for costs that should grow linearly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def plot_lines(
    path: str, x_label: str, y_label: str, x: Sequence[float], lines: Mapping[str, Sequence[float]]
) -> None:
    """Write a picture; the file's ending says of which kind."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 3.2), layout="constrained")
    for name, values in lines.items():
        axes.plot(x[: len(values)], values, marker="o", label=name)
    axes.set(xlabel=x_label, ylabel=y_label, ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)
