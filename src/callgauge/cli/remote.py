"""Talking to a server, for the commands that do: which one, with which key, and what it answered."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from http.client import HTTPException
from typing import IO, Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import click

from callgauge.cli.data_dir import USUAL_ADDRESS

TIMEOUT_SECS: Final = 60.0
NOT_FOUND: Final = "Not found."
"""The detail of a 404 that says no more than its number."""
COPIED_BYTES: Final = 256 * 1024


class RemoteError(click.ClickException):
    """One line for the person, and the exit code of "it could not be found out"."""

    exit_code = 2


class Remote:
    """The server of CEKURA_API_URL (this machine's by default) with the key of CEKURA_API_KEY."""

    def __init__(self) -> None:
        """Raises RemoteError where there is no key."""
        self.url = os.environ.get("CEKURA_API_URL", "").rstrip("/") or USUAL_ADDRESS
        self._key = os.environ.get("CEKURA_API_KEY", "").strip()
        if not self._key:
            raise RemoteError("Set CEKURA_API_KEY to a key of the server; callgauge key create makes one.")
        if not self.url.startswith(("http://", "https://")):
            raise RemoteError("CEKURA_API_URL must begin with http:// or https://.")
        if not (self._key.isascii() and self._key.isprintable()):
            raise RemoteError("CEKURA_API_KEY holds characters that no key has; copy it once more.")

    def get(self, path: str, **query: Any) -> Any:
        """Raises RemoteError. Parameters that are None are left out."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._ask("GET", f"{path}?{urlencode(given, doseq=True)}" if given else path, None)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._ask("POST", path, body)

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._ask("PATCH", path, body)

    def delete(self, path: str) -> None:
        self._ask("DELETE", path, None)

    def download(self, path: str, sink: IO[bytes]) -> int:
        """Copy what is at a path of the server, some of it at a time; gives its size. Raises RemoteError."""
        size = 0
        try:
            with urlopen(self._request("GET", path, None), timeout=TIMEOUT_SECS) as response:  # noqa: S310
                while part := response.read(COPIED_BYTES):
                    sink.write(part)
                    size += len(part)
        except HTTPError as error:
            raise RemoteError(_refused(error)) from None
        except (URLError, HTTPException, OSError) as error:
            reason = getattr(error, "reason", error)
            raise RemoteError(f"The download from {self.url} broke off: {reason}.") from None
        return size

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None) -> Request:
        # The address is the user's own, and begins with http (see __init__).
        return Request(  # noqa: S310
            f"{self.url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "X-CEKURA-API-KEY": self._key,
                "Content-Type": "application/json",
                "Accept": "application/json",
            },
        )

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        request = self._request(method, path, body)
        try:
            with urlopen(request, timeout=TIMEOUT_SECS) as response:  # noqa: S310
                said = response.read()
                return json.loads(said) if said else None
        except HTTPError as error:
            raise RemoteError(_refused(error)) from None
        except (
            URLError,
            HTTPException,
            OSError,
        ) as error:  # a mistyped port is an HTTPException
            reason = getattr(error, "reason", error)
            raise RemoteError(f"{self.url} cannot be reached: {reason}.") from None
        except ValueError:
            raise RemoteError(f"{self.url} did not answer with JSON; is it Callgauge?") from None


def _refused(error: HTTPError) -> str:
    if error.code == 401:
        return "The server does not know the key in CEKURA_API_KEY."
    try:
        said = json.loads(error.read())
    except ValueError:
        said = None
    if error.code == 404:
        detail = said.get("detail", "") if isinstance(said, dict) else ""
        more = f" {detail}" if detail not in ("", NOT_FOUND) else ""
        return (
            "There is nothing with the id or name that you gave, or the key in CEKURA_API_KEY "
            f"does not reach it: {error.url.partition('?')[0]}.{more}"
        )
    if isinstance(said, dict):
        texts = [
            ("" if name == "detail" else f"{name}: ")
            + (" ".join(map(str, words)) if isinstance(words, list) else str(words))
            for name, words in said.items()
        ]
        return f"The server refused ({error.code}): {'; '.join(texts)}"
    return f"The server answered {error.code}."
