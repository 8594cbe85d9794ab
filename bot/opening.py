"""What every command needs, the listings too: the store, opened, and the time. Loads nothing of what looks or sends."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

from bot.protocols import Store
from bot.settings import Settings

STORE = "bot.stores.tiny:TinyStore"


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def resolve(path: str) -> Callable[..., Any]:
    """The thing that `package.module:name` names. Raises `ImportError`, `AttributeError`, `ValueError`."""
    return cast("Callable[..., Any]", pkgutil.resolve_name(path))


async def open_store(settings: Settings, *, read_only: bool = False) -> Store:
    """Open the store in the data folder. Raises `StoreError`."""
    store: Any = resolve(STORE)
    opened = await store.open(settings.data_dir, read_only=read_only)
    return cast("Store", opened)


def owner(settings: Settings) -> int | None:
    """The pid of the process that writes to the store now, None if there is none."""
    store: Any = resolve(STORE)
    return cast("int | None", store.owner(settings.data_dir))
