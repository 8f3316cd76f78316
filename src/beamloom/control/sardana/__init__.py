"""What Sardana needs to work with a pipeline: macros and a recorder, which its MacroServer loads from the folders that are named here.

``beamloom sardana MACROSERVER`` enters them into its properties. Nothing in this module needs Sardana: what does is in these folders, and
runs in the MacroServer, where Beamloom has to be installed, too.
"""

from pathlib import Path
from typing import Final

MACROS: Final = Path(__file__).parent / "macros"
"""For the property ``MacroPath``."""
RECORDERS: Final = Path(__file__).parent / "recorders"
"""For the property ``RecorderPath``."""
