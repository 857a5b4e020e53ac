"""Asyncio client for the Change Clothes AI API: nothing paid twice, nothing paid lost."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from changeclothes_async.client import AsyncChangeClothes as AsyncChangeClothes
