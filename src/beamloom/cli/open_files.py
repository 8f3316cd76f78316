"""How many files a service may have open: a connection is one, and there are several for each member of a pipeline.

Most systems begin with a soft limit of 1024, for programs that could not count further, and let each process raise it. A controller
passes that with some 200 workers.
"""

from __future__ import annotations

import resource

ENOUGH = 1 << 16
"""As many as ZeroMQ opens sockets; beyond that, programs that a service starts would take long to close all that might be open."""


def allow_many_files() -> int:
    """Raise the soft limit of this process as far as its hard one allows, to ENOUGH at most; returns what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    aim = ENOUGH if hard == resource.RLIM_INFINITY else min(ENOUGH, hard)
    if soft == resource.RLIM_INFINITY or soft >= aim:
        return ENOUGH if soft == resource.RLIM_INFINITY else soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (aim, hard))
    return aim
