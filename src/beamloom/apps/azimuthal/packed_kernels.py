"""The loop over a frame that is packed by bitshuffle and LZ4: block by block, each added up while its bytes are in the fastest memory.

A block of LZ4 unpacks to planes: the lowest bit of all its pixels, then the next. Eight planes are turned into the bytes of the pixels by
swapping bits between words (H. S. Warren, Hacker's Delight, 2nd edition, part 7-3). That leaves the pixels in an order of their own, byte
``k * width + i`` being pixel ``8 * i + k`` of the block; bins and shares are kept in the same order.

Few pixels need all of their bytes. The upper planes are mostly empty, or alike: all bits set for pixels without a value, none for the
others. So of most blocks the lowest byte is looked at, and the former pixels are left out.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from beamloom.apps.azimuthal.kernels import add_four_shared, add_shared, add_whole
from beamloom.apps.azimuthal.lz4 import decompress
from beamloom.apps.compiled import compiled

Array = np.ndarray[Any, np.dtype[Any]]
_1, _2, _3, _4 = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
_BY_1: Final = np.uint64(0x5555555555555555)
_BY_2: Final = np.uint64(0x3333333333333333)
_BY_4: Final = np.uint64(0x0F0F0F0F0F0F0F0F)
BROKEN: Final = -1
"""What loops return for a blob that does not hold what it should."""


@compiled("azimuthal")
def turn_planes(planes: Array, octets: Array) -> None:
    """Eight ``planes`` (8, words) of uint64 become bytes of pixels, ``octets`` (8, words) of uint64."""
    for i in range(planes.shape[1]):
        a, b, c, d = planes[0, i], planes[1, i], planes[2, i], planes[3, i]
        e, f, g, h = planes[4, i], planes[5, i], planes[6, i], planes[7, i]
        p, q = ((a >> _4) ^ e) & _BY_4, ((b >> _4) ^ f) & _BY_4
        r, s = ((c >> _4) ^ g) & _BY_4, ((d >> _4) ^ h) & _BY_4
        a, b, c, d = a ^ (p << _4), b ^ (q << _4), c ^ (r << _4), d ^ (s << _4)
        e, f, g, h = e ^ p, f ^ q, g ^ r, h ^ s
        p, q = ((a >> _2) ^ c) & _BY_2, ((b >> _2) ^ d) & _BY_2
        r, s = ((e >> _2) ^ g) & _BY_2, ((f >> _2) ^ h) & _BY_2
        a, b, e, f = a ^ (p << _2), b ^ (q << _2), e ^ (r << _2), f ^ (s << _2)
        c, d, g, h = c ^ p, d ^ q, g ^ r, h ^ s
        p, q = ((a >> _1) ^ b) & _BY_1, ((c >> _1) ^ d) & _BY_1
        r, s = ((e >> _1) ^ f) & _BY_1, ((g >> _1) ^ h) & _BY_1
        octets[0, i], octets[1, i] = a ^ (p << _1), b ^ p
        octets[2, i], octets[3, i] = c ^ (q << _1), d ^ q
        octets[4, i], octets[5, i] = e ^ (r << _1), f ^ r
        octets[6, i], octets[7, i] = g ^ (s << _1), h ^ s


@compiled("azimuthal")
def lower_bytes(planes: Array, cleared: bool) -> Any:
    """How many lower bytes tell the pixels of a block apart, which is all of them unless those that are not needed are alike.

    They are where each pixel has all of its bits set or, in the upper bytes, none: as in the last plane, which says so. With ``cleared``
    the former become 0 in the lower bytes, else there must be none of them.
    """
    size, last = planes.shape[0] // 8, planes[-1]
    used = size
    while used > 1:
        different = np.uint64(0)
        for row in range(8 * used - 8, 8 * used):
            for i in range(last.size):
                different |= planes[row, i] ^ last[i]
        if different != 0:
            break
        used -= 1
    if used == size:
        return size
    marked, other = np.uint64(0), np.uint64(0)
    for row in range(8 * used):
        for i in range(last.size):
            marked |= last[i]
            other |= last[i] & ~planes[row, i]
    if marked == 0:
        return used
    if other != 0 or not cleared:
        return size
    for row in range(8 * used):
        for i in range(last.size):
            planes[row, i] &= ~last[i]
    return used


@compiled("azimuthal")
def unpack_block(
    blob: Array, address: int, at: int, size: int, packed: Array, planes: Array, width: int
) -> int:
    """Unpack the block of ``size`` bytes at ``at`` to ``planes`` (planes, words); where the next block is, or BROKEN.

    ``address``: of the blob. ``width``: bytes of a plane. ``packed``: room for planes that are no whole words.
    """
    if at + 4 > blob.size:
        return BROKEN
    length = 0
    for i in range(at, at + 4):
        length = length << 8 | int(blob[i])
    if length > blob.size - at - 4:
        return BROKEN
    whole = width == 8 * planes.shape[1]
    room = planes.ctypes.data if whole else packed.ctypes.data
    if decompress(address + at + 4, room, np.int32(length), np.int32(size)) != size:
        return BROKEN
    if not whole:
        octets = planes.view(np.uint8)
        octets[:] = 0
        for row in range(planes.shape[0]):
            octets[row, :width] = packed[row * width : (row + 1) * width]
    return at + 4 + length


@compiled("azimuthal")
def join_bytes(octets: Array, used: int, values: Array) -> None:
    """Bytes ``octets`` (bytes, pixels) to ``values`` (pixels,) of uint32."""
    for i in range(values.size):
        values[i] = np.uint32(octets[0, i]) | np.uint32(octets[1, i]) << np.uint32(8)
    for byte in range(2, used):
        shift = np.uint32(8 * byte)
        for i in range(values.size):
            values[i] |= np.uint32(octets[byte, i]) << shift


@compiled("azimuthal")
def lose_marked(last: Array, bins: Array, shares: Array, worth: Array, lost: Array) -> None:
    """Pixels that are marked in ``last`` do not count."""
    width, none = 8 * last.size, lost.size - 2
    for word in range(last.size):
        marks = last[word]
        for byte in range(8 * word, 8 * word + 8):
            for bit in range(8):
                place = width * bit + byte
                if marks & _1 and bins[place] < none:
                    share = np.float64(shares[place]) if shares.size else 1.0
                    lost[bins[place]] += share * worth[place]
                    lost[bins[place] + 1] += (1.0 - share) * worth[place]
                marks >>= _1
            if marks == 0:
                break


@compiled("azimuthal")
def is_marked(last: Array, place: int) -> Any:
    """Whether the pixel at this place is marked in ``last``."""
    bit, byte = place // (8 * last.size), place % (8 * last.size)
    return (last[byte // 8] >> np.uint64(8 * (byte % 8) + bit)) & _1


@compiled("azimuthal")
def add_values(
    values: Array, low: Any, high: Any, bins: Array, shares: Array, worth: Array, sums: Array, lost: Array
) -> None:
    """As for a frame that is not packed; ``sums`` has three axes where pixels are split."""
    if sums.ndim == 3:
        add_shared(values, low, high, bins, shares, worth, sums, lost)
    else:
        add_whole(values, low, high, bins, worth, sums, lost)


@compiled("azimuthal")
def add_all(octets: Array, bins: Array, shares: Array, sums: Array) -> None:
    """The same for pixels of one byte, all of which count; their number is one of whole words."""
    first, second, third, fourth = sums[0], sums[1], sums[2], sums[3]
    for turn in range(octets.size // 4):
        i = np.uint64(4 * turn)
        j, k, m = i + _1, i + _2, i + _3
        if sums.ndim == 3:
            a, b = np.float64(octets[i]), np.float64(octets[j])
            c, d = np.float64(octets[k]), np.float64(octets[m])
            add_four_shared(i, a, b, c, d, bins, shares, sums)
        else:
            first[bins[i]] += octets[i]
            second[bins[j]] += octets[j]
            third[bins[k]] += octets[k]
            fourth[bins[m]] += octets[m]


@compiled("azimuthal")
def add_blocks(
    blob: Array,
    address: int,
    at: int,
    count: int,
    pixels: int,
    itemsize: int,
    low: int,
    high: int,
    bins: Array,
    shares: Array,
    worth: Array,
    sums: Array,
    lost: Array,
    wide_at: Array,
    wide_from: Array,
    wide: Array,
) -> int:
    """Add up ``count`` blocks of ``pixels`` each, that begin ``at`` this byte of the blob; where the next is, or BROKEN.

    ``bins``, ``shares`` (none where pixels are not split) and ``worth`` are those of these blocks in the order of ``turn_planes``, each
    block filled up to whole words. ``wide_at``: places in that order whose values are wanted in ``wide``; those of block n from
    ``wide_from[n]`` on. ``sums`` and ``lost`` as in ``kernels``.
    """
    width = pixels // 8
    words = -(-width // 8)
    padded = 64 * words
    planes = np.zeros((8 * itemsize, words), np.uint64)
    turned = np.zeros((max(2, itemsize), 8, words), np.uint64)
    octets = turned.reshape(turned.shape[0], 8 * words).view(np.uint8)
    values = np.zeros(padded, np.uint32)
    packed = np.zeros(pixels * itemsize, np.uint8)
    highest = 2 ** (8 * itemsize) - 1
    for block in range(count):
        at = unpack_block(blob, address, at, pixels * itemsize, packed, planes, width)
        if at == BROKEN:
            return BROKEN
        used = lower_bytes(planes, low <= 0 and high < highest)
        for i in range(used):
            turn_planes(planes[8 * i : 8 * i + 8], turned[i])
        if used == 1:
            turned[1] = 0
        begin, end = block * padded, (block + 1) * padded
        some = shares[begin:end]
        if used < itemsize:
            lose_marked(planes[-1], bins[begin:end], some, worth[begin:end], lost)
        if used == 1 and low <= 0 and high >= 255:
            add_all(octets[0], bins[begin:end], some, sums)
        elif used == 1 and low <= 255:
            add_values(
                octets[0],
                np.uint8(max(low, 0)),
                np.uint8(min(high, 255)),
                bins[begin:end],
                some,
                worth[begin:end],
                sums,
                lost,
            )
        else:
            join_bytes(octets, used, values)
            add_values(
                values,
                np.uint32(max(low, 0)),
                np.uint32(high),
                bins[begin:end],
                some,
                worth[begin:end],
                sums,
                lost,
            )
        for i in range(wide_from[block], wide_from[block + 1]):
            place, value = wide_at[i] - begin, np.int64(0)
            for byte in range(used):
                value |= np.int64(octets[byte, place]) << (8 * byte)
            wide[i] = highest if used < itemsize and is_marked(planes[-1], place) else value
    return at
