"""What `import` orders, performed on an `App`: an author of a list, or all that another store knew.

Does not read lists of other programs (`exchange`): whoever orders has done so. Prints nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from bot import orders
from bot.app import App
from bot.errors import SchemaTooNew, SettingsError, SeveralFeeds, SourceError, Unreadable
from bot.exchange import whole
from bot.finding import Finder, problems_of, told
from bot.model import Feed, Record, Restored, Subscription
from bot.outbox import WAITING, stranded
from bot.schedule import after_crash

log = logging.getLogger(__name__)


async def import_author(order: orders.Import, app: App) -> orders.Imported:
    """Follow one author of a list. What goes wrong with one is told, and does not keep the next from being followed.

    Raises `StoreError`.
    """
    try:
        feed = followed([feed for feed, _ in await app.store.feeds()], app.finder, order.address)
        if feed is not None:
            await app.store.follow(feed, _subscriptions(order, feed.id))
            return orders.Imported(address=order.address, author=feed.author.label, already=True)
        if order.look:
            done = await app.follower.follow(order.address, order.channels)
        else:
            done = await app.follower.enlist(order.address, order.channels)
    except SeveralFeeds as error:
        choices = ", ".join(choice.address for choice in error.choices)
        why = told(order.address, f"{error.reason}; choose one and follow it: {choices}")
        return orders.Imported(address=order.address, problems=(why,))
    except (SourceError, SettingsError) as error:
        return orders.Imported(address=order.address, problems=problems_of(order.address, error))
    return orders.Imported(address=order.address, author=done.feed.author.label, already=done.already)


def followed(feeds: Iterable[Feed], finder: Finder, address: str) -> Feed | None:
    """Who is followed already by this address, found without the network. Raises `SettingsError` for what is none.

    Not by what people call an author, as `finding.matching` does: in a list, such a word is a handle.
    """
    named = {one.located.feed_id for one in finder.candidates(address)} - {""}
    wanted = _plain(address)
    return next((feed for feed in feeds if feed.id in named or wanted in map(_plain, _addresses(feed))), None)


def _plain(address: str) -> str:
    return address.strip().casefold().rstrip("/")


def _addresses(feed: Feed) -> tuple[str, ...]:
    """What means this feed without a look; a number, as archives of X have it, where that is the author's key."""
    return feed.id, feed.address, feed.url or feed.id, f"{feed.source}:id:{feed.author.key}"


def _subscriptions(order: orders.Import, feed_id: str) -> list[Subscription]:
    """What is added for an author who is followed already: channels that were named, not "every"."""
    return [Subscription(feed_id=feed_id, channel=channel, origin="follow") for channel in order.channels]


# -- all that another store knew ----------------------------------------------------------------------------


async def restore(order: orders.Restore, app: App) -> orders.Moved:
    """Take in an export. Raises `Unreadable`, `SchemaTooNew`, `StoreError`; then nothing was taken."""
    path = Path(order.path)
    try:
        restored = await app.store.restore(lambda: records(path), dry_run=order.dry_run)
    except (Unreadable, SchemaTooNew) as error:
        raise type(error)(f"{path}: {error}") from error
    if not order.dry_run:
        await _doubt(restored, app)
    return await _moved(restored, app)


def records(path: Path) -> Iterator[Record]:
    """What an export holds, read while it is asked for. Raises `Unreadable`."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            yield from whole.read(file)
    except OSError as error:
        raise Unreadable(f"it cannot be read: {error.strerror or error}") from error


async def _doubt(restored: Restored, app: App) -> None:
    """What was being sent when the export was made may have arrived: as after a crash."""
    if restored.sending:
        rows = await app.store.deliveries(["sending"], restored.sending)
        await app.store.settle(after_crash(row, app.clock()) for row in rows)


async def _moved(restored: Restored, app: App) -> orders.Moved:
    names = {feed.id: feed.called for feed, _ in await app.store.feeds()}
    subscriptions = await app.store.subscriptions()
    declared = {one.feed_id for one in subscriptions if one.origin == "settings"}
    stays = _declared_here(subscriptions, app)
    return orders.Moved(
        added=tuple(names.get(name, name) for name in restored.added),
        held=tuple(names.get(name, name) for name in restored.held),
        conflicts=tuple(names.get(name, name) for name in restored.conflicts),
        threads=restored.threads,
        deliveries=restored.deliveries,
        texts=restored.texts,
        stranded=stranded(await app.store.deliveries(WAITING), subscriptions, app.channels),
        undeclared=tuple(names[name] for name in restored.added if name in declared - stays),
    )


def _declared_here(subscriptions: Iterable[Subscription], app: App) -> set[str]:
    """The authors of whom this settings file says that they are followed, by feed id."""
    addresses = {address for one in app.declared for address in one.addresses}
    located = {first.located.feed_id for address in addresses if (first := app.finder.first(address))}
    return {one.feed_id for one in subscriptions if one.declared in addresses or one.feed_id in located}
