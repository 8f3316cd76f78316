"""What HDF5's filters make of a chunk, by the names that ``codecs`` has for it: such chunks need no HDF5 to be unpacked.

The filters are those of https://github.com/HDFGroup/hdf5_plugins and of HDF5 itself, by their registered numbers.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

_SHUFFLE: Final = 2
_BITSHUFFLE: Final = 32008
_BITSHUFFLE_CODECS: Final = {2: "bslz4", 3: "bszstd"}
"""By the fifth value of the filter's client data."""
_CODECS: Final = {1: "gzip", 32001: "blosc", 32004: "lz4", 32015: "zstd"}
_NOT_BEHIND_SHUFFLE: Final = ("blosc",)


class Filters(msgspec.Struct, frozen=True):
    """The filters of a dataset, in the order in which they were applied."""

    shuffle: bool
    codec: str

    @property
    def name(self) -> str:
        """What a chunk that all filters were applied to is called."""
        return self.applied(0) or "none"

    def applied(self, mask: int) -> str | None:
        """What a chunk is called whose writer has left out the filters with the bits of ``mask``, as for those that grow by them.

        None for a mask of more filters than there are.
        """
        steps = ["shuffle"] * self.shuffle + [self.codec] * bool(self.codec)
        if mask >> len(steps):
            return None
        return "-".join(step for place, step in enumerate(steps) if not mask >> place & 1) or "none"


def filters_of(dataset: Any) -> Filters | None:
    """The filters of an h5py dataset; None where one of them, or their order, can be undone by HDF5 alone."""
    properties = dataset.id.get_create_plist()
    found = [properties.get_filter(place) for place in range(properties.get_nfilters())]
    shuffle = bool(found) and found[0][0] == _SHUFFLE
    rest = found[shuffle:]
    if not rest:
        return Filters(shuffle, "")
    if len(rest) > 1:
        return None
    number, _, values, _ = rest[0]
    if number == _BITSHUFFLE:
        # Without compression it is laid out in another way.
        codec = _BITSHUFFLE_CODECS.get(values[4]) if len(values) > 4 else None
        return None if shuffle or codec is None else Filters(False, codec)
    codec = _CODECS.get(number)
    if codec is None or (shuffle and codec in _NOT_BEHIND_SHUFFLE):
        return None
    return Filters(shuffle, codec)
