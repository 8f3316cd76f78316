"""The questions about parameters: what there is, what holds, and setting it."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from beamloom.control.asking import Asking, BadRequest, as_json, decoded
from beamloom.parameters import encode_value, values_by_name


class ParameterAnswers(Asking):
    """What is asked of parameters."""

    async def parameters(self, request: Request) -> Response:
        """The descriptions of all parameters, by name."""
        return as_json(await self._ask(self._controller.parameters.listing))

    async def parameter_epochs(self, request: Request) -> Response:
        """The values that hold now, and those of the run with the event that each set holds from; the ``last`` of them alone if given."""
        last = request.query_params.get("last")
        if last is not None and not (last.isdecimal() and int(last)):
            raise BadRequest(f"last is how many epochs are told, such as last=20, not {last!r:.40}")

        def view() -> dict[str, Any]:
            active = self._controller.active
            epochs = [] if active is None else active.epochs
            return {
                "epoch": self._controller.epochs.number,
                "values": self._controller.parameters.current.readable,
                "run": None if active is None else active.run.run_id,
                "epochs": msgspec.to_builtins(epochs[-int(last) :] if last else epochs),
                "count": len(epochs),
            }

        return as_json(await self._ask(view))

    async def set_parameters(self, request: Request) -> Response:
        """Set several parameters as one epoch; the body is a mapping of names to values, or a list of entries with names and data."""
        values = _values_of(await request.body())
        return as_json(await self._ask(lambda: self._controller.set_parameters(values)))

    async def check_parameters(self, request: Request) -> Response:
        """Why values would be refused, by name; those that would be taken are not told. Nothing is set."""
        values = _values_of(await request.body())
        return as_json(await self._ask(lambda: self._controller.parameters.problems(values)))

    async def restore_epoch(self, request: Request) -> Response:
        """Set all parameters that the run had in an earlier epoch to what they were, as one new epoch."""
        epoch = request.path_params["epoch"]

        def restore() -> str | None:
            then = self._controller.epochs.of_run.get(epoch)
            if then is None:
                return None
            parameters = self._controller.parameters
            now = parameters.current.to_wire()
            changed = {name: data for name, data in then.items() if now.get(name) != data}
            return self._controller.set_parameters(changed) if changed else str(parameters.current.hash)

        answer = await self._ask(restore)
        if answer is None:
            detail = f"the present run has no epoch {epoch} of its parameters; /api/v1/epochs lists those that it has"
            return as_json({"detail": detail}, 404)
        return as_json(answer)

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


def _values_of(body: bytes) -> dict[str, bytes]:
    """The values in a body, by name. In a list, data may be in base64 where JSON cannot hold them. Raises BadRequest, ParameterError."""
    content = decoded(body)
    if isinstance(content, list):
        return values_by_name(content, "the body")
    if not isinstance(content, dict):
        raise BadRequest('the body has to be a mapping, such as {"roi_start": 120}')
    return {name: encode_value(name, value) for name, value in content.items()}
