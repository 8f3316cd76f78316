"""As much of a Kubernetes API server as Helm needs to install a chart: it keeps what it is sent, in memory, and checks nothing."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RESOURCES = {
    "v1": {
        "configmaps": "ConfigMap",
        "persistentvolumeclaims": "PersistentVolumeClaim",
        "secrets": "Secret",
        "serviceaccounts": "ServiceAccount",
        "services": "Service",
    },
    "apps/v1": {"deployments": "Deployment", "statefulsets": "StatefulSet"},
    "autoscaling/v2": {"horizontalpodautoscalers": "HorizontalPodAutoscaler"},
    "keda.sh/v1alpha1": {
        "scaledobjects": "ScaledObject",
        "triggerauthentications": "TriggerAuthentication",
    },
    "monitoring.coreos.com/v1": {"servicemonitors": "ServiceMonitor"},
    "networking.k8s.io/v1": {"ingresses": "Ingress", "networkpolicies": "NetworkPolicy"},
    "policy/v1": {"poddisruptionbudgets": "PodDisruptionBudget"},
}
VERBS = ["create", "delete", "get", "list", "patch", "update"]


class ApiServer(ThreadingHTTPServer):
    """The objects of a cluster."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.objects: dict[str, dict[str, Any]] = {}

    @property
    def kubeconfig(self) -> str:
        """What leads a client here."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.server_port}"}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        return json.dumps(config)


class _Answers(BaseHTTPRequestHandler):
    server: ApiServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].rstrip("/")
        if path == "/version":
            self._say({"major": "1", "minor": "31", "gitVersion": "v1.31.0"})
        elif path == "/api":
            self._say({"kind": "APIVersions", "versions": ["v1"]})
        elif path == "/apis":
            groups = [_group(version) for version in RESOURCES if "/" in version]
            self._say({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
        elif (version := re.sub(r"^/apis?/", "", path)) in RESOURCES:
            self._say(_resources(version))
        elif path in self.server.objects:
            self._say(self.server.objects[path])
        elif path.rpartition("/")[2] in {name for kinds in RESOURCES.values() for name in kinds}:
            items = [item for at, item in self.server.objects.items() if at.startswith(path + "/")]
            self._say({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": items})
        else:
            self._missing()

    def do_POST(self) -> None:
        item = self._body()
        path = self.path.partition("?")[0]
        self.server.objects[f"{path}/{item['metadata']['name']}"] = item
        self._say(item, 201)

    def do_PUT(self) -> None:
        item = self._body()
        self.server.objects[self.path.partition("?")[0]] = item
        self._say(item)

    def do_PATCH(self) -> None:
        item = self._body()
        path = self.path.partition("?")[0]
        # Helm applies whole objects; what it patches is one of them already.
        self.server.objects[path] = item if "kind" in item else {**self.server.objects.get(path, {}), **item}
        self._say(self.server.objects[path])

    def do_DELETE(self) -> None:
        self._body()
        self.server.objects.pop(self.path.partition("?")[0], None)
        self._say({"kind": "Status", "apiVersion": "v1", "status": "Success"})

    def _body(self) -> Any:
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return json.loads(text) if text else {}

    def _missing(self) -> None:
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "reason": "NotFound",
            "code": 404,
        }
        self._say({**status, "message": f"{self.path} not found"}, 404)

    def _say(self, told: Any, status: int = 200) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *what: Any) -> None:
        """Nobody reads it."""


def _group(version: str) -> dict[str, Any]:
    group, _, short = version.partition("/")
    this = {"groupVersion": version, "version": short}
    return {"name": group, "versions": [this], "preferredVersion": this}


def _resources(version: str) -> dict[str, Any]:
    resources = [
        {"name": name, "singularName": kind.lower(), "namespaced": True, "kind": kind, "verbs": VERBS}
        for name, kind in RESOURCES[version].items()
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}


@contextmanager
def api_server() -> Iterator[ApiServer]:
    """A server that answers as long as this is open."""
    with ApiServer() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
