"""What lies in deploy/ is in order, as far as that shows without a container engine."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from callgauge.cli import main
from callgauge.domain.options import OPTIONS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
MANIFESTS = sorted(path for path in (DEPLOY / "kubernetes").glob("*.yaml") if path.stem != "kustomization")
SETTINGS = {option.variable for option in OPTIONS}
VARIABLE = re.compile(r"CALLGAUGE_[A-Z_]+")
OURS = ("web", "worker")


def _documents(path: Path) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(path.read_text("utf-8")) if one]


def _pods() -> list[tuple[str, dict[str, Any]]]:
    return [
        (one["metadata"]["name"], one["spec"]["template"]["spec"])
        for path in MANIFESTS
        for one in _documents(path)
        if one["kind"] in ("Deployment", "StatefulSet")
    ]


def _containers() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{name}/{one['name']}", one)
        for name, pod in _pods()
        for one in (*pod.get("initContainers", ()), *pod["containers"])
    ]


def _compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return found


def test_the_compose_file_keeps_to_the_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    ended = subprocess.run(
        [*command, str(DEPLOY / "compose.yaml")], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.stem)
def test_manifests_keep_to_the_schemas_of_kubernetes(manifest: Path) -> None:
    import kubernetes_validate

    for document in _documents(manifest):
        kubernetes_validate.validate(document, "1.34", strict=True)


def test_the_kustomization_names_every_manifest() -> None:
    named = _documents(DEPLOY / "kubernetes" / "kustomization.yaml")[0]["resources"]
    assert sorted(named) == [path.name for path in MANIFESTS]


@pytest.mark.parametrize(
    "path", [*MANIFESTS, DEPLOY / "compose.yaml", DEPLOY / "Dockerfile"], ids=lambda p: p.stem
)
def test_every_setting_exists(path: Path) -> None:
    named = set(VARIABLE.findall(path.read_text("utf-8")))
    secret = {option.variable for option in OPTIONS if option.secret}
    assert {name for name in named if name.removesuffix("_FILE") not in SETTINGS} == set()
    assert {
        name for name in named if name.endswith("_FILE") and name.removesuffix("_FILE") not in secret
    } == set()


def test_every_command_and_option_exists() -> None:
    every = [*(one for _, one in _containers()), *_compose()["services"].values()]
    commands = [one["command"] for one in every if one.get("command", [""])[0] == "callgauge"]
    commands.append(
        shlex.split(re.sub(r'[\[\],"]', " ", (DEPLOY / "Dockerfile").read_text().rpartition("CMD")[2]))
    )
    assert len(commands) >= 6
    for words in commands:
        command = main.commands[words[1]]
        options = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in words[2:] if word.startswith("--")} <= options


@pytest.mark.parametrize(("name", "pod"), _pods(), ids=lambda one: one if isinstance(one, str) else "")
def test_pods_have_no_rights_and_time_to_stop(name: str, pod: dict[str, Any]) -> None:
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
    assert pod["automountServiceAccountToken"] is False
    assert pod["terminationGracePeriodSeconds"] >= 60


@pytest.mark.parametrize(
    ("name", "container"), _containers(), ids=lambda one: one if isinstance(one, str) else ""
)
def test_containers_are_bounded_and_closed(name: str, container: dict[str, Any]) -> None:
    context = container["securityContext"]
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    if "rabbitmq" not in name:  # it writes its cookie and its plugins' list beside its program
        assert context["readOnlyRootFilesystem"] is True
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]
    if not name.endswith("/migrate"):
        assert container.keys() & {"readinessProbe", "livenessProbe"}


def test_probes_ask_for_a_host_that_is_served() -> None:
    """The kubelet would else name the pod's address, which no setting allows."""
    settings = _documents(DEPLOY / "kubernetes" / "settings.yaml")[0]["data"]
    asked = [
        container[probe]["httpGet"]
        for name, container in _containers()
        for probe in ("startupProbe", "livenessProbe", "readinessProbe")
        if name.startswith("callgauge-web/") and "httpGet" in container.get(probe, {})
    ]
    assert len(asked) == 3
    for one in asked:
        (header,) = one["httpHeaders"]
        assert header["name"] == "Host"
        assert header["value"] in settings["CALLGAUGE_ALLOWED_HOSTS"].split(",")


def test_no_secret_stands_in_a_file() -> None:
    secret = {option.variable for option in OPTIONS if option.secret}
    settings = _documents(DEPLOY / "kubernetes" / "settings.yaml")[0]["data"]
    compose = [one.get("environment", {}) for one in _compose()["services"].values()]
    for environment in [settings, *compose]:
        assert not secret & environment.keys()
    for _, container in _containers():
        assert not [one for one in container.get("env", ()) if one["name"] in secret and "value" in one]


def test_our_services_in_compose_are_closed_and_stop_in_their_own_time() -> None:
    services = _compose()["services"]
    for name in (*OURS, "migrate"):
        service = services[name]
        assert service["read_only"] is True
        assert service["user"] == "10001:10001"
        assert service["cap_drop"] == ["ALL"]
        assert service["stop_grace_period"] == "60s"
