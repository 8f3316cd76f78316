"""The message of a hit is, byte for byte, what OM sends and CrystFEL reads."""

from __future__ import annotations

from typing import Any

import msgpack
import msgpack_numpy
import numpy as np
import pytest

from apps.crystallography.streaming.clients import as_crystfel_reads
from apps.crystallography.streaming.offering import PEAKS, info
from beamloom.apps.crystallography.streaming import StreamError, hit_message


def as_om_packs(frame: np.ndarray[Any, Any]) -> bytes:
    said = info(7)
    return msgpack.packb(  # type: ignore[no-any-return]
        {
            "detector_data": frame.astype(np.float32),
            "peak_list": {
                "num_peaks": 2,
                **{name: [float(value) for value in values] for name, values in PEAKS._asdict().items()},
            },
            "beam_energy": said.beam_energy,
            "detector_distance": said.detector_distance,
            "event_id": said.event_id,
            "timestamp": said.timestamp,
            "source": said.source,
            "configuration_file": said.configuration_file,
        },
        default=msgpack_numpy.encode,
        use_bin_type=True,
    )


@pytest.mark.parametrize("shape", [(3, 5), (16, 24), (200, 300)])
@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32, np.float64])
def test_a_message_has_the_bytes_that_om_would_send(shape: tuple[int, int], kind: type[Any]) -> None:
    frame = np.random.default_rng(3).integers(0, 60_000, shape).astype(kind)
    assert bytes(hit_message(frame, PEAKS, info(7))) == as_om_packs(frame)


def test_a_message_begins_as_captured_ones_do() -> None:
    begin = bytes(hit_message(np.zeros((2, 2), np.uint16), PEAKS, info(0)))[:34]
    assert begin.hex(" ").startswith(
        "88 ad " + b"detector_data".hex(" ") + " 85 c4 02 6e 64 c3 c4 04 74 79 70 65 a3"
    )


def test_a_frame_that_is_a_view_is_sent_as_it_looks() -> None:
    frame = np.arange(600, dtype=np.uint32).reshape(20, 30)[::2, ::-3]
    read = as_crystfel_reads(bytes(hit_message(frame, PEAKS, info(0))))
    assert (read["image"] == frame).all()


def test_counts_stay_counts_as_integers_of_32_bits() -> None:
    frame = np.array([[0, 5], [2**31 - 1, 2**32 - 1]], np.uint32)
    read = as_crystfel_reads(bytes(hit_message(frame, PEAKS, info(0), "int32")))
    assert read["image"].dtype == np.int32
    assert read["image"].tolist() == [[0, 5], [2**31 - 1, 2**31 - 1]]


def test_calibrated_frames_go_as_floats_also_where_integers_are_asked_for() -> None:
    frame = np.array([[0.5, np.nan]])
    read = as_crystfel_reads(bytes(hit_message(frame, PEAKS, info(0), "int32")))
    assert read["image"].dtype == np.float32
    np.testing.assert_array_equal(read["image"], frame)


def test_the_state_of_the_laser_is_told_where_it_is_known() -> None:
    said = info(1).__class__(**{**vars(info(1)), "optical_laser_active": True})
    read = as_crystfel_reads(bytes(hit_message(np.zeros((2, 2), np.uint16), PEAKS, said)))
    assert read["optical_laser_active"] is True
    assert list(read)[:-1] == [
        "detector_data", "peak_list", "beam_energy", "detector_distance", "event_id", "timestamp", "source",
        "configuration_file", "optical_laser_active",
    ]  # fmt: skip


def test_stacked_panels_are_refused_with_what_to_do() -> None:
    with pytest.raises(StreamError, match=r"Slab\.of"):
        hit_message(np.zeros((2, 3, 4), np.uint16), PEAKS, info(0))
