"""The language models that judge."""

from __future__ import annotations

from callgauge.domain.options.kinds import Option, count, flag, names, one_of, positive, rate, text

JUDGES: tuple[Option, ...] = (
    Option(
        "JUDGE",
        "provider:model",
        text,
        "",
        "The language model that judges: openai:MODEL, anthropic:MODEL, gemini:MODEL, scripted:FILE for the "
        "shipped fake, or empty for none (judge metrics are then skipped).",
    ),
    Option(
        "JUDGE_BASE_URL",
        "URL",
        text,
        "",
        "Address of the judge's API; empty for the provider's own. Any OpenAI-compatible server works.",
    ),
    Option("JUDGE_API_KEY", "text", text, "", "Key for the judge's API.", secret=True),
    Option(
        "JUDGE_MODELS",
        "provider:model, …",
        names,
        "",
        "Further models that a metric may choose by judge_model in its configuration; provider:* for all of "
        "a provider.",
    ),
    Option(
        "JUDGE_KEYS",
        "provider=key, …",
        text,
        "",
        "Keys for the providers of these models; that of the judge's own provider is JUDGE_API_KEY.",
        secret=True,
    ),
    Option(
        "JUDGE_BASE_URLS",
        "provider=URL, …",
        text,
        "",
        "Addresses for the providers of these models, where they are not the provider's own.",
    ),
    Option(
        "JUDGE_AUDIO_MODELS",
        "provider:model, …",
        names,
        "",
        "Models that metrics which listen to the recording are asked of, the first unless a metric chooses; "
        "empty for those of JUDGE and JUDGE_MODELS that are known to listen.",
    ),
    Option(
        "JUDGE_AUDIO_SECS",
        "seconds",
        positive,
        "900",
        "The longest part of a recording that is sent to a judge.",
    ),
    Option(
        "JUDGE_CONCURRENCY",
        "whole number",
        positive,
        "32",
        "Judge requests in flight at once, per provider.",
    ),
    Option(
        "JUDGE_RATE",
        "rate",
        rate,
        "",
        "Requests that each provider of judges gets from all workers together, such as 500/minute; empty "
        "for no limit.",
    ),
    Option(
        "JUDGE_TOKEN_RATE",
        "rate",
        rate,
        "",
        "Tokens that each provider of judges gets, such as 200000/minute; empty for no limit.",
    ),
    Option("JUDGE_TIMEOUT_SECS", "seconds", positive, "60", "How long one judge request may take."),
    Option(
        "JUDGE_DEADLINE_SECS",
        "seconds",
        positive,
        "300",
        "How long one question may take with all its retries before the result ends failed.",
    ),
    Option("JUDGE_HTTP_TRIES", "whole number", positive, "8", "Tries of one judge request over HTTP faults."),
    Option(
        "JUDGE_OUTAGE_SECS",
        "seconds",
        count,
        "900",
        "How long questions wait beyond that for a provider that answered before and now answers nobody.",
    ),
    Option("JUDGE_REASKS", "whole number", count, "4", "Times an unusable answer is asked for again."),
    Option(
        "JUDGE_RESPONSE_FORMAT",
        "format",
        one_of("auto", "json_schema", "json_object"),
        "auto",
        "json_schema asks for a strict schema, json_object writes it into the prompt, auto does the second "
        "where the server refuses the first.",
    ),
    Option(
        "JUDGE_PRICES",
        "model=prices, …",
        text,
        "",
        "Dollars per million tokens for models whose price is not known or not yours: "
        "openai:my-model=0.40/1.60 (input/output) or 0.40/0.10/1.60 (input/cached/output).",
    ),
    Option(
        "JUDGE_INTERRUPTED",
        "word",
        one_of("retry", "fail"),
        "retry",
        "What becomes of a judge request whose answer was lost in a crash: asked again, or failed.",
    ),
    Option(
        "JUDGE_BATCH",
        "true or false",
        flag,
        "false",
        "Ask long reruns through the provider's batch API: half the price, answers within a day.",
    ),
    Option(
        "JUDGE_BATCH_MIN",
        "whole number",
        positive,
        "2000",
        "Judge evaluations that a rerun must have to be asked through the batch API.",
    ),
)
