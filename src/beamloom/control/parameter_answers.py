"""The questions about parameters: what there is, what holds, and setting it."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from beamloom.control.asking import Asking, BadRequest, as_json, decoded
from beamloom.parameters import encode_value, readable


class ParameterAnswers(Asking):
    """What is asked of parameters."""

    async def parameters(self, request: Request) -> Response:
        """The descriptions of all parameters, by name."""
        return as_json(await self._ask(self._controller.parameters.listing))

    async def parameter_epochs(self, request: Request) -> Response:
        """The values that hold now, and those of the run with the event that each set holds from."""

        def view() -> dict[str, Any]:
            active = self._controller.active
            return {
                "epoch": self._controller.epochs.number,
                "values": readable(self._controller.parameters.current),
                "run": None if active is None else active.run.run_id,
                "epochs": [] if active is None else msgspec.to_builtins(active.epochs),
            }

        return as_json(await self._ask(view))

    async def set_parameters(self, request: Request) -> Response:
        """Set several parameters as one epoch; the body is a mapping of names to values."""
        body = decoded(await request.body())
        if not isinstance(body, dict):
            raise BadRequest('the body has to be a mapping, such as {"roi_start": 120}')
        values = {name: encode_value(name, value) for name, value in body.items()}
        return as_json(await self._ask(lambda: self._controller.set_parameters(values)))

    async def parameter(self, request: Request) -> Response:
        """The value of one parameter, as bytes."""
        name = request.path_params["name"]

        def value() -> bytes | None:
            current = self._controller.parameters.current
            return current[name].data if name in current else None

        found = await self._ask(value)
        if found is None:
            return as_json({"detail": "Parameter not found"}, 404)
        return Response(found, media_type="application/x.bytes")

    async def set_parameter(self, request: Request) -> Response:
        """Set one parameter to the bytes of the body; answers the hash of the new set."""
        name, data = request.path_params["name"], await request.body()
        return as_json(await self._ask(lambda: self._controller.set_parameters({name: data})))
