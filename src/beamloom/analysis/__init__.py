"""Finding, checking and calling the user's classes."""

from beamloom.analysis._classes import TIMER_DEFAULT, ReducerAnalysis, WorkerAnalysis
from beamloom.analysis._errors import (
    AnalysisError,
    AnalysisImportError,
    AnalysisNotFound,
    ErrorCapsule,
    user_traceback,
)
from beamloom.analysis._feedback import START_RULE, FeedbackError, GiveFeedback, StartRule
from beamloom.analysis._loading import load_class
from beamloom.analysis._state import CodeVersion, ReducerState, WorkerState

__all__ = [
    "START_RULE",
    "TIMER_DEFAULT",
    "AnalysisError",
    "AnalysisImportError",
    "AnalysisNotFound",
    "CodeVersion",
    "ErrorCapsule",
    "FeedbackError",
    "GiveFeedback",
    "ReducerAnalysis",
    "ReducerState",
    "StartRule",
    "WorkerAnalysis",
    "WorkerState",
    "load_class",
    "user_traceback",
]
