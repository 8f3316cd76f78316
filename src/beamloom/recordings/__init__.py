"""Packets of a run on disk, with its trigger map and its parameter epochs."""

from beamloom.recordings.folder import (
    Companions,
    RecordedEpoch,
    RecordingNames,
    find_companions,
    find_packets,
    read_detectors,
    read_epochs,
    write_detectors,
    write_ended,
    write_epochs,
    write_mapping,
    write_parameters,
)
from beamloom.recordings.format import CorruptRecording, NotARecording, Record
from beamloom.recordings.kept_analysis import KeptAnalysis, read_analysis, write_analysis
from beamloom.recordings.reader import RecordingReader, Truncation
from beamloom.recordings.writer import RecordingExists, RecordingWriter

__all__ = [
    "Companions",
    "CorruptRecording",
    "KeptAnalysis",
    "NotARecording",
    "Record",
    "RecordedEpoch",
    "RecordingExists",
    "RecordingNames",
    "RecordingReader",
    "RecordingWriter",
    "Truncation",
    "find_companions",
    "find_packets",
    "read_analysis",
    "read_detectors",
    "read_epochs",
    "write_analysis",
    "write_detectors",
    "write_ended",
    "write_epochs",
    "write_mapping",
    "write_parameters",
]
