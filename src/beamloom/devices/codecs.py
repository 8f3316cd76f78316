"""Compressed pixels, unpacked natively: bitshuffle, LZ4 and Zstandard in the framings that detectors use.

All of it is done by C-Blosc, which holds the three algorithms, in a package of one megabyte that needs no other. Detectors do not send
Blosc chunks; but a Blosc chunk is the same blocks with other lengths around them, little-endian and after a table of where each block
begins. So the lengths are written anew and the blocks stay as they came (docs/decisions/0009-compressed-pixels-by-blosc.md).

Safe for what breaks off or was altered: every length is checked against the blob before anything is unpacked, and the algorithms
themselves write no further than they are told. The GIL is released while unpacking, so threads unpack side by side.
"""

from __future__ import annotations

import functools
import importlib
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import numpy as np

from beamloom.devices.fields import MalformedPacket
from beamloom.errors import UserError

Octets = np.ndarray[Any, np.dtype[np.uint8]]


class UnknownCompression(UserError, LookupError):
    """An image is compressed in a way that is not unpacked here."""


class _Algorithm(msgspec.Struct, frozen=True):
    """How C-Blosc knows an algorithm."""

    name: str
    code: int
    """Bits 5 to 7 of the flags of a chunk."""
    prefix: bytes
    """Goes before a block and makes ``adds`` bytes more of it: a block whose length is that of its content, which C-Blosc would take for
    not compressed, becomes another."""
    adds: int


# LZ4: one literal, repeated four times. Zstandard: a frame to be skipped.
_LZ4: Final = _Algorithm("lz4", 1, bytes([0x10, 0, 1, 0]), 5)
_ZSTD: Final = _Algorithm("zstd", 4, bytes([0x50, 0x2A, 0x4D, 0x18, 0, 0, 0, 0]), 0)

_FORMAT_VERSIONS: Final = bytes([2, 1])
"""The first two bytes of a chunk: of Blosc's format, and of the compressed blocks'; the same for LZ4 and Zstandard."""
_NOT_SPLIT: Final = 0x10
_BIT_SHUFFLED: Final = 0x04
_STORED: Final = 0x02
_CHUNK_HEADER: Final = 16
_CHUNK_LIMIT: Final = 2**31 - 1 - _CHUNK_HEADER

_BLOCK_SIZE: Final = 8192
"""Unpacked bytes of a shuffled block where the blob does not say."""
_LZ4_BLOCK_SIZE: Final = 2**18

_FRAME: Final = struct.Struct(">QI")
"""What HDF5's filters 32004 and 32008 put first: unpacked bytes of all, unpacked bytes of a block."""
_length_at: Final = struct.Struct(">I").unpack_from


def unpack(blob: Any, compression: str, size: int, itemsize: int) -> Octets:
    """The ``size`` bytes that were packed into ``blob``, of pixels that have ``itemsize`` bytes each; one-dimensional, writable.

    ``compression`` is one of

    - ``bslz4``, ``bszstd``: bitshuffle and LZ4 or Zstandard, as in a chunk of HDF5's filter 32008;
    - ``lz4``: LZ4 as in a chunk of HDF5's filter 32004;
    - ``lz4-block``: one bare block of LZ4;
    - ``bslz4-bare``: bitshuffle and LZ4 without the 12 bytes that say the size, as areaDetector sends it;
    - ``blosc``: a chunk of Blosc;
    - ``gzip``, ``zstd``: a stream of zlib (as HDF5's filter 1, which is called gzip, has it) or frames of Zstandard;
    - ``shuffle`` and ``shuffle-gzip``, ``shuffle-zstd``, ``shuffle-lz4``: the same of pixels whose bytes stand in the order of their
      weight, as HDF5's filter 2 arranges them.

    Raises MalformedPacket for a blob that does not unpack to that, and UnknownCompression.
    """
    try:
        unpacker = _UNPACKERS[compression]
    except KeyError:
        raise UnknownCompression(
            f"images compressed with {compression!r} are not unpacked here ({', '.join(_UNPACKERS)} are); "
            "read the compressed bytes from the packet's frames"
        ) from None
    if size > _CHUNK_LIMIT:
        raise UnknownCompression(
            f"compressed images of {size} bytes are not unpacked here, 2 GB is the most; read the packet's frames"
        )
    return unpacker(np.frombuffer(blob, np.uint8), size, itemsize)


def unpacked_size(blob: Any) -> int:
    """How many bytes a blob in one of HDF5's framings says that it unpacks to. Raises MalformedPacket."""
    return _framed(np.frombuffer(blob, np.uint8))[0]


def pack(pixels: np.ndarray[Any, np.dtype[Any]], compression: str) -> bytes:
    """``pixels`` as a detector would send them: ``bslz4``, ``lz4``, ``lz4-block`` or ``bslz4-bare``; for simulators."""
    octets = np.ascontiguousarray(pixels).reshape(-1).view(np.uint8)
    match compression:
        case "lz4-block":
            return _lz4_block(octets)
        case "lz4":
            plain = [
                octets[place : place + _LZ4_BLOCK_SIZE] for place in range(0, octets.size, _LZ4_BLOCK_SIZE)
            ]
            # A block that LZ4 does not make smaller is stored as it is.
            blocks = [min(_lz4_block(block), block.tobytes(), key=len) for block in plain]
            return _FRAME.pack(octets.size, _LZ4_BLOCK_SIZE) + b"".join(map(_with_length, blocks))
        case "bslz4":
            return _FRAME.pack(octets.size, _block_size(pixels.itemsize)) + _bit_shuffled(
                octets, pixels.itemsize
            )
        case "bslz4-bare":
            return _bit_shuffled(octets, pixels.itemsize)
        case _:
            raise UnknownCompression(f"pixels are not packed with {compression!r} here")


# ---- framings ---------------------------------------------------------------------------------------------------------------


def _framed(octets: Octets) -> tuple[int, int]:
    """The unpacked bytes of all and of a block."""
    if octets.size < _FRAME.size:
        raise MalformedPacket(
            f"the blob has {octets.size} bytes, too few for the {_FRAME.size} that say its size"
        )
    size, block = _FRAME.unpack(octets[: _FRAME.size].tobytes())
    return size, block


def _checked_frame(octets: Octets, size: int) -> int:
    """The unpacked bytes of a block, of a blob that says to unpack to ``size``."""
    said, block = _framed(octets)
    if said != size:
        raise MalformedPacket(f"the blob unpacks to {said} bytes, but the image has {size}")
    if block == 0:
        raise MalformedPacket("the blob says that its blocks are empty")
    return block


def _unpack_shuffled(algorithm: _Algorithm, octets: Octets, size: int, itemsize: int) -> Octets:
    block = _checked_frame(octets, size)
    return _unshuffle(algorithm, octets[_FRAME.size :], size, itemsize, block)


def _unpack_bare(octets: Octets, size: int, itemsize: int) -> Octets:
    return _unshuffle(_LZ4, octets, size, itemsize, _block_size(itemsize))


def _unshuffle(algorithm: _Algorithm, octets: Octets, size: int, itemsize: int, block: int) -> Octets:
    """Blocks, each shuffled for itself, a last one of what is left in whole eights of pixels, then up to seven pixels as they are."""
    if block % (8 * itemsize):
        raise MalformedPacket(
            f"the blob has blocks of {block} bytes, which are not whole eights of {itemsize}-byte pixels"
        )
    shuffled = size - size % (8 * itemsize)
    rest = size - shuffled
    starts, end = _walk(octets, -(-shuffled // block))
    if end + rest != octets.size:
        raise MalformedPacket(_not_whole(octets.size, end + rest))
    unpacked = np.empty(size, np.uint8)
    if shuffled:
        flags = _BIT_SHUFFLED | _NOT_SPLIT | algorithm.code << 5
        _unpack_blocks(
            algorithm, octets[:end], starts, min(block, shuffled), unpacked[:shuffled], flags, itemsize
        )
    unpacked[shuffled:] = octets[end:]
    return unpacked


def _unpack_lz4(octets: Octets, size: int, itemsize: int) -> Octets:
    del itemsize
    block = _checked_frame(octets, size)
    starts, end = _walk(octets[_FRAME.size :], -(-size // block))
    if end + _FRAME.size != octets.size:
        raise MalformedPacket(_not_whole(octets.size, end + _FRAME.size))
    unpacked = np.empty(size, np.uint8)
    if size:
        # A block of the length of its content is not compressed: in this framing as in Blosc's.
        _run(
            _chunk(octets[_FRAME.size :], starts, min(block, size), size, _NOT_SPLIT | _LZ4.code << 5, 1),
            unpacked,
        )
    return unpacked


def _unpack_lz4_block(octets: Octets, size: int, itemsize: int) -> Octets:
    del itemsize
    return _unpack_one(_LZ4, octets, size)


def _unpack_blosc(octets: Octets, size: int, itemsize: int) -> Octets:
    del itemsize
    said = int.from_bytes(octets[4:8].tobytes(), "little")
    if octets.size < _CHUNK_HEADER or said != size:
        raise MalformedPacket(
            f"the chunk of {octets.size} bytes unpacks to {said} bytes, but the image has {size}"
        )
    unpacked = np.empty(size, np.uint8)
    if not _blosc().cbuffer_validate(octets):
        raise MalformedPacket("the blob is no chunk of Blosc, or not a whole one")
    if size:
        _run(np.ascontiguousarray(octets), unpacked)
    return unpacked


def _unpack_plain(octets: Octets, size: int, itemsize: int) -> Octets:
    del itemsize
    if octets.size != size:
        raise MalformedPacket(f"the blob has {octets.size} bytes, but the image has {size}")
    return octets


def _unpack_gzip(octets: Octets, size: int, itemsize: int) -> Octets:
    del itemsize
    stream = zlib.decompressobj()
    try:
        # One byte more than it may have, and no more of a blob that was made to fill the memory.
        content = stream.decompress(octets.data, size + 1)
    except zlib.error as error:
        raise MalformedPacket(f"the blob cannot be unpacked: {error}") from None
    if len(content) != size or not stream.eof:
        raise MalformedPacket(
            f"the blob unpacks to {'more than ' * (len(content) > size)}{min(len(content), size)} bytes, but the image has {size}"
            f"{'' if stream.eof or len(content) > size else '; it is not whole'}"
        )
    return np.frombuffer(bytearray(content), np.uint8)


def _unpack_zstd(octets: Octets, size: int, itemsize: int) -> Octets:
    del itemsize
    return _unpack_one(_ZSTD, octets, size)


def _unpack_byte_shuffled(
    unpacker: Callable[[Octets, int, int], Octets], octets: Octets, size: int, itemsize: int
) -> Octets:
    """All first bytes of the pixels, all second ones, and so on; what is no whole pixel stays at the end."""
    shuffled = unpacker(octets, size, itemsize)
    whole = size - size % itemsize
    unpacked = np.empty(size, np.uint8)
    pixels = unpacked[:whole].reshape(-1, itemsize)
    # One by one is several times as fast as the transposed array at once.
    for place, octet in enumerate(shuffled[:whole].reshape(itemsize, -1)):
        pixels[:, place] = octet
    unpacked[whole:] = shuffled[whole:]
    return unpacked


_UNPACKERS: Final[Mapping[str, Callable[[Octets, int, int], Octets]]] = {
    "bslz4": functools.partial(_unpack_shuffled, _LZ4),
    "bszstd": functools.partial(_unpack_shuffled, _ZSTD),
    "lz4": _unpack_lz4,
    "lz4-block": _unpack_lz4_block,
    "bslz4-bare": _unpack_bare,
    "blosc": _unpack_blosc,
    "gzip": _unpack_gzip,
    "zstd": _unpack_zstd,
    "shuffle": functools.partial(_unpack_byte_shuffled, _unpack_plain),
    "shuffle-gzip": functools.partial(_unpack_byte_shuffled, _unpack_gzip),
    "shuffle-zstd": functools.partial(_unpack_byte_shuffled, _unpack_zstd),
    "shuffle-lz4": functools.partial(_unpack_byte_shuffled, _unpack_lz4),
}


# ---- blocks and chunks ------------------------------------------------------------------------------------------------------


def _walk(octets: Octets, count: int) -> tuple[list[int], int]:
    """Where the lengths of ``count`` blocks stand, and where the last block ends; in the blob or behind its end."""
    if count > octets.size // 4:
        raise MalformedPacket(
            f"the blob has {octets.size} bytes, too few for {count} blocks; it is not whole"
        )
    starts = [0] * count
    place = 0
    view = memoryview(octets.data)
    try:
        for index in range(count):
            starts[index] = place
            place += 4 + _length_at(view, place)[0]
    except struct.error:
        raise MalformedPacket(
            f"the blob of {octets.size} bytes breaks off after {index} of {count} blocks; it is not whole"
        ) from None
    return starts, place


def _not_whole(has: int, takes: int) -> str:
    return f"the blob has {has} bytes, but its blocks take {takes}; it is not whole"


def _unpack_blocks(
    algorithm: _Algorithm,
    octets: Octets,
    starts: list[int],
    block: int,
    unpacked: Octets,
    flags: int,
    itemsize: int,
) -> None:
    """Unpack ``octets``, which are blocks that begin at ``starts``, each after its length, into ``unpacked``."""
    sizes = np.diff([*starts, octets.size]) - 4
    contents = np.full(len(starts), block)
    contents[-1] = unpacked.size - block * (len(starts) - 1)
    chunk = _chunk(octets, starts, block, unpacked.size, flags, itemsize)
    for index in np.flatnonzero(sizes == contents):
        place = starts[index] + 4
        length = int(sizes[index])
        target = _table_end(len(starts)) + place
        chunk[target : target + length] = _unpack_one(algorithm, octets[place : place + length], length)
    _run(chunk, unpacked)


def _unpack_one(algorithm: _Algorithm, block: Octets, size: int) -> Octets:
    """What one block, alone and without its length, unpacks to."""
    longer = np.concatenate([np.frombuffer(bytes(4) + algorithm.prefix, np.uint8), block])
    longer[:4].view(">u4")[0] = longer.size - 4
    unpacked = np.empty(size + algorithm.adds, np.uint8)
    _run(_chunk(longer, [0], unpacked.size, unpacked.size, _NOT_SPLIT | algorithm.code << 5, 1), unpacked)
    return unpacked[algorithm.adds :]


def _table_end(blocks: int) -> int:
    return _CHUNK_HEADER + 4 * blocks


def _chunk(octets: Octets, starts: list[int], block: int, size: int, flags: int, itemsize: int) -> Octets:
    """``octets``, blocks that begin at ``starts`` after their big-endian lengths, as a chunk of Blosc."""
    table_end = _table_end(len(starts))
    chunk = np.empty(table_end + octets.size, np.uint8)
    chunk[:4] = (*_FORMAT_VERSIONS, flags, itemsize)
    chunk[4:_CHUNK_HEADER].view("<u4")[:] = (size, block, chunk.size)
    chunk[_CHUNK_HEADER:table_end].view("<u4")[:] = np.array(starts) + table_end
    chunk[table_end:] = octets
    lengths = np.array(starts)[:, np.newaxis] + np.arange(4)
    chunk[lengths + table_end] = octets[lengths[:, ::-1]]
    return chunk


def _run(chunk: Octets, unpacked: Octets) -> None:
    """Unpack a chunk, whose lengths are right, into ``unpacked``."""
    blosc = _blosc()
    try:
        blosc.decompress_ptr(chunk, unpacked.ctypes.data)
    except blosc.blosc_extension.error:
        raise MalformedPacket("the blob cannot be unpacked: what its blocks hold was altered") from None


@functools.cache
def _blosc() -> Any:
    """C-Blosc, made to unpack in the thread that calls it, and to release the GIL meanwhile: a machine is filled by workers."""
    blosc = importlib.import_module("blosc")
    blosc.set_nthreads(1)
    blosc.set_releasegil(True)
    return blosc


# ---- packing ----------------------------------------------------------------------------------------------------------------


def _block_size(itemsize: int) -> int:
    """As bitshuffle chooses it: about 8 kB in whole eights of pixels, 128 pixels at least."""
    return max(_BLOCK_SIZE // itemsize // 8 * 8, 128) * itemsize


def _with_length(block: bytes) -> bytes:
    return len(block).to_bytes(4, "big") + block


def _bit_shuffled(octets: Octets, itemsize: int) -> bytes:
    """Blocks whose bits stand in the order of their weight, packed with LZ4, then up to seven pixels as they are."""
    block, end = _block_size(itemsize), octets.size - octets.size % (8 * itemsize)
    whole = end - end % block
    parts = [] if not whole else _lz4_blocks(_bit_planes(octets[:whole], block, itemsize), block)
    if end > whole:
        parts.append(_lz4_block(_bit_planes(octets[whole:end], end - whole, itemsize)))
    return b"".join([*map(_with_length, parts), octets[end:].tobytes()])


_TRANSPOSING: Final = ((7, 0x00AA00AA00AA00AA), (14, 0x0000CCCC0000CCCC), (28, 0x00000000F0F0F0F0))
"""Shifts and masks that transpose 8 times 8 bits in a word (H. S. Warren, Hacker's Delight, 2nd edition, part 7-3)."""


def _bit_planes(octets: Octets, block: int, itemsize: int) -> Octets:
    """The bits of the pixels in each block of ``block`` bytes in the order of their weight, the lightest of all pixels first."""
    by_weight = octets.reshape(-1, block // itemsize, itemsize).swapaxes(1, 2)
    words = np.ascontiguousarray(by_weight).reshape(-1, itemsize, block // itemsize // 8, 8).view("<u8")
    for shift, mask in _TRANSPOSING:
        swapped = (words ^ (words >> np.uint64(shift))) & np.uint64(mask)
        words = words ^ swapped ^ (swapped << np.uint64(shift))
    return np.ascontiguousarray(words.view(np.uint8).swapaxes(2, 3)).reshape(-1)


def _lz4_blocks(octets: Octets, size: int) -> list[bytes]:
    """Each ``size`` bytes as a bare block of LZ4, packed by one call. ``size`` is a multiple of 128."""
    blosc = _blosc()
    before = blosc.get_blocksize()
    blosc.set_blocksize(size)
    try:
        # Items of more than 16 bytes are not taken apart.
        chunk = blosc.compress(octets.tobytes(), 128, 9, blosc.NOSHUFFLE, "lz4")
    finally:
        blosc.set_blocksize(before)
    plain = range(0, octets.size, size)
    if chunk[2] & _STORED or int.from_bytes(chunk[8:12], "little") != size:
        return [_lz4_block(octets[place : place + size]) for place in plain]
    starts = np.frombuffer(chunk, "<u4", len(plain), _CHUNK_HEADER).tolist()
    blocks = []
    for place, start in zip(plain, starts, strict=True):
        length = int.from_bytes(chunk[start : start + 4], "little")
        # One of its full length C-Blosc has not packed.
        packed = length < size
        blocks.append(
            chunk[start + 4 : start + 4 + length] if packed else _literals(octets[place : place + size])
        )
    return blocks


def _lz4_block(octets: Octets) -> bytes:
    """One bare block of LZ4; where C-Blosc does not make one smaller block of it, a block of literals alone."""
    blosc, count = _blosc(), octets.size
    # C-Blosc's largest block is 256 kB times the size of the items, and items of more than 16 bytes are not taken apart.
    itemsize = next((size for size in range(255, 16, -1) if count % size == 0), 1)
    if count:
        before = blosc.get_blocksize()
        blosc.set_blocksize(count)
        try:
            chunk = blosc.compress(octets.tobytes(), itemsize, 9, blosc.NOSHUFFLE, "lz4")
        finally:
            blosc.set_blocksize(before)
        begin = _table_end(1) + 4
        block, length = (int.from_bytes(chunk[at : at + 4], "little") for at in (8, begin - 4))
        if not chunk[2] & _STORED and block == count > length:
            return bytes(chunk[begin : begin + length])
    return _literals(octets)


def _literals(octets: Octets) -> bytes:
    """A bare block of LZ4 that holds ``octets`` as they are."""
    count = octets.size
    if count < 15:
        return bytes([count << 4]) + octets.tobytes()
    return bytes([0xF0, *[255] * ((count - 15) // 255), (count - 15) % 255]) + octets.tobytes()
