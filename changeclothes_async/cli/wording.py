"""The library's errors in the words of a shell: options for arguments, and what to type next.

Rules of this file:

* `category=…` is `--category` where the command has such an option, and a variable where the
  environment says it; a table's columns, and what a service said, stay as they are.
* A next step that only a program could take is replaced by one for a person at a prompt.
"""

from __future__ import annotations

import os
import re

import click

from changeclothes_async import errors
from changeclothes_async.protocol import addresses, texts

DAMAGED = "paid, without a usable answer"
UNSURE = "sent but not answered, perhaps paid"

_VARIABLES = {"api_key": "CHANGECLOTHES_API_KEY", "base_url": "CHANGECLOTHES_BASE_URL"}
_PHRASES = (
    ("api_key was not given, ", ""),
    ("api_key or CHANGECLOTHES_API_KEY", "CHANGECLOTHES_API_KEY"),
    ("ssl= takes a context of your own", "SSL_CERT_FILE may name one of your own"),
    ("`out`", "--out"),
    ("another out", "another --out"),
    (
        "an http(s) URL, a data: URI, bytes, an open binary file or a PIL image",
        "an http(s) URL or a data: URI",
    ),
    ("It should have at least 1 character", "Write at least one character"),
)
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "packet length too long")
_RUN_AGAIN = "then run the same line again: what is paid is not paid again."
_LONGEST = 500
_APART = r"(?<![\w?&/.-])"  # from an address or a path, whose parts may be called so too


def message(error: errors.ChangeClothesError) -> str:
    """Say what happened."""
    if _speaks_http(error):
        return f"The server at {_origin()} does not speak https."
    if _finds_nobody(error):
        return f"Nothing answers at {_origin()}."
    words = _in_options(error.message)
    body = getattr(error.raw, "body", b"") if isinstance(error, errors.Damaged) else b""
    said = texts.on_a_line(" ".join(body.decode("utf-8", "replace").split())[:_LONGEST])
    return f"{words} It was: {said}" if said else words


def next_step(error: errors.ChangeClothesError) -> str:
    """Say what to do now."""
    return _own_step(error) or _in_options(error.next_step)


def _own_step(error: errors.ChangeClothesError) -> str | None:
    if isinstance(error, errors.MissingKey):
        return (
            "Keys are made in the console of changeclothesai.online. "
            "Without an account: changeclothes demo, or changeclothes serve."
        )
    if isinstance(error, errors.NotSent):
        return _way_step(error)
    if isinstance(error, errors.Unsure | errors.Damaged):
        return _resend_step(error)
    if "next_step" in vars(error):  # said for this one, and not for all of its kind
        return None
    if isinstance(error, errors.SaveFailed):
        return f"Make room or choose another place, {_RUN_AGAIN}"
    return None


def _way_step(error: errors.NotSent) -> str | None:
    """Say what may be wrong on the way to the server."""
    if _speaks_http(error):
        return "Write http:// in CHANGECLOTHES_BASE_URL." if _is_near() else None
    if _finds_nobody(error):
        return "Is `changeclothes serve` running? Start it, or unset CHANGECLOTHES_BASE_URL."
    return None


def _resend_step(error: errors.ChangeClothesError) -> str | None:
    """Say how a single call is sent again that a ledger may hold back."""
    again = " If paying twice is fine, add --resend-unsure." if _parameters().get("ledger") else ""
    if isinstance(error, errors.Damaged):
        paid = "It is paid: look into it for the result, or show it to the service's support."
        return paid + again
    return f"Look at the account's history.{again}" if again else None


def _speaks_http(error: errors.ChangeClothesError) -> bool:
    return isinstance(error, errors.NotSent) and any(each in error.message for each in _NO_TLS)


def _finds_nobody(error: errors.ChangeClothesError) -> bool:
    is_lost = isinstance(error, errors.NotSent) and "(Cannot connect" in error.message
    return is_lost and _is_near()


def _origin() -> str:
    return os.environ.get(_VARIABLES["base_url"], "")


def _is_near() -> bool:
    return addresses.is_here(_origin())


def _in_options(words: str) -> str:
    for phrase, ours in _PHRASES:
        words = words.replace(phrase, ours)
    names = {**_options(), **_VARIABLES}
    known = "|".join(map(re.escape, names))
    words = re.sub(rf"^({known}): ", lambda found: f"{names[found[1]]}: ", words)
    words = re.sub(
        rf"{_APART}({known})=(…)?", lambda found: _given(names[found[1]], found[2]), words
    )
    return re.sub(rf"{_APART}(api_key|base_url)\b", lambda found: _VARIABLES[found[1]], words)


def _given(name: str, anything: str | None) -> str:
    """Write an argument's place, or the beginning of its value, as the shell has it."""
    if anything:
        return name
    return f"{name} " if name.startswith("-") else f"{name}="


def _options() -> dict[str, str]:
    """Return the shell's names of the running command's options and arguments.

    A grid's `seeds` are --seed; an error about one of them says `seed`, so it is known too.
    """
    context = click.get_current_context(silent=True)
    many = context.command.params if context else []
    named = {each.name: _shell_name(each) for each in many if each.name}
    return {name.removesuffix("s"): said for name, said in named.items()} | named


def _shell_name(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Option):
        return max(parameter.opts, key=len)
    return parameter.human_readable_name


def _parameters() -> dict[str, object]:
    context = click.get_current_context(silent=True)
    return context.params if context else {}
