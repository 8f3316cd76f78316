"""Frames that are integrated as they were sent give what they give unpacked."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
import pytest

from apps.azimuthal.material import SIMULATION, parameter_set
from beamloom import Event, Packet, UserError
from beamloom.apps.azimuthal import Geometry, Integrator, Simulation, Worker, packed
from beamloom.apps.azimuthal.geometry import integrator_of, options_of
from beamloom.devices import codecs, dectris_v2
from beamloom.devices.encodings import typed_arrays
from beamloom.devices.fields import MalformedPacket
from beamloom.devices.images import PackedImage

SHAPE = (167, 203)
"""Several blocks, a last one of no whole words, and five pixels more."""
PONI = Simulation(shape=SHAPE).poni
RANDOM = np.random.default_rng(7)
COUNTS = RANDOM.poisson(20, SHAPE)
TYPES = (np.uint8, np.uint16, np.uint32)


def packed_image(frame: np.ndarray[Any, Any], compression: str = "bslz4") -> PackedImage:
    return PackedImage(codecs.pack(frame, compression), compression, frame.shape, frame.dtype)


def frames(dtype: Any) -> dict[str, np.ndarray[Any, Any]]:
    """What a detector may send in numbers of this type."""
    highest = np.iinfo(dtype).max
    gaps, strong, dead = COUNTS.astype(dtype), (COUNTS * 7).astype(dtype), (COUNTS * 3).astype(dtype)
    gaps[:, 30:33], gaps[90:99] = highest, highest
    strong[RANDOM.random(SHAPE) < 0.01] = highest
    dead[::3, ::5], dead[:, 8] = highest, highest - 3
    return {
        "counts": COUNTS.astype(dtype),
        "gaps": gaps,
        "more than a byte, and single markers": strong,
        "nearly the highest": dead,
        "anything": RANDOM.integers(0, highest, SHAPE, dtype, endpoint=True),
        "nothing": np.zeros(SHAPE, dtype),
    }


COMPILED_ELSEWHERE = ("bbox", "full"), TYPES
"""The loops that other tests need as well; each of the others takes seconds to compile."""


@pytest.mark.parametrize(
    ("splitting", "dtype"),
    [
        *itertools.product(*COMPILED_ELSEWHERE),
        ("no", np.uint16),
        pytest.param("no", np.uint8, marks=pytest.mark.long),
        pytest.param("no", np.uint32, marks=pytest.mark.long),
    ],
)
def test_patterns_of_packed_frames_are_those_of_unpacked_ones(splitting: Any, dtype: Any) -> None:
    integrator = Integrator(Geometry(PONI, bins=40, splitting=splitting), SHAPE)
    for name, frame in frames(dtype).items():
        found = integrator.integrate_packed(packed_image(frame))
        assert found is not None
        wanted = integrator.integrate(frame).intensity
        np.testing.assert_allclose(found.intensity, wanted, rtol=1e-6, err_msg=name)
        if name == "counts":
            assert np.array_equal(found.intensity, wanted)


def test_patterns_of_packed_frames_are_those_of_pyfai() -> None:
    geometry = Geometry(PONI, bins=40, polarization=0.9, mask=RANDOM.random(SHAPE) < 0.05)
    frame = COUNTS.astype(np.uint32)
    theirs = integrator_of(geometry).integrate1d(frame, 40, **options_of(geometry))
    found = Integrator(geometry, SHAPE).integrate_packed(packed_image(frame))
    assert found is not None
    np.testing.assert_allclose(found.intensity, theirs.intensity, rtol=1e-5)


@pytest.mark.parametrize("valid", [(0, 60000), (15, 25), (300, 4000), (0, 2**32)])
def test_the_range_of_values_that_count_is_heeded(valid: tuple[float, float]) -> None:
    integrator = Integrator(Geometry(PONI, bins=40), SHAPE, valid=valid)
    for dtype in TYPES:
        for name, frame in frames(dtype).items():
            found = integrator.integrate_packed(packed_image(frame))
            assert found is not None
            wanted = integrator.integrate(frame).intensity
            # What is left of a bin's normalisation where nearly all was lost is as exact as the whole of it.
            np.testing.assert_allclose(found.intensity, wanted, rtol=1e-4, err_msg=f"{name}, {valid}")


def test_errors_are_given_where_pixels_are_not_split() -> None:
    frame = COUNTS.astype(np.uint16)
    whole, split = (Integrator(Geometry(PONI, bins=40, splitting=way), SHAPE) for way in ("no", "bbox"))
    found = whole.integrate_packed(packed_image(frame), errors=True)
    assert found is not None
    np.testing.assert_array_equal(found.sigma, whole.integrate(frame, errors=True).sigma)
    assert split.integrate_packed(packed_image(frame), errors=True) is None


def test_what_is_packed_in_another_way_is_to_be_unpacked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    integrator = Integrator(Geometry(PONI, bins=40), SHAPE)
    frame = COUNTS.astype(np.uint16)
    for image in (
        packed_image(frame, "lz4"),
        PackedImage(frame.tobytes(), "none", SHAPE, frame.dtype),
        packed_image(frame.astype(np.float32)),
        packed_image(frame.astype(np.int32)),
        packed_image(frame)._replace(dtype=np.dtype(">u2")),
        packed_image(frame)._replace(dtype=np.dtype(np.uint32)),
        packed_image(frame)._replace(blob=b"short"),
    ):
        assert integrator.integrate_packed(image) is None
    assert Integrator(Geometry(PONI, bins=400), SHAPE).integrate_packed(packed_image(frame)) is None
    assert (
        Integrator(Geometry(PONI, bins=40), SHAPE, azimuths=6).integrate_packed(packed_image(frame)) is None
    )
    with pytest.raises(UserError, match=r"to have the shape \(167, 203\)"):
        integrator.integrate_packed(packed_image(frame[:-1]))
    monkeypatch.setattr(packed, "AVAILABLE", False)
    assert integrator.integrate_packed(packed_image(frame)) is None


def test_a_damaged_blob_gives_a_pattern_or_none_and_nothing_worse() -> None:
    chance = random.Random(3)
    integrator = Integrator(Geometry(PONI, bins=40), SHAPE)
    whole = codecs.pack(COUNTS.astype(np.uint16), "bslz4")
    image = PackedImage(whole, "bslz4", SHAPE, np.dtype(np.uint16))
    for end in [*range(60), *(chance.randrange(len(whole)) for _ in range(60)), len(whole) - 1]:
        assert integrator.integrate_packed(image._replace(blob=whole[:end])) is None
    assert integrator.integrate_packed(image._replace(blob=whole + b"more")) is None
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(chance.randrange(1, 5)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        found = integrator.integrate_packed(image._replace(blob=bytes(damaged)))
        assert found is None or found.intensity.shape == (40,)


def test_a_worker_integrates_what_a_detector_has_packed_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    parameters, frame = parameter_set(i0="", bins=40, show_every=1000), SIMULATION.frame(3)
    packets = {
        way: Packet(dectris_v2.TYP, list(dectris_v2.generate(images=iter([frame]), compression=way))[1], 1)
        for way in ("none", "bslz4")
    }
    unpacked: list[Any] = []

    def unpack(*given: Any) -> Any:
        unpacked.append(given)
        return codecs.unpack(*given)

    monkeypatch.setattr(typed_arrays, "unpack", unpack)
    patterns = {}
    worker = Worker()
    for number, (way, packet) in enumerate(packets.items(), start=1):
        result = worker.process_event(Event(number, {"camera": packet}), parameters)
        assert result is not None
        (shown,) = result["setups"].values()
        patterns[way] = np.asarray(shown["mean"].snapshot()["mean"])
    assert not unpacked
    assert np.array_equal(patterns["none"], patterns["bslz4"], equal_nan=True)


def test_a_worker_says_what_is_wrong_with_a_blob_that_breaks_off() -> None:
    message = list(dectris_v2.generate(images=iter([SIMULATION.frame(0)])))[1]
    broken = message[0].replace(codecs.pack(SIMULATION.frame(0), "bslz4")[-40:], bytes(40))
    assert broken != message[0]
    with pytest.raises(MalformedPacket):
        Worker().process_event(
            Event(1, {"camera": Packet(dectris_v2.TYP, [broken], 1)}),
            parameter_set(i0="", bins=40, show_every=1000),
        )
