"""The chart is given away alone, so it has its own copy of what the ingester classes of existing values mean."""

from __future__ import annotations

import re

from beamloom.devices.ingester_classes import DEVICES
from deploy.helm_engine import CHART


def test_ingester_classes_mean_the_same_devices_in_the_chart_as_in_commands() -> None:
    template = (CHART / "templates" / "_ingester.tpl").read_text()
    copy = re.search(r"\$classes := dict ((?:\"\w+\" ?)+)-}}", template)
    assert copy is not None
    words = re.findall(r"\"(\w+)\"", copy[1])
    assert dict(zip(words[::2], words[1::2], strict=True)) == DEVICES
