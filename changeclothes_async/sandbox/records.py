"""What reached the sandbox: its calls and their pictures, as kept for whoever asks afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it arrived; `size` (bytes) and `sha256` are of the picture itself.

    For a URL, which nobody fetches, they are of its text.
    """

    form: Literal["url", "data", "file"]
    size: int
    sha256: str
    content_type: str | None = None
    """What the part said, None where it said nothing."""
    filename: str | None = None
    url: str | None = None
    mime: str | None = None
    """What the first bytes say, None for what is no picture."""
    harmful: bool = False
    content: bytes | None = field(default=None, repr=False, compare=False)
    """The bytes, while the work needs them."""

    def bare(self) -> Picture:
        """Return it without its bytes, to be remembered."""
        return self if self.content is None else replace(self, content=None)


@dataclass(slots=True)
class Call:
    """One request to an endpoint; written on as the call goes on.

    `complete` says that the whole form arrived; `charged` is in credits (or trial uses); `code` and
    `http_status` stay None until an answer leaves; `at` is in seconds since 1970.
    """

    number: int
    endpoint: str
    at: float
    fields: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, Picture] = field(default_factory=dict)
    complete: bool = False
    charged: int = 0
    code: int | None = None
    http_status: int | None = None
    fault: str | None = None
