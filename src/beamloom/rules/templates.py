"""The one language of templates: ``{{name}}`` is replaced by the value of that name, everywhere where a rule or a recipe names files.

Recipes that were written for PYME have single braces in the patterns of their outputs: ``{name}`` means the same. There is nothing more to
it: no expressions, no formats. A name that is not known is refused, as a path with a hole in it would be found missing only much later.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from beamloom.rules.errors import RuleRefused, closest

HOLE: Final = re.compile(r"\{\{\s*([A-Za-z_][\w.]*)\s*\}\}|\{\s*([A-Za-z_][\w.]*)\s*\}")


def fill(template: str, context: Mapping[str, object]) -> str:
    """``template`` with every hole filled. Raises RuleRefused for a name that ``context`` does not have."""

    def value(hole: re.Match[str]) -> str:
        name = hole[1] or hole[2]
        if name not in context:
            known = ", ".join(sorted(context)) or "nothing"
            raise RuleRefused(
                f"the template {template!r} names {name!r}{closest(name, context)}, and what is known here is: {known}"
            )
        return str(context[name])

    return HOLE.sub(value, template)
