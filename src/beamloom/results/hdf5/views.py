"""What the HDF REST API says of domains, groups, links, datasets and attributes, as dictionaries."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from beamloom.errors import did_you_mean
from beamloom.results.arrays import ArrayLike
from beamloom.results.hdf5.catalog import Catalog, Entry
from beamloom.results.hdf5.encoding import to_value
from beamloom.results.hdf5.times import Times
from beamloom.results.hdf5.types import shape_of, type_of
from beamloom.results.selection import NothingSelected
from beamloom.results.tree import Dataset, Group
from beamloom.version import VERSION

OWNER = "beamloom"
MOST_NAMED = 20
"""How many names of what is there a sentence lists."""
STARTED = time.time()
READ_ONLY = {
    "create": False, "read": True, "update": False, "delete": False, "readACL": True, "updateACL": False,
}  # fmt: skip


def about() -> dict[str, Any]:
    """What this server is."""
    return {
        "name": "Beamloom",
        "greeting": "Results of a run, while it goes on.",
        "about": "The publish tree of a reducer as HDF5 over HTTP; read only.",
        "state": "READY",
        "start_time": int(STARTED),
        "hsds_version": "0.9.5",
        "beamloom_version": VERSION,
        "username": "default",
        "isadmin": False,
    }


def domain(catalog: Catalog, times: Times, *, verbose: bool = False) -> dict[str, Any]:
    """The whole tree, as a file."""
    root = catalog.root
    content = {
        "root": root.id,
        "class": "domain",
        "owner": OWNER,
        "created": times.of(catalog, root)[0],
        "lastModified": catalog.seen_at,
        "run": catalog.run,
        "version": catalog.version,
    }
    if verbose:
        groups, datasets = len(catalog.entries("groups")), len(catalog.entries("datasets"))
        size = catalog.size()
        content |= {
            "num_objects": groups + datasets,
            "num_groups": groups,
            "num_datasets": datasets,
            "num_datatypes": 0,
        }
        content |= {"total_size": size, "allocated_bytes": size, "metadata_bytes": 0, "num_chunks": 0}
    return content


def folder(name: str, catalog: Catalog) -> dict[str, Any]:
    """A domain in a list of domains."""
    return {
        "name": name,
        "class": "domain",
        "owner": OWNER,
        "created": STARTED,
        "lastModified": catalog.seen_at,
    }


def acl(user: str) -> dict[str, Any]:
    """Who may do what: everybody may read."""
    return {"userName": user, **READ_ONLY}


def entity(
    catalog: Catalog, times: Times, entry: Entry, *, attributes: bool = False, links: bool = False
) -> dict[str, Any]:
    """A group or a dataset."""
    created, changed = times.of(catalog, entry)
    node = entry.node
    content: dict[str, Any] = {
        "id": entry.id,
        "root": catalog.root.id,
        "class": "group" if isinstance(node, Group) else "dataset",
        "domain": "/",
        "created": created,
        "lastModified": changed,
        "attributeCount": len(node.attributes),
    }
    if isinstance(node, Group):
        content["linkCount"] = len(node.children)
        if links:
            content["links"] = {
                child.name: link(catalog, times, entry, child) for child in catalog.children(entry)
            }
    else:
        content |= {"type": type_of(node.values), "shape": shape_of(node.values)}
        content["layout"] = {"class": "H5D_CONTIGUOUS"}
        content["creationProperties"] = {
            "allocTime": "H5D_ALLOC_TIME_LATE",
            "fillTime": "H5D_FILL_TIME_IFSET",
            "layout": {"class": "H5D_CONTIGUOUS"},
        }
    if attributes:
        content["attributes"] = {name: _attribute(value) for name, value in node.attributes.items()}
    return content


def link(catalog: Catalog, times: Times, parent: Entry, child: Entry) -> dict[str, Any]:
    """The name of an object in its group."""
    return {
        "class": "H5L_TYPE_HARD",
        "id": child.id,
        "collection": child.collection,
        "title": child.name,
        "created": times.of(catalog, parent)[0],
    }


def links(
    catalog: Catalog, times: Times, entry: Entry, limit: int | None, marker: str | None
) -> list[dict[str, Any]]:
    """The links of a group, at most ``limit``, beginning behind the one of the name ``marker``."""
    children = _page([(child.name, child) for child in catalog.children(entry)], limit, marker)
    return [link(catalog, times, entry, child) for child in children]


def named_link(catalog: Catalog, times: Times, entry: Entry, name: str) -> dict[str, Any]:
    """One link. Raises NothingSelected."""
    for child in catalog.children(entry):
        if child.name == name:
            return link(catalog, times, entry, child)
    raise NothingSelected(_it_has(catalog, entry, name))


def nothing_at(catalog: Catalog, names: tuple[str, ...]) -> str:
    """The sentence that says so of a path, and what there is on the way to it."""
    entry = catalog.root
    for name in names:
        found = catalog.at((*entry.path, name))
        if found is None:
            return f"there is nothing at /{'/'.join(names)}: {_it_has(catalog, entry, name)}"
        entry = found
    return f"there is nothing at /{'/'.join(names)}; ask again."


def _it_has(catalog: Catalog, entry: Entry, name: str) -> str:
    where = f"/{'/'.join(entry.path)}"
    if not isinstance(entry.node, Group):
        return f"{where} is a dataset and holds no {name!r}; ask for the dataset itself."
    names = [child.name for child in catalog.children(entry)]
    if not names:
        return f"the group {where} is empty; ask again once there are results."
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"the group {where} has no {name!r}{did_you_mean(name, names)}; it has {', '.join(names[:MOST_NAMED])}{more}."


def attributes(
    catalog: Catalog, times: Times, entry: Entry, limit: int | None, marker: str | None, *, values: bool
) -> list[dict[str, Any]]:
    """The attributes of an object, with or without their values."""
    created, changed = times.of(catalog, entry)
    named = _page([(name, (name, value)) for name, value in entry.node.attributes.items()], limit, marker)
    return [
        {"name": name, **_attribute(value, with_value=values), "created": created, "lastModified": changed}
        for name, value in named
    ]


def named_attribute(catalog: Catalog, times: Times, entry: Entry, name: str) -> dict[str, Any]:
    """One attribute, with its value. Raises NothingSelected."""
    if name not in entry.node.attributes:
        known = ", ".join(list(entry.node.attributes)[:20]) or "none"
        raise NothingSelected(
            f"/{'/'.join(entry.path)} has no attribute {name!r}; its attributes are: {known}."
        )
    created, changed = times.of(catalog, entry)
    content = _attribute(entry.node.attributes[name])
    return {"name": name, **content, "created": created, "lastModified": changed}


def dataset_of(entry: Entry) -> Dataset:
    """The dataset of an entry of the collection ``datasets``."""
    if not isinstance(entry.node, Dataset):
        raise NothingSelected(f"/{'/'.join(entry.path)} is a group; ask for its links.")
    return entry.node


def _attribute(value: ArrayLike | None, *, with_value: bool = True) -> dict[str, Any]:
    content: dict[str, Any] = {"type": type_of(value), "shape": shape_of(value)}
    if with_value:
        content["value"] = None if value is None else to_value(np.asarray(value[...]))
    return content


def _page(named: Sequence[tuple[str, Any]], limit: int | None, marker: str | None) -> list[Any]:
    names = [name for name, _ in named]
    start = names.index(marker) + 1 if marker is not None and marker in names else 0
    stop = None if limit is None else start + limit
    return [item for _, item in named[start:stop]]
