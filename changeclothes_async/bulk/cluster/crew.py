"""A run's attempts and pictures in the hands of a cluster's agents.

Rules of this file:

* Each attempt was claimed before it comes here, holds one of the run's slots, and is ordered once.
* One whose worker is lost was not sent where its order never left; otherwise it is unsure.
* An attempt goes to the agent with the fewest orders, so slots are wherever there is work.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from changeclothes_async import environment, errors, settings
from changeclothes_async.bulk.calls import callers
from changeclothes_async.bulk.cluster import messages
from changeclothes_async.bulk.cluster.agent import Agent
from changeclothes_async.bulk.cluster.engine import Engine
from changeclothes_async.bulk.cluster.member import FRESH, Late, Lost, Member
from changeclothes_async.bulk.cluster.roster import Roster
from changeclothes_async.bulk.cluster.worker import meet_agent
from changeclothes_async.protocol import answers, images, multipart
from changeclothes_async.transport import files, places, saving, sending, uploads

_GRACE = 5.0
_DOWNLOAD = 180.0
_SENT_AT_ONCE = 4
_TRIES = 3


@dataclass(frozen=True, slots=True)
class _Copy:
    """A picture as an agent gets it: by its path where that leads to it, or byte for byte."""

    digest: bytes
    path: str | None
    content: images.Bytes | multipart.Stored


@dataclass(frozen=True, slots=True)
class _Load:
    """A job on its way to an agent: its texts, what stands for its pictures, and those."""

    texts: tuple[tuple[str, str], ...]
    pictures: tuple[tuple[str, images.Link | bytes], ...]
    copies: Sequence[_Copy]


class Crew:
    """The hands of one run; made by `hired`, ended by `close`."""

    def __init__(self, on: Engine, options: settings.Settings, place: places.Place) -> None:
        self._engine, self._options, self._place = on, options, place
        self._probe = saving.part_name()  # what a killed driver leaves is swept up with the rest
        self._roster = Roster(on, self._terms)
        self._sending = asyncio.Semaphore(_SENT_AT_ONCE)

    @classmethod
    async def hired(cls, on: Engine, options: settings.Settings, place: places.Place) -> Crew:
        """Hire a cluster's workers; those that come later are hired too.

        Raises MissingKey, or ClusterFailed where there is no worker that can be used; the cluster
        is left then.
        """
        crew = cls(on, options, place)
        try:
            await asyncio.to_thread(place.write, crew._probe, b"")
            await crew._roster.open()
        except BaseException:
            await crew.close()
            raise
        return crew

    async def close(self) -> None:
        """End the agents, and the cluster where it was started for this run."""
        await self._roster.close()
        await self._engine.close()
        await asyncio.to_thread(self._forget_probe)

    def carrier(self, ready: callers.Ready, late: Late) -> sending.Post:
        """Return what carries a job's attempts to the wire; a late end is told to `late`."""
        copies: list[_Copy] = []
        named: list[tuple[str, images.Link | bytes]] = []
        given = zip(ready.job.pictures(), ready.pictures, ready.digests, strict=True)
        for (name, image), (_, picture), digest in given:
            if isinstance(picture, images.Link):
                named.append((name, picture))
                continue
            content = picture.content
            # By what travels: in its job a prepared picture stands for its original.
            sent = content.sha256 if isinstance(content, images.Bytes) else digest
            path = image.path if isinstance(image, images.File) else None
            named.append((name, sent))
            copies.append(_Copy(sent, path, content))
        return partial(self._post, _Load(tuple(ready.texts), tuple(named), copies), late)

    async def saved(self, url: str, name: str) -> places.Saved | None:
        """Have a result's picture fetched and saved; None where no agent could do it.

        Raises DownloadFailed where it cannot be had by anybody.
        """
        make = partial(_download_order, url, name)
        for _ in range(_TRIES):
            member = self._roster.least(lambda member: member.saves)
            if member is None:
                return None
            try:
                outcome = await member.done(make, _DOWNLOAD)
            except Lost:
                continue
            if isinstance(outcome, places.Saved):
                return outcome
            assert isinstance(outcome, errors.ChangeClothesError)  # noqa: S101 - a download's other end
            if outcome.final:
                raise outcome
            return None  # its network or its disk may be at fault, and fails all the faster
        return None

    async def _post(
        self, load: _Load, late: Late, url: str, upload: uploads.Upload, timeout: float
    ) -> answers.Ending:
        try:
            member = await self._roster.any(self._options.connect_timeout)
        except errors.NotSent as nobody:
            return nobody

        def order(number: int, begin_by: float) -> messages.AttemptOrder:
            return messages.AttemptOrder(number, begin_by, url, load.texts, load.pictures, timeout)

        outcome: messages.Ending
        try:
            for copy in load.copies:
                await member.has(copy.digest, partial(self._provide, copy))
            outcome = await member.done(order, FRESH + timeout + _GRACE, upload.leaves, late)
        except Lost as loss:
            outcome = _lost(member.worker, loss, upload.sent_whole)
        except errors.ChangeClothesError as error:
            outcome = error
        assert not isinstance(outcome, places.Saved)  # noqa: S101 - an attempt's end
        if isinstance(outcome, errors.AccountError) and not self._engine.is_private(member.worker):
            outcome.next_step += (
                f" The worker {member.worker} sent it with the {environment.KEY_VARIABLE} that it "
                "was started with."
            )
        return outcome

    async def _provide(self, copy: _Copy, member: Member) -> None:
        """Bring a picture to an agent that has not got it."""
        if copy.path and await member.ask(Agent.find, copy.digest, copy.path):
            return
        async with self._sending:
            await member.ask(Agent.keep, copy.digest, await _data(copy.content))

    def _forget_probe(self) -> None:
        with contextlib.suppress(Exception):  # a store's many kinds of trouble; it is empty
            (self._place.root / self._probe).unlink()

    async def _terms(self, worker: str, name: str) -> messages.Terms:
        options, private = self._options, self._engine.is_private(worker)
        if (options.headers or options.proxy) and not private:
            raise errors.InvalidInput(
                "headers= and proxy= may hold secrets, and are sent over TLS only.",
                next_step="Give the cluster TLS (distributed.Security), or leave them out.",
            )
        secrets = messages.Secrets(
            api_key=options.api_key.get_secret_value(),
            headers=dict(options.headers),
            proxy=options.proxy,
        )
        return messages.Terms(
            version=messages.version(),
            base_url=options.base_url,
            connect_timeout=options.connect_timeout,
            max_result_bytes=options.max_result_bytes,
            trust_env=options.trust_env,
            place=self._place,
            probe=self._probe,
            is_child=self._engine.is_own,
            secrets=secrets.sealed(await self._engine.run(worker, meet_agent, name))
            if private
            else None,
        )


def _download_order(url: str, name: str, number: int, begin_by: float) -> messages.DownloadOrder:
    del begin_by  # it costs nothing, however late
    return messages.DownloadOrder(number, url, name)


def _lost(worker: str, loss: Lost, sent: bool) -> errors.ChangeClothesError:
    if sent:
        return errors.Unsure(f"The worker {worker} was lost with this call in its hands: {loss}.")
    return errors.NotSent(f"The worker {worker} was lost before it got this call: {loss}.")


async def _data(content: images.Bytes | multipart.Stored) -> bytes:
    if isinstance(content, images.Bytes):
        return content.data
    return b"".join([bytes(chunk) async for chunk in files.chunks(content)])
