"""One process of a pipeline over HTTP: what goes wrong becomes a typed error with a sentence.

A service may be used by several threads at once. Proxies of the environment are left aside for this machine's own addresses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from beamloom.access.clients import Credentials
from beamloom.access.policy import is_loopback
from beamloom.errors import NotReachable, PipelineError, RequestRefused, TimedOut

T = TypeVar("T")
JSON = "application/json"
AWAY = 502
"""What a front answers while the one who is meant does not: as if nobody had answered."""
_BROKEN_OFF = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)

NO_CREDENTIALS = Credentials()


class Service:
    """One process at ``url``; ``role`` is what it is called in sentences, ``timeout`` the longest wait for an answer (s)."""

    def __init__(
        self, url: str, role: str, timeout: float, credentials: Credentials = NO_CREDENTIALS
    ) -> None:
        self.url = url
        self.role = role
        self.timeout = timeout
        self.credentials = credentials
        self._client = httpx.Client(
            base_url=url,
            timeout=timeout,
            trust_env=not is_here(url),
            headers=credentials.headers,
            verify=credentials.tls() if url.startswith("https:") else True,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(self, path: str, kind: type[T], params: Mapping[str, str] | None = None) -> T:
        """What is at ``path``, as a ``kind``."""
        return self.decoded(self.ask("GET", path, params=params), kind)

    def post(self, path: str, body: bytes, kind: type[T]) -> T:
        """The answer to ``body``, as a ``kind``."""
        return self.decoded(self.ask("POST", path, content=body), kind)

    def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout: float | None = None,
        also: int | None = None,
    ) -> httpx.Response:
        """An answer with a status of 2xx, 304 or ``also``. Raises NotReachable, TimedOut, or RequestRefused with the answer's sentence."""
        for again in (method == "GET", False):
            try:
                with self._errors_in_words(timeout or self.timeout):
                    answer = self._client.request(
                        method,
                        path,
                        params=params,
                        headers={"Accept": JSON, **(headers or {})},
                        content=content,
                        timeout=timeout or self.timeout,
                    )
                break
            except NotReachable as error:
                # A connection that was kept may have ended with a process that has been started again since.
                if not (again and isinstance(error.__cause__, _BROKEN_OFF)):
                    raise
        if answer.status_code != also:
            self._check(answer)
        return answer

    @contextmanager
    def stream(self, path: str, timeout: float, **params: str) -> Iterator[Iterator[str]]:
        """The lines of an answer without end; ``timeout`` is the longest silence (s)."""
        with self._errors_in_words(timeout):
            with self._client.stream(
                "GET", path, params=params, headers={"Accept": "text/event-stream"}, timeout=timeout
            ) as answer:
                if answer.status_code != 200:
                    answer.read()
                self._check(answer)
                yield _lines(answer.iter_bytes())

    @contextmanager
    def _errors_in_words(self, timeout: float) -> Iterator[None]:
        try:
            yield
        except httpx.TimeoutException as error:
            raise TimedOut(
                f"the {self.role} at {self.url} does not answer within {timeout:g} s; look at its log, or wait longer"
            ) from error
        except httpx.ConnectError as error:
            # The sentence says it all; what led to it is a hundred lines of other libraries in a notebook.
            raise NotReachable(
                f"no {self.role} answers at {self.url} ({error}); start one with 'beamloom up PIPELINE_FILE', or correct the address"
            ) from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise no_address(self.url) from error
        except httpx.TransportError as error:
            raise NotReachable(
                f"the {self.role} at {self.url} broke off ({error or type(error).__name__}); ask again, and look at its log"
            ) from error

    def _check(self, answer: httpx.Response) -> None:
        if answer.status_code == 304 or answer.is_success:
            return
        sentence = _sentence(answer.content) or (
            f"the {self.role} at {self.url} answers {answer.request.url.path} with the status {answer.status_code}"
        )
        if answer.status_code == 401:
            sentence = f"{sentence} Give it as connect(url, token=...), or in the variable BEAMLOOM_TOKEN."
        if answer.status_code == AWAY:
            raise NotReachable(sentence)
        raise RequestRefused(sentence, answer.status_code)

    def decoded(self, answer: httpx.Response, kind: type[T]) -> T:
        """The body of an answer, as a ``kind``. Raises PipelineError where it is none."""
        try:
            return msgspec.json.decode(answer.content, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise PipelineError(
                f"what answers at {self.url} is no {self.role} that this version of Beamloom understands ({error}); "
                "correct the address, or use the same version on both sides"
            ) from error


def whole_url(url: str) -> str:
    """An address as httpx takes it: ``127.0.0.1:5000`` means http, and a last ``/`` is left out. Raises PipelineError."""
    full = url.strip() if "://" in url else f"http://{url.strip()}"
    try:
        parts = urlsplit(full)
        port = parts.port
    except ValueError:
        raise no_address(url) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise no_address(url)
    return full.rstrip("/")


def no_address(url: str) -> PipelineError:
    """The error that says so."""
    return PipelineError(
        f"{url!r} is no address of a pipeline; write that of its controller, like http://127.0.0.1:5000"
    )


def is_here(url: str) -> bool:
    """Whether an address is one of this machine that no other machine reaches."""
    return is_loopback(urlsplit(url).hostname or "")


def _lines(chunks: Iterator[bytes]) -> Iterator[str]:
    """The lines of a stream of events. JSON in them may hold what Python takes for the end of a line as well, such as U+2028."""
    begun = b""
    for chunk in chunks:
        *lines, begun = (begun + chunk).split(b"\n")
        for line in lines:
            yield line.rstrip(b"\r").decode(errors="replace")


def _sentence(body: bytes) -> str:
    try:
        detail = msgspec.json.decode(body, type=dict[str, Any]).get("detail", "")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return str(detail)
