"""A motor, and a camera behind it that is brightest where the motor is at the peak; both are simulated, the camera's socket is real."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from bluesky.protocols import Triggerable
from ophyd_async.core import AsyncStatus, StandardReadable, init_devices
from ophyd_async.sim import SimMotor

from beamloom.devices import stins

CENTRE, WIDTH = 0.62, 0.8
"""Of the peak: the standard deviation of a Gaussian is its width."""
BRIGHTEST = 1e6
"""Counts of a pixel at the peak."""


Pictures: TypeAlias = queue.Queue[np.ndarray | None]
"""Those of a series as they are taken; None is its end."""


def picture_at(position: float) -> np.ndarray:
    """What the camera sees when the motor is there."""
    away = (position - CENTRE) / WIDTH
    return np.full((16, 16), BRIGHTEST * math.exp(-(away**2) / 2), np.uint32)


def until_none(pictures: Pictures) -> Iterator[np.ndarray]:
    """The pictures of a series."""
    while (picture := pictures.get()) is not None:
        yield picture


class Camera(StandardReadable, Triggerable):
    """Sends a picture of 16 x 16 pixels at each trigger, by itself: the RunEngine never sees it."""

    def __init__(self, motor: SimMotor, url: str, name: str = "") -> None:
        # Not the motor itself: what a device has as an attribute becomes a part of it, and its name, too.
        self._position = motor.user_readback.get_value
        self._sender = stins.DEVICE.simulator(url)
        self._pictures = Pictures()
        self._series: list[threading.Thread] = []
        super().__init__(name=name)

    @property
    def url(self) -> str:
        """Where it sends to, with the port that was really bound."""
        return self._sender.url

    @AsyncStatus.wrap
    async def stage(self) -> None:
        """Begin a series; it is sent when somebody listens."""
        self._pictures = Pictures()
        messages = stins.generate(images=until_none(self._pictures))
        self._series.append(threading.Thread(target=self._sender.play, args=(messages,)))
        self._series[-1].start()

    @AsyncStatus.wrap
    async def trigger(self) -> None:
        """Take a picture."""
        self._pictures.put(picture_at(await self._position()))

    @AsyncStatus.wrap
    async def unstage(self) -> None:
        """End the series."""
        self._pictures.put(None)

    def close(self) -> None:
        """Switch it off."""
        self._pictures.put(None)
        self._sender.close()
        for series in self._series:
            series.join()


def motor_and_camera(url: str) -> tuple[SimMotor, Camera]:
    """Both, connected; pictures are sent at ``url``. Within a RunEngine's loop."""
    with init_devices():
        motor = SimMotor(name="motor", instant=True)
        camera = Camera(motor, url, name="camera")
    return motor, camera
