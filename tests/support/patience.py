"""How long a test waits for what has to come, on a machine that may be busy with other tests and other work.

Below the time limit of a test (60 s), so that it fails with what it has waited for. Nothing is promised about this duration: what a test
promises about time it says itself.
"""

from __future__ import annotations

PATIENCE = 45.0
"""Seconds."""

STARTING = 150.0
"""Seconds for a process to start which imports much, in tests with a time limit of their own."""
