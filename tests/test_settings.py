"""Key, origin and limits: from arguments or the environment, refused by name."""

from __future__ import annotations

import math
import pickle
import sys
import types

import aiohttp
import pytest
from pydantic import SecretStr

from changeclothes_async import client, environment, errors, settings


def settle(key="a-key", origin=None, retries=2, **others):
    return settings.from_arguments(key, origin, retries, **others)


def test_a_missing_key_names_the_variable_and_where_keys_come_from():
    """The constructor says what to do, before any call."""
    with pytest.raises(errors.MissingKey) as caught:
        client.AsyncChangeClothes()
    for word in ("CHANGECLOTHES_API_KEY", "api_key", "changeclothesai.online", "Sandbox"):
        assert word in str(caught.value)


def test_key_and_origin_come_from_the_environment(monkeypatch):
    """Both variables are read, without the blanks around them; arguments go before them."""
    monkeypatch.setenv("CHANGECLOTHES_API_KEY", " from-outside \n")
    monkeypatch.setenv("CHANGECLOTHES_BASE_URL", " https://mirror.example/ \n")
    options = settle(key=None)
    assert options.api_key.get_secret_value() == "from-outside"
    assert options.base_url == "https://mirror.example"
    options = settle("given", "https://api.example")
    assert options.api_key.get_secret_value() == "given"
    assert options.base_url == "https://api.example"


@pytest.mark.parametrize("key", ["", " \n", SecretStr("")])
def test_an_empty_key_is_not_filled_in(key, monkeypatch):
    """It was read from an unset variable; the environment's key may be another account's."""
    monkeypatch.setenv("CHANGECLOTHES_API_KEY", "from-outside")
    with pytest.raises(errors.MissingKey, match="api_key is empty"):
        settle(key)


@pytest.mark.parametrize("origin", ["", " \n"])
def test_an_empty_origin_is_not_filled_in(origin, monkeypatch):
    """It was read from an unset variable; photographs go nowhere that nobody named."""
    monkeypatch.setenv("CHANGECLOTHES_BASE_URL", "https://mirror.example")
    with pytest.raises(errors.InvalidInput, match="base_url is empty"):
        settle(origin=origin)


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch):
    """As programs that start others leave them: the origin is the default, the key is missing."""
    monkeypatch.setenv("CHANGECLOTHES_BASE_URL", "")
    assert settle().base_url == environment.ORIGIN
    monkeypatch.setenv("CHANGECLOTHES_API_KEY", "")
    with pytest.raises(errors.MissingKey, match="is not set"):
        settle(key=None)


class _Secrets(types.ModuleType):
    """Colab's `userdata`, as far as it is used."""

    class SecretNotFoundError(Exception):
        """There is no such secret."""

    class NotebookAccessError(Exception):
        """There is one, and this notebook may not read it."""

    def __init__(self, secret: str | type[Exception]) -> None:
        super().__init__("google.colab.userdata")
        self._secret = secret

    def get(self, name: str) -> str:
        if isinstance(self._secret, str):
            return f"{self._secret}-{name}"
        raise self._secret(name)


@pytest.fixture
def colab(monkeypatch):
    """Make this a notebook of Colab's that has, or has not, a secret."""

    def become(secret):
        monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
        monkeypatch.setitem(sys.modules, "google.colab.userdata", _Secrets(secret))

    return become


def test_the_key_is_found_in_colab_s_secrets(colab, monkeypatch):
    """By the variable's name; the environment goes before it."""
    colab("secret")
    assert settle(None).api_key.get_secret_value() == "secret-CHANGECLOTHES_API_KEY"
    monkeypatch.setenv("CHANGECLOTHES_API_KEY", "from-outside")
    assert settle(None).api_key.get_secret_value() == "from-outside"


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (_Secrets.SecretNotFoundError, "CHANGECLOTHES_API_KEY is not set"),
        (_Secrets.NotebookAccessError, "Switch on its notebook access"),
    ],
)
def test_a_secret_that_colab_does_not_give_is_a_missing_key(colab, problem, words):
    """One that is there and may not be read says how to allow it."""
    colab(problem)
    with pytest.raises(errors.MissingKey, match=words):
        settle(None)


def test_the_pages_origin_is_the_default():
    """Without any word it is the service itself."""
    assert settle().base_url == "https://changeclothesai.online"


@pytest.mark.parametrize("key", ["k", "sk-live_123~!", SecretStr("hidden")])
def test_a_key_is_a_text_or_a_secret(key):
    """Any printable key without blanks is taken."""
    assert settle(key).api_key.get_secret_value()


@pytest.mark.parametrize("key", ["a b", "a\r\nX: y", "schlüssel", "a\tb", "a\x00b"])
def test_a_key_that_no_header_carries_is_refused_unseen(key):
    """The message does not repeat what was given."""
    with pytest.raises(errors.InvalidInput) as caught:
        settle(key)
    assert key not in str(caught.value)


def test_a_whole_header_is_not_a_key():
    """What to leave out is said, and the key is not."""
    with pytest.raises(errors.InvalidInput, match="without the word Bearer") as caught:
        settle("Bearer sk-live")
    assert "sk-live" not in str(caught.value)


def test_an_endpoint_is_not_an_origin():
    """Its path would be there twice; what to give is named."""
    for path in ("/api/openapi", "/api/openapi/change-clothes-ai", "/api/openapi/x/"):
        with pytest.raises(errors.InvalidInput, match=r"out: https://api\.example/prefix\.$"):
            settle(origin=f"https://api.example/prefix{path}")


@pytest.mark.parametrize(
    "origin",
    [
        "https://api.example",
        "https://api.example:8443/prefix",
        "http://127.0.0.1:8787",
        "http://127.9.9.9",
        "http://localhost:1",
        "http://[::1]:8787",
        "https://10.0.0.1",
    ],
)
def test_an_origin_is_https_or_on_this_machine(origin):
    """Https anywhere, http on loopback; a last slash is left out."""
    assert settle(origin=f"{origin}/").base_url == origin


@pytest.mark.parametrize(
    "origin",
    [
        "http://api.example",
        "http://10.0.0.1",
        "http://127.0.0.1.example",
        "http://localhost.example",
        "ftp://api.example",
        "api.example",
        "https://",
        "https://[::1",
        "https://api.example:0",
        "https://api.example:99999",
        "https://api.example/?a=b",
        "https://api.example/#a",
        "https://me:secret@api.example",
        "//api.example",
    ],
)
def test_another_origin_is_refused_before_anything_is_sent(origin):
    """Plain http to elsewhere, other schemes, credentials, and what is no origin."""
    with pytest.raises(errors.InvalidInput) as caught:
        settle(origin=origin)
    assert "base_url" in str(caught.value)
    assert "secret" not in str(caught.value)


NUMBERS = {
    "max_concurrency": [0, -1, 2.5, None, "8", True, math.inf, math.nan],
    "max_waiting": [-1, 1.5, "1"],
    "max_per_minute": [0, -1, math.nan, "60"],
    "timeout": [0, -1, None, "300", math.nan, math.inf],
    "connect_timeout": [0, None, "20"],
    "deadline": [0, -1, "60", math.nan],
    "max_result_bytes": [0, -1, None, 1.5],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, many in NUMBERS.items() for v in many])
def test_a_wrong_number_is_refused_by_name(name, value):
    """Too small, of another type, or nothing where something is needed."""
    with pytest.raises(errors.InvalidInput) as caught:
        settle(**{name: value})
    assert name in str(caught.value)


@pytest.mark.parametrize("seconds", [0, 1e13, math.inf])
def test_the_error_of_a_number_names_both_bounds(seconds):
    """What is too large is told what is not."""
    with pytest.raises(errors.InvalidInput, match=r"from 0\.001 to 1,000,000,000,000\.$"):
        settle(timeout=seconds)
    assert settle(timeout=1e12).timeout == 1e12


CANARY = "sk-canary-0123456789"


@pytest.mark.parametrize("name", ["timeout", "retries", "max_concurrency", "prepare"])
def test_a_text_where_a_number_belongs_is_not_repeated(name):
    """It may be the key, in the wrong place."""
    with pytest.raises(errors.InvalidInput, match=f"{name} is of type str") as caught:
        client.AsyncChangeClothes("a-key", **{name: CANARY})
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("value", ["", None, "\n"])
@pytest.mark.parametrize("line", ["Authorization: Bearer {}", "Authorization Bearer {}"])
def test_a_whole_line_as_a_header_s_name_is_not_repeated(line, value):
    """It may hold the key; only what can be a name is told."""
    with pytest.raises(errors.InvalidInput, match=r"headers: .*a name") as caught:
        settle(headers={line.format(CANARY): value})
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("name", ["timeout", "max_concurrency", "retries", "prepare"])
def test_a_number_that_python_cannot_spell_is_refused_as_any_other(name):
    """Python spells no number of more than 4300 digits."""
    with pytest.raises(errors.InvalidInput, match=f"{name}=a number of thousands of digits"):
        client.AsyncChangeClothes("a-key", **{name: 10**4300})


@pytest.mark.parametrize(
    "form", ["{}", "ftp://{}", "http://{}", "https://{}?a=b", "{}@api.example"]
)
def test_an_origin_that_is_refused_is_not_repeated(form):
    """Nor is what stands where the address belongs."""
    with pytest.raises(errors.InvalidInput, match="base_url") as caught:
        settle(origin=form.format(CANARY))
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("retries", [-1, 1.5, None, "2"])
def test_a_wrong_number_of_retries_is_refused(retries):
    """Retries is a whole number, 0 or more."""
    with pytest.raises(errors.InvalidInput, match="retries"):
        settle(retries=retries)


@pytest.mark.parametrize("name", ["max_waiting", "max_per_minute", "deadline"])
def test_what_may_be_without_limit_may_be_none(name):
    """None is no limit."""
    assert getattr(settle(**{name: None}), name) is None


def test_verification_cannot_be_switched_off():
    """ssl=False is refused, with what to do instead."""
    with pytest.raises(errors.InvalidInput, match="SSLContext"):
        settle(ssl=False)


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer other"},
        {"content-length": "1"},
        {"Host": "elsewhere.example"},
        {"Accept-Encoding": "gzip, br"},
        {"Content-Encoding": "gzip"},
        {"Connection": "close"},
        {"Upgrade": "h2c"},
        {"TE": "trailers"},
        {"X-Team\r\nX-Other": "y"},
        {"": "y"},
        {"X-Team": "a\r\nX-Other: b"},
        {"X-Team": "a\0b"},
    ],
)
def test_a_header_that_is_ours_or_none_is_refused(headers):
    """What the client sets itself, and what would inject a header."""
    with pytest.raises(errors.InvalidInput, match="headers"):
        settle(headers=headers)


def test_headers_are_copied():
    """What is changed afterwards was not looked at, and is not sent."""
    mine = {"X-Team": "blue"}
    options = settle(headers=mine)
    mine["Authorization"] = "Bearer other"
    assert options.headers == {"X-Team": "blue"}


KINDS = {
    "api_key": [5, b"a-key", ["a-key"]],
    "base_url": [5, b"https://api.example", 0, ""],
    "headers": ["x", 5, [("a", "b")], {"a": 5}, {5: "a"}, {"a": None}],
    "proxy": [5, b"http://p.example", "p.example:80", "socks5://p.example", ""],
    "ssl": ["x", 5, None, 1],
    "session": [5, "x", object()],
    "on_event": [5, "x"],
    "trace_configs": [5, [5]],
    "ledger": [5, b"ledger.db", "", "s3://shelf/ledger.db"],
    "prepare": ["x", None, 5],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, many in KINDS.items() for v in many])
def test_an_argument_of_another_kind_is_refused_by_name(name, value):
    """The constructor says what it takes instead; nothing of another library's gets out."""
    with pytest.raises(errors.InvalidInput, match=name) as caught:
        client.AsyncChangeClothes(**{"api_key": "a-key", name: value})
    assert caught.value.next_step.startswith(("Give", "Leave", "Make", "Pass"))


async def test_a_closed_session_is_refused():
    """No call could be made over it."""
    async with aiohttp.ClientSession() as session:
        client.AsyncChangeClothes("a-key", session=session)
    with pytest.raises(errors.InvalidInput, match="closed already"):
        client.AsyncChangeClothes("a-key", session=session)


def test_a_pinned_certificate_is_taken():
    """Aiohttp's own object for it passes."""
    pin = aiohttp.Fingerprint(bytes(32))
    assert client.AsyncChangeClothes("a-key", ssl=pin)


def test_changed_gives_a_copy():
    """Other values, the rest as it was; `retries` changes the number in the policy."""
    first = settle(timeout=10)
    second = first.changed(timeout=20, retries=7)
    assert (first.timeout, first.retry.retries) == (10, 2)
    assert (second.timeout, second.retry.retries) == (20, 7)
    assert second.api_key is first.api_key


def test_changed_values_are_checked_too():
    """A copy obeys the rules of the first."""
    with pytest.raises(errors.InvalidInput, match="timeout"):
        settle().changed(timeout=0)


@pytest.mark.parametrize(
    ("origin", "near"), [("http://127.0.0.1:1", True), ("https://api.example", False)]
)
def test_only_a_near_service_has_near_results(origin, near):
    """Results on loopback are fetched where the service is there itself."""
    assert settle(origin=origin).fetching.near is near


def test_secrets_stay_out_of_repr_and_pickles():
    """Neither key nor the proxy's password is shown; settings do not pickle, fetching without."""
    options = settle("canary", proxy="http://me:canary@proxy.example", headers={"X": "canary"})
    assert "canary" not in repr(options) + str(options) + repr(options.fetching)
    assert b"canary" not in pickle.dumps(options.fetching.portable())
    with pytest.raises(TypeError, match="CHANGECLOTHES_API_KEY"):
        pickle.dumps(options)
