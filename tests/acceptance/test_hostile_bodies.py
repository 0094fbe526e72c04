"""Whatever is sent to the running server: a clear answer, never a 5xx, and the connection goes on."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.server import Server

MB = 1024 * 1024
LIMIT_MB = 24
ANSWER_SECS = 60
OBSERVE = "/observability/v1/observe"
CALLS = "/observability/v1/call-logs"
RERUN = f"{CALLS}/rerun_evaluation"
AGENTS = "/test_framework/v2/aiagents"
METRICS = "/test_framework/v1/metrics"
LISTS = [CALLS, AGENTS, METRICS, "/user/v1/projects", "/user/organizations"]
WRITES = [OBSERVE, RERUN, f"{CALLS}/evaluate_metrics", f"{CALLS}/delete_call_logs", AGENTS, METRICS]
ROUTES = [*LISTS, *WRITES, f"{CALLS}/1", f"{CALLS}/1/mark_metric_vote", f"{AGENTS}/1", "/healthz", "/readyz"]


class Client:
    """One connection, kept; each answer is held to the manners of the API before it is given out."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=ANSWER_SECS)

    def send(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        chunked = body is not None and not isinstance(body, bytes)
        given = {"X-CEKURA-API-KEY": self.server.key, "Content-Type": "application/json"} | dict(
            headers or {}
        )
        if chunked:
            given["Transfer-Encoding"] = "chunked"
        self._connection.request(method, path, body, given, encode_chunked=chunked)
        response = self._connection.getresponse()
        content = response.read()
        assert response.status < 500, (response.status, content[:500])
        assert not 300 <= response.status < 400
        if response.status != 204:  # waitress closes after these, and says so
            assert not response.will_close
            assert response.getheader("Content-Type") == "application/json"
            assert response.getheader("Content-Length") is not None
        if method == "HEAD":
            assert content == b""
        if response.status >= 400 and content:
            answer = json.loads(content)
            assert isinstance(answer, dict)
            assert answer
        # The same connection must still serve: nothing of the last request or answer may be left on it.
        if method != "HEAD" and path != "/healthz":
            assert self.send("GET", "/healthz") == (200, {"status": "ok"})
        return response.status, json.loads(content) if content else None

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("hostile") / "data"
    folder.mkdir()
    with Server(folder, CALLGAUGE_MAX_BODY_MB=str(LIMIT_MB)) as server:
        server.make_key()
        server.post(AGENTS, {"name": "Orders"})
        yield server
        assert "Traceback" not in (folder.parent / "server.log").read_text()


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    client = Client(server)
    yield client
    client.close()


def _turn(content: str, start: Any = 0, end: Any = 1) -> dict[str, Any]:
    return {"role": "Main Agent", "content": content, "start_time": start, "end_time": end}


def _call(name: str, turns: list[dict[str, Any]], **more: Any) -> bytes:
    body = {"agent": 1, "call_id": name, "transcript_type": "cekura", "transcript_json": turns}
    return json.dumps(body | more).encode()


NOT_JSON = [
    b"not json",
    b"\xff\xfe\x00",
    b"[]",
    b'"text"',
    b"null",
    b"{",
    b'{"agent_id": NaN}',
    b'{"agent_id": 1e999}',
    b'{"agent_id": ' + b"9" * 5_000 + b"}",
    b"[" * 100_000,
    b'{"metadata": ' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001,
]


@pytest.mark.parametrize("path", WRITES)
def test_what_is_no_json_object_is_refused(client: Client, path: str) -> None:
    for body in NOT_JSON:
        assert client.send("POST", path, body)[0] == 400


TYPES = {
    "text/xml": 415,
    "application/octet-stream": 415,
    "multipart/form-data": 400,
    "multipart/form-data; boundary=" + "x" * 500: 400,
    "multipart/form-data; boundary=x": 400,
    "application/x-www-form-urlencoded": 400,
    "application/json; charset=utf-99": 400,
    "/": 415,
    "": 400,
}


@pytest.mark.parametrize("path", WRITES)
def test_wrong_content_types_are_refused(client: Client, path: str) -> None:
    for content_type, status in TYPES.items():
        assert (
            client.send("POST", path, b"\xffnot what it says\0", {"Content-Type": content_type})[0] == status
        )


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, identity"])
def test_compressed_bodies_are_refused_in_words(client: Client, encoding: str) -> None:
    body = gzip.compress(_call("gzip", [_turn("Hello.")]))
    status, answer = client.send("POST", OBSERVE, body, {"Content-Encoding": encoding})
    assert status == 415
    assert "Content-Encoding" in answer["detail"]


def test_a_transcript_of_20_mb_is_stored_whole(client: Client) -> None:
    turns = [_turn("word " * 4000, number, number + 1) for number in range(1000)]
    body = _call("20-mb", turns)
    assert len(body) > 20 * 10**6
    status, answer = client.send("POST", OBSERVE, body)
    assert status == 201
    status, stored = client.send("GET", f"{CALLS}/{answer['id']}")
    assert status == 200
    assert [turn["content"] for turn in stored["transcript_object"]] == [
        turn["content"].strip() for turn in turns
    ]
    assert client.send("DELETE", f"{CALLS}/{answer['id']}")[0] == 204


def test_ten_thousand_turns_are_stored(client: Client) -> None:
    status, answer = client.send(
        "POST", OBSERVE, _call("10000", [_turn("Yes.", number, number + 1) for number in range(10_000)])
    )
    assert status == 201
    assert len(answer["transcript_object"]) == 10_000


@pytest.mark.parametrize("size_mb", [LIMIT_MB + 1, 3 * LIMIT_MB])
def test_a_body_over_the_limit_is_413(server: Server, client: Client, size_mb: int) -> None:
    status, answer = _send_all_first(server, size_mb)
    assert status == 413
    assert "CALLGAUGE_MAX_BODY_MB" in answer["detail"]
    status, answer = client.send("POST", OBSERVE, (b"x" * MB for _ in range(LIMIT_MB + 1)))
    assert status == 413


def _send_all_first(server: Server, size_mb: int) -> tuple[int, Any]:
    """Sends the whole body before it looks for an answer, as simple clients do."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=ANSWER_SECS)
    connection.request("POST", OBSERVE, b"x" * (size_mb * MB), {"X-CEKURA-API-KEY": server.key})
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    return response.status, answer


def test_a_client_that_asks_first_is_told_at_once(server: Server) -> None:
    head = f"POST {OBSERVE} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {3 * LIMIT_MB * MB}\r\n"
    answer = _raw(server, head.encode() + b"Expect: 100-continue\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_body_in_chunks_is_read(client: Client) -> None:
    body = _call("chunks", [_turn("Hello.")])
    pieces = (body[start : start + 7] for start in range(0, len(body), 7))
    status, answer = client.send("POST", OBSERVE, pieces)
    assert status == 201
    assert answer["call_id"] == "chunks"


TRANSCRIPTS: dict[str, list[dict[str, Any]]] = {
    "nul": [_turn("a\0b")],
    "surrogate": [_turn("a\ud800b"), _turn("\udfff", 1, 2)],
    "backwards": [_turn(f"{number}", 10 - number, 5 - number) for number in range(10)],
    "huge": [_turn("Hello.", 10**300, 10**18)],
    "negative": [_turn("Hello.", -5, -10)],
    "wordy": [_turn("Hello.", "now", [1])],
    "empty": [{}],
    "nested": [{"role": "Main Agent", "content": [[[["Hello."]]]]}],
}


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_odd_turns_give_a_sound_call_or_a_clear_refusal(client: Client, name: str) -> None:
    status, answer = client.send("POST", OBSERVE, _call(name, TRANSCRIPTS[name]))
    assert status in {201, 400}
    if status == 201:
        status, stored = client.send("GET", f"{CALLS}/{answer['id']}")
        assert status == 200
        times = [turn.get("start_time") for turn in stored["transcript_object"]]
        assert all(0 <= time < 10**9 for time in times if time is not None)


REFUSED_FIELDS: list[dict[str, Any]] = [
    {"call_id": "nul\0"},
    {"call_id": "half \udfff"},
    {"call_id": "x" * 101},
    {"agent": 10**300},
    {"agent": "1" * 400},
    {"agent": [1]},
    {"duration": 10**300},
    {"timestamp": 10**300},
    {"timestamp": "yesterday"},
    {"transcript_json": [_turn("Hello.", float("nan"))]},
    {"transcript_json": 7},
    {"transcript_type": "nobody's"},
]


@pytest.mark.parametrize("fields", REFUSED_FIELDS, ids=lambda fields: next(iter(fields)))
def test_unusable_fields_are_400(client: Client, fields: dict[str, Any]) -> None:
    assert client.send("POST", OBSERVE, _call("refused", [_turn("Hello.")], **fields))[0] == 400


@pytest.mark.parametrize("path", ROUTES)
def test_every_method_on_both_forms_of_every_route_is_answered(client: Client, path: str) -> None:
    for form in (path, f"{path}/"):
        for method in ("GET", "HEAD", "OPTIONS", "PUT", "TRACE", "FOO"):
            client.send(method, form, None if method in {"GET", "HEAD"} else b"")
    assert client.send("GET", path)[0] == client.send("GET", f"{path}/")[0]


@pytest.mark.parametrize("path", LISTS)
def test_head_says_what_get_would(server: Server, path: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=ANSWER_SECS)
    lengths = []
    for method in ("HEAD", "GET"):
        connection.request(method, path, headers={"X-CEKURA-API-KEY": server.key})
        response = connection.getresponse()
        response.read()
        lengths.append(response.getheader("Content-Length"))
    connection.close()
    assert lengths[0] == lengths[1]


@pytest.mark.parametrize("path", ["/nope", "/%00", "/%ff%fe", "/..", f"{CALLS}/0x1"])
def test_unknown_routes_are_404_in_json(client: Client, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        status, answer = client.send(method, path)
        assert (status, list(answer)) == (404, ["detail"])


def test_an_id_beyond_all_numbers_is_404(client: Client) -> None:
    assert client.send("GET", f"{CALLS}/{'9' * 400}")[0] == 404


@pytest.mark.parametrize("query", ["page=" + "9" * 400, "page=-1", "page=NaN", "page_size=" + "9" * 400])
def test_unusable_pages_are_refused(client: Client, query: str) -> None:
    assert client.send("GET", f"{CALLS}?{query}")[0] in {200, 400, 404}


@pytest.mark.parametrize("host", ["evil.example", "a b", "[::1", "x" * 5_000])
def test_a_host_that_is_not_served_is_400(client: Client, host: str) -> None:
    assert client.send("GET", CALLS, headers={"Host": host})[0] == 400


@pytest.mark.parametrize("key", ["", "wrong", "x" * 10_000, "é", "\xff\xfe"])
def test_a_wrong_key_is_401(client: Client, key: str) -> None:
    headers = {"X-CEKURA-API-KEY": key, "Authorization": f"Bearer {key}"}
    assert client.send("GET", CALLS, headers=headers)[0] == 401


BROKEN = {
    b"GARBAGE\r\n\r\n": b"400",
    b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n": b"400",
    b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello": b"400",
    b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n": b"400",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nName : value\r\n\r\n": b"400",
}


@pytest.mark.parametrize("request_bytes", BROKEN, ids=range(len(BROKEN)))
def test_what_is_no_http_is_refused_in_json(server: Server, request_bytes: bytes) -> None:
    head, _, body = _raw(server, request_bytes).partition(b"\r\n\r\n")
    assert head.split()[1] == BROKEN[request_bytes]
    assert list(json.loads(body)) == ["detail"]


def _raw(server: Server, request: bytes) -> bytes:
    """All that comes back until the server closes the connection."""
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=ANSWER_SECS) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer
