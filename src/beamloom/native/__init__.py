"""What is compiled, where a compiler was there when Beamloom was installed: receiving many messages in one call.

Policy: there is one such part in the whole project, as it brings a factor and Python cannot be any shorter there. The Python way beside it
gives the same, is used where the compiled one is missing or ``BEAMLOOM_NATIVE=0``, and is what the compiled one is tested against.
"""

from __future__ import annotations

from beamloom.native.receiving import COMPILED, LARGE_FRAME, WITHOUT, Receiver

__all__ = ["COMPILED", "LARGE_FRAME", "WITHOUT", "Receiver"]
