"""What the controller passes on for other processes: for whom an answer is passes as well."""

from __future__ import annotations

import asyncio
import io

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette

from beamloom.control.relay import Relay, relay_routes
from results.hdf5.trees import served


@pytest.mark.parametrize(
    ("asked_from", "headers", "compressed"),
    [
        ("192.0.2.7", {}, True),
        ("127.0.0.1", {}, False),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}, True),
        ("127.0.0.1", {"Forwarded": "for=192.0.2.7"}, True),
    ],
    ids=["from elsewhere", "from this machine", "by a proxy", "by a proxy of today"],
)
def test_what_passes_through_to_another_machine_is_compressed(
    asked_from: str, headers: dict[str, str], compressed: bool
) -> None:
    numbers = np.zeros(10_000)
    with served({"zeros": numbers}) as (url, _):

        async def ask() -> httpx.Response:
            async def address_of(name: str) -> str:
                return url

            relay = Relay(address_of)
            app = Starlette(routes=list(relay_routes(relay)))
            transport = httpx.ASGITransport(app, client=(asked_from, 1234))
            try:
                async with httpx.AsyncClient(transport=transport, base_url="http://controller") as client:
                    return await client.get("/results/api/v1/shown?path=zeros&most=10000", headers=headers)
            finally:
                await relay.close()

        answer = asyncio.run(ask())
    assert answer.status_code == 200
    assert ("content-encoding" in answer.headers) is compressed
    np.testing.assert_array_equal(np.load(io.BytesIO(answer.content)), numbers)
