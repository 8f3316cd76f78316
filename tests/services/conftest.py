"""What several tests of the services share."""

from __future__ import annotations

import pytest

from beamloom.engine.streams.retention import FREE
from beamloom.services.ingester import spooling


@pytest.fixture
def frames_count_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retention counts the bytes of frames and nothing beside them, so that a test with frames of one byte can say how many fit."""
    monkeypatch.setattr(spooling, "MEASURED", FREE)
