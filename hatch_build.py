"""Builds the compiled part of Beamloom (``beamloom/native``), where there is a compiler; without one Beamloom does the same in Python.

Run by hatchling with each wheel and each editable installation; ``python hatch_build.py`` builds it beside its source.

It is of the stable ABI of the oldest Python that Beamloom runs on, so that one wheel serves this and every later one. A Python without the
global lock has no such ABI: there it is built for that version alone.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

ROOM = Path("src", "beamloom", "native")
SOURCE = ROOM / "_core.c"
OLDEST = (3, 11)
"""Of ``requires-python`` in pyproject.toml."""
STABLE = not sysconfig.get_config_var("Py_GIL_DISABLED")
"""Whether the Python that builds has the stable ABI."""
SUFFIX = ".abi3.so" if STABLE else sysconfig.get_config_var("EXT_SUFFIX")
FLAGS = ("-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra", "-Wno-unused-parameter")
STRICT = ("-Werror=implicit-function-declaration",)
"""What the stable ABI lacks would else be guessed by older compilers, and fail where it is called."""


def build(root: Path, folder: Path, compiler: str | None = None) -> Path | str:
    """The extension in ``folder``, or in words why there is none. ``compiler``: by default CC, or what Python was built with."""
    compiler = compiler or os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    target = folder / f"_core{SUFFIX}"
    building = target.with_name(f"{target.name}.{os.getpid()}")
    more = ("-undefined", "dynamic_lookup") if sys.platform == "darwin" else ("-ldl",)
    limited = (f"-DPy_LIMITED_API=0x{OLDEST[0]:02x}{OLDEST[1]:02x}0000",) if STABLE else ()
    include = f"-I{sysconfig.get_path('include')}"
    command = [
        *shlex.split(compiler),
        *FLAGS,
        *STRICT,
        *limited,
        include,
        str(root / SOURCE),
        "-o",
        str(building),
        *more,
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return f"{compiler} cannot be run: {error}"
    if done.returncode or not building.exists():
        building.unlink(missing_ok=True)
        return f"{shlex.join(command)} failed: {done.stderr.strip()[-500:] or 'it says nothing'}"
    for other in folder.glob(
        "_core.*.so"
    ):  # one of this version of Python would be loaded before that of the stable ABI
        other.unlink()
    building.replace(target)
    return target


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # only where this file is run by itself
    pass
else:

    class NativeHook(BuildHookInterface[Any]):
        """Puts the extension into the wheel, or beside its source for an editable installation."""

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            """Called by hatchling before it collects files."""
            root = Path(self.root)
            editable = version == "editable"
            self._folder = None if editable else tempfile.mkdtemp(prefix="beamloom-native-")
            built = build(root, root / ROOM if self._folder is None else Path(self._folder))
            if isinstance(built, str):
                self.app.display_warning(f"Beamloom is installed without its compiled part: {built}")
            elif not editable:
                build_data["pure_python"] = False
                build_data["tag"] = self._tag()
                build_data["force_include"][str(built)] = f"beamloom/native/{built.name}"

        def _tag(self) -> str:
            """For which Pythons and which system the wheel is: ``cp311-abi3-linux_x86_64``."""
            inferred: str = self.build_config.builder.get_best_matching_tag()
            system = inferred.rpartition("-")[2]
            return f"cp{OLDEST[0]}{OLDEST[1]}-abi3-{system}" if STABLE else inferred

        def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
            """Called by hatchling when the wheel is written."""
            if self._folder is not None:
                shutil.rmtree(self._folder)


if __name__ == "__main__":
    HERE = Path(__file__).resolve().parent
    built = build(HERE, HERE / ROOM)
    sys.stdout.write(f"{built}\n")
    sys.exit(isinstance(built, str))
