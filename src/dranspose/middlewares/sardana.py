"""Not here yet: importing it says so."""

from dranspose._absent import absent

raise absent(__name__)
