"""Makes the calls of a run's cells, again and again while the network or the service is away."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from changeclothes_async import errors
from changeclothes_async.bulk.calls import callers, listeners, paying
from changeclothes_async.bulk.ledger import ledger
from changeclothes_async.bulk.progress import events
from changeclothes_async.bulk.run import patience, permits, planning
from changeclothes_async.protocol import answers
from changeclothes_async.transport import sending

if TYPE_CHECKING:  # an extra
    from changeclothes_async.bulk.cluster.crew import Crew

_LONGEST_PAUSE = 30.0

Late: TypeAlias = Callable[[planning.Planned, paying.Page, answers.Ending], None]


class Buyer:
    """Pays for cells; `late` is told how an attempt ended that a crew had given up as unsure."""

    def __init__(
        self,
        caller: callers.Caller,
        payments: paying.Payments,
        leave: permits.Permits,
        crew: Crew | None,
        late: Late,
    ) -> None:
        # That is for single calls: a cell may wait for its turn as long as that takes.
        self._caller = caller.changed(deadline=None)
        self._payments = payments
        self._permits = leave
        self._crew, self._late = crew, late
        self._patience = patience.Patience()
        self._sent_in_vain: set[bytes] = set()

    async def buy(self, planned: planning.Planned, turn: permits.Turn) -> answers.Made:
        """Pay for a cell in its turn; while the network or the service is away, wait."""
        pause = 1.0
        while True:
            try:
                made, _ = await self._pay(planned, turn)
            except errors.ChangeClothesError as error:
                is_over = not self._patience.helps(error) or self._permits.stopped is not None
                # One series of attempts is enough, if any was begun.
                if error.attempts and (is_over or error.money != "not spent"):
                    self._sent_in_vain.add(planned.identity)
                if is_over:
                    raise
                self._permits.tell(events.Event("waiting", planned.name, error=error))
            else:
                self._patience.heard()
                return made
            await asyncio.sleep(random.random() * pause)
            pause = min(_LONGEST_PAUSE, 2 * pause)

    async def _pay(self, planned: planning.Planned, turn: permits.Turn) -> paying.Paid:
        sender = await self._caller.senders.here()
        ready = await self._caller.read(planned.job)
        if ready.identity != planned.identity:
            raise callers.picture_changed(f"A picture of {planned.name}")

        def send(page: paying.Page) -> Awaitable[paying.Paid]:
            told = listeners.TellingJournal(self._permits.tell, planned.name, page)
            late = partial(self._late, planned, page)
            return sending.Call(
                sender,
                page.flight,
                planned.job.endpoint,
                ready.framed,
                self._caller.options,
                journal=permits.Permitted(told, self._permits, turn),
                name=f"{planned.job.kind} {planned.name}",
                began=ready.began,
                post=self._crew.carrier(ready, late) if self._crew else None,
            ).paid()

        return await self._payments.pay(
            ready.identity,
            planned.job.endpoint,
            send,
            name=planned.name,
            again=partial(self._is_wished, planned),
        )

    def _is_wished(self, planned: planning.Planned, entry: ledger.Entry) -> bool:
        """Tell whether a cell may be sent again that ended so: once, and not for its twin too.

        A twin cannot see it: planned after the first was sent, it knows what became of it; and an
        unsure job whose resend failed has the entry that it had.
        """
        return planned.knows(entry) and planned.identity not in self._sent_in_vain
