"""The ledger against a plain dict, through every order of events, deaths and clocks."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from changeclothes_async import errors
from changeclothes_async.bulk.ledger import states
from changeclothes_async.bulk.ledger.ledger import Claim, Entry, Facts, Ledger
from changeclothes_async.bulk.ledger.states import JobEvent, State
from changeclothes_async.transport import places

T = TypeVar("T")
IDENTITIES = st.sampled_from([b"a" * 32, b"b" * 32, b"c" * 32])
NAMES = st.sampled_from(["one", "two"])
OUTCOMES = st.sampled_from(sorted(states.OUTCOMES))
SPENT = {JobEvent.GIVE_BACK: "not spent", JobEvent.PAY: "spent", JobEvent.DAMAGE: "spent"}


@dataclass
class Job:
    """What the promise says of one job, in the words of the promise and not of the table."""

    state: State = State.OPEN
    attempts: int = 0
    resting_on: Facts | None = None
    told: list[tuple[int, JobEvent]] = field(default_factory=list)

    def may_be_claimed(self, event: JobEvent) -> bool:
        free = {State.OPEN, State.FAILED}
        return self.state in (
            free | {State.UNSURE, State.DAMAGED} if event is JobEvent.RESEND else free
        )

    def end(self, claim: Claim, event: JobEvent, facts: Facts) -> None:
        self.told.append((claim.attempt, event))
        if self.state in {State.PAID, State.SAVED}:
            return
        if event is JobEvent.PAY:
            self.state, self.resting_on = State.PAID, facts
        elif claim.attempt == self.attempts:
            self._end_latest(claim, event, facts)

    def _end_latest(self, claim: Claim, event: JobEvent, facts: Facts) -> None:
        undecided = self.state in {State.OPEN, State.CLAIMED, State.UNSURE}
        in_doubt = claim.before in {State.UNSURE, State.DAMAGED}
        in_vain = event is JobEvent.GIVE_BACK or (event is JobEvent.FAIL and in_doubt)
        if in_vain and undecided:
            if self.state is not claim.before and claim.before is State.OPEN:
                self.resting_on = facts
            self.state = claim.before
        elif undecided or (event is JobEvent.DAMAGE and self.state is State.FAILED):
            reached = {
                JobEvent.FAIL: State.FAILED,
                JobEvent.LOSE: State.UNSURE,
                JobEvent.DAMAGE: State.DAMAGED,
            }[event]
            if reached is not self.state:
                self.state, self.resting_on = reached, facts


class Machine(RuleBasedStateMachine):
    """Runs of one program over one ledger, each ended by a death, beside what they were told."""

    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.time = 1e9
        self.number = 0
        self.jobs: dict[bytes, Job] = {}
        self.pictures: dict[str, bytes] = {}
        self.holders: set[int] = set()
        self.path = Path(self.folder.name, "0", "ledger.db")
        self.ledger = self.run(Ledger.open(self.path, clock=lambda: self.time))

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(doing)

    @rule(
        target=claims, identity=IDENTITIES, event=st.sampled_from([JobEvent.CLAIM, JobEvent.RESEND])
    )
    def claim(self, identity: bytes, event: JobEvent) -> tuple[int, Claim] | None:
        job = self.jobs.setdefault(identity, Job())
        answer = self.run(self.ledger.claim(identity, endpoint="try-on", event=event))
        if not job.may_be_claimed(event):
            assert isinstance(answer, Entry)
            assert (answer.state, answer.facts) == (job.state, job.resting_on)
            return None
        assert isinstance(answer, Claim)
        job.attempts += 1
        assert (answer.attempt, answer.before) == (job.attempts, job.state)
        job.state = State.CLAIMED
        self.number += 1
        self.holders.add(self.number)
        return self.number, answer

    @rule(claim=claims, event=OUTCOMES, words=st.text(max_size=3))
    def settle(self, claim: tuple[int, Claim] | None, event: JobEvent, words: str) -> None:
        """Settle a claim of this run, for the first time or once more."""
        if claim is None or claim[0] not in self.holders:
            return
        self._settle(claim[1], event, words)

    @rule(claim=consumes(claims), event=OUTCOMES)
    def settle_at_last(self, claim: tuple[int, Claim] | None, event: JobEvent) -> None:
        self.settle(claim, event, "at last")

    def _settle(self, claim: Claim, event: JobEvent, words: str) -> None:
        job = self.jobs[claim.identity]
        facts = Facts(msg=words or None, money=SPENT.get(event, "maybe spent"))  # type: ignore[arg-type]
        job.end(claim, event, facts)
        assert self.run(self.ledger.settle(claim, event, facts)) is job.state

    @rule(identity=IDENTITIES, name=NAMES)
    def save(self, identity: bytes, name: str) -> None:
        job = self.jobs.get(identity, Job())
        saving = self.ledger.save(name, identity, places.Saved("cell.webp", 1, 2, b"3"))
        if job.state in {State.PAID, State.SAVED}:
            self.run(saving)
            job.state = State.SAVED
            self.pictures[name] = identity
        else:
            with pytest.raises(errors.LedgerError):
                self.run(saving)

    @rule(identity=IDENTITIES, name=NAMES)
    def miss(self, identity: bytes, name: str) -> None:
        job = self.jobs.get(identity, Job())
        if job.state in {State.PAID, State.SAVED}:
            self.run(self.ledger.miss(name, identity))
            job.state = State.PAID
            if self.pictures.get(name) == identity:
                del self.pictures[name]
        else:
            with pytest.raises(errors.LedgerError):
                self.run(self.ledger.miss(name, identity))

    @rule()
    def die_and_open_again(self) -> None:
        """Go on with the files as they are on the disk at this moment, as after a kill."""
        dead = self.path
        self.path = Path(self.folder.name, str(int(dead.parent.name) + 1), dead.name)
        self.path.parent.mkdir()
        for name in ("ledger.db", "ledger.db-wal"):
            shutil.copy(dead.with_name(name), self.path.with_name(name))
        self.close_and_open_again()

    @rule()
    def close_and_open_again(self) -> None:
        self.run(self.ledger.close())
        self.holders.clear()
        for job in self.jobs.values():
            if job.state is State.CLAIMED:
                job.state = State.UNSURE
                job.told.append((job.attempts, JobEvent.LOSE))
                job.resting_on = None
        self.ledger = self.run(Ledger.open(self.path, clock=lambda: self.time))
        for identity, entry in self.run(self.ledger.entries(list(self.jobs))).items():
            job = self.jobs[identity]
            if job.resting_on is None and entry.facts and entry.facts.error == "Unsure":
                job.resting_on = entry.facts

    @rule(seconds=st.sampled_from([-86400.0, -1.0, 0.0, 0.5, 3600.0]))
    def change_the_clock(self, seconds: float) -> None:
        self.time += seconds

    @rule()
    def start_a_second_run(self) -> None:
        with pytest.raises(errors.LedgerBusy):
            self.run(Ledger.open(self.path))

    @invariant()
    def it_knows_what_it_was_told(self) -> None:
        assert self.run(self._known()) == {
            identity: (job.state, job.attempts, job.resting_on, job.told)
            for identity, job in self.jobs.items()
            if job.attempts
        }
        counted = Counter(job.state for job in self.jobs.values() if job.attempts)
        assert self.run(self.ledger.counts()) == {state: counted[state] for state in State}
        found = self.run(self.ledger.pictures(["one", "two", "three"]))
        assert {name: picture.identity for name, picture in found.items()} == self.pictures

    async def _known(
        self,
    ) -> dict[bytes, tuple[State, int, Facts | None, list[tuple[int, JobEvent]]]]:
        known = {}
        async for entry in self.ledger.scan():
            audit = await self.ledger.attempts(entry.identity)
            told = [(line.attempt, line.event) for line in audit]
            known[entry.identity] = (entry.state, entry.attempts, entry.facts, told)
        return known

    def teardown(self) -> None:
        self.run(self.ledger.close())
        self.runner.close()
        self.folder.cleanup()


# Each step is a few commits on a disk, and how long these take is not what is tested.
Machine.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
test_the_ledger_is_a_dict_that_survives = pytest.mark.timeout(600)(Machine.TestCase)
