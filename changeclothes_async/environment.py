"""Whose account and which service: the key and the origin, given or from the environment."""

from __future__ import annotations

import os
import re
import sys
from importlib import import_module
from types import NoneType

from pydantic import SecretStr

from changeclothes_async import arguments, errors
from changeclothes_async.protocol import addresses

ORIGIN = "https://changeclothesai.online"
KEY_VARIABLE = "CHANGECLOTHES_API_KEY"
ORIGIN_VARIABLE = "CHANGECLOTHES_BASE_URL"
LOG_VARIABLE = "CHANGECLOTHES_LOG"


def key(given: str | SecretStr | None) -> SecretStr:
    """Return the API key, checked. Raises MissingKey, or InvalidInput which does not repeat it."""
    text = given.get_secret_value() if isinstance(given, SecretStr) else given
    arguments.expect("api_key", text, "the key as a string", str, NoneType)
    if text is not None and not text.strip():  # the environment's may be another account's
        raise errors.MissingKey("api_key is empty.")
    text = (text or os.environ.get(KEY_VARIABLE) or _colab_secret() or "").strip()
    if not text:
        raise errors.MissingKey(f"No API key: api_key was not given, {KEY_VARIABLE} is not set.")
    if text.lower().startswith("bearer "):
        raise errors.InvalidInput(
            "The API key begins with the word Bearer.",
            next_step="Give the key without the word Bearer, which the client adds.",
        )
    if not re.fullmatch(r"[\x21-\x7e]+", text):
        raise errors.InvalidInput(
            "The API key holds spaces, line ends or characters that no header can carry.",
            next_step="Copy it from the console again.",
        )
    return SecretStr(text)


def _colab_secret() -> str | None:
    """Look into the secrets of Google Colab, where this is a notebook of Colab's."""
    if "google.colab" not in sys.modules:
        return None
    userdata = import_module("google.colab.userdata")
    try:
        return str(userdata.get(KEY_VARIABLE))
    except userdata.SecretNotFoundError:
        return None
    except userdata.NotebookAccessError:
        refusal = errors.MissingKey(
            f"Colab has a secret {KEY_VARIABLE}, but this notebook may not read it.",
            next_step="Switch on its notebook access in Colab's side bar (the key symbol).",
        )
    raise refusal


def base_url(given: str | None) -> str:
    """Return the origin of the service, checked; raises InvalidInput."""
    arguments.expect("base_url", given, f"a string such as {ORIGIN}", str, NoneType)
    if given is not None and not given.strip():  # the service itself may not be what was meant
        raise errors.InvalidInput(
            "base_url is empty.", next_step=f"Give an address such as {ORIGIN}, or leave it out."
        )
    return _origin((given or os.environ.get(ORIGIN_VARIABLE) or ORIGIN).strip())


def _origin(url: str) -> str:
    # It is not repeated: what is in the wrong place may be the key.
    if "@" in url:
        raise errors.InvalidInput(
            "base_url holds a user name or password.", next_step="Leave them out; pass api_key=…."
        )
    if "://" not in url:
        raise errors.InvalidInput(
            "base_url is not an address: there is no https:// in it.",
            next_step=f"Write it like {ORIGIN}.",
        )
    parts = addresses.parts(url.rstrip("/"))
    if parts is None or parts.scheme not in {"http", "https"} or parts.query or parts.fragment:
        raise errors.InvalidInput(
            "base_url is not an origin.", next_step=f"Write it like {ORIGIN}."
        )
    if parts.scheme == "http" and not addresses.is_loopback(parts.hostname or ""):
        raise errors.InvalidInput(
            "base_url with http:// would send the key unencrypted.",
            next_step="Use https:// (plain http is for this machine's own addresses).",
        )
    origin, api, _ = url.partition("/api/openapi")
    if api:
        raise errors.InvalidInput(
            f"base_url={url[:200]!r} is an endpoint's address.",
            next_step=f"Leave the path of the endpoint out: {origin[:200]}.",
        )
    return url.rstrip("/")
