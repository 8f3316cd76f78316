"""What the controller's doctor finds, for those who watch the processes."""

from __future__ import annotations

import http.client
import json
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from beamloom.access import Credentials

ANSWER_SECONDS = 2.0


class Notice(NamedTuple):
    """One finding in one line; ``key`` stays the same while the text counts the seconds."""

    key: str
    text: str


def notices(url: str, credentials: Credentials) -> list[Notice] | None:
    """What is wrong now; None while the controller does not answer."""
    told = asked(url, "/api/v1/doctor", credentials)
    if told is None:
        return None
    return [
        Notice(f"{one['check']} {one['about']}", f"{one['gravity']}: {one['what']}")
        for one in told.get("findings", [])
    ]


def asked(url: str, path: str, credentials: Credentials, *, any_status: bool = False) -> Any:
    """What the controller at ``url`` answers, a refusal too where it may have ``any_status``; None while it does not."""
    address = urlsplit(url)
    host = address.hostname or "127.0.0.1"
    connection = (
        http.client.HTTPSConnection(host, address.port, timeout=ANSWER_SECONDS, context=credentials.tls())
        if address.scheme == "https"
        else http.client.HTTPConnection(host, address.port, timeout=ANSWER_SECONDS)
    )
    try:
        connection.request("GET", path, headers=credentials.headers)
        answer = connection.getresponse()
        content = json.loads(answer.read()) if any_status or answer.status == 200 else None
        return content or None
    except (OSError, http.client.HTTPException, json.JSONDecodeError):
        return None
    finally:
        connection.close()
