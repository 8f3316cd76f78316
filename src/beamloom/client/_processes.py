"""Where controller and reducer of a pipeline are: the controller says where the reducer is, and is asked again when that is gone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from beamloom.access.clients import Credentials, credentials_of
from beamloom.client._by_name import address_of, parts_of
from beamloom.client._http import NO_CREDENTIALS, Service, is_here
from beamloom.errors import NoController, NotReachable, PipelineError, RequestRefused

T = TypeVar("T")
ANYWHERE = ("0.0.0.0", "::")
"""What a process that listens everywhere says of itself."""


class Processes:
    """The controller (or none) and the reducer of one pipeline."""

    def __init__(
        self,
        controller: Service | None,
        reducer: Service | None,
        timeout: float,
        credentials: Credentials = NO_CREDENTIALS,
        rules: Service | None = None,
    ) -> None:
        self._controller = controller
        self._reducer = reducer
        self._timeout = timeout
        self._credentials = credentials
        self._rules = rules
        """A service of rules by itself."""
        self._lock = threading.Lock()
        self._replaced: list[Service] = []

    @classmethod
    def at(cls, url: str, timeout: float, credentials: Credentials | None = None) -> Processes:
        """Those of the process at ``url``, be it a controller or a reducer; ``credentials`` are by default those of the environment.

        Raises PipelineError.
        """
        service = Service(url, "pipeline", timeout, credentials_of() if credentials is None else credentials)
        try:
            return cls._at(service, timeout)
        except BaseException:
            service.close()
            raise

    @classmethod
    def _at(cls, service: Service, timeout: float) -> Processes:
        try:
            config: Any = service.get("/api/v1/config", object)
        except RequestRefused as refusal:
            if refusal.status != 404:
                raise
            config = None
        if isinstance(config, dict) and "ingesters" in config:
            service.role = "controller"
            return cls(service, None, timeout, service.credentials)
        status: Any = None
        if config is None:
            try:
                status = service.get("/api/v1/status", object)
            except RequestRefused:
                status = None
        if isinstance(status, dict) and "version" in status:
            service.role = "reducer"
            return cls(None, service, timeout, service.credentials)
        if config is None and status is None and _has_rules(service):
            service.role = "service of rules"
            return cls(None, None, timeout, service.credentials, service)
        front, name = parts_of(service.url)
        if name and config is None:
            # Says which there are, where it is none of them.
            address_of(front, name, timeout, service.credentials)
        raise PipelineError(
            f"what answers at {service.url} is neither a controller nor a reducer nor a service of rules; "
            "give the address that 'beamloom up' shows for the controller"
        )

    @property
    def url(self) -> str:
        """The address by which the pipeline is known."""
        service = self._controller or self._reducer or self._rules
        return "" if service is None else service.url

    @property
    def has_controller(self) -> bool:
        """Whether runs can be armed and watched, not only results read."""
        return self._controller is not None

    @property
    def controller(self) -> Service:
        """Raises NoController."""
        if self._rules is not None:
            raise NoController(
                f"{self.url} is a service of rules alone; connect to a controller for the rest"
            )
        if self._controller is None:
            raise NoController(
                f"{self.url} is a reducer: it has results, and knows neither runs nor parameters; "
                "connect to the controller, whose address 'beamloom up' shows"
            )
        return self._controller

    @property
    def rules(self) -> Service:
        """Who answers questions about rules. Raises NoController."""
        return self.controller if self._rules is None else self._rules

    def of_reducer(self, request: Callable[[Service], T]) -> T:
        """What ``request`` makes of the reducer; it is made again where the reducer has another address by now."""
        service = self._known_reducer()
        try:
            return request(service)
        except NotReachable:
            if self._controller is None or self._reducer_url() == service.url:
                raise
        return request(self._known_reducer(instead_of=service))

    def _known_reducer(self, instead_of: Service | None = None) -> Service:
        with self._lock:
            if self._reducer is None or self._reducer is instead_of:
                if self._reducer is not None:
                    # Others may be in the middle of a request to it.
                    self._replaced.append(self._reducer)
                self._reducer = Service(self._reducer_url(), "reducer", self._timeout, self._credentials)
            return self._reducer

    def _reducer_url(self) -> str:
        config = self.controller.get("/api/v1/config", dict[str, Any])
        reducer = config.get("reducer")
        url = reducer.get("http") if isinstance(reducer, dict) else None
        if not url:
            raise NotReachable("no reducer takes part in the pipeline; start one with 'beamloom reducer'")
        return _as_seen_from(str(url), self.controller.url)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for service in (self._controller, self._reducer, self._rules, *self._replaced):
                if service is not None:
                    service.close()


def _has_rules(service: Service) -> bool:
    try:
        return "chains" in service.get("/api/v1/rules", dict[str, Any], {"last": "1"})
    except PipelineError:
        return False


def _as_seen_from(url: str, controller: str) -> str:
    """An address that means "here" to the process itself, with the controller's host in its place."""
    parts, there = urlsplit(url), urlsplit(controller)
    if parts.hostname in ANYWHERE or (is_here(url) and not is_here(controller)):
        host = f"[{there.hostname}]" if ":" in (there.hostname or "") else there.hostname
        return urlunsplit(parts._replace(netloc=f"{host}:{parts.port}"))
    return url
