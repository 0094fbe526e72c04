"""OpenAI's `/audio/transcriptions`, which Azure, vLLM, faster-whisper-server and others speak too."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from callgauge.judge.openai import DEFAULT_URL, authorization
from callgauge.judge.replies import HttpReply, is_final_refusal, read_limited, server_words, shown
from callgauge.judge.retry import Clock, retry_after_secs, wait_secs
from callgauge.judge.session import open_session
from callgauge.judge.settings import JudgeSettingError, endpoint
from callgauge.judge.speech.adapter import Heard, SpeechError, SpeechSettings

_TIMED = "verbose_json"
_PLAIN = "json"
"""What models without times of segments give."""


def open_speech(settings: SpeechSettings) -> OpenAISpeech:
    return OpenAISpeech(settings)


class OpenAISpeech:
    def __init__(self, settings: SpeechSettings, *, clock: Clock | None = None) -> None:
        if not settings.api_key and not settings.base_url:
            raise JudgeSettingError(
                "openai needs an API key (CALLGAUGE_STT_API_KEY), or a base URL (CALLGAUGE_STT_BASE_URL) of "
                "a server that asks for none"
            )
        self.name = f"{settings.kind}:{settings.model}"
        self.url = endpoint(settings.base_url, DEFAULT_URL, "/audio/transcriptions")
        self._settings = settings
        self._clock = clock or Clock()
        self._format = _TIMED
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def hear(self, flac: bytes) -> Heard:
        failures, why = 0, ""
        while True:
            reply = await self._try(flac)
            if isinstance(reply, HttpReply) and reply.status == 200:
                return _read(self.name, reply.body)
            wait: float | None = None
            if isinstance(reply, HttpReply):
                words = shown(server_words(reply.body), self._settings.api_key) or "no reason given"
                if self._concedes(reply, words):
                    continue
                why = f"HTTP {reply.status}: {words}"
                if is_final_refusal(reply) or not (reply.status in {408, 429} or reply.status >= 500):
                    raise SpeechError(f"{self.name} refused the recording ({why}).", retryable=False)
                wait = retry_after_secs(reply.headers, self._clock.wall())
            else:
                why = reply
            failures += 1
            if failures >= self._settings.tries:
                raise SpeechError(f"{self.name} could not be used: {why}.", retryable=True)
            await self._clock.sleep(wait_secs(self._clock, failures, wait))

    def _concedes(self, reply: HttpReply, words: str) -> bool:
        """Newer models of OpenAI give no times and refuse to be asked for them."""
        if reply.status not in {400, 422} or self._format != _TIMED:
            return False
        if "response_format" not in words and _TIMED not in words:
            return False
        self._format = _PLAIN
        return True

    async def _try(self, flac: bytes) -> HttpReply | str:
        """The reply, or in a few words why there is none."""
        form = aiohttp.FormData()
        form.add_field("file", flac, filename="call.flac", content_type="audio/flac")
        form.add_field("model", self._settings.model)
        form.add_field("response_format", self._format)
        form.add_field("temperature", "0")
        if self._session is None:
            host = urlsplit(self.url).hostname or ""
            key = authorization(host, self._settings.api_key)
            self._session = open_session(self.url, key, content_type=None)
        try:
            async with (
                self._clock.timeout(self._settings.timeout_secs),
                self._session.post(self.url, data=form, allow_redirects=False) as response,
            ):
                return HttpReply(response.status, response.headers, await read_limited(response))
        except TimeoutError:
            return f"no answer within {self._settings.timeout_secs:g} s"
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
            return f"no connection ({type(error).__name__})"


def _read(name: str, body: bytes) -> Heard:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = None
    text = document.get("text") if isinstance(document, Mapping) else None
    if not isinstance(document, Mapping) or not isinstance(text, str):
        raise SpeechError(f"{name} gave an answer without a text.", retryable=True)
    language = document.get("language")
    listed = document.get("segments")
    segments = [_segment(one) for one in listed] if isinstance(listed, list) else []
    return Heard(
        text.strip(),
        language if isinstance(language, str) else "",
        [one for one in segments if one is not None],
    )


def _segment(one: Any) -> tuple[float, float, str] | None:
    match one:
        case {"start": int() | float() as start, "end": int() | float() as end, "text": str(text)}:
            return float(start), float(end), text.strip()
    return None
