"""From ``module:Class`` to the class, or to a sentence that says why not."""

from __future__ import annotations

import contextlib
import importlib
import importlib.machinery
import inspect
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

from beamloom.analysis._errors import AnalysisImportError, AnalysisNotFound, text_of, user_traceback
from beamloom.errors import did_you_mean

OURS = frozenset({"__main__", "beamloom", "dranspose"})
"""What is never dropped: it is running."""


def load_class(reference: str, folder: str | Path | None = None, *, reload: bool = False) -> type:
    """The class that ``module:Class`` names, imported from ``folder`` (default: the working folder) before anything installed.

    ``folder`` is put first on ``sys.path`` and stays there. With ``reload``, everything that was imported from below ``folder`` is
    imported anew. Raises AnalysisNotFound for a reference that leads nowhere, AnalysisImportError when the module itself fails.
    """
    module_name, class_name = _split(reference)
    home = Path.cwd() if folder is None else Path(folder).resolve()
    if not home.is_dir():
        raise AnalysisNotFound(f"there is no folder {home} to import {reference!r} from")
    if not sys.path or sys.path[0] != str(home):
        sys.path.insert(0, str(home))
    if reload:
        _forget(home)
    _make_way(module_name, home)
    module = _import(module_name, reference, home)
    return _class_in(module, class_name)


def _split(reference: str) -> tuple[str, str]:
    module, colon, name = reference.partition(":")
    if not colon:
        package, dot, last = reference.rpartition(".")
        if dot and last.isidentifier():
            raise AnalysisNotFound(
                f"{reference!r} has a dot where the colon belongs: write '{package}:{last}'"
            )
        raise AnalysisNotFound(
            f"{reference!r} does not name a class: write 'module:Class', such as 'worker:FluorescenceWorker'"
        )
    if module.endswith(".py") or "/" in module:
        dotted = module.removesuffix(".py").strip("./").replace("/", ".")
        raise AnalysisNotFound(f"{module!r} is a file and not a module: write '{dotted}:{name}'")
    if not all(map(str.isidentifier, module.split("."))) or not name.isidentifier():
        raise AnalysisNotFound(
            f"{reference!r} does not name a class: write 'module:Class', such as 'worker:FluorescenceWorker'"
        )
    return module, name


def _below(module: ModuleType, home: Path) -> bool:
    spec = getattr(module, "__spec__", None)
    places = [spec.origin] if spec and spec.origin else list(getattr(module, "__path__", []))
    return any(home in Path(place).parents for place in places)


def _spec_below(spec: importlib.machinery.ModuleSpec, home: Path) -> bool:
    places = [spec.origin] if spec.origin else list(spec.submodule_search_locations or [])
    return any(home in Path(place).parents for place in places)


def _forget(home: Path) -> None:
    """Drop the modules below ``home``, and their compiled files: two changes within a second look the same to Python."""
    installed = [Path(sysconfig.get_path(kind)) for kind in ("stdlib", "platstdlib", "purelib", "platlib")]
    # All are found before any is dropped: a namespace package asks its parent where it lies.
    below = [
        (name, module)
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] not in OURS and _below(module, home)
    ]
    for name, module in below:
        spec = module.__spec__
        if spec is not None and spec.origin is not None:
            origin = Path(spec.origin)
            # an extension module cannot be imported twice, and nobody edits what is installed
            if origin.suffix != ".py" or any(place in origin.parents for place in installed):
                continue
            if spec.cached:
                # That of somebody else stays: it counts only as long as it fits the file.
                with contextlib.suppress(OSError):
                    Path(spec.cached).unlink(missing_ok=True)
        del sys.modules[name]
    importlib.invalidate_caches()


def _make_way(module_name: str, home: Path) -> None:
    """Drop modules of the same name that were imported from elsewhere: many analyses are called ``worker``."""
    top = module_name.partition(".")[0]
    # A folder without __init__.py gives way to a package of its name that is installed: home often holds the repository of one.
    found = None if top in OURS else importlib.machinery.PathFinder.find_spec(top)
    if found is None or not _spec_below(found, home):
        return
    for name, module in list(sys.modules.items()):
        if (name == top or name.startswith(top + ".")) and not _below(module, home):
            del sys.modules[name]
    importlib.invalidate_caches()


def _import(module_name: str, reference: str, home: Path) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not (module_name == error.name or module_name.startswith(error.name + ".")):
            raise _import_error(module_name, error) from error
        raise AnalysisNotFound(
            f"there is no module {error.name!r} for {reference!r}{did_you_mean(error.name, _modules_in(home))}; "
            f"searched were {home} and what is installed"
        ) from None
    # importing runs the user's code, which may end in any way; only an interrupt from the keyboard is not its doing
    except (Exception, SystemExit) as error:
        raise _import_error(module_name, error) from error


def _import_error(module_name: str, error: BaseException) -> AnalysisImportError:
    if isinstance(error, ModuleNotFoundError) and error.name is not None:
        reason = f"it needs the module {error.name!r}, which is not installed"
    else:
        reason = f"{type(error).__name__}: {text_of(error)}"
    return AnalysisImportError(
        f"module {module_name!r} cannot be imported: {reason}\n{user_traceback(error)}"
    )


def _modules_in(home: Path) -> list[str]:
    files = [path.stem for path in home.glob("*.py")]
    return files + [path.parent.name for path in home.glob("*/__init__.py")]


def _class_in(module: ModuleType, class_name: str) -> type:
    found = getattr(module, class_name, None)
    if inspect.isclass(found):
        return found
    if found is not None:
        raise AnalysisNotFound(
            f"{module.__name__}:{class_name} is a {type(found).__name__} and not a class; an analysis is a class with hooks"
        )
    file = getattr(module, "__file__", None)
    if file is None:
        raise AnalysisNotFound(
            f"module {module.__name__!r} has no class {class_name!r}: {_what_it_is(module)}"
        )
    classes = [
        name
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__
    ]
    there = f"it has {', '.join(sorted(classes))}" if classes else "it defines no class"
    raise AnalysisNotFound(
        f"module {module.__name__!r} ({file}) has no class {class_name!r}{did_you_mean(class_name, classes)}; {there}"
    )


def _what_it_is(module: ModuleType) -> str:
    """What a module is that comes from no file, and what to do about it."""
    folders = list(getattr(module, "__path__", []))
    if not folders:
        return "it is a part of Python itself, which comes before all files; give your module another name"
    inside = sorted(path.stem for folder in folders for path in Path(folder).glob("*.py"))
    there = (
        f"its files are {', '.join(inside)}: write '{module.__name__}.{inside[0]}:...'"
        if inside
        else "it has no files"
    )
    return f"it is the folder {folders[0]}, without an __init__.py; {there}"
