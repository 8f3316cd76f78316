"""Pictures that simulated detectors send."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from beamloom.devices.images import Image, pixel_type


def rings(frames: int, shape: tuple[int, ...], dtype: str, seed: int) -> Iterator[Image]:
    """Photons scattered into rings about the middle, none on a gap between modules, which reads the largest number of the type."""
    noise = np.random.default_rng(seed)
    y, x = np.ogrid[: shape[0], : shape[1]]
    radius = np.hypot(y - shape[0] / 2, x - shape[1] / 2)
    mean = 2 * np.exp(-radius / 60) + 5 * np.exp(-(((radius % 40) - 20) ** 2))
    pixel = pixel_type(dtype)
    for _ in range(frames):
        picture = noise.poisson(mean).astype(pixel)
        if pixel.kind in "iu":
            picture[shape[0] // 2 : shape[0] // 2 + 2] = np.iinfo(pixel).max
        yield picture
