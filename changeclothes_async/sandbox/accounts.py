"""The sandbox's only account: its key, its credits or trial uses, and what was taken."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field

from changeclothes_async.sandbox import envelopes


@dataclass(slots=True)
class Account:
    """An account that pays `cost` credits a call, or one trial use where it has trial uses.

    `credits` None never runs out; `trial` None is an account that pays.
    """

    key: str = field(repr=False)
    credits: int | None
    trial: int | None
    cost: int
    charges: int = 0

    def admit(self, authorization: str | None) -> None:
        """Refuse a call without this account's key or without the means to pay for it."""
        if not authorization:
            raise envelopes.Refusal(envelopes.NOT_LOGIN)
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not _same(key.strip(), self.key):
            raise envelopes.Refusal(envelopes.INVALID_API_KEY)
        if self.trial is not None:
            if self.trial < 1:
                raise envelopes.Refusal(envelopes.INSUFFICIENT_TRIAL_COUNT)
        elif self.credits is not None and self.credits < self.cost:
            raise envelopes.Refusal(envelopes.INSUFFICIENT_CREDITS)

    def charge(self) -> int:
        """Take what one call costs; returns how much that was."""
        taken = self.cost if self.trial is None else 1
        self._take(taken)
        return taken

    def refund(self, taken: int) -> None:
        """Give back what `charge` took."""
        self._take(-taken)

    def _take(self, amount: int) -> None:
        self.charges += amount
        if self.trial is not None:
            self.trial -= amount
        elif self.credits is not None:
            self.credits -= amount


def new_key() -> str:
    """Return a key that no real account has."""
    return f"sandbox-{secrets.token_hex(16)}"


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), expected.encode())
