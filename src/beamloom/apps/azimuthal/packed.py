"""Patterns of frames that are still packed by bitshuffle and LZ4, as DECTRIS detectors send them; nothing is unpacked but what is added up.

Sums are those of the frame unpacked, to the last bit for counts below 2^29 in a bin, as shares are multiples of 2^-24; what bins lose by
pixels that do not count is added up in another order.
"""

from __future__ import annotations

import dataclasses
import struct
from typing import Any, Final

import numpy as np

from beamloom.apps.azimuthal import kernels, packed_kernels
from beamloom.apps.azimuthal.lz4 import AVAILABLE
from beamloom.apps.azimuthal.spread import Spread
from beamloom.apps.images import PackedImage

Array = np.ndarray[Any, np.dtype[Any]]
_FRAME: Final = struct.Struct(">QI")
"""What comes first: bytes of all when they are unpacked, and of a block."""


@dataclasses.dataclass(frozen=True, eq=False)
class _Blocks:
    """Some blocks of the same size, and the bins of their pixels in the order of ``turn_planes``."""

    count: int
    pixels: int
    """Of one of them."""
    bins: Array
    shares: Array
    worth: Array
    wide_at: Array
    wide_from: Array
    wide: slice
    """Which of all wide pixels theirs are."""


class PackedFrames:
    """Adds up packed frames of one shape by the bins of their pixels. Not for several threads at once."""

    def __init__(self, spread: Spread, worth: Array) -> None:
        """``worth``: of each pixel, flat."""
        self._spread, self._worth = spread, worth
        self._size = worth.size
        self._laid_out: tuple[int, list[_Blocks]] | None = None
        self._bins = spread.none
        self.split = spread.shares is not None

    def sums(self, image: PackedImage, low: Any, high: Any) -> tuple[Array, Array, Array] | None:
        """Sums and lost worth of the bins (bins,), and the values of ``spread.wide_pixels``; None where it is to be unpacked first."""
        dtype = image.dtype
        if not AVAILABLE or image.compression != "bslz4" or dtype.kind != "u" or dtype.itemsize > 4:
            return None
        blob = np.frombuffer(image.blob, np.uint8)
        if blob.size < _FRAME.size or dtype.byteorder == ">":
            return None
        size, block = _FRAME.unpack(blob[: _FRAME.size].tobytes())
        if size != self._size * dtype.itemsize or not block or block % (8 * dtype.itemsize):
            return None
        return self._added_up(blob, dtype, block // dtype.itemsize, low, high)

    def _added_up(
        self, blob: Array, dtype: np.dtype[Any], pixels: int, low: Any, high: Any
    ) -> tuple[Array, Array, Array] | None:
        spread = self._spread
        shape = (kernels.TURNS, self._bins + 2)
        turns = np.zeros((*shape, 2)) if self.split else np.zeros(shape, np.int64)
        lost = np.zeros(self._bins + 2)
        wide = np.zeros(spread.wide_pixels.size, dtype)
        at, done = _FRAME.size, 0
        for part in self._blocks(pixels):
            at = packed_kernels.add_blocks(
                blob,
                blob.ctypes.data,
                at,
                part.count,
                part.pixels,
                dtype.itemsize,
                int(low),
                int(high),
                part.bins,
                part.shares,
                part.worth,
                turns,
                lost,
                part.wide_at,
                part.wide_from,
                wide[part.wide],
            )
            if at == packed_kernels.BROKEN:
                return None
            done += part.count * part.pixels
        if blob.size - at != (self._size - done) * dtype.itemsize:
            return None
        rest, shares = np.frombuffer(blob[at:].tobytes(), dtype), spread.shares
        packed_kernels.add_values(
            rest.astype(np.uint32),
            np.uint32(low),
            np.uint32(high),
            spread.bins[done:],
            np.empty(0, np.float32) if shares is None else shares[done:],
            self._worth[done:],
            turns,
            lost,
        )
        last = spread.wide_pixels >= done
        wide[last] = rest[spread.wide_pixels[last] - done]
        sums = kernels.shared_sums(turns) if self.split else kernels.whole_sums(turns)
        return sums, lost[: self._bins], wide

    def _blocks(self, pixels: int) -> list[_Blocks]:
        """Whole blocks of so many pixels, and what is left in whole eights."""
        if self._laid_out is None or self._laid_out[0] != pixels:
            whole, rest = divmod(self._size, pixels)
            parts = [self._part(0, whole, pixels)] if whole else []
            if rest >= 8:
                parts.append(self._part(whole * pixels, 1, rest - rest % 8))
            self._laid_out = pixels, parts
        return self._laid_out[1]

    def _part(self, first: int, count: int, pixels: int) -> _Blocks:
        width = pixels // 8
        stride = -(-width // 8) * 8
        at = np.arange(8 * stride)
        order = 8 * (at % stride) + at // stride
        there = at % stride < width
        taken = first + (np.arange(count)[:, np.newaxis] * pixels + np.where(there, order, 0)).reshape(-1)
        hidden = np.tile(~there, count)
        bins = self._spread.bins[taken]
        bins[hidden] = self._bins
        shares = np.empty(0, np.float32)
        if self._spread.shares is not None:
            shares = self._spread.shares[taken]
            shares[hidden] = 0
        wide_pixels = self._spread.wide_pixels
        wide = slice(*np.searchsorted(wide_pixels, [first, first + count * pixels]).tolist())
        block, inside = np.divmod(wide_pixels[wide].astype(np.int64) - first, pixels)
        return _Blocks(
            count=count,
            pixels=pixels,
            bins=bins,
            shares=shares,
            worth=self._worth[taken],
            wide_at=block * 8 * stride + inside % 8 * stride + inside // 8,
            wide_from=np.searchsorted(block, np.arange(count + 1)),
            wide=wide,
        )
