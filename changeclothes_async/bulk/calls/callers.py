"""The story of one call: pictures read, a body framed, sent as often as is safe, written down.

The same story with and without a ledger, for one call and for each cell of a grid.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from changeclothes_async import errors, results, settings
from changeclothes_async.bulk.calls import client_ledger, listeners, senders
from changeclothes_async.protocol import images, multipart, requests

if TYPE_CHECKING:  # aiohttp, anyio and tenacity load with the first call, not with the package
    from changeclothes_async.bulk.calls import paying
    from changeclothes_async.bulk.progress import events
    from changeclothes_async.transport import flights, limits, reading
    from changeclothes_async.transport.sender import Sender

Pictures: TypeAlias = Sequence[tuple[str, images.Link | multipart.Part]]
_ENDLESS = contextlib.nullcontext()


@dataclass(frozen=True, slots=True)
class Ready:
    """A job whose pictures were read, and the digest of all that is paid for in it.

    `began` is when its call did, in the loop's time.
    """

    job: requests.Job
    identity: bytes
    texts: Sequence[tuple[str, str]] = field(repr=False)
    pictures: Pictures = field(repr=False)
    digests: Sequence[bytes] = field(repr=False)
    began: float

    async def framed(self) -> multipart.Body:
        """Frame the body of its request."""
        return multipart.body(self.texts, self.pictures)


def picture_changed(what: str) -> errors.NotAnImage:
    """Return the error for a picture that is not the one a run was planned with."""
    return errors.NotAnImage(
        f"{what} changed after the run had begun.",
        next_step="Leave the pictures alone while a run is going, and run it again.",
    )


def _however_it_ended(_: object) -> bool:
    return True


class Caller:
    """Makes calls in whatever event loop it is used, all with the same `options`."""

    def __init__(
        self,
        options: settings.Settings,
        given: Any = None,
        ledger: str | os.PathLike[str] | None = None,
        on_event: events.OnEvent | None = None,
    ) -> None:
        self.options = options
        self.listener = listeners.Listener(on_event)
        self.senders = senders.Senders(options, given)
        self.fetcher = results.Fetcher(options.fetching, self.senders.downloads)
        self._given = given
        self._ledger = None if ledger is None else client_ledger.ClientLedger(ledger)
        self._readers: dict[int | None, reading.Reader] = {}

    def changed(self, **options: Any) -> Self:
        """Return one with other options, which shares all else."""
        other = object.__new__(type(self))
        other.__dict__ = {**self.__dict__, "options": self.options.changed(**options)}
        return other

    @property
    def reader(self) -> reading.Reader:
        """The reader of pictures: there is one for each way of preparing them."""
        edge = self.options.edge
        if edge not in self._readers:
            from changeclothes_async.transport import reading

            self._readers[edge] = reading.Reader(edge)
        return self._readers[edge]

    async def make(self, job: requests.Job) -> paying.Paid:
        """Make a call, through the client's ledger where it has one: the result, the attempts.

        Raises TooManyWaiting at once where the queue is full.
        """
        options, book = self.options, self._ledger
        with self.listener.call(job.kind) as name:
            sender = await self.senders.here()
            payments = None
            if book is not None:
                payments = book.payments or await book.opened(options.base_url)
            if options.max_waiting is not None:
                sender.limits.admit(options.max_waiting)
            # What was paid before needs no slot, but where one costs nothing it may take it.
            look = options.resend_unsure or not sender.limits.is_free()
            # Kept until the call itself queues: who came later does not turn this one away.
            with sender.limits.queued() as place:
                if payments is None:
                    return await self._unwritten(sender, job, name, place)
                ready = await self.read(job)
                if payments.is_under_way(ready.identity):
                    place.leave()

                def send(page: paying.Page) -> Coroutine[Any, Any, paying.Paid]:
                    from changeclothes_async.transport import sending

                    place.leave()  # it queues for itself now
                    return sending.Call(
                        sender,
                        page.flight,
                        job.endpoint,
                        ready.framed,
                        options,
                        journal=self.listener.journal(name, page),
                        name=name,
                        began=ready.began,
                    ).paid()

                again = _however_it_ended if options.resend_unsure else None
                while True:
                    try:
                        return await payments.pay(
                            ready.identity, job.endpoint, send, again=again, look=look
                        )
                    except errors.ClientClosed:
                        if sender.closing:
                            raise
                        # It had joined the call of another client, which was not sent.

    async def _unwritten(
        self, sender: Sender, job: requests.Job, name: str, place: limits.Place
    ) -> paying.Paid:
        from changeclothes_async.transport import flights, logs, sending

        async def framed() -> multipart.Body:
            place.leave()
            return multipart.body(job.texts(), await self._pictures(job))

        flight: flights.Flight[paying.Paid] = flights.Flight(partial(logs.left, name))
        journal = self.listener.journal(name, None)
        call = sending.Call(
            sender, flight, job.endpoint, framed, self.options, journal=journal, name=name
        )
        return await flight.begin(call.paid()).joined()

    async def read(self, job: requests.Job) -> Ready:
        """Read a job's pictures and digest them, within the deadline of a call that begins now.

        Raises NotAnImage, and NotSent where the deadline passes.
        """
        loop, reader, deadline = asyncio.get_running_loop(), self.reader, self.options.deadline
        began = loop.time()
        try:
            async with asyncio.timeout(deadline) if deadline else _ENDLESS:
                pictures = await self._pictures(job)
                digests = [await reader.digest(picture) for _, picture in pictures]
        except TimeoutError:
            from changeclothes_async.transport import sending

            late = sending.too_late(self.options, is_read=False)
            late.elapsed = loop.time() - began
        else:
            texts = job.texts()
            identity = requests.identity(job.endpoint, texts, digests)
            return Ready(job, identity, texts, pictures, digests, began)
        raise late

    async def _pictures(self, job: requests.Job) -> Pictures:
        reader = self.reader
        return [(name, await reader.ready(image)) for name, image in job.pictures()]

    def check_can_travel(self) -> None:
        """Raise InvalidInput for what belongs to this process, when others shall make its calls."""
        own = {
            "session": self._given is not None,
            "ssl": self.options.ssl is not True,
            "trace_configs": bool(self.options.trace_configs),
        }
        if names := ", ".join(f"{name}=" for name, is_set in own.items() if is_set):
            raise errors.InvalidInput(
                f"{names} cannot be sent to a cluster's workers.",
                next_step="Leave it out for this run; a certificate of your own goes into "
                "SSL_CERT_FILE where the workers start.",
            )

    async def close(self) -> None:
        """Let the calls under way in this loop arrive, then close; nothing can be called after.

        The ledger stays open while another loop's are on the wire, which may be paid.
        """
        await self.senders.close()
        for reader in list(self._readers.values()):
            reader.close()
        if self._ledger and not self.senders.are_calling:
            await self._ledger.close()
