"""What manifests promise beyond schemas: least privilege, locked-down pods, pinned images, no loose ends."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import load

ROOT = Path(__file__).resolve().parents[2]
OVERLAYS = ("overlays/local", "overlays/generic", "overlays/gke-tpu")
KUSTOMIZATIONS = tuple(f"{overlay}{part}" for overlay in OVERLAYS for part in ("", "/group"))
ALLOWED = {
    ("", "configmaps", ("kfp-launcher",)): {"get"},
    ("", "secrets", ("mlpipeline-minio-artifact",)): {"get"},
    ("argoproj.io", "workflowtaskresults", ()): {"create", "patch"},
    ("serving.kserve.io", "inferenceservices", ()): {"get", "list", "watch", "create", "patch"},
    ("jobset.x-k8s.io", "jobsets", ()): {"list", "create", "delete"},
    ("batch", "jobs", ()): {"list", "watch", "create", "patch", "delete"},
    ("", "pods", ()): {"list", "watch"},
    ("", "pods/log", ()): {"get"},
    ("", "events", ()): {"list"},
    **{
        ("pipelines.kubeflow.org", resource, ()): {"get", "list"}
        for resource in ("experiments", "jobs", "pipelines", "pipelines/versions", "runs")
    },
}
BINDINGS = {
    "tandem-step": {"tandem-pipeline", "tandem-launcher"},
    "tandem-serve": {"tandem-pipeline", "tandem-launcher"},
    "tandem-launch": {"tandem-launcher"},
    "tandem-schedule": {"tandem-schedule"},
}
UNTALKATIVE = {"tandem-pod", "tandem-schedule"}
ALWAYS_ON = {"Deployment"}


def pods(documents: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Owner, labels and specification of every pod."""
    for document in documents:
        spec = document.get("spec", {})
        name = f"{document['kind']} {document['metadata']['name']}"
        templates = {
            "Deployment": lambda spec: [spec["template"]],
            "Job": lambda spec: [spec["template"]],
            "CronJob": lambda spec: [spec["jobTemplate"]["spec"]["template"]],
            "JobSet": lambda spec: [job["template"]["spec"]["template"] for job in spec["replicatedJobs"]],
        }
        for template in templates.get(document["kind"], lambda _: [])(spec):
            yield name, template["metadata"]["labels"], template["spec"]


@pytest.mark.parametrize("path", OVERLAYS)
def test_roles_grant_what_is_listed_and_nothing_else(path: str, documents: Callable[[str], Any]) -> None:
    found = documents(path)
    kinds = {document["kind"] for document in found}
    assert not kinds & {"ClusterRole", "ClusterRoleBinding"}
    for role in (document for document in found if document["kind"] == "Role"):
        for rule in role["rules"]:
            names = tuple(rule.get("resourceNames", ()))
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    assert set(rule["verbs"]) == ALLOWED[group, resource, names], role["metadata"]["name"]


@pytest.mark.parametrize("path", OVERLAYS)
def test_each_role_goes_to_the_accounts_that_need_it(path: str, documents: Callable[[str], Any]) -> None:
    found = documents(path)
    namespace = found[-1]["metadata"]["namespace"]
    bound = {
        binding["roleRef"]["name"]: {subject["name"] for subject in binding["subjects"]}
        for binding in found
        if binding["kind"] == "RoleBinding"
    }
    assert bound == {name: BINDINGS[name] for name in bound}
    assert set(bound) == {d["metadata"]["name"] for d in found if d["kind"] == "Role"}
    subjects = [s for d in found if d["kind"] == "RoleBinding" for s in d["subjects"]]
    assert {subject["namespace"] for subject in subjects} == {namespace}
    accounts = {d["metadata"]["name"]: d for d in found if d["kind"] == "ServiceAccount"}
    assert {subject["name"] for subject in subjects} <= set(accounts)
    assert {n for n, d in accounts.items() if d.get("automountServiceAccountToken") is False} == UNTALKATIVE


@pytest.mark.parametrize("path", KUSTOMIZATIONS)
def test_every_pod_is_locked_down(path: str, documents: Callable[[str], Any]) -> None:
    found = list(pods(documents(path)))
    assert found
    for name, labels, spec in found:
        whole = spec["securityContext"]
        assert whole["runAsNonRoot"] is True, name
        assert whole["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec), name
        assert not [volume for volume in spec["volumes"] if "hostPath" in volume], name
        assert labels["tandem/part-of"] == "tandem", name
        for container in spec["containers"]:
            own = container["securityContext"]
            assert own["readOnlyRootFilesystem"] is True, name
            assert own["allowPrivilegeEscalation"] is False, name
            assert own["capabilities"] == {"drop": ["ALL"]}, name
            assert own.get("runAsUser", whole.get("runAsUser", 0)) > 0, name
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
            assert "memory" in container["resources"]["limits"], name
            if name.split()[0] in ALWAYS_ON:
                assert {"startupProbe", "livenessProbe"} <= set(container), name


@pytest.mark.parametrize("path", KUSTOMIZATIONS)
def test_every_image_has_a_version(path: str, documents: Callable[[str], Any]) -> None:
    images = {c["image"] for _, _, spec in pods(documents(path)) for c in spec["containers"]}
    assert images
    for image in images:
        assert re.fullmatch(r"[a-z0-9./_-]+:[A-Za-z0-9._-]+", image), image
        assert not image.endswith(":latest"), image


@pytest.mark.parametrize("path", OVERLAYS)
def test_references_within_an_overlay_are_whole(path: str, documents: Callable[[str], Any]) -> None:
    found = documents(path) + documents(f"{path}/group")
    names = {(d["kind"], d["metadata"]["name"]) for d in found}
    for owner, _, spec in pods(found):
        assert ("ServiceAccount", spec["serviceAccountName"]) in names, owner
        declared = {volume["name"] for volume in spec["volumes"]}
        for volume in spec["volumes"]:
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in names, owner
            if "persistentVolumeClaim" in volume:
                assert ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) in names, owner
        for container in spec["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= declared, owner
            for source in container.get("envFrom", []):
                assert ("ConfigMap", source["configMapRef"]["name"]) in names, owner
    labels = [labels for _, labels, _ in pods(found)]
    selectors = [d["spec"]["selector"] for d in found if d["kind"] == "Service"]
    selectors += [d["spec"]["selector"]["matchLabels"] for d in found if d["kind"] == "PodDisruptionBudget"]
    assert selectors
    for selector in selectors:
        assert any(selector.items() <= pod.items() for pod in labels), selector


@pytest.mark.parametrize("path", OVERLAYS)
def test_every_object_is_in_the_namespace_of_its_overlay(path: str, documents: Callable[[str], Any]) -> None:
    wide = {"Namespace", "ResourceFlavor", "ClusterQueue"}
    expected = "kubeflow" if path.endswith("local") else "tandem"
    found = documents(path) + documents(f"{path}/group")
    assert {d["metadata"]["namespace"] for d in found if d["kind"] not in wide} == {expected}


def test_pods_of_others_are_left_alone_in_a_shared_namespace(documents: Callable[[str], Any]) -> None:
    found = documents("overlays/local")
    assert "Namespace" not in {document["kind"] for document in found}
    policies = [document["spec"] for document in found if document["kind"] == "NetworkPolicy"]
    assert policies
    assert all(policy["podSelector"] for policy in policies)


@pytest.mark.parametrize("path", ["overlays/generic", "overlays/gke-tpu"])
def test_nothing_comes_in_by_default(path: str, documents: Callable[[str], Any]) -> None:
    policies = {d["metadata"]["name"]: d["spec"] for d in documents(path) if d["kind"] == "NetworkPolicy"}
    default = policies["tandem-default"]
    assert default["podSelector"] == {}
    assert default["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in default
    assert all(rule.get("ports") for rule in default["egress"])


@pytest.mark.parametrize(("path", "mode"), [("local", "ReadWriteOnce"), ("generic", "ReadWriteMany")])
def test_the_state_volume_suits_the_cluster(path: str, mode: str, documents: Callable[[str], Any]) -> None:
    claims = [d for d in documents(f"overlays/{path}") if d["kind"] == "PersistentVolumeClaim"]
    assert [claim["metadata"]["name"] for claim in claims] == ["tandem"]
    assert claims[0]["spec"]["accessModes"] == [mode]


@pytest.mark.parametrize("path", OVERLAYS)
def test_the_server_only_reads(path: str, documents: Callable[[str], Any]) -> None:
    spec = next(spec for name, _, spec in pods(documents(path)) if name == "Deployment tandem-serving")
    volume = next(volume for volume in spec["volumes"] if volume["name"] == "state")
    assert volume["persistentVolumeClaim"]["readOnly"] is True
    mounts = {m["name"]: m for m in spec["containers"][0]["volumeMounts"]}
    assert mounts["state"]["readOnly"] is True


@pytest.mark.parametrize("path", [f"{overlay}/group" for overlay in OVERLAYS])
def test_a_lost_replica_starts_again_by_itself(path: str, documents: Callable[[str], Any]) -> None:
    (group,) = documents(path)
    jobs = group["spec"]["replicatedJobs"]
    assert len(jobs) >= 2
    assert all(job["template"]["spec"]["backoffLimit"] > 0 for job in jobs)
    assert len({job["template"]["spec"]["template"]["spec"]["containers"][0]["args"][0] for job in jobs}) == 2


def test_the_config_of_the_schedule_is_one(tmp_path: Path, documents: Callable[[str], Any]) -> None:
    maps = [d for d in documents("overlays/generic") if d["kind"] == "ConfigMap"]
    text = next(d["data"]["config.yaml"] for d in maps if d["metadata"]["name"].startswith("tandem-schedule"))
    (tmp_path / "config.yaml").write_text(text)
    config = load(tmp_path / "config.yaml")
    assert config.kubeflow.schedule is not None
    assert config.kubeflow.service_account == "tandem-pipeline"
    assert config.kubeflow.state.claim == "tandem"
