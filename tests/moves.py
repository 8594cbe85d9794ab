"""A world's store, moved to another one as a person does it: exported to a file, imported from it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from bot import importing
from bot.app import App
from bot.exchange import whole
from bot.finding import Finder
from bot.orders import Moved, Restore
from tests.fakes import World


async def exported(store: Any) -> str:
    """The file of an export."""
    writer = whole.Writer()
    return "".join([writer.piece(record) async for record in store.export()]) + writer.end()


async def imported(world: World, text: str, to: Any) -> Moved:
    """Import the file of an export into a store, by the clock and the channels of a world."""
    app = SimpleNamespace(
        store=to,
        clock=world.clock,
        finder=Finder(sources={"fake": world.source}),
        channels={channel.name: channel for channel in world.channels},
        declared=(),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "all.json"
        path.write_text(text, encoding="utf-8")
        return await importing.restore(Restore(path=str(path)), cast("App", app))


async def moved(world: World, to: Any) -> Moved:
    """Go on with the program on another store."""
    done = await imported(world, await exported(world.store), to)
    world.store = to
    world.build()
    return done
