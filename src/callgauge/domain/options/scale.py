"""More than one machine: the broker that carries work to workers."""

from __future__ import annotations

from callgauge.domain.options.kinds import Option, one_of, positive, text

SCALE: tuple[Option, ...] = (
    Option(
        "BROKER_URL",
        "URL",
        text,
        "",
        "The broker that carries work to `callgauge worker`: amqp://USER:PASSWORD@HOST:PORT/VHOST for "
        "RabbitMQ, or redis://HOST:PORT/NUMBER. Empty: `serve` does the work itself. Needs PostgreSQL.",
        secret=True,
    ),
    Option(
        "BROKER_QUEUES",
        "word",
        one_of("classic", "quorum"),
        "classic",
        "Kind of the queues in RabbitMQ. Quorum queues are copied to several nodes of a cluster.",
    ),
    Option(
        "TENANT_CHUNKS",
        "whole number",
        positive,
        "8",
        "Chunks of one project that may be with the broker and each worker at once, so that a large rerun "
        "leaves room for others.",
    ),
)
