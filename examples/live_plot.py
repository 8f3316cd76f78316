"""Draws a part of the results while they grow.

    python live_plot.py http://127.0.0.1:5000 map

Images are drawn as images, and a map over positions as points where the beam was. With ``--save FILE`` nothing is shown: the file has
the newest picture at any time. It ends with the run. Needs matplotlib: ``pip install 'beamloom[plot]'``.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import beamloom


def draw(figure: Figure, version: Any) -> None:
    """One version of the results."""
    figure.clear()
    axes = figure.add_subplot()
    axes.set_title(f"{version.path}, version {version.number}")
    value = version.value
    if isinstance(value, dict):
        keys = [name for name in value if name.startswith("key_")]
        signal = next((name for name in value if name not in keys), None)
        if not keys or signal is None:
            axes.text(0.5, 0.5, "nothing yet", ha="center")
        elif len(keys) == 2:
            points = axes.scatter(value[keys[0]], value[keys[1]], c=value[signal], s=20)
            figure.colorbar(points, label=signal)
        else:
            axes.plot(value[keys[0]], value[signal], ".", label=signal)
    elif np.ndim(value) == 2:
        figure.colorbar(axes.imshow(value))
    else:
        axes.plot(np.atleast_1d(value))


def save(figure: Figure, file: Path) -> None:
    """Replace the file as a whole: whoever looks never sees half a picture."""
    part = file.with_name(f".{file.name}.part")
    figure.savefig(part, format="png")
    os.replace(part, file)


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw a part of the results while they grow.")
    parser.add_argument("url", help="address of the controller")
    parser.add_argument("path", help="what to draw, such as map or sample/image")
    parser.add_argument("--save", type=Path, help="write the picture to this file instead of showing it")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds to wait for something new")
    options = parser.parse_args()

    figure = plt.figure()
    drawn = 0
    with beamloom.connect(options.url) as pipeline:
        for version in pipeline.watch(
            options.path, timeout=options.timeout, interval=0.1, until_finished=True
        ):
            draw(figure, version)
            drawn += 1
            if options.save is None:
                plt.pause(0.01)
            else:
                save(figure, options.save)
        print(f"{drawn} versions drawn; {pipeline.progress()}")
    if options.save is None:
        plt.show()


if __name__ == "__main__":
    try:
        main()
    except beamloom.UserError as error:
        raise SystemExit(f"live_plot: {error}") from None
