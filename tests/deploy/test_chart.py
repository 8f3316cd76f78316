"""The chart of Kubernetes, rendered by Helm's own engine over a matrix of values; every object is checked against Kubernetes' schemas."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from beamloom.settings import all_settings, settings_of
from beamloom.version import VERSION
from deploy.helm_engine import CHART, Helm, Installed, Refused, environment_of

pytestmark = [pytest.mark.installs, pytest.mark.timeout(240)]

EIGER = {"upstream_url": "tcp://detector:9999"}
OF_A_SITE: dict[str, Any] = {
    "global": {"beamline": "nanomax", "dump_prefix": "/data/staff/nanomax/run_"},
    "log_level": "DEBUG",
    "workers": 3,
    "science_image": "registry.example/drp-nanomax:12",
    "worker": {"class": "src.worker:FluorescenceWorker"},
    "reducer": {"class": "src.reducer:FluorescenceReducer", "filesystem": True},
    "ingesters": {
        "eiger": {
            "upstream_url": "tcp://eiger-receiver.daq:9999",
            "ingester_class": "ZmqPullSingleIngester",
            "affinity": {"namespace": "daq-eiger", "component": "receiver"},
            "purple": True,
        },
        "x3mini": {
            "connect_url": "tcp://172.16.126.70:9999",
            "ingester_class": "ZmqSubXspressIngester",
            "stream": "x3_mini",
        },
        "sardana": {"ingester_app": "dranspose.ingesters.http_sardana:app"},
    },
    "extra_workers": {
        "repub": {
            "image": "registry.example/repub:1",
            "class": "src.repub:RepubWorker",
            "name": "repub",
            "tags": '["repub"]',
            "repub": {"host": "repub.example", "port": 5556},
        }
    },
    "ingress": {"enabled": True, "suffix": "daq.example", "annotations": {"kind": "internal"}},
    "redis": {"auth": {"enabled": False}, "architecture": "standalone"},
}
"""As those of the chart that sites have."""

MATRIX: dict[str, dict[str, Any]] = {
    "nothing": {},
    "as sites have it": OF_A_SITE,
    "without a store": {"store": {"valkey": {"enabled": False}}, "controller": {"persistence": {"enabled": True}}},
    "a store elsewhere": {"store": {"urlSecret": {"name": "store"}}, "controller": {"replicas": 3}},
    "secrets of the site": {"secrets": {"existing": "mine", "keys": True}, "http": {"tlsSecret": "tls"}},
    "open": {"http": {"open": True}, "networkPolicy": {"enabled": False}, "serviceMonitor": {"enabled": True}},
    "scaled by a HorizontalPodAutoscaler": {"autoscaling": {"enabled": True}},
    "scaled by KEDA": {"autoscaling": {"enabled": True, "keda": {"enabled": True}}},
    "watched": {
        "autoscaling": {"enabled": True, "keda": {"enabled": True, "prometheus": "http://prometheus:9090"}},
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "grafana": {"dashboard": True},
        "http": {"tlsSecret": "tls"},
    },
    "frames shared": {
        "ingesters": {"eiger": {**EIGER, "ingesters": 2, "workers": 2, "hostNetwork": True, "healthPort": 8100}},
        "sharedMemory": {"hostPID": True},
        "worker": {"resources": {"limits": {"nvidia.com/gpu": 1}}, "runtimeClassName": "nvidia"},
        "sriov": {"annotations": {"k8s.v1.cni.cncf.io/networks": "fast"}, "resources": {"vendor.example/nic": "1"}},
    },
    "kept": {
        "reducer": {"persistence": {"enabled": True, "size": "50Gi", "storageClass": "fast"}},
        "ingesters": {
            "eiger": {**EIGER, "persistence": {"enabled": True}, "settings": {"write_ahead": True}}
        },
        "store": {"valkey": {"persistence": {"enabled": True}}},
        "podDisruptionBudget": {"keepSingles": True},
        "data": {
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "staff"}}],
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        },
    },
}  # fmt: skip


@pytest.mark.parametrize("what", MATRIX)
def test_kubernetes_takes_every_object_of_the_chart(helm: Helm, what: str) -> None:
    made = helm.install(MATRIX[what])
    assert made.invalid == []
    assert all(name.partition("/")[2].startswith("xrd") for name in made.names)
    check_references(made)
    check_settings(made)


def check_references(made: Installed) -> None:
    """What objects name of each other is there, or is the site's."""
    of_site = {"mine", "store", "tls"}
    secrets = of_site | set(made.secrets())
    claims = {name.partition("/")[2] for name in made.names if name.startswith("PersistentVolumeClaim/")}
    for pod in made.pods().values():
        volumes = {volume["name"]: volume for volume in pod.get("volumes", ())}
        for volume in volumes.values():
            if "secret" in volume:
                assert volume["secret"]["secretName"] in secrets
            if "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in claims | {"staff"}
        for container in [*pod["containers"], *pod.get("initContainers", ())]:
            mounted = {mount["name"] for mount in container["volumeMounts"]}
            assert mounted <= volumes.keys() | {"data"}
            for variable in container.get("env", ()):
                if "secretKeyRef" in variable.get("valueFrom", {}):
                    assert variable["valueFrom"]["secretKeyRef"]["name"] in secrets
        names = [port["name"] for container in pod["containers"] for port in container["ports"]]
        assert len(names) == len(set(names))
    labelled = [
        one["spec"]["template"]["metadata"]["labels"]
        for one in made.objects
        if one["kind"] in ("Deployment", "StatefulSet")
    ]
    for one in made.objects:
        if one["kind"] == "Service":
            leads = [labels for labels in labelled if one["spec"]["selector"].items() <= labels.items()]
            assert len(leads) == 1, f"{one['metadata']['name']} leads to {len(leads)} kinds of pods"


def check_settings(made: Installed) -> None:
    """Each variable is one that its process reads."""
    tokens = {"BEAMLOOM_HTTP_READ_TOKEN", "BEAMLOOM_HTTP_CONTROL_TOKEN"}
    for pod in made.pods().values():
        for container in pod["containers"]:
            if container["command"][0] == "beamloom":
                kind = settings_of(all_settings()[container["command"][1]])
                known = {variable for one in kind.values() for variable in one.variables} | tokens
                given = {one["name"] for one in container["env"] if one["name"].startswith("BEAMLOOM_")}
                assert given - known <= {"BEAMLOOM_RECORD_PREFIX"}


def test_values_of_sites_mean_what_they_meant(helm: Helm) -> None:
    made = helm.install(OF_A_SITE)
    eiger, x3, sardana = (
        made[f"Deployment/xrd-ingester-{name}"]["spec"]["template"] for name in ("eiger", "x3mini", "sardana")
    )
    variables = environment_of(eiger["spec"]["containers"][0])
    assert json.loads(variables["BEAMLOOM_STREAMS"]) == {
        "eiger": {"device": "stins", "url": "tcp://eiger-receiver.daq:9999"}
    }
    assert variables["BEAMLOOM_RECORD_PREFIX"] == "/data/staff/nanomax/run_"
    assert (variables["BEAMLINE"], variables["BEAMLOOM_LOG_LEVEL"]) == ("nanomax", "DEBUG")
    (near,) = eiger["spec"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert (near["namespaces"], near["topologyKey"]) == (["daq-eiger"], "kubernetes.io/hostname")
    assert near["labelSelector"]["matchLabels"]["app.daq.pipeline/component"] == "receiver"
    assert json.loads(environment_of(x3["spec"]["containers"][0])["BEAMLOOM_STREAMS"]) == {
        "x3_mini": {"device": "xspress3", "url": "tcp://172.16.126.70:9999"}
    }
    assert json.loads(environment_of(sardana["spec"]["containers"][0])["BEAMLOOM_STREAMS"]) == {
        "sardana": {"device": "sardana", "url": "http://0.0.0.0:5000"}
    }
    worker = made["Deployment/xrd-worker"]["spec"]
    assert (worker["replicas"], worker["template"]["spec"]["containers"][0]["image"]) == (
        3,
        "registry.example/drp-nanomax:12",
    )
    extra = made["Deployment/xrd-worker-repub"]["spec"]["template"]["spec"]["containers"][0]
    assert extra["image"] == "registry.example/repub:1"
    assert environment_of(extra)["BEAMLOOM_TAGS"] == '["repub"]'
    assert made["Service/xrd-worker-repub"]["spec"]["ports"][0]["port"] == 5556
    assert made["Ingress/xrd-controller"]["spec"]["rules"][0]["host"] == "xrd-controller.daq.example"
    reducer = environment_of(made["Deployment/xrd-reducer"]["spec"]["template"]["spec"]["containers"][0])
    assert reducer["BEAMLOOM_REDUCER_CLASS"] == "src.reducer:FluorescenceReducer"
    assert reducer["BEAMLOOM_RESULT_PACKAGES"] == "src"


def test_values_that_the_documents_show_are_taken(helm: Helm, repository: Path) -> None:
    page = (repository / "docs" / "how-to" / "deploy-by-helm.md").read_text()
    shown = [
        yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    ]
    assert len(shown) >= 2
    shown += [
        yaml.safe_load(line) for line in re.findall(r"`((?:worker|controller|settings): \{.*?\})`", page)
    ]
    for values in shown:
        assert helm.install(values).invalid == []


def test_several_releases_share_a_namespace(helm: Helm) -> None:
    one, other = helm.install(OF_A_SITE, "xrd"), helm.install(OF_A_SITE, "xrf")
    assert one.names.isdisjoint(other.names)
    pipelines = {
        environment_of(made.pods()[f"{name}-controller"]["containers"][0])["BEAMLOOM_PIPELINE"]
        for name, made in (("xrd", one), ("xrf", other))
    }
    assert pipelines == {"lab.xrd", "lab.xrf"}


def test_an_upgrade_keeps_tokens_and_changes_no_pod(helm: Helm) -> None:
    made = helm.install(OF_A_SITE, upgrade=True)
    assert made.again == made.objects
    tokens = made.secrets()["xrd-secrets"]
    assert len({*tokens.values()}) == 3
    assert all(len(token) >= 20 for token in tokens.values())


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"workers": -1}, r"/workers': minimum: got -1, want 0"),
        ({"worker": {"class": "src.worker.Worker"}}, r"/worker/class': 'src.worker.Worker' does not match"),
        ({"worker": {"persistence": {}}}, r"/worker': additional properties 'persistence' not allowed"),
        ({"worker": {"resource": {}}}, r"/worker': additional properties 'resource' not allowed"),
        ({"log_level": "LOUD"}, r"/log_level': value must be one of 'DEBUG', 'INFO', 'WARNING', 'ERROR'"),
        ({"ingesters": {"eiger_1": EIGER}}, r"'eiger_1' does not match pattern"),
        ({"secrets": {"keys": True}}, r"/secrets/existing': minLength: got 0, want 1"),
        ({"ingesters": {"eiger": {}}}, r"ingesters.eiger has no upstream_url; give the address of its device"),
        (
            {"ingesters": {"eiger": {**EIGER, "ingester_class": "ZmqPull"}}},
            r"ingesters.eiger.ingester_class is \"ZmqPull\", but there are .*ZmqPullSingleIngester.*ingesters.eiger.device",
        ),
        (
            {"controller": {"replicas": 2}, "store": {"valkey": {"enabled": False}}},
            r"replicas is above 1, and there is no store .*; set store.valkey.enabled or store.url",
        ),
        ({"autoscaling": {"enabled": True, "minWorkers": 20}}, r"minWorkers \(20\) is above .*maxWorkers \(16\)"),
        ({"ingress": {"enabled": True}}, r"ingress.enabled takes ingress.suffix"),
    ],
)  # fmt: skip
def test_wrong_values_are_refused_with_a_sentence(helm: Helm, values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refused) as refused:
        helm.install(values)
    assert re.search(sentence, str(refused.value))


def test_the_notes_say_how_to_get_there(helm: Helm) -> None:
    notes = helm.install({"controller": {"replicas": 2}}).notes
    assert "port-forward service/xrd-controller 5000" in notes
    assert "get secret xrd-secrets" in notes
    assert "There is no stream yet" in notes
    assert "one of the 2 controllers is ready" in notes
    open_to_all = helm.install({**OF_A_SITE, "http": {"open": True}}).notes
    assert "http://xrd-controller.daq.example" in open_to_all
    assert "Everybody who reaches the HTTP ports may do everything" in open_to_all
    assert "redis.* is not read" in open_to_all


def test_who_reads_frames_in_place_is_in_the_same_pod_or_sees_the_same_processes(helm: Helm) -> None:
    made = helm.install(MATRIX["frames shared"])
    for name in ("xrd-ingester-eiger-1", "xrd-ingester-eiger-2"):
        pod = made.pods()[name]
        assert [container["name"] for container in pod["containers"]] == ["ingester", "worker-1", "worker-2"]
        ports = [environment_of(container)["BEAMLOOM_HEALTH_PORT"] for container in pod["containers"]]
        assert ports == ["8100", "8101", "8102"]
        assert pod["hostPID"]
        assert pod["containers"][1]["resources"]["limits"] == {"nvidia.com/gpu": 1}
    alone = helm.install({"ingesters": {"eiger": EIGER}}).pods()["xrd-ingester-eiger"]
    assert alone["shareProcessNamespace"]


def test_an_ingester_may_receive_several_streams(helm: Helm) -> None:
    streams = {
        "motors": {"device": "contrast", "url": "tcp://scan:5556"},
        "shutter": {"device": "pandabox", "url": "tcp://box:8889"},
    }
    (container,) = helm.install({"ingesters": {"field": {"streams": streams}}}).pods()["xrd-ingester-field"][
        "containers"
    ]
    assert json.loads(environment_of(container)["BEAMLOOM_STREAMS"]) == streams
    with pytest.raises(
        Refused, match=r"ingesters.field has streams and upstream_url; say of each stream what it needs"
    ):
        helm.install({"ingesters": {"field": {"streams": streams, **EIGER}}})


def test_no_site_is_in_the_chart_and_its_version_is_that_of_the_package() -> None:
    texts = {path: path.read_text() for path in CHART.rglob("*") if path.is_file()}
    assert not [path for path, text in texts.items() if re.search(r"/gpfs|maxiv|harbor|\.lu\.se", text)]
    chart = texts[CHART / "Chart.yaml"]
    assert f'version: {VERSION}\nappVersion: "{VERSION}"\n' in chart
