"""The world that attacks want to reach: a secret file, a place to write, two servers, this very process."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from pathlib import Path

from callgauge.sandbox.jail import kernel, seccomp
from tests.sandbox.conftest import SECRET

VARIABLE = "CALLGAUGE_TEST_SECRET"

# (x86-64, arm64), for calls that the filter's own table does not list.
_MORE_NUMBERS = {"clone": (56, 220)}


@dataclass
class World:
    folder: Path
    listener: socket.socket = field(default_factory=socket.socket)
    datagrams: socket.socket = field(default_factory=lambda: socket.socket(type=socket.SOCK_DGRAM))
    unix: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_UNIX))

    def __post_init__(self) -> None:
        self.folder.chmod(0o755)
        self.secret_file.write_text(SECRET)
        self.secret_file.chmod(0o644)
        self.listener.bind(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.datagrams.bind(("127.0.0.1", self.port))
        self.unix.bind(str(self.folder / "s"))
        for server in (self.listener, self.unix):
            server.listen()
        for server in (self.listener, self.unix, self.datagrams):
            server.setblocking(False)

    @property
    def secret_file(self) -> Path:
        return self.folder / "secret"

    @property
    def canary(self) -> Path:
        return self.folder / "canary"

    def fill(self, script: str) -> str:
        column = {"x86_64": 0, "aarch64": 1}[kernel.machine()]
        words = {
            "secret_file": self.secret_file,
            "canary": self.canary,
            "port": self.port,
            "unix_path": self.folder / "s",
            "host": os.getpid(),
            "variable": VARIABLE,
        } | {name: pair[column] for name, pair in (seccomp.NUMBERS | _MORE_NUMBERS).items()}
        for name, value in words.items():
            script = script.replace("{" + name + "}", str(value))
        return script

    def untouched(self) -> bool:
        """Whether nothing was written, moved or connected."""
        for server in (self.listener, self.unix):
            try:
                server.accept()
            except BlockingIOError:
                continue
            return False
        try:
            self.datagrams.recv(1)
        except BlockingIOError:
            at_rest = self.secret_file.stat().st_mode & 0o777 == 0o644
            return at_rest and self.secret_file.read_text() == SECRET and not self.canary.exists()
        return False

    def close(self) -> None:
        for server in (self.listener, self.datagrams, self.unix):
            server.close()
