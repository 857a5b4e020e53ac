"""The two endpoints: what a call goes through, from its arrival to its answer.

A call is admitted in this order: key, credits, parameters.
Then it is charged, and only then worked and answered, so that a lost answer is a paid one.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from aiohttp import HttpVersion10, web

from changeclothes_async.sandbox import (
    accounts,
    breaking,
    checks,
    envelopes,
    faults,
    forms,
    naming,
    studio,
    tiny,
)
from changeclothes_async.sandbox.records import Call

Job: TypeAlias = checks.TryOn | checks.ChangeByPrompt
AnyStudio: TypeAlias = studio.Studio | tiny.TinyStudio

_LOG = logging.getLogger(__name__)
_MOST_CALLS = 100_000
_BROKEN = "the sandbox broke at these pictures; see its log, or send others"

_UNFRAMED = "the body breaks off within HTTP's own framing"

_CHECKS: dict[str, Callable[[forms.Form], Job]] = {
    "/api/openapi/change-clothes-ai": checks.try_on,
    "/api/openapi/change-clothes-by-prompt": checks.change_by_prompt,
}
PATHS = frozenset(_CHECKS)


@dataclass(frozen=True, slots=True)
class Manners:
    """How calls are treated; the options of `Sandbox` under the same names."""

    latency: tuple[float, float]
    faults: Iterable[faults.Fault]
    charge_failures: bool
    http_errors: bool
    max_picture: int
    seed: int


class Endpoints:
    """Answers calls, and remembers the newest of them."""

    def __init__(self, account: accounts.Account, manners: Manners) -> None:
        self.account = account
        self.calls: list[Call] = []
        self._count = 0
        self._manners = manners
        self._faults = iter(manners.faults)
        self._dice = random.Random(manners.seed)

    async def answer(self, request: web.BaseRequest, studio: AnyStudio) -> web.Response:
        """Answer one call, or break off as its fault orders."""
        fault = next(self._faults, faults.NONE)
        call = self._arrive(request.path, fault)
        try:
            job = await self._admit(request, call, fault, keep=studio.keeps_pictures)
            await breaking.strike(fault, "after_request", request)
            await self._delay(fault)
            response = await self._work(request, call, job, fault, studio)
            await breaking.answer_half(fault, request, response)
        except envelopes.Refusal as refusal:
            return self._fail(call, refusal.code, refusal.msg, refusal.http_status)
        except web.RequestPayloadError:
            response = self._fail(call, envelopes.INVALID_PARAM, _UNFRAMED, 400)
            response.force_close()
        except (breaking.Gone, ConnectionError):
            return web.Response()  # the caller has gone, and will not see it
        return response

    def _arrive(self, endpoint: str, fault: faults.Fault) -> Call:
        self._count += 1
        named = None if fault is faults.NONE else str(fault)
        call = Call(self._count, endpoint, time.time(), fault=named)
        self.calls.append(call)
        if len(self.calls) > _MOST_CALLS:
            del self.calls[: _MOST_CALLS // 10]
        return call

    async def _admit(
        self, request: web.BaseRequest, call: Call, fault: faults.Fault, *, keep: bool
    ) -> Job:
        authorization = request.headers.get("Authorization")
        try:
            form = await self._receive(request, fault, keep=keep)
        except envelopes.Refusal:
            self.account.admit(authorization)
            raise
        call.complete = True
        call.fields = form.texts
        call.pictures = {name: picture.bare() for name, picture in form.pictures.items()}
        # No await from here to the charge, or two calls could spend the same credit.
        self.account.admit(authorization)
        job = _CHECKS[call.endpoint](form)
        if fault.charges(failures=self._manners.charge_failures):
            call.charged = self.account.charge()
        return job

    async def _receive(
        self, request: web.BaseRequest, fault: faults.Fault, *, keep: bool
    ) -> forms.Form:
        await breaking.strike(fault, "before_read", request)
        _refuse_encoding(request)
        expected = request.headers.get("Expect", "").lower()
        if expected == "100-continue" and request.version > HttpVersion10:
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if fault.loses_connection("in_upload"):
            await request.content.readany()
            await breaking.strike(fault, "in_upload", request)
        return await forms.read(
            request.content.iter_any(),
            request.headers.get("Content-Type", ""),
            keep=keep,
            largest=self._manners.max_picture,
        )

    async def _delay(self, fault: faults.Fault) -> None:
        low, high = self._manners.latency
        if seconds := fault.delay + (self._dice.uniform(low, high) if high else 0):
            await asyncio.sleep(seconds)

    async def _work(
        self,
        request: web.BaseRequest,
        call: Call,
        job: Job,
        fault: faults.Fault,
        studio: AnyStudio,
    ) -> web.Response:
        if fault.replaces_answer:
            return self._fail_by(call, fault)
        try:
            data = await self._result(job, studio, f"http://{request.headers['Host']}")
        except envelopes.Refusal:
            self._refund(call)
            raise
        except Exception:  # whatever breaks the work is an answer too, not a lost connection
            _LOG.exception("the sandbox could not carry out call %d", call.number)
            if not self._manners.charge_failures:
                self._refund(call)
            return self._fail(call, envelopes.SERVER_ERROR, _BROKEN)
        return _respond(call, 200, envelopes.success(data), code=envelopes.OK)

    def _refund(self, call: Call) -> None:
        self.account.refund(call.charged)
        call.charged = 0

    async def _result(self, job: Job, studio: AnyStudio, origin: str) -> dict[str, Any]:
        if isinstance(job, checks.TryOn):
            result, mask = await studio.try_on(job)
            urls = {"resultImgUrl": origin + result, "maskImgUrl": origin + mask}
            return {**urls, "cacheHit": naming.is_preset(job)}
        seed = self._dice.randint(0, checks.LARGEST_SEED) if job.seed is None else job.seed
        result = await studio.change_by_prompt(job, seed)
        return {"resultImgUrl": origin + result, "seed": seed}

    def _fail(
        self, call: Call, code: int, msg: str | None = None, http_status: int | None = None
    ) -> web.Response:
        usual = envelopes.STATUSES.get(code, 500) if self._manners.http_errors else 200
        return _respond(call, http_status or usual, envelopes.failure(code, msg), code=code)

    def _fail_by(self, call: Call, fault: faults.Fault) -> web.Response:
        status = fault.http_status or 200
        match fault.kind:
            case "code":
                return self._fail(call, fault.number or 0, http_status=fault.http_status)
            case "html":
                page = f"<!doctype html><title>{status}</title><h1>Error {status}</h1>\n"
                return _respond(call, status, page.encode(), "text/html")
            case "garbage":
                return _respond(call, status, b'{"code": 200, "data": {"resultImgUrl": "ht')
        response = _respond(call, status, b"", "text/plain")
        if fault.seconds is not None:
            response.headers["Retry-After"] = f"{fault.seconds:g}"
        return response


def _refuse_encoding(request: web.BaseRequest) -> None:
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        msg = f"Content-Encoding {encoding} is not accepted; send the form as it is"
        raise envelopes.Refusal(envelopes.INVALID_PARAM, msg, http_status=415)


def _respond(
    call: Call,
    http_status: int,
    body: bytes,
    content_type: str = "application/json",
    code: int | None = None,
) -> web.Response:
    call.http_status, call.code = http_status, code
    return web.Response(status=http_status, body=body, content_type=content_type)
