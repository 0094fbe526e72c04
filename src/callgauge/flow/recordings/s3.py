"""Recordings in S3-compatible storage, by obstore (the extra s3)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from callgauge.domain.extras import how_to_add
from callgauge.flow.recordings.files import S3, Place, StoreError

BLOCK_BYTES = 1 << 20
CONNECT_SECS, RETRIES, RETRY_SECS = 5, 3, 20
"""Somebody may be waiting: obstore's own ten tries over three minutes are for programs without people."""
SHORT_NAMES = frozenset({"endpoint", "region", "access_key_id", "secret_access_key", "session_token"})


NO_BUCKET = "the storage of recordings has no such bucket: see CALLGAUGE_RECORDING_STORE"
REFUSED = "the storage of recordings refuses the credentials: see CALLGAUGE_RECORDING_STORE_OPTIONS"


class Bucket:
    def __init__(self, url: str, options: str) -> None:
        """`options` are `name=value` parted by commas. Raises StoreError."""
        try:
            import obstore
            from obstore.store import S3Store
        except ImportError:
            raise StoreError(f"CALLGAUGE_RECORDING_STORE needs the extra s3; {how_to_add('s3')}") from None
        self._obstore: Any = obstore
        given: Any = read_options(options)
        endpoint = given.get("endpoint", "")
        try:
            self._store: Any = S3Store.from_url(
                f"{S3}{url.removeprefix(S3)}",
                config=given,
                client_options={
                    "allow_http": endpoint.startswith("http://"),
                    "connect_timeout": timedelta(seconds=CONNECT_SECS),
                },
                retry_config={"max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRY_SECS)},
            )
        except Exception as error:  # noqa: BLE001 -- obstore's errors have no common base
            raise StoreError(f"CALLGAUGE_RECORDING_STORE: {type(error).__name__}") from None

    def put(self, source: Path, place: Place) -> None:
        with _told():
            self._obstore.put(self._store, place.path, source, chunk_size=8 << 20)

    def size(self, place: Place) -> int | None:
        try:
            with _told():
                return int(self._obstore.head(self._store, place.path)["size"])
        except FileNotFoundError:
            return None

    def read(self, place: Place, start: int, stop: int) -> Iterator[bytes]:
        for at in range(start, stop, BLOCK_BYTES):
            with _told():
                block = self._obstore.get_range(
                    self._store, place.path, start=at, end=min(at + BLOCK_BYTES, stop)
                )
            yield bytes(block)

    @contextmanager
    def local(self, place: Place) -> Iterator[Path]:
        size = self.size(place)
        if size is None:
            raise FileNotFoundError(place.sha256)
        with tempfile.NamedTemporaryFile(prefix="callgauge-recording-") as copy:
            for block in self.read(place, 0, size):
                copy.write(block)
            copy.flush()
            yield Path(copy.name)

    def delete(self, place: Place) -> None:
        try:
            with _told():
                self._obstore.delete(self._store, place.path)
        except FileNotFoundError:
            pass

    def places(self) -> Iterator[tuple[Place, datetime]]:
        with _told():
            for page in self._obstore.list(self._store):
                for item in page:
                    place = Place.of(item["path"])
                    if place is not None:
                        yield place, item["last_modified"]


def read_options(text: str) -> dict[str, str]:
    """Raises StoreError that repeats no value, which may be a secret."""
    found: dict[str, str] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (part.strip() for part in entry.partition("="))
        if not equals or not name or not value:
            raise StoreError("CALLGAUGE_RECORDING_STORE_OPTIONS: write name=value, with commas between")
        found[f"aws_{name}" if name in SHORT_NAMES else name] = value
    return {"endpoint" if name == "aws_endpoint" else name: value for name, value in found.items()}


@contextmanager
def _told() -> Iterator[None]:
    """Every fault of obstore in our words; its own may hold addresses and keys. A missing file is left to the
    caller."""
    try:
        yield
    except GeneratorExit:
        raise
    except Exception as error:
        text = str(error)
        if "NoSuchBucket" in text:  # obstore says "not found" here too
            raise StoreError(NO_BUCKET) from None
        if isinstance(error, FileNotFoundError):
            raise
        if any(status in text for status in ("403 Forbidden", "401 Unauthorized")):
            raise StoreError(REFUSED) from None
        kind = type(error).__name__
        raise StoreError(
            f"the storage of recordings cannot be reached, or gives no answer ({kind})"
        ) from None
