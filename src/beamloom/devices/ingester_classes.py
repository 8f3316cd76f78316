"""The ingester classes of dranspose, as deployments name them, and the device that takes the place of each.

The chart is installed without this package, and has a copy: ``deploy/helm/beamloom/templates/_ingester.tpl``.
"""

from __future__ import annotations

from typing import Final

DEVICES: Final = {
    "TcpPcapIngester": "pandabox",
    "ZmqPullEigerLegacyIngester": "dectris_v1",
    "ZmqPullSingleIngester": "stins",
    "ZmqSubAlbaemIngester": "albaem",
    "ZmqSubContrastIngester": "contrast",
    "ZmqSubLecroyIngester": "lecroy",
    "ZmqSubPCAPIngester": "pcap",
    "ZmqSubXspressIngester": "xspress3",
}
