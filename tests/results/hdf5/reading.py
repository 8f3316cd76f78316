"""What a script reads through h5pyd: run by the Python of each version's environment, it prints what it saw as JSON."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

SELECTIONS: dict[str, Callable[[Any], Any]] = {
    "an integer": lambda array: array[3],
    "the last row": lambda array: array[-1],
    "two integers": lambda array: array[3, 4],
    "a slice": lambda array: array[2:4, 3:9],
    "steps": lambda array: array[1:20:3, ::7],
    "an ellipsis": lambda array: array[..., 2],
    "nothing": lambda array: array[3:3],
    "a list": lambda array: array[0:10, [1, 3]],
    "a long list": lambda array: array[list(range(30)), :],
    "a list in one row": lambda array: array[0, [1, 2]],
    "a mask": lambda array: array[np.arange(1200).reshape(30, 40) % 7 == 0],
}
REFUSED: dict[str, Callable[[Any], Any]] = {
    "a negative step": lambda array: array[::-1],
    "too far": lambda array: array[30],
}


def plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, complex | np.complexfloating):
        return [value.real, value.imag]
    if isinstance(value, np.ndarray) and value.dtype.kind == "c":
        return [plain(one) for one in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if type(value).__name__ == "Empty":
        return None
    return value


def read(url: str) -> dict[str, Any]:
    import h5pyd

    seen: dict[str, Any] = {"version": h5pyd.version.version, "datasets": {}, "attributes": {}}
    with h5pyd.File("/", "r", endpoint=url) as file:
        seen["names"] = sorted(file)

        def visit(name: str, node: Any) -> None:
            seen["attributes"][name] = {key: plain(node.attrs[key]) for key in node.attrs}
            if hasattr(node, "shape"):
                shape = None if node.shape is None else list(node.shape)
                seen["datasets"][name] = [str(node.dtype.kind), shape, plain(node[()])]

        seen["attributes"][""] = {key: plain(file.attrs[key]) for key in file.attrs}
        file.visititems(visit)
        image = file["image"]
        seen["selections"] = {name: plain(select(image)) for name, select in SELECTIONS.items()}
        seen["points"] = plain(image[[(1, 2), (3, 4)]])
        seen["volume"] = plain(file["volume"][1, 0:3:2, :, [0, 4]])
        seen["refused"] = []
        for name, select in REFUSED.items():
            with contextlib.suppress(ValueError, IndexError, TypeError):
                select(image)
                continue
            seen["refused"].append(name)
        seen["there"] = ["group/my name/x" in file, "nothing" in file]
        with contextlib.suppress(KeyError):
            file["nothing"]
            seen["there"].append("nothing was found")
    return seen


if __name__ == "__main__":
    json.dump(read(sys.argv[1]), sys.stdout)
