"""Every error the library raises, and for each whether money may have been spent.

Rules of this file:

* One tree; nothing that is not a `ChangeClothesError` leaves a public call, apart from cancellation
  and from what the caller's own code raised: an iterable of jobs, or a run's `on_event`.
* An error is plain data: it pickles, and holds neither the key nor image bytes.
* The class says what happened, `money` what it cost, `next_step` what to do now.
* The classes of documented codes carry the API page's own names ("响应码说明"), in Python's
  spelling; `page_name` turns one back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

if TYPE_CHECKING:  # only then: this module imports nothing of the package
    from changeclothes_async.protocol import answers

Money: TypeAlias = Literal["not spent", "maybe spent", "spent"]
"""What something may have cost, the worst last: nothing, perhaps credits, or credits."""


def worst(*some: Money) -> Money:
    """Tell what several attempts may have cost together."""
    return max(some, key=get_args(Money).index)


class ChangeClothesError(Exception):
    """The root of all errors of this library.

    `money` is "not spent", "maybe spent" or "spent"; `attempts` counts the requests that were
    started; `elapsed` is in seconds, pauses included; `code` and `msg` are the envelope's and
    `http_status` the answer's, each None where there was none; `raw` is the answer as received
    (capped), where there was one; `final` says that an automatic retry would not help.
    """

    money: Money = "not spent"
    next_step: str = "Read the message, correct the call and make it again."
    code: int | None = None
    msg: str | None = None
    http_status: int | None = None
    attempts: int = 0
    elapsed: float = 0.0
    raw: answers.Raw | None = None
    final: bool = False

    def __init__(self, message: str = "", **facts: Any) -> None:
        super().__init__(message)
        # In __dict__ alone, so that pickling needs no code: args first, then the facts.
        self.__dict__.update({name: fact for name, fact in facts.items() if fact is not None})

    @property
    def message(self) -> str:
        """What happened, without the next step."""
        return str(self.args[0]) if self.args else ""

    def __str__(self) -> str:
        between = "" if self.message.endswith("\n") else " "  # after a list of lines
        return f"{self.message}{between}{self.next_step}".strip()


class InvalidInput(ChangeClothesError):
    """Something that was passed in cannot be sent; nothing left this machine.

    Not a ValueError, which pydantic would wrap in an error of its own on the way out of a job.
    """

    next_step = "Correct it and call again; nothing was sent."


class NotAnImage(InvalidInput):
    """What was given as a picture is missing, unreadable, changed meanwhile, or not a picture."""


class MissingKey(InvalidInput):
    """No API key was given, and CHANGECLOTHES_API_KEY is not set."""

    next_step = (
        "Pass api_key=… or set CHANGECLOTHES_API_KEY; keys are made in the console of "
        "changeclothesai.online. Without an account, use changeclothes_async.sandbox.Sandbox."
    )


class MissingExtra(ChangeClothesError, ImportError):  # type: ignore[misc] # ImportError.msg is Any
    """An optional part was used that is not installed; the message names the command."""

    next_step = "Install it and run the same thing again."


def missing_extra(need: str, extra: str) -> MissingExtra:
    """Return the error for a package that is not installed: what needs it, and the extra's name."""
    return MissingExtra(f"{need}: pip install 'changeclothes-async[{extra}]'.")


class ClusterFailed(ChangeClothesError):
    """The cluster or its workers cannot be used for a run."""

    next_step = "Check that scheduler and workers are running; run it again: what is paid is kept."


class ClientClosed(ChangeClothesError, RuntimeError):
    """The client was closed before this call."""

    next_step = "Make a new AsyncChangeClothes, or close the client later."


class TooManyWaiting(ChangeClothesError):
    """`max_waiting` callers are already waiting for a slot; this one was turned away at once."""

    next_step = "Try again in a few seconds, or raise max_waiting or max_concurrency."


class NotSent(ChangeClothesError):
    """Provably no complete request left this machine: no connection, or it broke in the upload."""

    next_step = "Check the network and base_url, then call again."


class Refused(ChangeClothesError):
    """The service turned the request away whole, before any work (such as HTTP 429 or 413).

    `retry_after` is the service's own wish in seconds, None where it gave none.
    """

    retry_after: float | None = None
    next_step = "Wait a while and call again."


class BatchStopped(ChangeClothesError):
    """This job was not started: an error of the account, or the budget, stopped its batch."""

    next_step = "Fix what stopped the batch and run it again; what was paid is kept."


class Interrupted(BatchStopped):
    """Ctrl-C or SIGTERM ended a run early; found in `Lookbook.stopped`."""

    next_step = "Run it again for what is left; what was paid is kept."

    def __str__(self) -> str:
        """Return the message alone: what is left to do is shown beside it."""
        return self.message


class BudgetSpent(BatchStopped):
    """A run made as many calls as `max_calls` allows; found in `Lookbook.stopped`."""

    next_step = "Run it again with a new budget; what was paid is kept."

    __str__ = Interrupted.__str__


class ServiceFailed(ChangeClothesError):
    """The service answered that it failed (500, 20001); it may have taken credits all the same."""

    money: Money = "maybe spent"
    next_step = "Call again later; each further call may cost credits."


class ServerError(ServiceFailed):
    """500 SERVER_ERROR: an internal error of the service."""


class TryOnException(ServiceFailed):
    """20001 TRY_ON_EXCEPTION: the picture could not be made."""


class AccountError(ChangeClothesError):
    """The account or its key is refused; no other job can succeed either."""

    next_step = "Check the account and its key in the console of changeclothesai.online."


class NotLogin(AccountError):
    """10001 NOT_LOGIN: not logged in."""


class UserNotExist(AccountError):
    """10002 USER_NOT_EXIST: there is no such user."""


class InsufficientCredits(AccountError):
    """10003 INSUFFICIENT_CREDITS: the account's credits do not suffice."""

    next_step = "Buy credits on the pricing page of changeclothesai.online, then run it again."


class InsufficientTrailCount(AccountError):
    """10006 INSUFFICIENT_TRAIL_COUNT: the trial uses are used up."""

    next_step = InsufficientCredits.next_step


class InvalidApiKey(AccountError):
    """30001 INVALID_API_KEY: the key is not valid."""

    next_step = "Compare api_key or CHANGECLOTHES_API_KEY with the key in the console."


class InvalidSignature(AccountError):
    """30002 INVALID_SIGNATURE: the request's signature is not valid."""


class JobError(ChangeClothesError):
    """The service will not do this one job; others are not affected."""

    next_step = "Correct this job; sent again as it is, it would be refused again."


class InvalidParam(JobError):
    """10004 INVALID_PARAM: a parameter is not valid."""


class HarmfulContent(JobError):
    """10005 HARMFUL_CONTENT: a picture or text was found harmful."""

    next_step = "Use another picture or prompt for this job."


class Unsure(ChangeClothesError):
    """The request was sent whole and no readable answer came: it may have been paid.

    It is never sent again by itself, since the API has no way to ask for a lost answer.
    """

    money: Money = "maybe spent"
    next_step = (
        "Look at the account's history before deciding; call again only if paying twice is fine."
    )


class Damaged(ChangeClothesError):
    """The service did the work, but its answer holds no usable result; `raw` keeps what came."""

    money: Money = "spent"
    next_step = "Look into error.raw for the result, or show it to the service's support."


class DownloadFailed(ChangeClothesError):
    """The call was paid and its result is known, but the picture could not be fetched."""

    money: Money = "spent"
    url: str = ""
    next_step = "Fetch it again (save and bytes repeat the download alone and cost nothing)."


class SaveFailed(ChangeClothesError, OSError):
    """The picture was made and paid, but could not be written where it should be."""

    money: Money = "spent"
    next_step = "Make room or choose another place, then save again; the call is not repeated."

    # OSError would print its own errno form.
    __str__ = ChangeClothesError.__str__


class LedgerError(ChangeClothesError):
    """The ledger cannot be used as it is; nothing was sent, unless `money` says otherwise.

    In that case a call that may be paid ended, but its outcome could not be recorded: the message
    says how it ended, and `raw` keeps what came.
    """

    next_step = "Keep the file: it knows what was paid. Restore it from a copy or choose another."


class LedgerBusy(LedgerError):
    """Another process, or another run of this one, is working on the same ledger."""

    next_step = "Wait until that has ended, or use another ledger (of a run: another `out`)."


class LedgerTooNew(LedgerError):
    """A newer version of this library wrote the ledger."""

    next_step = "Upgrade changeclothes-async and run it again."


CODES: dict[int, type[ChangeClothesError]] = {
    500: ServerError,
    10001: NotLogin,
    10002: UserNotExist,
    10003: InsufficientCredits,
    10004: InvalidParam,
    10005: HarmfulContent,
    10006: InsufficientTrailCount,
    20001: TryOnException,
    30001: InvalidApiKey,
    30002: InvalidSignature,
}
"""The class of each documented code other than 200, for both endpoints."""


def page_name(kind: type[ChangeClothesError]) -> str:
    """Return what the API page calls the code of this class, such as INVALID_PARAM."""
    return "".join(f"_{each}" if each.isupper() else each for each in kind.__name__)[1:].upper()
