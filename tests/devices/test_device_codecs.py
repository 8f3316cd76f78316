"""Compressed pixels: what other libraries packed is unpacked to the last byte, and no blob, however broken, does harm."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import blosc
import h5py
import hdf5plugin
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beamloom.devices.codecs import UnknownCompression, pack, unpack, unpacked_size
from beamloom.devices.fields import MalformedPacket
from beamloom.devices.images import decode_image

Pixels = np.ndarray[Any, np.dtype[Any]]

TYPES = ["uint8", "int8", "uint16", "uint32", "int32", "float32", "uint64", "float64", "complex128"]
SHAPES = [(1, 1), (7,), (8,), (3, 5), (64, 64), (257, 333)]
FILTERS: dict[str, Any] = {
    "bslz4": hdf5plugin.Bitshuffle(cname="lz4"),
    "bszstd": hdf5plugin.Bitshuffle(cname="zstd"),
    "lz4": hdf5plugin.LZ4(),
    "gzip": {"compression": "gzip"},
    "zstd": hdf5plugin.Zstd(),
    "shuffle": {"shuffle": True},
    "shuffle-gzip": {"shuffle": True, "compression": "gzip"},
    "shuffle-zstd": {"shuffle": True, **hdf5plugin.Zstd()},
    "shuffle-lz4": {"shuffle": True, **hdf5plugin.LZ4()},
}
FRAMED = ("bslz4", "bszstd", "lz4", "shuffle-lz4")
"""Those whose blobs begin with their size."""


def chunk_of_hdf5(pixels: Pixels, packing: str, **settings: Any) -> bytes:
    """What HDF5 with the plugin of the compression's authors makes of ``pixels``."""
    with h5py.File("unnamed", "w", driver="core", backing_store=False) as file:
        options = {**FILTERS[packing], **settings}
        dataset = file.create_dataset("pixels", data=pixels, chunks=pixels.shape, **options)
        _, chunk = dataset.id.read_direct_chunk((0,) * pixels.ndim)
        return bytes(chunk)


def photons(shape: tuple[int, ...], type_name: str) -> Pixels:
    return np.random.default_rng(7).poisson(2.0, shape).astype(type_name)


def noise(shape: tuple[int, ...], type_name: str) -> Pixels:
    """Pixels that nothing makes smaller."""
    size = int(np.prod(shape)) * np.dtype(type_name).itemsize
    return np.frombuffer(np.random.default_rng(7).bytes(size), type_name).reshape(shape)


@pytest.mark.parametrize("compression", FILTERS)
@pytest.mark.parametrize("type_name", TYPES)
def test_chunks_that_hdf5_wrote_are_unpacked(compression: str, type_name: str) -> None:
    for shape in SHAPES:
        for pixels in (photons(shape, type_name), noise(shape, type_name)):
            blob = chunk_of_hdf5(pixels, compression)
            if compression in FRAMED:
                assert unpacked_size(blob) == pixels.nbytes
            image = decode_image(blob, shape, type_name, compression)
            assert (image.shape, image.dtype) == (shape, pixels.dtype)
            assert image.tobytes() == pixels.tobytes()
            assert not image.flags.writeable


@pytest.mark.parametrize("block", [64, 1000, 4096])
def test_blocks_of_any_length_are_unpacked(block: int) -> None:
    pixels = photons((70, 71), "uint16")
    shuffled = chunk_of_hdf5(pixels, "bslz4", **hdf5plugin.Bitshuffle(nelems=block, cname="lz4"))
    assert unpack(shuffled, "bslz4", pixels.nbytes, 2).tobytes() == pixels.tobytes()
    lz4 = chunk_of_hdf5(pixels, "lz4", **hdf5plugin.LZ4(nbytes=block))
    assert unpack(lz4, "lz4", pixels.nbytes, 2).tobytes() == pixels.tobytes()


def test_a_bare_block_and_blocks_without_their_frame_are_unpacked() -> None:
    pixels = photons((70, 71), "uint32")
    lz4 = chunk_of_hdf5(pixels, "lz4")
    assert len(lz4) < pixels.nbytes
    assert unpack(lz4[16:], "lz4-block", pixels.nbytes, 4).tobytes() == pixels.tobytes()
    shuffled = chunk_of_hdf5(pixels, "bslz4")
    assert unpack(shuffled[12:], "bslz4-bare", pixels.nbytes, 4).tobytes() == pixels.tobytes()


def test_a_chunk_of_blosc_is_unpacked() -> None:
    pixels = photons((70, 71), "uint32")
    for filtering in (blosc.NOSHUFFLE, blosc.SHUFFLE, blosc.BITSHUFFLE):
        chunk = blosc.compress(pixels.tobytes(), typesize=4, shuffle=filtering, cname="zstd")
        assert unpack(chunk, "blosc", pixels.nbytes, 4).tobytes() == pixels.tobytes()


def shuffled_to(planes: Pixels) -> Pixels:
    """The pixels of one byte that bitshuffle turns into ``planes``."""
    bits = np.unpackbits(planes.reshape(8, -1), axis=1, bitorder="little").T
    return np.packbits(bits, axis=1, bitorder="little").reshape(-1)


@pytest.mark.parametrize(("compression", "zeros"), [("bslz4", (4, 16)), ("bszstd", (16, 64))])
def test_a_block_as_long_as_its_content_is_unpacked_all_the_same(
    compression: str, zeros: tuple[int, int]
) -> None:
    # Blocks that hardly get smaller may have just the length of what they hold; Blosc would take those for not packed.
    as_long = 0
    draw = np.random.default_rng(3)
    for _ in range(100):
        planes = np.frombuffer(draw.bytes(256), np.uint8).copy()
        planes[40 : 40 + draw.integers(*zeros)] = 0
        pixels = shuffled_to(planes)
        blob = chunk_of_hdf5(pixels, compression)
        as_long += int.from_bytes(blob[12:16], "big") == 256
        assert unpack(blob, compression, 256, 1).tobytes() == pixels.tobytes()
    assert as_long


@given(st.binary(max_size=70_000), st.sampled_from([1, 2, 4, 8]), st.booleans())
@settings(max_examples=60)
def test_what_is_packed_here_other_libraries_unpack(octets: bytes, itemsize: int, sparse: bool) -> None:
    pixels = np.frombuffer(octets[: len(octets) // itemsize * itemsize], f"uint{8 * itemsize}")
    pixels = pixels % 3 if sparse else pixels
    for compression in ("bslz4", "lz4", "bslz4-bare", "lz4-block"):
        blob = pack(pixels, compression)
        assert unpack(blob, compression, pixels.nbytes, itemsize).tobytes() == pixels.tobytes()
        if compression in FILTERS and pixels.size:
            with h5py.File("unnamed", "w", driver="core", backing_store=False) as file:
                dataset = file.create_dataset(
                    "pixels", pixels.shape, pixels.dtype, chunks=pixels.shape, **FILTERS[compression]
                )
                dataset.id.write_direct_chunk((0,), blob)
                assert dataset[...].tobytes() == pixels.tobytes()


@pytest.mark.parametrize("itemsize", [1, 2, 4, 8])
def test_blocks_that_get_smaller_and_blocks_that_do_not_are_packed_side_by_side(itemsize: int) -> None:
    octets = np.zeros(8192 * 5 + 8 * itemsize, np.uint8)
    octets[8192:16384] = octets[32768:40960] = noise((8192,), "uint8")
    pixels = octets.view(f"uint{8 * itemsize}")
    blob = pack(pixels, "bslz4")
    assert len(blob) < 20_000
    with h5py.File("unnamed", "w", driver="core", backing_store=False) as file:
        options = {"chunks": pixels.shape, **FILTERS["bslz4"]}
        dataset = file.create_dataset("pixels", pixels.shape, pixels.dtype, **options)
        dataset.id.write_direct_chunk((0,), blob)
        assert dataset[...].tobytes() == octets.tobytes()
    assert unpack(blob, "bslz4", octets.size, itemsize).tobytes() == octets.tobytes()


def test_photons_become_smaller() -> None:
    pixels = photons((512, 512), "uint32")
    sizes = {each: len(pack(pixels, each)) for each in ("bslz4", "lz4", "bslz4-bare", "lz4-block")}
    assert max(sizes.values()) < pixels.nbytes / 3, sizes
    # As small as the reference makes them.
    assert sizes["bslz4"] == pytest.approx(len(chunk_of_hdf5(pixels, "bslz4")), rel=0.02)


BROKEN = photons((61, 67), "uint16")
BLOBS = {
    **{each: pack(BROKEN, each) for each in ("bslz4", "lz4", "bslz4-bare", "lz4-block")},
    **{each: chunk_of_hdf5(BROKEN, each) for each in FILTERS if each not in ("bslz4", "lz4")},
    "blosc": blosc.compress(BROKEN.tobytes(), typesize=2, shuffle=blosc.BITSHUFFLE, cname="lz4"),
}


@given(st.sampled_from(sorted(BLOBS)), st.data())
@settings(max_examples=1000)
def test_a_broken_blob_is_refused_with_a_sentence_or_gives_pixels_and_never_more(
    compression: str, data: st.DataObject
) -> None:
    blob = bytearray(BLOBS[compression])
    place = st.one_of(st.integers(0, 40), st.integers(0, len(blob) - 1))
    match data.draw(st.sampled_from(["cut", "alter", "append"])):
        case "cut":
            del blob[data.draw(place) :]
        case "alter":
            for at, value in data.draw(st.lists(st.tuples(place, st.integers(0, 255)), max_size=4)):
                blob[at] = value
        case _:
            blob += data.draw(st.binary(min_size=1, max_size=20))
    try:
        outcome = str(unpack(bytes(blob), compression, BROKEN.nbytes, 2).size)
    except MalformedPacket as problem:
        outcome = str(problem)
    assert outcome.startswith((str(BROKEN.nbytes), "the blob", "the chunk"))


@pytest.mark.parametrize(
    ("blob", "reason"),
    [
        (b"", "0 bytes, too few for the 12"),
        (bytes(12), "unpacks to 0 bytes, but the image has 8174"),
        ((8174).to_bytes(8, "big") + bytes(4), "blocks are empty"),
        ((8174).to_bytes(8, "big") + (100).to_bytes(4, "big"), "not whole eights of 2-byte pixels"),
        ((8174).to_bytes(8, "big") + (16).to_bytes(4, "big") + bytes(40), "too few for 510 blocks"),
        (BLOBS["bslz4"][:-1], "not whole"),
        (BLOBS["bslz4"] + b"\0", "not whole"),
        (BLOBS["bslz4"][:16] + b"\xff" * 8 + BLOBS["bslz4"][24:], "was altered"),
    ],
)
def test_what_is_wrong_with_a_blob_is_said(blob: bytes, reason: str) -> None:
    with pytest.raises(MalformedPacket, match=reason):
        unpack(blob, "bslz4", BROKEN.nbytes, 2)


def test_a_size_that_no_memory_holds_is_refused_before_it_is_asked_for() -> None:
    size = 2**31 - 1024
    with pytest.raises(MalformedPacket, match="too few for"):
        unpack(size.to_bytes(8, "big") + (8192).to_bytes(4, "big") + bytes(100), "bslz4", size, 4)
    with pytest.raises(UnknownCompression, match="2 GB is the most"):
        unpack(bytes(100), "bslz4", 2**40, 4)


def test_an_unknown_compression_names_those_that_are_known() -> None:
    with pytest.raises(UnknownCompression, match=r"'jpeg' are not unpacked here \(bslz4, bszstd, lz4, .*\)"):
        unpack(b"", "jpeg", 8, 1)
    with pytest.raises(UnknownCompression, match="not packed with 'jpeg'"):
        pack(BROKEN, "jpeg")


def test_threads_unpack_side_by_side() -> None:
    pixels = photons((512, 512), "uint32")
    blob, good = pack(pixels, "bslz4"), [0] * 4

    def repeatedly(thread: int) -> None:
        for _ in range(50):
            good[thread] += unpack(blob, "bslz4", pixels.nbytes, 4).tobytes() == pixels.tobytes()

    threads = [threading.Thread(target=repeatedly, args=(index,)) for index in range(len(good))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert good == [50] * 4


def test_the_others_go_on_while_one_thread_unpacks() -> None:
    pixels = photons((512, 512), "uint32")
    blob, unpacked, turns = pack(pixels, "bslz4"), 30, 0

    def repeatedly() -> None:
        for _ in range(unpacked):
            unpack(blob, "bslz4", pixels.nbytes, 4)

    thread = threading.Thread(target=repeatedly)
    before = sys.getswitchinterval()
    # From here on nobody has a turn unless another gives it to him.
    sys.setswitchinterval(30)
    try:
        thread.start()
        while thread.is_alive():
            turns += 1
            time.sleep(0)
        thread.join()
    finally:
        sys.setswitchinterval(before)
    assert turns >= unpacked / 2
