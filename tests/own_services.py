"""PostgreSQL and RabbitMQ of a test's own, which it may stop, cut off and kill: nobody else's are touched."""

from __future__ import annotations

import contextlib
import glob
import os
import random
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.waiting import wait_until

START_SECS = 60.0


def need(condition: object, what: str) -> None:
    """Skip with a reason where something is missing, and fail where services are required."""
    if condition:
        return
    if os.environ.get("TEST_REQUIRE_SERVICES"):
        pytest.fail(f"{what} is required and missing")
    pytest.skip(f"{what} is missing")


def free_port(host: str = "127.0.0.1") -> int:
    """Below those that the kernel gives whoever asks for any: it may be taken seconds later."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((host, port))
            return port


def shifted_clock(shift: str) -> dict[str, str]:
    """The environment in which a program's time of day is wrong by `shift` (as "+30s") and its sense of how
    long things take is not, as on a host with a wrong clock. The `faketime` command itself would be between a
    test and the program that it kills."""
    need(shutil.which("faketime"), "faketime")
    asked = ["faketime", "-m", "-f", shift, "printenv", "LD_PRELOAD"]
    library = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    return {"LD_PRELOAD": library, "FAKETIME": shift, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


class Postgres:
    def __init__(
        self, host: str = "127.0.0.1", *, data_below: Path | None = None, wal_below: Path | None = None
    ) -> None:
        """With `data_below`, a small disk, what was written last (WAL) is elsewhere: without room for that
        PostgreSQL gives up altogether, which `wal_below` is for."""
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin")) or [
            str(Path(shutil.which("pg_ctl") or "").parent)
        ]
        self._bin = Path(found[-1])
        need((self._bin / "initdb").exists(), "PostgreSQL's server")
        need(os.geteuid() == 0, "root, to run PostgreSQL as another user,")
        # Not in pytest's folder, which only its owner may enter: PostgreSQL does not run as root.
        self._home = Path(tempfile.mkdtemp(prefix="callgauge-pg-"))
        self._data = self._home / "data" if data_below is None else data_below / "data"
        self._wal = self._home / "wal" if wal_below is None else wal_below / "wal"
        for folder in {self._home, self._data.parent, self._wal.parent}:
            shutil.chown(folder, "postgres", "postgres")
        self.host, self.port = host, free_port(host)
        places = ("-D", str(self._data), "--waldir", str(self._wal))
        self._run("initdb", *places, "-A", "trust", "--no-sync")
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(
                f"listen_addresses='{host}'\nport={self.port}\nunix_socket_directories=''\nfsync=off\n"
                "max_connections=200\n"
            )
        with (self._data / "pg_hba.conf").open("a") as file:
            file.write("host all all 0.0.0.0/0 trust\n")

    @property
    def url(self) -> str:
        return f"postgresql://postgres@{self.host}:{self.port}/postgres"

    @property
    def pid(self) -> int:
        return int((self._data / "postmaster.pid").read_text().split()[0])

    def start(self) -> None:
        self._run("pg_ctl", "-D", str(self._data), "-w", "-l", str(self._home / "log"), "start")

    def stop(self, mode: str = "immediate") -> None:
        self._run("pg_ctl", "-D", str(self._data), "-m", mode, "-w", "stop")

    def is_up(self) -> bool:
        try:
            self._run("pg_ctl", "-D", str(self._data), "status")
        except AssertionError:
            return False
        return True

    def remove(self) -> None:
        if self.is_up():
            self.stop()
        for folder in (self._data, self._wal, self._home):
            shutil.rmtree(folder, ignore_errors=True)

    def _run(self, program: str, *args: str) -> None:
        command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        done = subprocess.run(
            [*command, str(self._bin / program), *args],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
        )
        assert done.returncode == 0, done.stderr


class Rabbit:
    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        need(shutil.which("rabbitmq-server"), "RabbitMQ's server")
        self.host, self.port = host, free_port(host)
        node = f"callgauge-{secrets.token_hex(4)}@localhost"
        config = folder / "rabbit.conf"
        config.write_text(f"listeners.tcp.1 = {host}:{self.port}\nloopback_users = none\n")
        (folder / "rabbit-home").mkdir()
        self._env = os.environ | {
            "HOME": str(folder / "rabbit-home"),
            "RABBITMQ_NODENAME": node,
            "RABBITMQ_CONFIG_FILE": str(config.with_suffix("")),
            "RABBITMQ_MNESIA_BASE": str(folder / "rabbit"),
            "RABBITMQ_LOG_BASE": str(folder / "rabbit-log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_PID_FILE": str(folder / "rabbit.pid"),
        }
        (folder / "plugins").write_text("[].\n")
        self._log = (folder / "rabbit.out").open("w")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@{self.host}:{self.port}//"

    def start(self) -> None:
        program = shutil.which("rabbitmq-server") or ""
        real = "/usr/lib/rabbitmq/bin/rabbitmq-server"  # Debian's wrapper would change to its own user
        program = real if Path(real).exists() else program
        self._process = subprocess.Popen(
            [program], env=self._env, stdout=self._log, stderr=self._log, start_new_session=True
        )
        wait_until(self._answers, within_secs=START_SECS, what="RabbitMQ's start")

    def kill(self) -> None:
        """The broker dies; durable queues and their messages stay on disk."""
        assert self._process is not None
        os.killpg(self._process.pid, 9)
        self._process.wait()

    stop = kill

    def _answers(self) -> bool:
        try:
            with socket.create_connection((self.host, self.port), timeout=1.0) as probe:
                probe.sendall(b"AMQP\x00\x00\x09\x01")
                return len(probe.recv(8)) > 0
        except OSError:
            return False


class Network:
    """A host of the test's own: a network namespace that reaches this one by two addresses, so that one of
    them can be cut off."""

    def __init__(self) -> None:
        need(shutil.which("ip") and os.geteuid() == 0, "root and iproute2, to make a network namespace,")
        self._name = f"cg{secrets.token_hex(3)}"
        number = secrets.randbelow(250)
        self.services, self.database = f"10.231.{number}.1", f"10.231.{number}.3"
        made = subprocess.run(["ip", "netns", "add", self._name], capture_output=True, check=False)
        need(made.returncode == 0, "the right to make a network namespace")
        link, peer = f"{self._name}a", f"{self._name}b"
        _ip("link", "add", link, "type", "veth", "peer", "name", peer, "netns", self._name)
        for address in (self.services, self.database):
            _ip("addr", "add", f"{address}/24", "dev", link)
        _ip("link", "set", link, "up")
        self._inside("addr", "add", f"10.231.{number}.2/24", "dev", peer)
        self._inside("link", "set", "lo", "up")
        self._inside("link", "set", peer, "up")

    @property
    def before(self) -> tuple[str, ...]:
        """What to put before a command, so that it runs on that host."""
        return ("ip", "netns", "exec", self._name)

    def cut(self) -> None:
        """From now on, what that host sends to the database goes nowhere."""
        self._inside("route", "add", "blackhole", f"{self.database}/32")

    def mend(self) -> None:
        self._inside("route", "del", "blackhole", f"{self.database}/32")

    def remove(self) -> None:
        _ip("netns", "del", self._name)

    def _inside(self, *args: str) -> None:
        _ip("-n", self._name, *args)


def _ip(*args: str) -> None:
    done = subprocess.run(["ip", *args], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
