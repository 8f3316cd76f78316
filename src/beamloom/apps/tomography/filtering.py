"""The filter of filtered back-projection: the ramp, band limited in space, with a window against noise.

The ramp is that of Ramachandran and Lakshminarayanan as sampled by Kak and Slaney (Principles of Computerized Tomographic Imaging, 1988,
eq. 3.61): 1/4 at 0, -1/(pi n)^2 at odd n, 0 at even n. Made in space, it keeps the mean right, which a ramp sampled in frequency loses.
"""

from __future__ import annotations

import functools
from typing import Any, Final

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
WINDOWS: Final = ("ramp", "shepp-logan", "cosine", "hann", "hamming")


def filtered(projection: Array, window: str = "ramp") -> Array:
    """The rows of a projection (rows, columns) filtered, float32."""
    columns = projection.shape[1]
    response = _response(columns, window)
    length = 2 * (len(response) - 1)
    spectra = np.fft.rfft(projection, length, axis=1) * response
    rows: Array = np.fft.irfft(spectra, length, axis=1)[:, :columns]
    return rows.astype(np.float32)


@functools.lru_cache(maxsize=8)
def _response(columns: int, window: str) -> Array:
    """The filter in frequency, for rows padded with zeros so that they do not reach around."""
    length = max(64, 2 ** int(np.ceil(np.log2(2 * columns))))
    place = np.minimum(np.arange(length), length - np.arange(length)).astype(float)
    kernel = np.zeros(length)
    kernel[0] = 0.25
    kernel[1::2] = -1 / (np.pi * place[1::2]) ** 2
    response: Array = np.fft.rfft(kernel).real
    frequency = np.fft.rfftfreq(length)
    match window:
        case "shepp-logan":
            response *= np.sinc(frequency)
        case "cosine":
            response *= np.cos(np.pi * frequency)
        case "hann":
            response *= 0.5 + 0.5 * np.cos(2 * np.pi * frequency)
        case "hamming":
            response *= 0.54 + 0.46 * np.cos(2 * np.pi * frequency)
    return response
