"""The fluorescence analysis with Beamloom's own names: the counts in a region of the spectrum, over the sample."""

from beamloom import ArrayParameter, Event, Result


class Worker:
    @staticmethod
    def describe_parameters():
        return [ArrayParameter(name="roi1", default=[0, 10], element="int64", shape=[2], unit="channel")]

    def process_event(self, event: Event, parameters):
        point = event.streams["contrast"].parse()
        if point.status != "running":
            return None
        counts = event.streams["xspress3"].parse().data[3][slice(*parameters["roi1"])]
        position = (point.pseudo["x"][0], point.pseudo["y"][0])
        return {"position": position, "concentrations": {"roi1": counts.sum()}}


class Reducer:
    def __init__(self):
        self.publish = {"map": {}}

    def process_result(self, result: Result):
        self.publish["map"][result.payload["position"]] = result.payload["concentrations"]
