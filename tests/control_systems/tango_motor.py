"""A simulated motor as a Tango device. Usage: tango_motor.py PORT; it is ``tango://127.0.0.1:PORT/test/motor/1#dbase=no``."""

from __future__ import annotations

import sys

from tango.server import Device, attribute, run


class Motor(Device):  # type: ignore[misc]
    """It is at once where it is told to go."""

    def init_device(self) -> None:
        super().init_device()
        self._position = 0.0

    @attribute(dtype=float)  # type: ignore[untyped-decorator]
    def position(self) -> float:
        return self._position

    @position.write  # type: ignore[untyped-decorator]
    def _move(self, value: float) -> None:
        self._position = value


if __name__ == "__main__":
    run([Motor], args=["Motor", "test", "-nodb", "-port", sys.argv[1], "-dlist", "test/motor/1"])
