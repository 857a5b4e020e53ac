"""A secret redacted in texts that echo it, however they spell it.

A service, a proxy or aiohttp may repeat the API key: plainly, in JSON's escapes, percent-encoded in
an address, as a page's entities, or cut off.
"""

from __future__ import annotations

import re
from functools import lru_cache

_SHORTEST = 8  # fewer letters are no secret, and would be found inside words
_PIECE = 12  # letters of a longer one that was cut off; fewer may be anybody's
_MARK = "***"
_NAMED = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}


class Redactor:
    """Redacts one secret; one that is too short to be a secret is left alone."""

    def __init__(self, secret: str) -> None:
        self._secret = secret if len(secret) >= _SHORTEST else ""
        self._plain, self._spelled = _spellings(self._secret)

    def is_needed(self, *texts: str) -> bool:
        """Take a quick look at texts that seldom hold the secret; it may be needed in vain.

        Of plain letters only JSON knows other spellings.
        """
        text = "\n".join(texts)
        found = self._plain in text.lower() or "\\u00" in text or self._secret[:_PIECE] in text
        return bool(self._secret) and found

    def in_text(self, text: str) -> str:
        """Redact the whole secret in a text, in any case: names of headers come in lower case."""
        return self._spelled.sub(_MARK, text) if self.is_needed(text) else text

    def in_bytes(self, data: bytes) -> bytes:
        """Redact it in an answer's body, and its beginning where the body ends within it."""
        body = self.in_text(data.decode("latin-1")).encode("latin-1")
        secret = self._secret.encode("utf-8", "replace")
        at = body.rfind(secret[:_PIECE], -len(secret)) if secret else -1
        return body[:at] + _MARK.encode() if at >= 0 and secret.startswith(body[at:]) else body

    def in_cut(self, text: str) -> str:
        """Redact it, and any long beginning of it, in a text that others may have cut anywhere."""
        text, size = self.in_text(text), len(self._secret)
        for length in range(size, min(_PIECE, size) - 1, -1) if size else ():
            text = text.replace(self._secret[:length], _MARK)
        return text


@lru_cache(maxsize=8)
def _spellings(secret: str) -> tuple[str, re.Pattern[str]]:
    """Return a secret's longest plain part, and what finds it however it is written."""
    plain = max(re.findall("[a-z0-9]*", secret.lower()), key=len)
    # Escapes are looked for at the first of their backslashes only: an answer may hold thousands.
    spelled = [_spelled(letter, "" if at else r"(?<!\\)") for at, letter in enumerate(secret)]
    return plain, re.compile("".join(spelled), re.IGNORECASE)


def _spelled(letter: str, begins: str) -> str:
    code, named = ord(letter), _NAMED.get(letter, f"#{ord(letter)}")
    escaped = r"\\++" if letter == "\\" else rf"\\*+{re.escape(letter)}"
    entities = f"&#0*+{code};|&#x0*+{code:x};|&{named};"
    return rf"(?:{begins}(?:{escaped}|\\++u{code:04x})|%{code:02x}|{entities})"
