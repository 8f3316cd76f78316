"""CrystFEL's geometry files are read as crystfel_geometry(5) describes them, and what is wrong in one is told with its line."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from beamloom.apps.crystallography.geometry import GeometryError, parse_geometry, read_geometry

PANEL = """
p0/min_fs = 0
p0/max_fs = 9
p0/min_ss = 0
p0/max_ss = 4
p0/corner_x = -5
p0/corner_y = -2.5
p0/fs = 1.0x
p0/ss = 1.0y
"""
BASE = "res = 10000\nclen = 0.15\nphoton_energy = 9500\nadu_per_photon = 1\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.0x +0.1y", (1.0, 0.1, 0.0)),
        ("1.0 x + 0.1 y", (1.0, 0.1, 0.0)),
        ("x", (1.0, 0.0, 0.0)),
        ("-y", (0.0, -1.0, 0.0)),
        ("+1.0x -3.2e-05y", (1.0, -3.2e-05, 0.0)),
        (".5x-1E-2z", (0.5, 0.0, -0.01)),
        ("-0.001y + 0.99x + 0.1z", (0.99, -0.001, 0.1)),
    ],
)
def test_directions_are_read_however_they_are_written(
    text: str, expected: tuple[float, float, float]
) -> None:
    geometry = parse_geometry(f"{BASE}{PANEL}p0/fs = {text}\n")
    assert geometry.panels[0].fs == pytest.approx(expected)


@pytest.mark.parametrize(
    ("line", "wavelength"),
    [
        ("photon_energy = 9500", 1.30510),
        ("photon_energy = 9500 eV", 1.30510),
        ("photon_energy = 9.5 keV", 1.30510),
        ("wavelength = 1.3 A", 1.3),
        ("wavelength = 1.3e-10 m", 1.3),
        ("wavelength = 1.3e-10", 1.3),
        ("electron_voltage = 200 kV", 0.0250793),
    ],
)
def test_the_wavelength_is_known_however_it_is_given(line: str, wavelength: float) -> None:
    geometry = parse_geometry(f"res = 1\nclen = 1\n{line}\n{PANEL}")
    assert geometry.wavelength_of_frame() == pytest.approx(wavelength, rel=1e-5)


def test_energy_and_distance_may_come_with_each_frame() -> None:
    geometry = parse_geometry(
        f"res = 1\nphoton_energy = /LCLS/energy keV\nclen = detector_distance mm\ncoffset = 0.5\n{PANEL}"
    )
    assert geometry.photon_energy is not None
    assert geometry.photon_energy.location == "/LCLS/energy"
    assert geometry.wavelength_of_frame(9.5) == pytest.approx(1.30510, rel=1e-5)
    assert geometry.distance_of_frame(geometry.panels[0], 150.0) == pytest.approx(0.65)
    with pytest.raises(GeometryError, match="clen from detector_distance of each frame"):
        geometry.distance_of_frame(geometry.panels[0])


@pytest.mark.parametrize(
    ("clen", "metres"), [("0.15", 0.15), ("0.15 m", 0.15), ("150 mm", 0.15), ("/distance", 0.15)]
)
def test_a_distance_without_a_unit_is_in_metres_and_a_location_without_one_in_millimetres(
    clen: str, metres: float
) -> None:
    geometry = parse_geometry(f"res = 1\nclen = {clen}\n{PANEL}")
    assert geometry.distance_of_frame(geometry.panels[0], 150.0) == pytest.approx(metres)


def test_defaults_hold_for_the_panels_that_are_mentioned_after_them() -> None:
    geometry = parse_geometry(
        BASE + "max_adu = 100\n" + PANEL + "max_adu = 200\nadu_per_eV = 0.1\n" + PANEL.replace("p0", "p1")
    )
    assert [panel.max_adu for panel in geometry.panels] == [100, 200]
    assert [panel.adu_per_ev for panel in geometry.panels] == [None, 0.1]
    assert [panel.adu_per_photon for panel in geometry.panels] == [1, 1]


def test_comments_and_equals_signs_in_values_are_understood() -> None:
    geometry = parse_geometry(
        f"; a comment\n{BASE}mask = /mask ; another\nmask_file = /a/b=c.h5\nmask_good = 0x0\nmask_bad = 0xffff\n{PANEL}"
    )
    mask = geometry.panels[0].masks[0]
    assert (mask.data, mask.file, mask.good_bits, mask.bad_bits) == ("/mask", "/a/b=c.h5", 0, 65535)


def test_each_panel_may_have_several_masks() -> None:
    geometry = parse_geometry(
        f"{BASE}mask0_data = /m\nmask0_badbits = 0x1\nmask3_data = /n\nmask3_goodbits = 0x2\n{PANEL}p0/mask3_file = f.h5\n"
    )
    masks = geometry.panels[0].masks
    assert sorted(masks) == [0, 3]
    assert (masks[3].data, masks[3].file, masks[3].good_bits) == ("/n", "f.h5", 2)


def test_groups_and_collections_are_read_with_their_members() -> None:
    text = BASE + "".join(PANEL.replace("p0", f"p{index}") for index in range(4))
    geometry = parse_geometry(
        text
        + "rigid_group_q0 = p0,p1\nrigid_group_q1 = p2, p3\nrigid_group_collection_quadrants = q0,q1\n"
        + "group_a = p0,p1\ngroup_b = p2\ngroup_all = a,b\np3/rigid_group = own\n"
    )
    assert geometry.groups == {
        "q0": ("p0", "p1"),
        "q1": ("p2", "p3"),
        "a": ("p0", "p1"),
        "b": ("p2",),
        "all": ("a", "b"),
        "own": ("p3",),
    }
    assert geometry.collections == {"quadrants": ("q0", "q1")}


def test_dimensions_of_a_panel_are_its_own_or_the_defaults() -> None:
    geometry = parse_geometry(
        f"{BASE}dim0 = %\ndim1 = 0\ndim2 = ss\ndim3 = fs\n{PANEL}"
        + PANEL.replace("p0", "p1")
        + "p1/dim1 = 7\n"
    )
    assert geometry.panels[0].dims == ("%", 0, "ss", "fs")
    assert geometry.panels[1].dims == ("%", 7, "ss", "fs")


def test_other_fields_are_read() -> None:
    geometry = parse_geometry(
        f"{BASE}bandwidth = 0.02\ndetector_shift_x = 2 mm\npeak_list = /peaks\npeak_list_type = cxi\n"
        "flag_morethan = 60000\nflag_morethan = 65000\nflag_equal = 7\nmask_edge_pixels = 1\n"
        f"saturation_map = /s\nbadrow_direction = x\nrail_direction = z\n{PANEL}p0/no_index = 0\n"
    )
    panel = geometry.panels[0]
    assert not panel.no_index
    assert panel.flag_morethan == (60000, 65000)
    assert panel.flag_equal == (7,)
    assert panel.mask_edge_pixels == 1
    assert panel.saturation_map == "/s"
    assert panel.rail_direction == (0, 0, 1)
    assert geometry.bandwidth == 0.02
    assert geometry.detector_shift_x is not None
    assert geometry.detector_shift_x.value == pytest.approx(0.002)
    assert (geometry.peak_list, geometry.peak_list_type) == ("/peaks", "cxi")


def test_lines_that_are_not_understood_are_told_and_kept(caplog: pytest.LogCaptureFixture) -> None:
    geometry = parse_geometry(f"{BASE}{PANEL}whatever = 5\np0/clern = 3\n")
    assert len(geometry.unknown) == 2
    assert geometry.unknown[0].endswith("whatever = 5")
    assert "2 lines that are not understood" in caplog.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BASE, "has no panel"),
        (BASE + PANEL + "hello\n", r"line 14 of the geometry, 'hello', is not of the form key = value"),
        (BASE + PANEL.replace("p0/corner_x = -5\n", ""), "the panel 'p0' has no corner_x"),
        (PANEL, "the panel 'p0' has no res"),
        (PANEL + "res = 100\n", "a default before the panel is first mentioned"),
        (BASE + PANEL + "p0/fs = 1.0q\n", "expected a direction such as"),
        (BASE + PANEL + "p0/fs = 0x\n", "expected a direction such as"),
        (BASE + PANEL + "p0/fs = x x\n", "expected a direction such as"),
        (BASE + PANEL + "p0/max_fs = ten\n", "expected a number"),
        (BASE + PANEL + "p0/max_fs = 9.5\n", "expected a whole number"),
        (BASE + PANEL + "p0/max_fs = -3\n", "goes from fs 0 to -3"),
        (BASE + "clen = 15 cm\n" + PANEL, "expected one of the units m, mm"),
        (BASE + "photon_energy = inf\n" + PANEL, "expected a finite number"),
        (BASE + PANEL + "p0/no_index = maybe\n", "expected 1 or 0"),
        (BASE + PANEL + "p0/dim0 = ss\n", "every dim from 0 up must be given"),
        (BASE + PANEL + "p0/dim0 = rows\n", "expected %, ss, fs or an index"),
        (BASE + PANEL + "group_a = p7\n", "the member 'p7', which is no panel"),
        (BASE + PANEL + "bad1/min_fs = 0\n", "the bad region 'bad1' has no max_fs"),
        (BASE + PANEL + "bad1/min_fs = 0\nbad1/min_x = 0\n", "give min and max of fs and ss, or of x and y"),
        (
            BASE + PANEL + "bad1/min_fs=0\nbad1/max_fs=1\nbad1/min_ss=0\nbad1/max_ss=1\nbad1/panel = p00\n",
            "did you mean 'p0'",
        ),
    ],
)
def test_what_is_wrong_in_a_geometry_is_told(text: str, said: str) -> None:
    with pytest.raises(GeometryError, match=said):
        parse_geometry(text)


def test_a_geometry_without_an_energy_says_what_is_missing() -> None:
    geometry = parse_geometry("res = 1\n" + PANEL)
    with pytest.raises(GeometryError, match="add a line such as photon_energy"):
        geometry.wavelength_of_frame()
    with pytest.raises(GeometryError, match="add a line such as clen"):
        geometry.distance_of_frame(geometry.panels[0])


def test_a_file_is_named_in_what_is_said_of_it(tmp_path: Path) -> None:
    path = tmp_path / "detector.geom"
    with pytest.raises(GeometryError, match="cannot be read"):
        read_geometry(path)
    path.write_text(BASE)
    with pytest.raises(GeometryError, match=r"detector\.geom: the geometry has no panel"):
        read_geometry(path)


@pytest.mark.parametrize(
    ("name", "panels"), [("eiger4m", 1), ("jungfrau4m", 64), ("cspad", 64), ("agipd1m", 128)]
)
def test_geometries_of_real_kinds_of_detectors_are_read(shared_data: Path, name: str, panels: int) -> None:
    geometry = read_geometry(shared_data / "peakfinder8" / f"{name}.geom")
    assert len(geometry.panels) == panels
    assert geometry.unknown == ()
    assert math.isclose(geometry.wavelength_of_frame(), 1.30510, rel_tol=1e-5)
