"""The service of the rules: batch analyses that are submitted over HTTP, or by the controller for a run.

The engine works in a process of its own (``services/rules_process.py``), so that neither the loop of the controller nor its memory
has to do with what rules import and hand out. That process serves the API of the rules (``answers_over_http.py``) to this machine alone.
The controller's ``RulesHost`` (``host.py``) starts it when it is first needed, or at once where an earlier one has left work, starts it
again when it dies, and requests are passed on to it (``passing_on.py``).

Whoever has rules to start from within the controller calls ``RulesHost.submit``, from any thread; it returns at once::

    future = host.submit(OwnRules(description, {"recording": path}, by="run 20261122-a1", key="20261122-a1/spots/1"))
    chain = future.result()          # the chain as /api/v1/rules/{id} tells it: chain["id"], chain["steps"]

A refusal is a RulesRefused with its sentence.
"""

from beamloom.control.rules.answers import OwnRules
from beamloom.control.rules.host import RulesHost, RulesRefused

__all__ = ["OwnRules", "RulesHost", "RulesRefused"]
