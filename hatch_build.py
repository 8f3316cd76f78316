"""Builds the compiled part of Beamloom (``beamloom/native``), where there is a compiler; without one Beamloom does the same in Python.

Run by hatchling with each wheel and each editable installation; ``python hatch_build.py`` builds it beside its source.
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
FLAGS = ("-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra", "-Wno-unused-parameter")


def build(root: Path, folder: Path, compiler: str | None = None) -> Path | str:
    """The extension in ``folder``, or in words why there is none. ``compiler``: by default CC, or what Python was built with."""
    compiler = compiler or os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    target = folder / f"_core{sysconfig.get_config_var('EXT_SUFFIX')}"
    building = target.with_name(f"{target.name}.{os.getpid()}")
    more = ("-undefined", "dynamic_lookup") if sys.platform == "darwin" else ("-ldl",)
    include = sysconfig.get_path("include")
    command = [*shlex.split(compiler), *FLAGS, f"-I{include}", str(root / SOURCE), "-o", str(building), *more]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return f"{compiler} cannot be run: {error}"
    if done.returncode or not building.exists():
        building.unlink(missing_ok=True)
        return f"{shlex.join(command)} failed: {done.stderr.strip()[-500:] or 'it says nothing'}"
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
                build_data["pure_python"], build_data["infer_tag"] = False, True
                build_data["force_include"][str(built)] = f"beamloom/native/{built.name}"

        def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
            """Called by hatchling when the wheel is written."""
            if self._folder is not None:
                shutil.rmtree(self._folder)


if __name__ == "__main__":
    HERE = Path(__file__).resolve().parent
    built = build(HERE, HERE / ROOM)
    sys.stdout.write(f"{built}\n")
    sys.exit(isinstance(built, str))
