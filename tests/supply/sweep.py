"""Imports every module of what is installed, one after the other, and prints as JSON which cannot be, and why.

It is run by the Python of another environment, and so imports nothing beside what it looks at.
"""

import importlib
import json
import pkgutil
import sys
import warnings


def main() -> None:
    """Sweep; further words are libraries that are imported, too."""
    warnings.simplefilter("ignore")
    failed: dict[str, str] = {}
    names = ["beamloom", "dranspose"]
    for package in tuple(names):
        found = importlib.import_module(package)
        walked = pkgutil.walk_packages(found.__path__, f"{package}.", onerror=lambda name: None)
        names += [module.name for module in walked]
    names = [name for name in names if not name.endswith("__main__")]
    for name in [*names, *sys.argv[1:]]:
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001
            failed[name] = f"{type(error).__name__}: {error}"
    sys.stdout.write(json.dumps({"failed": failed, "modules": len(names)}) + "\n")


if __name__ == "__main__":
    main()
