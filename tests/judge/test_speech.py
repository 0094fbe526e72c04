"""Speech to text over HTTP against a fake server, and in this process with a stand-in for the library."""

import asyncio
import sys
import types
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from aiohttp import web

from callgauge.judge import JudgeSettingError
from callgauge.judge.speech import SpeechError, SpeechSettings, open_speech, parse_speech
from callgauge.judge.speech.openai import OpenAISpeech
from tests.judge.clocks import FastClock

FLAC = b"fLaC and so on"


class FakeTranscriptions:
    """Speaks `/v1/audio/transcriptions`; no model is behind it. Gives `replies` in turn, the last again."""

    def __init__(self, *replies):
        self.replies = list(replies)
        self.seen = []
        self.headers = []

    async def handle(self, request):
        form = await request.post()
        self.seen.append(
            {name: form[name] for name in form if name != "file"} | {"file": form["file"].file.read()}
        )
        self.headers.append(request.headers)
        status, document, *more = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(document, str):
            return web.Response(text=document, status=status)
        return web.json_response(document, status=status, headers=more[0] if more else {})


@asynccontextmanager
async def served(fake, path="/v1/audio/transcriptions"):
    app = web.Application()
    app.router.add_post(path, fake.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def heard(*replies, times=1, **settings):
    """What the client makes of the replies: the outcome of each asking, and the fake."""
    fake = FakeTranscriptions(*replies)

    async def run():
        outcomes = []
        async with served(fake) as url:
            client = OpenAISpeech(
                SpeechSettings("openai", "some-model", base_url=url, **settings), clock=FastClock()
            )
            for _ in range(times):
                try:
                    outcomes.append(await client.hear(FLAC))
                except SpeechError as error:
                    outcomes.append(error)
            await client.close()
        return outcomes

    return asyncio.run(run()), fake


GOOD = (
    200,
    {"text": " Hello. ", "language": "english", "segments": [{"start": 0, "end": 1.5, "text": " Hello."}, 7]},
)


def test_a_piece_is_sent_as_a_file_and_read_with_its_times():
    (answer,), fake = heard(GOOD, api_key="k-1")
    assert (answer.text, answer.language, answer.segments) == ("Hello.", "english", [(0.0, 1.5, "Hello.")])
    (sent,) = fake.seen
    assert sent == {
        "file": FLAC,
        "model": "some-model",
        "response_format": "verbose_json",
        "temperature": "0",
    }
    assert fake.headers[0]["Authorization"] == "Bearer k-1"
    assert fake.headers[0]["Content-Type"].startswith("multipart/form-data")


def test_a_model_without_times_is_asked_for_plain_text_from_then_on():
    refusal = (
        400,
        {"error": {"message": "response_format 'verbose_json' is not compatible with this model"}},
    )
    answers, fake = heard(refusal, (200, {"text": "Hello."}), times=2)
    assert [one.text for one in answers] == ["Hello.", "Hello."]
    assert [one["response_format"] for one in fake.seen] == ["verbose_json", "json", "json"]


def test_faults_of_the_server_are_tried_again():
    answers, fake = heard((503, "busy"), (429, {}, {"Retry-After": "1"}), GOOD)
    assert answers[0].text == "Hello."
    assert len(fake.seen) == 3


def test_a_server_that_stays_down_is_a_retryable_fault():
    (error,), fake = heard((503, {"error": {"message": "no card is free"}}))
    assert error.retryable
    assert "no card is free" in str(error)
    assert len(fake.seen) == SpeechSettings("openai", "m").tries


def test_a_refusal_is_final_and_shows_no_key():
    (error,), fake = heard((401, {"error": {"message": "wrong key k-1"}}), api_key="k-1")
    assert not error.retryable
    assert "k-1" not in str(error)
    assert len(fake.seen) == 1


@pytest.mark.parametrize("body", ["<html>", "[]", '{"text": 7}'])
def test_an_answer_that_is_no_transcript_is_a_fault(body):
    (error,), _ = heard((200, body))
    assert "without a text" in str(error)


def test_nobody_there_is_a_fault():
    async def run():
        settings = SpeechSettings("openai", "m", base_url="http://127.0.0.1:9", tries=2)
        client = OpenAISpeech(settings, clock=FastClock())
        with pytest.raises(SpeechError, match="no connection"):
            await client.hear(FLAC)
        await client.close()

    asyncio.run(run())


def test_azure_takes_its_own_header_and_keeps_the_version():
    settings = SpeechSettings(
        "openai", "whisper", "https://x.openai.azure.com/openai/deployments/w?api-version=2024-06-01", "k-1"
    )
    client = open_speech(settings)
    assert client.url == (
        "https://x.openai.azure.com/openai/deployments/w/audio/transcriptions?api-version=2024-06-01"
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("whisper", "names no speech to text"),
        ("openai:", "names no speech to text"),
        ("openai:whisper-1", "CALLGAUGE_STT_API_KEY"),
        ("faster-whisper:/nowhere", "holds no model"),
    ],
)
def test_a_setting_that_cannot_work_says_what_to_write(value, message):
    with pytest.raises(JudgeSettingError, match=message):
        open_speech(parse_speech(value))
    assert parse_speech("") is None


# --- in this process: a stand-in for the library, no model ------------------------------------------------


class StandIn:
    """In the place of `faster_whisper.WhisperModel`, with its signature as far as it is used."""

    opened = 0

    def __init__(self, model_size_or_path, device="auto", local_files_only=False):
        assert local_files_only, "nothing may be downloaded"
        type(self).opened += 1

    def transcribe(self, audio, temperature=None):
        content = audio.read()
        if content == b"bad":
            raise RuntimeError("Invalid data: secret words")
        segments = (
            SimpleNamespace(start=0.0, end=1.0, text=" Hello."),
            SimpleNamespace(start=1, end=2, text=" Bye."),
        )
        return iter(segments), SimpleNamespace(language="en")


@pytest.fixture
def local(tmp_path, monkeypatch):
    module = types.ModuleType("faster_whisper")
    module.WhisperModel = StandIn
    monkeypatch.setitem(sys.modules, "faster_whisper", module)
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "model.bin").write_bytes(b"")
    StandIn.opened = 0
    return open_speech(parse_speech(f"faster-whisper:{tmp_path / 'small'}"))


def test_a_local_model_is_opened_once_and_its_segments_are_joined(local):
    async def run():
        return [await local.hear(FLAC) for _ in range(2)]

    first, _ = asyncio.run(run())
    assert (first.text, first.language) == ("Hello. Bye.", "en")
    assert StandIn.opened == 1
    assert local.name == "faster-whisper:small"


def test_a_fault_of_the_library_repeats_none_of_its_words(local):
    with pytest.raises(SpeechError, match="RuntimeError") as caught:
        asyncio.run(local.hear(b"bad"))
    assert "secret" not in str(caught.value)


def test_without_the_library_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    (tmp_path / "model.bin").write_bytes(b"")
    with pytest.raises(JudgeSettingError, match="NAME=stt"):
        open_speech(parse_speech(f"faster-whisper:{tmp_path}"))
