"""Key and origin: from arguments or the environment, and refused without being repeated."""

from __future__ import annotations

import sys
import types

import pytest
from pydantic import SecretStr

from changeclothes_async import client, environment, errors, settings

CANARY = "sk-canary-0123456789"


def settle(key="a-key", origin=None):
    return settings.from_arguments(key, origin, 2)


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


@pytest.mark.parametrize(
    "form", ["{}", "ftp://{}", "http://{}", "https://{}?a=b", "{}@api.example"]
)
def test_an_origin_that_is_refused_is_not_repeated(form):
    """Nor is what stands where the address belongs."""
    with pytest.raises(errors.InvalidInput, match="base_url") as caught:
        settle(origin=form.format(CANARY))
    assert CANARY not in str(caught.value)
