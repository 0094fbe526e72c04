"""The door: who may sign in, and how often it may be tried."""

from __future__ import annotations

import math
import time

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction

from callgauge.domain.options import Rate
from callgauge.flow.errors import Invalid, RateLimited
from callgauge.flow.keys import digest
from callgauge.flow.people import find_user
from callgauge.store.models import SignInTries, User
from callgauge.store.turns import write_turn

TRIES_PER_ACCOUNT = Rate(10, 15 * 60)
TRIES_PER_ADDRESS = Rate(50, 15 * 60)
"""An office behind one address has many people; a single account has one."""
WRONG = "The address and the password do not belong together."


def sign_in(email: str, password: str, address: str) -> User:
    """Raises Invalid where they do not fit, in one and the same time whether the account is there or not,
    and RateLimited for too many tries at one account or from one address on the net."""
    count_try("account", email.strip().lower(), TRIES_PER_ACCOUNT)
    count_try("address", address, TRIES_PER_ADDRESS)
    user = find_user(email)
    if user is None or not user.is_active:
        make_password(password)
        raise Invalid.field("password", WRONG)
    if not check_password(password, user.password):
        raise Invalid.field("password", WRONG)
    forget_tries("account", email.strip().lower())
    return user


def count_try(what: str, whose: str, rate: Rate) -> None:
    """Take one token. Raises RateLimited with the whole seconds until there is one again."""
    with write_turn(), transaction.atomic():
        now = time.time()
        row, _ = SignInTries.objects.select_for_update().get_or_create(
            subject=_subject(what, whose), defaults={"tokens": float(rate.count), "refilled_at": now}
        )
        per_token_secs = rate.per_secs / rate.count
        elapsed_secs = max(0.0, now - row.refilled_at)
        row.tokens = min(float(rate.count), row.tokens + elapsed_secs / per_token_secs)
        row.refilled_at = now
        if row.tokens < 1.0:
            raise RateLimited(max(1, math.ceil((1.0 - row.tokens) * per_token_secs)))
        row.tokens -= 1.0
        row.save()


def forget_tries(what: str, whose: str) -> None:
    SignInTries.objects.filter(subject=_subject(what, whose)).delete()


def _subject(what: str, whose: str) -> str:
    return f"{what}:{digest(whose)}"
