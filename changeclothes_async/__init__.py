"""Asyncio client for the Change Clothes AI API: nothing paid twice, nothing paid lost."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from changeclothes_async.errors import (
    AccountError,
    BatchStopped,
    BudgetSpent,
    ChangeClothesError,
    ClientClosed,
    ClusterFailed,
    Damaged,
    DownloadFailed,
    HarmfulContent,
    InsufficientCredits,
    InsufficientTrailCount,
    Interrupted,
    InvalidApiKey,
    InvalidInput,
    InvalidParam,
    InvalidSignature,
    JobError,
    LedgerBusy,
    LedgerError,
    LedgerTooNew,
    MissingExtra,
    MissingKey,
    Money,
    NotAnImage,
    NotLogin,
    NotSent,
    Refused,
    SaveFailed,
    ServerError,
    ServiceFailed,
    TooManyWaiting,
    TryOnException,
    Unsure,
    UserNotExist,
)

if TYPE_CHECKING:
    from changeclothes_async.bulk.calls.senders import Stats
    from changeclothes_async.bulk.ledger.states import State
    from changeclothes_async.bulk.lookbook.cells import Cell
    from changeclothes_async.bulk.lookbook.lookbook import Lookbook
    from changeclothes_async.bulk.progress.bars import Bar, LineBar, NotebookBar
    from changeclothes_async.bulk.progress.events import Event, OnEvent
    from changeclothes_async.bulk.progress.tally import Snapshot
    from changeclothes_async.bulk.run.planning import Plan
    from changeclothes_async.bulk.work.grid import Grid, JobOptions
    from changeclothes_async.client import AsyncChangeClothes, PlanOptions, RunOptions
    from changeclothes_async.protocol.answers import Raw
    from changeclothes_async.protocol.fields import Category
    from changeclothes_async.protocol.images import ImageSource
    from changeclothes_async.protocol.requests import ChangeByPrompt, Job, TryOn
    from changeclothes_async.results import Failure, Look, Outcome, Picture, Success

    __version__: str

# Loaded when first used: pydantic, aiohttp and the rest take longer to import than this package.
_LATER = {
    "AsyncChangeClothes": "client",
    "Bar": "bulk.progress.bars",
    "Category": "protocol.fields",
    "Cell": "bulk.lookbook.cells",
    "ChangeByPrompt": "protocol.requests",
    "Event": "bulk.progress.events",
    "Failure": "results",
    "Grid": "bulk.work.grid",
    "ImageSource": "protocol.images",
    "Job": "protocol.requests",
    "JobOptions": "bulk.work.grid",
    "LineBar": "bulk.progress.bars",
    "Look": "results",
    "Lookbook": "bulk.lookbook.lookbook",
    "NotebookBar": "bulk.progress.bars",
    "OnEvent": "bulk.progress.events",
    "Outcome": "results",
    "Picture": "results",
    "Plan": "bulk.run.planning",
    "PlanOptions": "client",
    "Raw": "protocol.answers",
    "RunOptions": "client",
    "Snapshot": "bulk.progress.tally",
    "State": "bulk.ledger.states",
    "Stats": "bulk.calls.senders",
    "Success": "results",
    "TryOn": "protocol.requests",
}

__all__ = [
    "AccountError",
    "AsyncChangeClothes",
    "Bar",
    "BatchStopped",
    "BudgetSpent",
    "Category",
    "Cell",
    "ChangeByPrompt",
    "ChangeClothesError",
    "ClientClosed",
    "ClusterFailed",
    "Damaged",
    "DownloadFailed",
    "Event",
    "Failure",
    "Grid",
    "HarmfulContent",
    "ImageSource",
    "InsufficientCredits",
    "InsufficientTrailCount",
    "Interrupted",
    "InvalidApiKey",
    "InvalidInput",
    "InvalidParam",
    "InvalidSignature",
    "Job",
    "JobError",
    "JobOptions",
    "LedgerBusy",
    "LedgerError",
    "LedgerTooNew",
    "LineBar",
    "Look",
    "Lookbook",
    "MissingExtra",
    "MissingKey",
    "Money",
    "NotAnImage",
    "NotLogin",
    "NotSent",
    "NotebookBar",
    "OnEvent",
    "Outcome",
    "Picture",
    "Plan",
    "PlanOptions",
    "Raw",
    "Refused",
    "RunOptions",
    "SaveFailed",
    "ServerError",
    "ServiceFailed",
    "Snapshot",
    "State",
    "Stats",
    "Success",
    "TooManyWaiting",
    "TryOn",
    "TryOnException",
    "Unsure",
    "UserNotExist",
]


_NAME = "changeclothes-async"


def _version() -> str:
    metadata = import_module("importlib.metadata")
    try:
        return str(metadata.version(_NAME))
    except metadata.PackageNotFoundError:  # copied into a program, and not installed
        return "unknown"


def __getattr__(name: str) -> Any:
    if name == "__version__":  # importlib.metadata takes longer to import than this package
        value = _version()
    elif name in _LATER:
        value = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
