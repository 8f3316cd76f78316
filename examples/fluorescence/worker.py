"""The map of a fluorescence analysis: where the beam was, and the counts in a region of the spectrum."""

import logging

from dranspose.event import EventData
from dranspose.middlewares import contrast, xspress

logger = logging.getLogger(__name__)


class FluorescenceWorker:
    def __init__(self, parameters=None, **kwargs):
        self.number = 0

    def process_event(self, event: EventData, parameters=None):
        missing = {"contrast", "xspress3"} - event.streams.keys()
        if missing:
            logger.warning("event %d lacks the streams %s", event.event_number, missing)
            return None
        con = contrast.parse(event.streams["contrast"])
        spec = xspress.parse(event.streams["xspress3"])
        logger.debug("contrast: %s", con)
        logger.debug("spectrum: %s", spec)
        if con.status != "running":  # the scan starts or ends
            return None

        self.number += 1
        sx, sy = con.pseudo["x"][0], con.pseudo["y"][0]
        roi1 = spec.data[3][parameters["roi1"][0] : parameters["roi1"][1]].sum()
        logger.info("point %d at %s, %s: %d counts", self.number, sx, sy, roi1)
        return {"position": (sx, sy), "concentrations": {"roi1": roi1}}
