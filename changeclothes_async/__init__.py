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
    from changeclothes_async.bulk.lookbook.cells import Cell
    from changeclothes_async.bulk.lookbook.lookbook import Lookbook
    from changeclothes_async.bulk.progress.progress import Event, Snapshot
    from changeclothes_async.bulk.run.planning import Plan
    from changeclothes_async.bulk.work.grid import Grid
    from changeclothes_async.client import AsyncChangeClothes
    from changeclothes_async.protocol.requests import Category, ChangeByPrompt, TryOn
    from changeclothes_async.results import Look, Outcome, Picture

# Loaded when first used: pydantic, aiohttp and the rest take longer to import than this package.
_LATER = {
    "AsyncChangeClothes": "client",
    "Category": "protocol.requests",
    "Cell": "bulk.lookbook.cells",
    "ChangeByPrompt": "protocol.requests",
    "Event": "bulk.progress.progress",
    "Grid": "bulk.work.grid",
    "Look": "results",
    "Lookbook": "bulk.lookbook.lookbook",
    "Outcome": "results",
    "Picture": "results",
    "Plan": "bulk.run.planning",
    "Snapshot": "bulk.progress.progress",
    "TryOn": "protocol.requests",
}

__all__ = [
    "AccountError",
    "AsyncChangeClothes",
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
    "Grid",
    "HarmfulContent",
    "InsufficientCredits",
    "InsufficientTrailCount",
    "Interrupted",
    "InvalidApiKey",
    "InvalidInput",
    "InvalidParam",
    "InvalidSignature",
    "JobError",
    "LedgerBusy",
    "LedgerError",
    "LedgerTooNew",
    "Look",
    "Lookbook",
    "MissingExtra",
    "MissingKey",
    "NotAnImage",
    "NotLogin",
    "NotSent",
    "Outcome",
    "Picture",
    "Plan",
    "Refused",
    "SaveFailed",
    "ServerError",
    "ServiceFailed",
    "Snapshot",
    "TooManyWaiting",
    "TryOn",
    "TryOnException",
    "Unsure",
    "UserNotExist",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    return value


def __dir__() -> list[str]:
    return __all__
