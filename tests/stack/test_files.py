"""The rules that docker-compose.yml and Dockerfile.gpu keep, read from the files."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from search.executors._docker import DEVICE_LABEL, OF_IMAGE, PACKAGE, PROTOCOL_LABEL
from search.stack import access
from search.stack.found import PASSWORD, SERVICES, named_after, trainer_image
from trainer.events import PROTOCOL

ROOT = Path(__file__).resolve().parents[2]
BASES = {"PYTHON_IMAGE": "python:3.13-slim", "POSTGRES_IMAGE": "postgres:17"}
OURS = "${COMPOSE_PROJECT_NAME}"


class Loader(yaml.SafeLoader):
    """Knows Compose's `!reset`."""


Loader.add_constructor("!reset", lambda loader, node: None)


def compose(name: str = "docker-compose.yml") -> dict[str, Any]:
    found = yaml.load((ROOT / name).read_text(), Loader)
    assert isinstance(found, dict)
    return found


STACK = compose()
SERVICE = sorted(STACK["services"])
DOCKERFILE = (ROOT / "Dockerfile.gpu").read_text()


@pytest.mark.parametrize("name", SERVICE)
def test_a_service_is_kept_from_what_it_does_not_need(name: str) -> None:
    service = STACK["services"][name]
    assert service["read_only"] is True
    assert service["init"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"]
    assert service["mem_limit"]
    assert "/tmp" in service["tmpfs"]
    assert not {"privileged", "cap_add", "pid", "ipc", "userns_mode", "devices"} & service.keys()
    assert service.get("network_mode", "none") == "none"
    assert service.get("user", "app") in ("app", "postgres"), "images end in USER app"
    assert all("docker.sock" not in str(volume) for volume in service.get("volumes", []))


@pytest.mark.parametrize("name", SERVICE)
def test_a_port_is_on_loopback_and_set_in_env(name: str) -> None:
    documented = re.findall(r"^#? ?([A-Z_]+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE)
    for port in STACK["services"][name].get("ports", []):
        match = re.fullmatch(r"127\.0\.0\.1:\$\{([A-Z_]+):-\d+\}:\d+", port)
        assert match, port
        assert match[1] in documented


def test_env_example_explains_every_variable_with_its_default() -> None:
    used = dict(re.findall(r"\$\{([A-Z_]+)(?::[-+]([^}]*))?\}", (ROOT / "docker-compose.yml").read_text()))
    text = (ROOT / ".env.example").read_text()
    explained = dict(re.findall(r"^#? ?([A-Z_]+)=(.*)$", text, flags=re.MULTILINE))
    assert explained.keys() == used.keys() - {"USER"}, "which the shell sets"
    commented = re.findall(r"^# ([A-Z_]+)=", text, flags=re.MULTILINE)
    for name, value in explained.items():
        assert name in commented or value == used[name]


def test_no_password_stands_in_a_file() -> None:
    for name in (*(f"docker-compose{part}.yml" for part in ("", ".cpu", ".tls")), "Dockerfile.gpu", ".env.example"):
        text = (ROOT / name).read_text()
        named = re.findall(r"(?i)[a-z_]*(?:password|passwd|secret|token)[a-z_]*[ \t]*[:=][ \t]*[A-Za-z0-9]\S*", text)
        assert named == [], name
        assert not re.search(r"://\w+:[^@/\s]+@", text), name


@pytest.mark.parametrize("name", ["postgres", "mlflow", "optuna-dashboard"])
def test_a_server_has_a_health_check_that_asks_its_database(name: str) -> None:
    service = STACK["services"][name]
    test = " ".join(service["healthcheck"]["test"]) if name != "postgres" else service["healthcheck"]["test"]
    assert {"postgres": "SELECT 1", "mlflow": "experiments/search", "optuna-dashboard": "/api/studies"}[name] in test
    assert service["restart"] == "unless-stopped"


def test_each_waits_for_what_it_needs() -> None:
    waits = {name: set(STACK["services"][name].get("depends_on", {})) for name in SERVICE}
    assert waits["databases"] == {"postgres", "secrets"}
    assert waits["migrate"] == {"databases"}
    assert waits["mlflow"] == waits["optuna-dashboard"] == {"migrate"}
    assert waits["search"] == {"mlflow", "optuna-dashboard", "gpu-or-docker-compose.cpu.yml"}
    for name in SERVICE:
        for needed, how in STACK["services"][name].get("depends_on", {}).items():
            server = "healthcheck" in STACK["services"][needed]
            assert how["condition"] == ("service_healthy" if server else "service_completed_successfully")


def test_a_secret_goes_to_those_who_use_it() -> None:
    having = {
        secret: {name for name in SERVICE if any(secret in str(v) for v in STACK["services"][name].get("volumes", []))}
        for secret in ("optuna-secret", "mlflow-secret", "pages-secret")
    }
    everyone = {"secrets", "databases", "migrate"}
    assert having == {
        "optuna-secret": everyone | {"optuna-dashboard", "search"},
        "mlflow-secret": everyone | {"mlflow"},
        "pages-secret": {"secrets", "mlflow", "optuna-dashboard", "search"},
    }
    assert "volumes" not in STACK["services"]["trainer"]


def test_down_with_volumes_deletes_the_runs() -> None:
    """Compose leaves alone what only a service of a profile has."""
    having = [name for name in SERVICE if any("runs:" in str(v) for v in STACK["services"][name].get("volumes", []))]
    assert [name for name in having if "profiles" not in STACK["services"][name]] == ["same-folder"]


def test_nothing_starts_before_the_folder_is_known_to_be_the_stacks() -> None:
    for name in SERVICE:
        seen, names = set(), [name]
        while names:
            seen.add(names[-1])
            names += STACK["services"][names.pop()].get("depends_on", {}).keys() - seen
        assert "same-folder" in seen or name == "trainer"


def test_logs_end() -> None:
    for name in SERVICE:
        assert STACK["services"][name]["logging"] == {
            "driver": "json-file",
            "options": {"max-size": "10m", "max-file": "3"},
        }


def test_no_service_has_a_way_out() -> None:
    assert STACK["networks"]["backend"] == {"internal": True}
    masquerade = "com.docker.network.bridge.enable_ip_masquerade"
    assert STACK["networks"]["ports"] == {"driver_opts": {masquerade: "false"}}
    for name in SERVICE:
        service = STACK["services"][name]
        wanted = ["backend", "ports"] if "ports" in service else ["backend"]
        assert "network_mode" in service or service["networks"] == wanted, name


def test_what_is_built_here_is_asked_of_no_registry() -> None:
    for name in SERVICE:
        service = STACK["services"][name]
        assert service.get("pull_policy") == ("never" if service["image"].startswith(OURS) else None), name


def test_a_wrong_folder_of_images_is_not_made() -> None:
    volumes = STACK["services"]["search"]["volumes"]
    (images,) = [volume for volume in volumes if isinstance(volume, dict)]
    assert (images["source"], images["target"]) == ("${BLOOD_CELLS_DIR:-.}", "${BLOOD_CELLS_DIR:-/images}")
    assert images["bind"] == {"create_host_path": False}
    assert images["read_only"] is True


def test_mlflow_runs_no_jobs_and_no_pickles_and_tells_nobody() -> None:
    environment = STACK["services"]["mlflow"]["environment"]
    assert environment["MLFLOW_BACKEND_STORE_URI"].endswith("/mlflow?passfile=/secrets/mlflow/pgpass")
    assert {key: value for key, value in environment.items() if value in ("true", "false")} == {
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_ENABLE_AI_GATEWAY": "false",
        "MLFLOW_ENABLE_REMOTE_ASSISTANT": "false",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    command = STACK["services"]["mlflow"]["command"]
    (hosts,) = [part.partition("=")[2] for part in command if part.startswith("--allowed-hosts=")]
    assert hosts.split(",") == [
        "127.0.0.1:${MLFLOW_PORT:-5050}",
        "localhost:${MLFLOW_PORT:-5050}",
        "mlflow:5000${ALLOWED_HOSTS:+",
        "}${ALLOWED_HOSTS:-}",
    ]
    assert "--uvicorn-opts=--no-access-log --log-level=warning" in command
    assert command[:3] == ["python", "-m", "search.stack.tracking"], "which asks for the login"


def test_both_pages_know_whether_they_ask_for_a_login() -> None:
    for name in ("mlflow", "optuna-dashboard", "search"):
        environment = STACK["services"][name]["environment"]
        assert environment["LOGIN"] == "${LOGIN:-}"
        assert environment["ALLOWED_HOSTS"] == "${ALLOWED_HOSTS:-}"
        assert {"SEARCH_MLFLOW_UI", "SEARCH_DASHBOARD_UI"} <= environment.keys(), "and their addresses"
    assert STACK["services"]["optuna-dashboard"]["environment"]["DASHBOARD_PASSWORD_FILE"] == str(access.PASSWORD)
    search = STACK["services"]["search"]["environment"]
    assert search["SEARCH_TRACKING_PASSWORD_FILE"] == str(access.PASSWORD)
    assert search["MLFLOW_TRACKING_URI"] == f"http://{access.USER}@mlflow:5000"


def test_the_search_says_what_is_of_use_outside() -> None:
    search = STACK["services"]["search"]
    assert search["environment"]["SEARCH_OUTSIDE"] == "docker compose run --rm"
    assert search["environment"]["SEARCH_OUTSIDE_RUNS"] == "${COMPOSE_PROJECT_NAME}_runs"
    assert search["environment"]["USER"] == "${USER:-}"
    assert search["hostname"] == "${COMPOSE_PROJECT_NAME}", "not another one each time"
    assert f".:{search['environment']['SEARCH_CHECKOUT']}:ro" in search["volumes"]


def test_the_search_knows_the_stacks_names() -> None:
    assert "name" not in STACK, "it follows the folder"
    assert SERVICES.keys() <= STACK["services"].keys()
    for name, port in SERVICES.items():
        assert STACK["services"][name]["ports"][0].endswith(f":{port}")
    assert STACK["services"]["trainer"]["image"] == trainer_image("${COMPOSE_PROJECT_NAME}")
    assert f"optuna-secret:{Path(PASSWORD).parent}:ro" in STACK["services"]["optuna-dashboard"]["volumes"]


def test_without_a_gpu_none_is_asked_for() -> None:
    assert STACK["services"]["search"]["deploy"]["resources"]["reservations"]["devices"]
    cpu = compose("docker-compose.cpu.yml")["services"]
    assert cpu["search"]["deploy"] is None
    assert cpu["search"]["depends_on"] == {"gpu-or-docker-compose.cpu.yml": None}
    for name in ("trainer", "search"):
        assert STACK["services"][name]["build"]["args"]["DEVICE"] == "gpu"
        assert cpu[name]["build"]["args"] == {"DEVICE": "cpu"}


# ---------------------------------------------------------------------------------------------------------- Dockerfile


def stages() -> dict[str, str]:
    parts = re.split(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, flags=re.MULTILINE)[1:]
    return dict(zip(parts[1::3], parts[2::3], strict=True))


def test_images_start_from_two_official_ones() -> None:
    bases = set(re.findall(r"^FROM (\S+)", DOCKERFILE, flags=re.MULTILINE)) - stages().keys()
    assert bases == {"${PYTHON_IMAGE}"}
    built = {s["build"]["args"]["PYTHON_IMAGE"] for s in STACK["services"].values() if "build" in s}
    pulled = {s["image"] for s in STACK["services"].values() if not s["image"].startswith(OURS)}
    assert built | pulled == {f"${{{name}:-{image}}}" for name, image in BASES.items()}, "a digest may take its place"
    assert f"ARG PYTHON_IMAGE={BASES['PYTHON_IMAGE']}\n" in DOCKERFILE


@pytest.mark.parametrize("target", ["services", "trainer", "search"])
def test_a_target_ends_as_a_user_and_installs_pinned_packages(target: str) -> None:
    body = stages()[target]
    users = re.findall(r"^USER (\S+)$", body, flags=re.MULTILINE)
    assert users[-1] == "app"
    assert body.rindex("USER app") > body.rindex("RUN ")
    assert "--constraint constraints.txt" in body
    built = {service["build"]["target"] for service in STACK["services"].values() if "build" in service}
    assert target in built


def test_the_image_says_what_the_executor_looks_for() -> None:
    assert f"{PROTOCOL_LABEL}={PROTOCOL} " in DOCKERFILE
    assert f"{DEVICE_LABEL}=$DEVICE\n" in DOCKERFILE
    assert f"--uid {OF_IMAGE} " in DOCKERFILE
    assert "WORKDIR /app\n" in DOCKERFILE
    assert f"COPY trainer {Path(PACKAGE).name}\n" in stages()["trainer"]


def test_nothing_of_a_network_of_ones_own() -> None:
    assert not re.search(r"(?i)https?://|proxy *=|index|find-links|trusted-host|\bcurl\b|\bwget\b", DOCKERFILE)


# ------------------------------------------------------------------------------------------------------- Compose itself


@pytest.fixture
def compose_config(tmp_path: Path) -> Any:
    if not shutil.which("docker") or subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        pytest.skip("no Docker Compose: https://docs.docker.com/compose/install/")

    def config(*files: str, **variables: str) -> dict[str, Any]:
        command = ["docker", "compose", "--project-directory", str(ROOT), "--env-file", "/dev/null"]
        for file in files:
            command += ["--file", str(ROOT / file)]
        run = subprocess.run(
            [*command, "--profile", "*", "config", "--format", "json"],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path), **variables},
        )
        assert run.returncode == 0, run.stderr
        assert run.stderr == ""
        return dict(json.loads(run.stdout))

    return config


def test_compose_reads_both_files(compose_config: Any) -> None:
    gpu = compose_config("docker-compose.yml")
    assert gpu["name"] == named_after(ROOT.name)
    assert gpu["services"]["trainer"]["image"] == trainer_image(gpu["name"])
    assert gpu["services"]["search"]["deploy"]["resources"]["reservations"]["devices"][0]["capabilities"] == ["gpu"]
    cpu = compose_config("docker-compose.yml", "docker-compose.cpu.yml")
    assert "deploy" not in cpu["services"]["search"]
    assert set(cpu["services"]["search"]["depends_on"]) == {"mlflow", "optuna-dashboard"}
    assert cpu["services"]["trainer"]["build"]["args"] == {"DEVICE": "cpu", "PYTHON_IMAGE": "python:3.13-slim"}


def test_caddy_stands_in_front_of_both_pages(compose_config: Any) -> None:
    found = compose_config("docker-compose.yml", "docker-compose.tls.yml", SERVER_NAME="cells.example.org")
    tls = found["services"]["tls"]
    assert (tls["cap_drop"], tls["cap_add"], tls["read_only"]) == (["ALL"], ["NET_BIND_SERVICE"], True)
    assert {port["published"] for port in tls["ports"]} == {"443", "8443"}
    assert set(tls["networks"]) == {"backend", "outside"}, "the ports' network has no way out to certificates"
    text = Path(found["configs"]["caddyfile"]["file"]).read_text()  # Compose refuses a text of its own beside read_only
    for site, service in (
        ("https://{$SERVER_NAME} {", "mlflow"),
        ("https://{$SERVER_NAME}:8443 {", "optuna-dashboard"),
    ):
        assert f"{site}\n\ttls {{$TLS}}\n\treverse_proxy {service}:{SERVICES[service]}\n}}" in text
    assert tls["environment"] == {"SERVER_NAME": "cells.example.org", "TLS": "internal"}


def test_compose_takes_ports_and_the_name_from_the_environment(compose_config: Any) -> None:
    found = compose_config(
        "docker-compose.yml", MLFLOW_PORT="7001", DASHBOARD_PORT="7002", POSTGRES_PORT="7003", COMPOSE_PROJECT_NAME="x"
    )
    services = found["services"]
    ports = {name: services[name]["ports"][0] for name in SERVICES}
    assert {name: (port["host_ip"], port["published"]) for name, port in ports.items()} == {
        "mlflow": ("127.0.0.1", "7001"),
        "optuna-dashboard": ("127.0.0.1", "7002"),
        "postgres": ("127.0.0.1", "7003"),
    }
    assert "127.0.0.1:7001" in " ".join(services["mlflow"]["command"])
    assert services["optuna-dashboard"]["environment"]["DASHBOARD_ALLOWED_HOSTS"].startswith("127.0.0.1:7002,")
    assert services["search"]["image"] == "x-search"


def test_the_volume_of_postgres_is_where_its_image_wants_it(compose_config: Any) -> None:
    """Up to 17 the data are the volume; from 18 on they have a folder in it (docker-library/postgres, pull 1259)."""
    for variables, volume, data in (
        ({}, "/var/lib/postgresql/data", "/var/lib/postgresql/data"),
        ({"POSTGRES_VOLUME": "/var/lib/postgresql"}, "/var/lib/postgresql", "/var/lib/postgresql/cluster"),
    ):
        services = compose_config("docker-compose.yml", **variables)["services"]
        volumes = {part["source"]: part["target"] for part in services["postgres"]["volumes"]}
        assert (volumes["postgres-data"], services["postgres"]["environment"]["PGDATA"]) == (volume, data)
        assert volume in services["databases"]["tmpfs"], "no volume without a name is left behind by it"


def test_compose_takes_further_names_from_the_environment(compose_config: Any) -> None:
    services = compose_config("docker-compose.yml", ALLOWED_HOSTS="127.0.0.1:6050,a:1")["services"]
    (hosts,) = [part for part in services["mlflow"]["command"] if part.startswith("--allowed-hosts=")]
    assert hosts.endswith(",mlflow:5000,127.0.0.1:6050,a:1")
    names = services["optuna-dashboard"]["environment"]["DASHBOARD_ALLOWED_HOSTS"]
    assert names.endswith(",optuna-dashboard:8080,127.0.0.1:6050,a:1")
