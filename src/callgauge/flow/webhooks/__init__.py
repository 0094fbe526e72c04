"""Webhooks that are sent: what is told to whom (events), the way out (outbox), and what can be looked at and
sent again (deliveries)."""
