"""A plugin of pytest, ``-p support.few_examples``: property tests look at few examples, and do not look for the smallest that fails.

Mutants are tried by hundreds, and all that is asked of a test is whether it fails.
"""

from __future__ import annotations

import unittest

import hypothesis
import pytest

EXAMPLES = 25
PHASES = (hypothesis.Phase.explicit, hypothesis.Phase.generate)


def pytest_configure() -> None:
    """For tests that do not say how many examples they want; after the profile of the project, which is the basis of it."""
    hypothesis.settings.register_profile(
        "few",
        hypothesis.settings.get_profile("beamloom"),
        max_examples=EXAMPLES,
        phases=PHASES,
        derandomize=True,
    )
    hypothesis.settings.load_profile("few")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """State machines say how many they want; they get fewer."""
    for item in items:
        case = getattr(item, "cls", None)
        wanted = getattr(case, "settings", None)
        if case is not None and issubclass(case, unittest.TestCase) and wanted is not None:
            case.settings = hypothesis.settings(
                wanted,
                max_examples=min(EXAMPLES, wanted.max_examples),
                phases=PHASES,
                derandomize=True,
                database=None,
            )
