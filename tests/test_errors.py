"""Every error: its money, its next step, that it pickles, and its place in the tree."""

from __future__ import annotations

import copy
import pickle

import pytest

from changeclothes_async import errors
from changeclothes_async.protocol import answers

EVERY = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.ChangeClothesError)
]
FACTS = {
    "money": "maybe spent",
    "code": 10003,
    "msg": "none left",
    "http_status": 402,
    "attempts": 3,
    "elapsed": 1.5,
    "next_step": "Buy some.",
    "raw": answers.received(402, {"x": "y"}, b"{}"),
    "final": True,
}


@pytest.mark.parametrize("again", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy])  # noqa: S301 - its own
@pytest.mark.parametrize("kind", EVERY)
def test_every_error_pickles_with_all_its_facts(kind, again):
    """Class, message and facts survive the way to another process."""
    error = kind("It went wrong.", **FACTS)
    other = again(error)
    assert type(other) is kind
    assert str(other) == str(error)
    assert (other.message, other.next_step) == ("It went wrong.", "Buy some.")
    assert {name: getattr(other, name) for name in FACTS} == FACTS


@pytest.mark.parametrize("kind", EVERY)
def test_every_error_tells_the_next_step(kind):
    """A message ends with what to do now, and its money is one of three words."""
    error = kind("It went wrong.")
    shown_beside = {errors.Interrupted, errors.BudgetSpent}
    step = "" if kind in shown_beside else f" {error.next_step}"
    assert str(error) == f"It went wrong.{step}"
    assert error.next_step.endswith(".")
    assert error.money in {"not spent", "maybe spent", "spent"}
    assert (error.attempts, error.elapsed, error.code, error.msg) == (0, 0.0, None, None)


MONEY = {
    "maybe spent": [errors.ServerError, errors.TryOnException, errors.Unsure],
    "spent": [errors.Damaged, errors.DownloadFailed, errors.SaveFailed],
}


@pytest.mark.parametrize("kind", EVERY)
def test_money_is_what_the_table_says(kind):
    """Failed and unsure may have cost, damaged and not fetched did, all else did not."""
    told = next((money for money, kinds in MONEY.items() if issubclass(kind, tuple(kinds))), None)
    told = told or ("maybe spent" if kind is errors.ServiceFailed else "not spent")
    assert kind("x").money == told


def test_the_account_stops_a_batch_and_a_job_does_not():
    """The tree is that of the page's last column."""
    by_code = {code for code, kind in errors.CODES.items() if issubclass(kind, errors.AccountError)}
    assert by_code == {10001, 10002, 10003, 10006, 30001, 30002}
    by_code = {code for code, kind in errors.CODES.items() if issubclass(kind, errors.JobError)}
    assert by_code == {10004, 10005}


def test_each_codes_class_is_named_on_the_page():
    """A class's first words are its code and the page's name for it."""
    for code, kind in errors.CODES.items():
        assert kind.__doc__.startswith(f"{code} {errors.page_name(kind)}: ")


def test_other_trees_that_an_error_belongs_to():
    """What is also an ImportError, OSError or RuntimeError can be caught as one."""
    assert issubclass(errors.MissingExtra, ImportError)
    assert issubclass(errors.SaveFailed, OSError)
    assert issubclass(errors.ClientClosed, RuntimeError)
    assert not issubclass(errors.InvalidInput, ValueError)


def test_a_message_without_its_next_step_can_be_had():
    """`message` is what happened alone."""
    assert errors.Unsure("It broke.").message == "It broke."
    assert errors.Unsure().message == ""
