"""What a client is configured with: kept as it was given, or refused by name."""

from __future__ import annotations

import math
import pickle
import ssl

import aiohttp
import pytest

from changeclothes_async import client, errors, settings


def settle(key="a-key", origin=None, retries=2, **others):
    return settings.from_arguments(key, origin, retries, **others)


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


@pytest.mark.parametrize("name", ["timeout", "retries", "max_concurrency", "prepare", "trust_env"])
def test_a_text_where_a_number_or_a_switch_belongs_is_not_repeated(name):
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


@pytest.mark.parametrize("mode", [ssl.CERT_NONE, ssl.CERT_REQUIRED], ids=["no", "a stranger's"])
def test_a_context_that_takes_any_certificate_is_refused(mode):
    """It is ssl=False by another name: of nobody, or of whoever has one for another host."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = mode
    with pytest.raises(errors.InvalidInput, match="does not check whose certificate"):
        settle(ssl=context)


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
