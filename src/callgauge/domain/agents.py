"""What is known of agents before there is one: languages, providers, and the secrets of each provider."""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGES: Mapping[str, str] = {
    "af": "Afrikaans",
    "ar": "Arabic",
    "bn": "Bengali",
    "bg": "Bulgarian",
    "zh": "Chinese",
    "cs": "Czech",
    "da": "Danish",
    "nl": "Dutch",
    "en": "English",
    "et": "Estonian",
    "fi": "Finnish",
    "fr": "French",
    "de": "German",
    "el": "Greek",
    "gu": "Gujarati",
    "hi": "Hindi",
    "he": "Hebrew",
    "hu": "Hungarian",
    "id": "Indonesian",
    "it": "Italian",
    "ja": "Japanese",
    "kn": "Kannada",
    "ko": "Korean",
    "ms": "Malay",
    "ml": "Malayalam",
    "mr": "Marathi",
    "multi": "several languages",
    "no": "Norwegian",
    "pl": "Polish",
    "pa": "Punjabi",
    "pt": "Portuguese",
    "ro": "Romanian",
    "ru": "Russian",
    "sk": "Slovak",
    "es": "Spanish",
    "sv": "Swedish",
    "th": "Thai",
    "tr": "Turkish",
    "tl": "Tagalog",
    "ta": "Tamil",
    "te": "Telugu",
    "uk": "Ukrainian",
    "vi": "Vietnamese",
}
"""Codes that the contract knows, with their names."""

PHONE_PROVIDERS: Mapping[str, str] = {
    "vapi": "Vapi",
    "retell": "Retell",
    "elevenlabs": "ElevenLabs",
    "cisco": "Cisco",
    "bland": "Bland",
    "livekit": "LiveKit",
    "pipecat": "Pipecat",
    "synthflow": "Synthflow",
    "agora": "Agora",
    "koreai": "Kore.ai",
    "genesys": "Genesys",
    "amazon_connect": "Amazon Connect",
    "telnyx": "Telnyx",
}

SECRETS = (
    "vapi_api_key",
    "vapi_public_key",
    "retell_api_key",
    "elevenlabs_api_key",
    "bland_api_key",
    "livekit_api_key",
    "pipecat_api_key",
    "koreai_client_secret",
    "koreai_api_key",
    "genesys_client_secret",
    "agentforce_client_secret",
    "sierra_agent_token",
    "amazon_connect_security_token",
    "custom_provider_api_key",
    "synthflow_api_key",
    "telnyx_api_key",
    "agora_api_key",
    "webhook_secret",
    "webhook_signing_secret",
)
"""Fields of v1, each shown as `<name>_configured`."""
KEY_OF = {
    "koreai": "koreai_client_secret",
    "genesys": "genesys_client_secret",
    "agentforce": "agentforce_client_secret",
    "sierra": "sierra_agent_token",
    "amazon_connect": "amazon_connect_security_token",
}
"""What v2's one `credentials.api_key` is called in v1, where it is not `<provider>_api_key`."""


def key_name(assistant_provider: str) -> str:
    """The v1 field for the key of a provider."""
    found = KEY_OF.get(assistant_provider, f"{assistant_provider}_api_key")
    return found if found in SECRETS else "custom_provider_api_key"
