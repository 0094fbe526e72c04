"""The official client, unchanged, against a live server: projects, agents, metrics, predefined, keys."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from cekura import Cekura
from cekura._exceptions import NotFoundError

from tests.served import served
from tests.tenants import Tenant, tenant

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def address(alice: Tenant) -> Iterator[str]:
    with served() as url:
        yield url


@pytest.fixture
def boss(address: str) -> Cekura:
    return Cekura(api_key=tenant("Acme", None).secret, base_url=address)


@pytest.fixture
def client(alice: Tenant, address: str) -> Cekura:
    return Cekura(api_key=alice.secret, base_url=address)


def test_a_day_with_the_client(client: Cekura, boss: Cekura, alice: Tenant) -> None:
    sales = boss.projects.create(name="Sales")
    assert boss.projects.update(sales["id"], sample_rate=0.5)["sample_rate"] == 0.5
    assert [project["name"] for project in boss.projects.list()] == ["Support", "Sales"]
    boss.projects.delete(sales["id"])
    assert [project["id"] for project in client.projects.list()] == [alice.project.pk]

    agent = client.agents.create(name="Bookings", description="d", telephony={"inbound": True})
    assert client.agents.update(agent["id"], name="Tables")["name"] == "Tables"
    assert client.agents.get(agent["id"])["telephony"]["inbound"] is True
    assert client.agents.list(q="tab")["results"][0]["id"] == agent["id"]
    assert client.agents.short_list()["results"][0]["agent_name"] == "Tables"

    ask = {"type": "llm_judge", "eval_type": "binary", "description": "Was there a greeting?"}
    metric = client.metrics.create(name="Greeted", agents=[agent["id"]], **ask)
    assert client.metrics.update(metric["id"], description="Anew?")["description"] == "Anew?"
    many = client.metrics.bulk_create([{"name": "A", **ask}, {"name": "B", **ask}])
    assert len(many) == 2
    code = client.predefined_metrics.list()[0]["code"]
    (copied,) = client.predefined_metrics.copy(metric_codes=[code], agent_id=agent["id"])
    assert len(client.metrics.list(agent_id=agent["id"])) == 4
    client.metrics.delete(copied["id"])
    with pytest.raises(NotFoundError):
        client.metrics.get(copied["id"])

    assert client.organizations.list()[0]["name"] == "Acme"
    assert client.organizations.list_v2()["count"] == 1
    assert client.api_keys.create(name="ci")["key"].startswith("cg_")
    client.agents.delete(agent["id"])
    assert client.agents.list()["count"] == 0


def test_the_command_line(client: Cekura, alice: Tenant, address: str, tmp_path: Any) -> None:
    environment = {"CEKURA_API_URL": address, "CEKURA_API_KEY": alice.secret, "HOME": str(tmp_path)}
    agent = client.agents.create(name="Bookings", description="d")
    wanted = tmp_path / "metric.json"
    wanted.write_text(
        json.dumps({"name": "Greeted", "description": "?", "type": "llm_judge", "eval_type": "binary"})
    )

    def run(*words: str) -> Any:
        command = [sys.executable, "-m", "cekura.cli.main", *words, "--format", "json"]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    made = run("metrics", "create", "--from-file", str(wanted), "--agent-id", str(agent["id"]))
    assert made["agents"] == [agent["id"]]
    assert run("metrics", "list")[0]["id"] == made["id"]
    assert run("projects", "list")[0]["name"] == "Support"
