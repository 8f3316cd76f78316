"""What user code may raise, in whichever hook.

Policy: nothing that a hook raises ends its process: ``sys.exit`` in an analysis is meant for a script, and not for the pipeline. Only where
Ctrl-C raises KeyboardInterrupt, as in a replay, that one is the person's and goes on.
"""

from __future__ import annotations

from beamloom.services.shell.loop import interrupts_raise

RAISED = (Exception, SystemExit, KeyboardInterrupt, GeneratorExit)
"""All that is caught of user code; the signals that end the process of a service raise nothing."""


def pass_interrupt(error: BaseException) -> None:
    """Raise ``error`` again if it is a person's Ctrl-C; to be called first where RAISED is caught."""
    if isinstance(error, KeyboardInterrupt) and interrupts_raise():
        raise error
