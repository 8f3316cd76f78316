"""What the device ``generator`` sends, item by item, as a function of its settings: nothing here remembers anything.

So a test, or an analysis that is tried out, can ask for any item what it was to see, and which item never came.
"""

from __future__ import annotations

import hashlib
import math
from enum import StrEnum
from typing import Any, Final, Literal

import msgspec
import numpy as np

from beamloom.devices.fields import MalformedPacket
from beamloom.devices.images import Image, pixel_type

Kind = Literal["images", "spectra", "encoder", "scan"]
Share = float | tuple[int, ...]
"""A share of the items, drawn by the seed, or the very items, counted from 0."""

_SHAPES: Final[dict[str, tuple[int, ...]]] = {
    "images": (128, 128),
    "spectra": (4, 1024),
    "encoder": (1,),
    "scan": (5, 4),
}
_TYPES: Final = {"images": "uint16", "spectra": "uint32", "encoder": "float64", "scan": "float64"}

BACKGROUND: Final = 10.0
"""Counts in every pixel of an image."""
STEP: Final = 0.1
"""Degrees that the first axis of an encoder turns from one item to the next; the second turns twice as far, and so on."""


class Fault(StrEnum):
    """What can go wrong with an item."""

    GAP = "gap"
    """It is left out; its number is missing."""
    CORRUPT = "corrupt"
    """It comes and cannot be read."""
    REORDER = "reorder"
    """It comes behind the next one, and so too late."""
    DUPLICATE = "duplicate"
    """It comes twice."""
    STALL = "stall"
    """It, and all that follow it, come later by a set time."""


class GeneratorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stream of the device ``generator`` in the pipeline file."""

    url: str = "generator:"
    """``generator:`` makes the packets in the ingester itself; an address such as ``tcp://127.0.0.1:9999`` reads those of a
    ``beamloom simulate generator``, and of the other settings only ``receive_queue`` counts."""
    kind: Kind = "images"
    """``images``: a spot that moves and changes. ``spectra``: two lines in each of several channels. ``encoder``: angles that grow.
    ``scan``: the points of a mesh, over and over."""
    items: int = 100
    """How many images, spectra, ... the series has; 0 for as many as the run's trigger map has for the stream, where that is known."""
    shape: tuple[int, ...] = ()
    """Images: rows, columns (128, 128). Spectra: channels, bins (4, 1024). Encoder: axes (1). Scan: points of the slow and the fast
    axis (5, 4)."""
    dtype: str = ""
    """The numpy type of the pixels: by default ``uint16`` for images and ``uint32`` for spectra; the others are ``float64``."""
    rate: float = 0.0
    """Items per second; 0 for as fast as they are read."""
    seed: int = 0
    """What the noise and the faults are drawn from, 0 or more: the same seed gives the same packets."""
    noise: bool = False
    """Whether images and spectra are counted, with Poisson noise; otherwise each is exactly what its formula says."""
    distinct: int = 0
    """How many different images or spectra there are before they come again, kept in memory: for high rates. 0: no two are alike."""
    gap: Share = 0.0
    """Items that are left out: a share such as 0.01, or the items themselves, such as ``[3, 17]``. So with the faults below."""
    corrupt: Share = 0.0
    """Items that come and cannot be read."""
    reorder: Share = 0.0
    """Items that come behind the next; not where the next has a fault too that moves it."""
    duplicate: Share = 0.0
    """Items that come twice."""
    stall: Share = 0.0
    """Items before which the device stops for ``stall_seconds``."""
    stall_seconds: float = 1.0
    """How long it stops, in seconds."""
    receive_queue: int = 100
    """Messages that wait in this process when they come from another, 0 for no limit."""

    def __post_init__(self) -> None:
        if min(self.items, self.seed, self.distinct, self.receive_queue, self.rate, self.stall_seconds) < 0:
            raise ValueError("items, seed, distinct, receive_queue, rate and stall_seconds are not negative")
        if self.shape and len(self.shape) != len(_SHAPES[self.kind]):
            raise ValueError(
                f"the shape of {self.kind} has {len(_SHAPES[self.kind])} lengths, such as {list(_SHAPES[self.kind])}, "
                f"not {list(self.shape)}"
            )
        if any(length < 1 for length in self.shape):
            raise ValueError(f"the shape is {list(self.shape)}, but each length has to be 1 or more")
        if self.dtype and self.kind in ("encoder", "scan") and self.dtype != "float64":
            raise ValueError(f"positions are float64, so leave dtype out for {self.kind}")
        try:
            pixel_type(array_type(self))
        except MalformedPacket:
            raise ValueError(
                f"dtype {self.dtype!r} is no numpy type of numbers; write for example uint16"
            ) from None
        shares = [share for share in map(self.share, Fault) if isinstance(share, float)]
        if any(not 0 <= share <= 1 for share in shares) or sum(shares) > 1:
            raise ValueError("shares of faults are from 0 to 1, and no more than 1 together")

    def share(self, fault: Fault) -> Share:
        """Which items have this fault."""
        share: Share = getattr(self, fault.value)
        return share


class Truth(msgspec.Struct, frozen=True):
    """One item as it was made, and what then went wrong with it."""

    item: int
    """Counted from 0 in the series."""
    array: Image
    """The picture, or the positions."""
    values: dict[str, float]
    """What the picture was made of: ``row``, ``column``, ``height`` of the spot in pixels and counts; ``area`` of the first line in
    the first channel, in counts."""
    fault: Fault | None

    @property
    def arrives(self) -> bool:
        """Whether its event gets it; where not, that event is lost.

        One that comes behind the next arrives where the ingester waits for it: ``reorder_window`` is not 0, and the next one comes
        within ``reorder_wait``.
        """
        return self.fault not in (Fault.GAP, Fault.CORRUPT)


def truth(settings: GeneratorSettings, item: int) -> Truth:
    """What item ``item`` of the series is, 0 for the first."""
    array, values = make(settings, item)
    return Truth(item, array, values, fault_of(settings, item))


def array_shape(settings: GeneratorSettings) -> tuple[int, ...]:
    """The shape of each item's array."""
    return (2,) if settings.kind == "scan" else settings.shape or _SHAPES[settings.kind]


def array_type(settings: GeneratorSettings) -> str:
    """The numpy type of each item's array."""
    return settings.dtype or _TYPES[settings.kind]


# ---- faults -----------------------------------------------------------------------------------------------------------------


def fault_of(settings: GeneratorSettings, item: int) -> Fault | None:
    """What goes wrong with ``item``."""
    fault = _drawn(settings, item)
    if fault is Fault.REORDER:
        last = settings.items and item == settings.items - 1
        # Which of two that trade places comes when is clear; of three it would hang on more than the settings.
        if last or _drawn(settings, item + 1) in (Fault.GAP, Fault.CORRUPT, Fault.REORDER):
            return None
    return fault


def _drawn(settings: GeneratorSettings, item: int) -> Fault | None:
    at: float | None = None
    for fault in Fault:
        share = settings.share(fault)
        if not isinstance(share, (int, float)):
            if item in share:
                return fault
        elif share > 0:
            if at is None:
                digest = hashlib.blake2b(b"%d:%d" % (settings.seed, item), digest_size=8).digest()
                at = int.from_bytes(digest, "big") / 2**64
            if at < share:
                return fault
            at -= share
    return None


# ---- pictures ---------------------------------------------------------------------------------------------------------------


def make(settings: GeneratorSettings, item: int) -> tuple[Image, dict[str, float]]:
    """The array of ``item``, C-contiguous and little-endian, and the values behind it."""
    shape = settings.shape or _SHAPES[settings.kind]
    match settings.kind:
        case "encoder":
            return STEP * item * np.arange(1, shape[0] + 1, dtype="<f8"), {}
        case "scan":
            slow, fast = shape
            place = item % (slow * fast)
            return np.array([_position(place // fast, slow), _position(place % fast, fast)], "<f8"), {}
        case "images":
            picture = item % settings.distinct if settings.distinct else item
            values = _spot(shape, picture)
            expected = _image(shape, values)
        case "spectra":
            picture = item % settings.distinct if settings.distinct else item
            values = {"area": 1000.0 * (1 + picture % 10 / 10)}
            expected = _spectra(shape, values["area"])
    dtype = pixel_type(array_type(settings)).newbyteorder("<")
    if settings.noise:
        expected = np.random.default_rng([settings.seed, picture]).poisson(expected)
    return _counts(expected, dtype), values


def _position(index: int, points: int) -> float:
    """Of so many points from -1 to 1."""
    return 2.0 * index / (points - 1) - 1.0 if points > 1 else 0.0


def _spot(shape: tuple[int, ...], picture: int) -> dict[str, float]:
    """Once around the middle in 64 pictures, ten heights one after the other."""
    angle = 2 * math.pi * picture / 64
    rows, columns = shape
    return {
        "row": (0.5 + 0.25 * math.sin(angle)) * (rows - 1),
        "column": (0.5 + 0.25 * math.cos(angle)) * (columns - 1),
        "height": 100.0 * (1 + picture % 10 / 10),
    }


def _image(shape: tuple[int, ...], values: dict[str, float]) -> Any:
    rows = np.exp(-0.5 * ((np.arange(shape[0]) - values["row"]) / max(1.0, shape[0] / 32)) ** 2)
    columns = np.exp(-0.5 * ((np.arange(shape[1]) - values["column"]) / max(1.0, shape[1] / 32)) ** 2)
    picture = np.outer((values["height"] * rows).astype("f4"), columns.astype("f4"))
    picture += np.float32(BACKGROUND)
    return picture


def _spectra(shape: tuple[int, ...], area: float) -> Any:
    channels, bins = shape
    width = max(1.0, bins / 100)
    at = np.arange(bins)
    lines = sum(
        weight / (width * math.sqrt(2 * math.pi)) * np.exp(-0.5 * ((at - place * bins) / width) ** 2)
        for place, weight in ((0.25, 1.0), (0.6, 0.5))
    )
    return np.outer(area * np.arange(1, channels + 1), lines)


def _counts(expected: Any, dtype: np.dtype[Any]) -> Image:
    """Rounded where the type is whole, and no more than it holds."""
    if dtype.kind not in "iu":
        return np.ascontiguousarray(expected, dtype)
    limits = np.iinfo(dtype)
    rounded: Image = np.clip(np.rint(expected), limits.min, limits.max).astype(dtype)
    return rounded
