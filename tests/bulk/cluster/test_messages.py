"""What travels shows no secret and no picture, whoever prints it."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest
from cryptography.exceptions import InvalidTag

from changeclothes_async import errors
from changeclothes_async.bulk.cluster import messages, sealing
from changeclothes_async.bulk.cluster.agent import Agent
from changeclothes_async.protocol import answers
from tests import leaks, peers, samples
from tests.bulk.cluster.conftest import Order

HEADERS = {"X-Team": "canary-header"}
PROXY = "http://user:canary-password@proxy.example:3128"
SECRETS = (peers.KEY, "canary-header", "canary-password")


def test_secrets_are_in_no_text(terms: messages.Terms) -> None:
    """Neither of the terms that hold them, nor of themselves."""
    secrets = messages.Secrets(api_key=peers.KEY, headers=HEADERS, proxy=PROXY)
    assert not [secret for secret in SECRETS if secret in f"{secrets!r}{secrets}"]
    with pytest.raises(TypeError):
        pickle.dumps(secrets)
    sealed = replace(terms, secrets=secrets.sealed(sealing.Lock().public))
    told = " ".join(leaks.shown(sealed)) + pickle.dumps(sealed).decode("latin-1")
    assert not [secret for secret in SECRETS if secret in told]


def test_secrets_are_read_by_whom_they_were_sealed_for() -> None:
    """And by nobody else who sees them pass."""
    secrets = messages.Secrets(api_key=peers.KEY, headers=HEADERS, proxy=PROXY)
    ours, another = sealing.Lock(), sealing.Lock()
    sealed = secrets.sealed(ours.public)
    assert messages.Secrets.opened(sealed, ours) == secrets
    with pytest.raises(InvalidTag):
        messages.Secrets.opened(sealed, another)
    assert secrets.sealed(ours.public) != sealed


def test_no_message_shows_what_it_carries(order: Order) -> None:
    """Pictures, texts and results stay out of logs that print an exchange."""
    body = b'{"code": 200, "data": {"resultImgUrl": "https://results.example/canary.png"}}'
    made = answers.decode(answers.Raw(200, {}, body))
    report = messages.Report(1, made)
    attempt = order(1, 0.0, model=b"canary digest")
    assert attempt.texts
    for message in (
        attempt,
        report,
        messages.Report(2, errors.Unsure("canary words")),
        messages.Heard(0.0, 1, (report,)),
        messages.Request(Agent.keep, (b"canary digest", samples.PNG)),
    ):
        assert "canary" not in repr(message)
        assert "IHDR" not in repr(message)
        assert "dresses" not in repr(message)
