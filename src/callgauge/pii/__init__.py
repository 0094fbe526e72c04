"""Personal data in conversations: found by rules of our own, said as well as written, and replaced by tokens.

No model and no network: a new kind is one detector here, and one line in `redact`.
"""

from .fields import TOKENS, Field
from .known import known_values
from .placing import Placed, merged, place
from .redact import Hidden, Redacted, Redactor

__all__ = ["TOKENS", "Field", "Hidden", "Placed", "Redacted", "Redactor", "known_values", "merged", "place"]
