"""Image files as pixels: by fabio, which knows most formats by their first bytes."""

from __future__ import annotations

import importlib
import importlib.util
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from beamloom.devices.fields import MalformedPacket
from beamloom.devices.images import Image
from beamloom.errors import UsageError


class NeedsFabio(UsageError, ValueError):
    """The package that reads image files is not installed."""


def decode(blob: Any, name: str) -> tuple[Image, dict[str, str]]:
    """What ``ImageFile`` gives as ``array`` and ``header`` of the file ``blob``. Raises MalformedPacket and NeedsFabio."""
    fabio = import_fabio()
    try:
        # fabio knows most formats by their first bytes, and the others by their names.
        stream = importlib.import_module("fabio.fabioutils").BytesIO(bytes(blob))
        try:
            opened = fabio.open(stream)
        except OSError:
            with tempfile.TemporaryDirectory(prefix="beamloom-") as folder:
                path = Path(folder, name)
                path.write_bytes(blob)
                return _pixels(fabio.open(str(path)))
        return _pixels(opened)
    # What fabio raises depends on the format, and on where in the file the fault is.
    except Exception as error:  # noqa: BLE001
        raise MalformedPacket(f"the file {name} cannot be read as an image: {error!r}") from None


def _pixels(opened: Any) -> tuple[Image, dict[str, str]]:
    with opened:
        if opened.data is None:
            raise ValueError("it holds no pixels")
        header = {str(key): str(value) for key, value in opened.header.items()}
        count = int(opened.nframes)
        images = [
            np.asarray(opened.data if count == 1 else opened.get_frame(index).data) for index in range(count)
        ]
    image: Image = images[0] if count == 1 else np.stack(images)
    image.flags.writeable = False
    return image, header


def import_fabio() -> Any:
    """The package fabio. Raises NeedsFabio."""
    try:
        return importlib.import_module("fabio")
    except ModuleNotFoundError:
        raise NeedsFabio(
            "reading image files needs the package fabio, which is not installed; install it with pip install 'beamloom[files]'"
        ) from None


def require_fabio() -> None:
    """Raises NeedsFabio where fabio is not installed; it is not imported."""
    if importlib.util.find_spec("fabio") is None:
        import_fabio()
