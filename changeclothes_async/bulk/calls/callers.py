"""The story of one call: pictures read, a body framed, sent as often as is safe, written down.

The same story with and without a ledger, for one call and for each cell of a grid.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from asyncio import wrap_future
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any

from changeclothes_async import errors, settings
from changeclothes_async.bulk.calls import listeners, senders
from changeclothes_async.protocol import images, multipart, requests

if TYPE_CHECKING:  # aiohttp, anyio and tenacity load with the first call, not with the package
    from changeclothes_async.bulk.calls import paying
    from changeclothes_async.bulk.progress import events
    from changeclothes_async.transport import flights, limits, reading, sending
    from changeclothes_async.transport.sender import Sender

Ready = Sequence[tuple[str, "images.Link | multipart.Part"]]
Carrier = Callable[["paying.Page", "requests.Job", Ready, Sequence[bytes]], "sending.Post"]
"""Gives what carries a job's attempts to the wire, for its pictures and their digests."""


def changed(what: str) -> errors.NotAnImage:
    """Return the error for a picture that is not the one a run was planned with."""
    return errors.NotAnImage(
        f"{what} changed after the run had begun.",
        next_step="Leave the pictures alone while a run is going, and run it again.",
    )


def _however_it_ended(_: object) -> bool:
    return True


class Caller:
    """Makes calls in whatever event loop it is used."""

    def __init__(
        self,
        options: settings.Settings,
        given: Any = None,
        ledger: str | os.PathLike[str] | None = None,
        on_event: events.OnEvent | None = None,
    ) -> None:
        self._ledger_path = ledger
        self._opening: Future[paying.Payments] | None = None
        self._payments: paying.Payments | None = None
        self._lock = threading.Lock()
        self._given = given
        self.listener = listeners.Listener(on_event)
        self.senders = senders.Senders(options, given)
        self._readers: dict[int | None, reading.Reader] = {}

    def reader(self, options: settings.Settings) -> reading.Reader:
        """Return the reader of pictures: there is one for each way of preparing them."""
        if options.edge not in self._readers:
            from changeclothes_async.transport import reading

            self._readers[options.edge] = reading.Reader(options.edge)
        return self._readers[options.edge]

    async def ready(self, job: requests.Job, options: settings.Settings) -> Ready:
        """Read a job's pictures. Raises NotAnImage."""
        reader = self.reader(options)
        return [(name, await reader.ready(image)) for name, image in job.pictures()]

    async def make(self, job: requests.Job, options: settings.Settings) -> paying.Paid:
        """Make a call, through the client's ledger where it has one: the result, the attempts.

        Raises TooManyWaiting at once where the queue is full.
        """
        with self.listener.call(job.kind) as name:
            sender = await self.senders.here()
            payments = self._payments
            if payments is None and self._ledger_path is not None:
                payments = await self._open_ledger(self._ledger_path, options.base_url)
            if options.max_waiting is not None:
                sender.limits.admit()
            # What was paid before needs no slot, but where one costs nothing it may take it.
            look = options.resend_unsure or not sender.limits.is_free()
            # Kept until the call itself queues: who came later does not turn this one away.
            with sender.limits.queued() as place:
                if payments is None:
                    return await self._unwritten(sender, job, options, name, place)
                return await self.pay(
                    job,
                    options,
                    payments,
                    again=_however_it_ended if options.resend_unsure else None,
                    look=look,
                    watched=partial(self.listener.journal, name),
                    log_name=name,
                    place=place,
                )

    async def _unwritten(
        self,
        sender: Sender,
        job: requests.Job,
        options: settings.Settings,
        name: str,
        place: limits.Place,
    ) -> paying.Paid:
        from changeclothes_async.transport import flights, logs, sending

        async def framed() -> multipart.Body:
            place.leave()
            return multipart.body(job.texts(), await self.ready(job, options))

        flight: flights.Flight[paying.Paid] = flights.Flight(partial(logs.left, name))
        journal = self.listener.journal(name, None)
        call = sending.Call(
            sender, flight, job.endpoint, framed, options, journal=journal, name=name
        )
        return await flight.begin(call.paid()).joined()

    async def pay(
        self,
        job: requests.Job,
        options: settings.Settings,
        payments: paying.Payments,
        *,
        name: str = "",
        again: paying.Again | None = None,
        look: bool = True,
        expected: bytes | None = None,
        watched: Callable[[paying.Page], sending.Journal] | None = None,
        log_name: str = "",
        carrier: Carrier | None = None,
        place: limits.Place | None = None,
    ) -> paying.Paid:
        """Make a call through a ledger: what was paid before is given again, not paid again.

        `name` is its cell's in the ledger, `log_name` what the log calls it. With a `carrier` its
        attempts do not go over this process's own session. A `place` in the queue is given up when
        the call itself queues, or needs not to.
        Raises NotAnImage where the pictures are not those of the `expected` identity any more.
        """
        from changeclothes_async.transport import sending

        sender = await self.senders.here()
        began = asyncio.get_running_loop().time()
        pictures, digests = await self._read(job, options, began)
        texts = job.texts()
        identity = requests.identity(job.endpoint, texts, digests)
        if expected not in {None, identity}:
            raise changed(f"A picture of {name}")
        if place and payments.is_under_way(identity):
            place.leave()

        async def framed() -> multipart.Body:
            if place:
                place.leave()
            return multipart.body(texts, pictures)

        def send(page: paying.Page) -> Coroutine[Any, Any, paying.Paid]:
            return sending.Call(
                sender,
                page.flight,
                job.endpoint,
                framed,
                options,
                journal=watched(page) if watched else page,
                name=log_name,
                began=began,
                post=carrier(page, job, pictures, digests) if carrier else None,
            ).paid()

        return await payments.pay(identity, job.endpoint, send, name=name, again=again, look=look)

    async def _read(
        self, job: requests.Job, options: settings.Settings, began: float
    ) -> tuple[Ready, list[bytes]]:
        """Read a job's pictures and digest them, within the deadline of a call that `began` now."""
        from changeclothes_async.transport import sending

        reader = self.reader(options)
        try:
            async with asyncio.timeout(options.deadline):
                pictures = await self.ready(job, options)
                return pictures, [await reader.digest(picture) for _, picture in pictures]
        except TimeoutError:
            late = sending.too_late(options, is_read=False)
            late.elapsed = asyncio.get_running_loop().time() - began
        raise late

    def check_can_travel(self, options: settings.Settings) -> None:
        """Raise InvalidInput for what belongs to this process, when others shall make its calls."""
        own = {
            "session": self._given is not None,
            "ssl": options.ssl is not True,
            "trace_configs": bool(options.trace_configs),
        }
        if names := ", ".join(f"{name}=" for name, is_set in own.items() if is_set):
            raise errors.InvalidInput(
                f"{names} cannot be sent to a cluster's workers.",
                next_step="Leave it out for this run; a certificate of your own goes into "
                "SSL_CERT_FILE where the workers start.",
            )

    async def _open_ledger(self, path: str | os.PathLike[str], base_url: str) -> paying.Payments:
        """Return the client's ledger, opened by whoever needs it first."""
        from changeclothes_async.bulk.calls import paying, services

        with self._lock:  # loops of several threads may be the first
            if self._opening is None or (self._opening.done() and self._opening.exception()):
                self._opening = paying.opening(path, base_url)
            opening = self._opening
        payments = await asyncio.shield(wrap_future(opening))
        await services.note(payments.book, base_url)
        self._payments = payments
        return payments

    async def close(self) -> None:
        """Let the calls under way in this loop arrive, then close; nothing can be called after.

        The ledger stays open while another loop's are on the wire, which may be paid.
        """
        await self.senders.close()
        for reader in list(self._readers.values()):
            reader.close()
        if self._opening and not self.senders.are_calling:
            with contextlib.suppress(errors.LedgerError):  # told to whoever wanted to use it
                await (await wrap_future(self._opening)).book.close()
