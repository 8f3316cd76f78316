"""The slab: all panels of a frame in one array of two dimensions, as the peak search and CrystFEL's online input take them.

Panels of one data block lie in the slab as they do in the block. Where panels are in several blocks (a fixed index in ``dims``, or
datasets of their own), the blocks are laid one below the other, in the order of dataset and index.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from beamloom.apps.crystallography.geometry.model import DetectorPanel, Geometry, GeometryError

Array = np.ndarray[Any, np.dtype[Any]]
Place = tuple[int, int, int, int]
"""``(min_ss, max_ss, min_fs, max_fs)``, all inclusive."""


@dataclasses.dataclass(frozen=True)
class _Block:
    data: str
    index: tuple[Any, ...]
    """Of the axes of a frame: fixed indices, and None for ss and fs."""
    turned: bool
    """Whether fs comes before ss."""


def _block(panel: DetectorPanel) -> _Block:
    axes = [axis for axis in panel.dims if axis != "%"]
    return _Block(
        panel.data,
        tuple(axis if isinstance(axis, int) else None for axis in axes),
        axes.index("fs") < axes.index("ss"),
    )


class Slab:
    """Where each panel of a geometry lies in the slab, and how a frame becomes one."""

    def __init__(self, geometry: Geometry) -> None:
        blocks = {panel.name: _block(panel) for panel in geometry.panels}
        order = sorted(
            set(blocks.values()),
            key=lambda block: (block.data, [-1 if axis is None else axis for axis in block.index]),
        )
        height = max(panel.max_ss for panel in geometry.panels) + 1
        width = max(panel.max_fs for panel in geometry.panels) + 1
        self._blocks = order
        self._height = height
        self.shape = (height * len(order), width)
        """Pixels along ss and fs."""
        self.places: dict[str, Place] = {}
        """Of each panel by its name."""
        for panel in geometry.panels:
            top = order.index(blocks[panel.name]) * height
            self.places[panel.name] = (
                top + panel.min_ss,
                top + panel.max_ss,
                panel.min_fs,
                panel.max_fs,
            )

    @functools.cached_property
    def panels(self) -> list[Place]:
        """The places of the panels in the order of the geometry, as ``find_peaks`` takes them."""
        return list(self.places.values())

    def of(self, frame: Array | Mapping[str, Array]) -> Array:
        """``frame`` as a slab: an array with the axes of ``dims`` but for %, an array by dataset where there are several, or a slab.

        A view where the slab lies in memory as the frame does, else a copy. Raises GeometryError for a frame that does not fit.
        """
        if not isinstance(frame, Mapping):
            if frame.shape == self.shape and not (len(self._blocks) == 1 and self._blocks[0].turned):
                return frame
            if self._stacked and frame.shape == (len(self._blocks), self._height, self.shape[1]):
                return frame.reshape(self.shape)
        pieces = [self._piece(frame, block) for block in self._blocks]
        if len(pieces) == 1 and pieces[0].shape == self.shape:
            return pieces[0]
        slab = np.zeros(self.shape, np.result_type(*pieces))
        for index, piece in enumerate(pieces):
            top = index * self._height
            slab[top : top + self._height] = piece[: self._height, : self.shape[1]]
        return slab

    @functools.cached_property
    def _stacked(self) -> bool:
        return [(block.index, block.turned) for block in self._blocks] == [
            ((index, None, None), False) for index in range(len(self._blocks))
        ] and len({block.data for block in self._blocks}) == 1

    def _piece(self, frame: Array | Mapping[str, Array], block: _Block) -> Array:
        if isinstance(frame, Mapping):
            if block.data not in frame:
                raise GeometryError(
                    f"the geometry has panels in {block.data}, and the frame has {', '.join(frame) or 'nothing'}"
                )
            frame = frame[block.data]
        if frame.ndim != len(block.index):
            raise GeometryError(
                f"a frame of the shape {frame.shape} has not the {len(block.index)} dimensions of the geometry; "
                "give one frame, without the axis of frames"
            )
        try:
            piece: Array = frame[tuple(slice(None) if axis is None else axis for axis in block.index)]
        except IndexError:
            raise GeometryError(
                f"the geometry has panels at the index {block.index} of a frame of the shape {frame.shape}"
            ) from None
        if block.turned:
            piece = piece.T
        if piece.shape[0] < self._height or piece.shape[1] < self.shape[1]:
            raise GeometryError(
                f"the panels reach to {self._height} x {self.shape[1]} pixels, and the frame has {piece.shape[0]} x {piece.shape[1]}"
            )
        return piece
