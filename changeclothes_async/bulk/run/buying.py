"""Makes the calls of a run's cells, again and again while the network or the service is away."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from changeclothes_async import errors, settings
from changeclothes_async.bulk.calls import callers, listeners, paying
from changeclothes_async.bulk.ledger import ledger
from changeclothes_async.bulk.progress import events
from changeclothes_async.bulk.run import patience, permits, planning
from changeclothes_async.protocol import answers, requests
from changeclothes_async.transport import sending

if TYPE_CHECKING:  # an extra
    from changeclothes_async.bulk.cluster.crew import Crew

_LONGEST_PAUSE = 30.0

Late: TypeAlias = Callable[[planning.Planned, ledger.Claim, answers.Ending], None]


class Buyer:
    """Pays for cells; `late` is told how an attempt ended that a crew had given up as unsure."""

    def __init__(
        self,
        caller: callers.Caller,
        options: settings.Settings,
        payments: paying.Payments,
        leave: permits.Permits,
        crew: Crew | None,
        late: Late,
    ) -> None:
        self._caller = caller
        # That is for single calls: a cell may wait for its turn as long as that takes.
        self._options = options.changed(deadline=None)
        self._payments = payments
        self._permits = leave
        self._crew, self._late = crew, late
        self._patience = patience.Patience()
        self._resent_in_vain: set[bytes] = set()

    async def buy(self, planned: planning.Planned) -> answers.Made:
        """Pay for a cell; while the network or the service is away, wait and pay later."""
        pause = 1.0
        while True:
            try:
                made, _ = await self._pay(planned)
            except errors.ChangeClothesError as error:
                is_over = not self._patience.helps(error) or self._permits.stopped is not None
                # One series of attempts is enough; a resend of which none was begun was none.
                if planned.entry and error.attempts and (is_over or error.money != "not spent"):
                    self._resent_in_vain.add(planned.identity)
                if is_over:
                    raise
                self._permits.tell(events.Event("waiting", planned.name, error=error))
            else:
                self._patience.heard()
                return made
            await asyncio.sleep(random.random() * pause)
            pause = min(_LONGEST_PAUSE, 2 * pause)

    async def _pay(self, planned: planning.Planned) -> paying.Paid:
        return await self._caller.pay(
            planned.job,
            self._options,
            self._payments,
            name=planned.name,
            again=partial(self._is_wished, planned),
            expected=planned.identity,
            watched=lambda page: permits.Permitted(
                listeners.TellingJournal(self._permits.tell, planned.name, page),
                self._permits,
                planned.name,
            ),
            log_name=f"{planned.job.kind} {planned.name}",
            carrier=partial(self._carrier, self._crew, planned) if self._crew else None,
        )

    def _is_wished(self, planned: planning.Planned, entry: ledger.Entry) -> bool:
        """Tell whether a cell may be sent again that ended so: once, and not for its twin too.

        A twin cannot see it, since an unsure job whose resend failed has the entry that it had.
        """
        return planned.knows(entry) and planned.identity not in self._resent_in_vain

    def _carrier(
        self,
        crew: Crew,
        planned: planning.Planned,
        page: paying.Page,
        job: requests.Job,
        pictures: callers.Ready,
        digests: Sequence[bytes],
    ) -> sending.Post:
        def late(outcome: answers.Ending) -> None:
            if page.claimed:
                self._late(planned, page.claimed, outcome)

        return crew.carrier(late, job, pictures, digests)
