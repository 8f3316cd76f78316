"""The maps as a picture in a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from beamloom.demo.report import Outcome, ledger_sentence
from beamloom.demo.sample import STEP, Picture
from beamloom.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

COLOURS: Final[Mapping[str, tuple[str, ...]]] = {
    "Fe": ("#140806", "#6b1f0c", "#c4501b", "#f2a541", "#fff1d0"),
    "Cu": ("#03110f", "#0b4a45", "#1f8f82", "#79d3b8", "#effff6"),
    "Au": ("#130f02", "#5e4705", "#b98a0e", "#f4cb3a", "#fffbe0"),
}
"""From none to most of an element: rust, verdigris, gold."""


def check_can_draw(path: Path) -> None:
    """Raise UsageError where ``draw`` could not write ``path``: before ten seconds are spent on what goes into it."""
    try:
        from matplotlib.backends import backend_agg
    except ImportError:
        raise UsageError(
            "a picture needs matplotlib; install it with: pip install 'beamloom[plot]', or leave out --png"
        ) from None
    known = backend_agg.FigureCanvasAgg.get_supported_filetypes()
    if path.suffix.removeprefix(".").lower() not in known:
        raise UsageError(
            f"{str(path)!r} is no name of a picture; it has to end in .png (or .{', .'.join(sorted(known))})"
        )
    if not path.parent.is_dir():
        raise UsageError(
            f"the picture cannot be written: there is no folder {str(path.parent)!r}; make it first"
        )


def draw(outcome: Outcome, path: Path) -> None:
    """Write measured maps above the truth, and how far they are apart."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    elements = list(outcome.truth)
    figure = Figure(figsize=(9.6, 10.4), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(3, len(elements), squeeze=False)
    for column, agreement in enumerate(outcome.agreements):
        element = agreement.element
        measured, truth = outcome.moment.maps[element], outcome.truth[element]
        colours = LinearSegmentedColormap.from_list(element, COLOURS[element])
        brightest = outcome.brightest[element]
        _show(axes[0, column], f"{element}, measured", measured, colours, (0, brightest), "counts")
        _show(axes[1, column], f"{element}, truth", truth, colours, (0, brightest), "expected counts")
        deviation = (measured - truth) / np.sqrt(truth)
        title = f"r = {agreement.correlation:.4f}, at most {agreement.largest_deviation:.1f} σ apart"
        _show(axes[2, column], title, deviation, "RdBu_r", (-5, 5), "deviation / σ")
    for row in axes:
        row[0].set_ylabel("y / µm")
    for axis in axes[-1]:
        axis.set_xlabel("x / µm")
    figure.suptitle(f"beamloom demo — {ledger_sentence(outcome.moment)}")
    _write(figure.savefig, path)


def _show(
    axes: Axes, title: str, picture: Picture, colours: Colormap | str, limits: tuple[float, float], label: str
) -> None:
    rows, columns = picture.shape
    extent = (-STEP / 2, (columns - 0.5) * STEP, (rows - 0.5) * STEP, -STEP / 2)
    image = axes.imshow(
        picture, cmap=colours, vmin=limits[0], vmax=limits[1], extent=extent, interpolation="nearest"
    )
    axes.set_title(title, fontsize=10)
    axes.tick_params(labelsize=8)
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.85, pad=0.02)
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=7)


def _write(save: Callable[..., None], path: Path) -> None:
    """Save under another name and rename: nobody sees half of a picture."""
    unfinished = path.with_name(f".{path.stem}.unfinished{path.suffix}")
    try:
        save(unfinished, dpi=130)
        os.replace(unfinished, path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise UsageError(
            f"the picture cannot be written to {str(path)!r}: {error.strerror or error}"
        ) from error
