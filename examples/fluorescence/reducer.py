"""The reduce of a fluorescence analysis: the map of all points so far."""

import logging

from dranspose.event import ResultData

logger = logging.getLogger(__name__)


class FluorescenceReducer:
    def __init__(self, parameters=None, **kwargs):
        self.number = 0
        self.publish = {"map": {}}

    def process_result(self, result: ResultData, parameters=None):
        logger.debug("result %s", result)
        if result.payload:
            self.number += 1
            self.publish["map"][result.payload["position"]] = result.payload["concentrations"]
