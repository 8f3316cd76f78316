"""Real processes whose workers merge their results: what is published is the same whoever dies."""

from __future__ import annotations

import numpy as np
import pytest

from live.pipelines import Bench, of_camera, running, wait_until
from live.series import pictures, uniform_map

pytestmark = pytest.mark.processes


@pytest.mark.parametrize("dies", [pytest.param(False, marks=pytest.mark.long), True])
def test_every_picture_is_in_the_sum_once(camera: Bench, dies: bool) -> None:
    events = 2000
    with running(
        of_camera(camera), worker="powder:Worker", reducer="powder:Reducer", parameters={"takes": 0.0005}
    ) as live:
        live.arm(uniform_map(["camera"], events))
        camera.play("camera", pictures(events), rate=1500)
        if dies:
            wait_until(lambda: live.completed(500), "the first events", live.state)
            live.placement.kill("worker-1")
        end = live.finished()
        assert (end["reduced"], end["failed"], end["lost"]) == (events + 2, 0, 0), live.state()
        tree = live.published()
        assert type(tree["index"]["data"]) is np.ndarray
        assert tree["index"]["data"].tolist() == list(range(events))
        assert tree["powder"]["sum"].dtype == np.uint64
        assert tree["powder"]["sum"][0, 0] == sum(range(events))
        assert tree["powder"]["coverage"].tolist() == [[1, events + 1]]
        assert tree["powder"]["count"] == sum(tree["sizes"]) == events
        assert len(tree["sizes"]) < events / 2
