"""Process variables served by p4p itself, in a process of their own.

Prints the port, then reads one JSON object per line. ``{"ids": [1, 2], "dtype": "uint16", "shape": [2, 3], "begun": 1e9}`` puts an image
for each of the ids into the process variable IMAGE, all pixels being its id; ``{"scalar": 4}`` puts a number into NUMBER. Each line is
answered.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
from p4p.nt import NTNDArray, NTScalar
from p4p.server import Server
from p4p.server.thread import SharedPV


def image(number: int, order: dict[str, Any], stamp: float) -> Any:
    pixels = np.full(order["shape"], number).astype(order["dtype"])
    value = NTNDArray().wrap(pixels)
    value["uniqueId"] = number
    value["dataTimeStamp.secondsPastEpoch"] = int(stamp)
    value["dataTimeStamp.nanoseconds"] = round(stamp % 1 * 1e9)
    return value


def main() -> None:
    images = SharedPV(initial=image(77, {"shape": [2, 3], "dtype": "uint16"}, 5.0))
    number = SharedPV(nt=NTScalar("d"), initial=0.0)
    with Server(providers=[{"IMAGE": images, "NUMBER": number}], isolate=True) as server:
        sys.stdout.write(f"{server.conf()['EPICS_PVAS_SERVER_PORT']}\n")
        sys.stdout.flush()
        for line in sys.stdin:
            order = json.loads(line)
            for place, each in enumerate(order.get("ids", ())):
                images.post(image(each, order, order["begun"] + place if order["begun"] else 0.0))
            if "scalar" in order:
                number.post(order["scalar"])
            sys.stdout.write("done\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
