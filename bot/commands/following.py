"""Who is followed: `follow`, `unfollow`, `pause`, `resume`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from datetime import date

from bot import diff, show, times
from bot.app import App, open_app
from bot.commands.listing import UNSENT
from bot.commands.setting import named_channels, require_channels
from bot.errors import SettingsError, SourceError, SourceRefused
from bot.follow import Followed, matching
from bot.model import Backfill, Entry, Feed
from bot.settings import Settings

SHOWN = 5
"""How many of an author's newest threads `follow` shows."""


def backfill(text: str) -> Backfill:
    """Which old threads to send: `none`, a number, or a day as `2026-11-22`. Raises `ValueError`."""
    if text == "none":
        return None
    if text.isdecimal():
        return int(text) or None
    return date.fromisoformat(text)


async def follow(args: argparse.Namespace, settings: Settings) -> int:
    """Subscribe to authors, show what was found, and say what will happen next."""
    require_channels(args, settings)
    async with open_app(settings) as app:
        channels = named_channels(app, args.channel) if args.channel else []
        results = [await _follow(app, address, channels, args.backfill) for address in args.address]
        delivered = await app.once().deliver() if args.backfill is not None else ()
    for done in delivered:
        show.line(f"notice to {done.batch.channel}: {done.outcome}{f': {done.error}' if done.error else ''}")
    if any(results):
        _what_next(args.backfill)
    return 0 if all(results) and not any(done.error for done in delivered) else 1


async def _follow(app: App, address: str, channels: list[str], backfill: Backfill) -> bool:
    try:
        with show.progress(f"Looking for {address} …"):
            followed = await app.follower.follow(address, channels, backfill)
    except SourceRefused as error:
        show.problem(f"{address}: {error.reason}")
        show.problem("give the URL of any thread of theirs instead: keepcurrent follow https://…/thread/ID.html")
        return False
    except SourceError as error:
        show.problem(f"{address}: {error.reason}")
        return False
    except SettingsError as error:
        show.problem(str(error))
        return False
    subscriptions = [s for s in await app.store.subscriptions() if s.feed_id == followed.feed.id]
    _introduce(followed, diff.channels_of(subscriptions, tuple(app.channels)), app)
    return True


def _introduce(followed: Followed, channels: Iterable[str], app: App) -> None:
    """Say who is followed now, where to, and what is there already. `channels` are all that the author goes to."""
    to = ", ".join(channels)
    if followed.already:
        show.line(f"{followed.feed.author.label} is followed already; new threads go to {to}.")
        if followed.feed.paused:
            show.line("Paused, though: `keepcurrent resume` looks again.")
    else:
        there = show.counted(len(followed.threads), "thread")
        show.line(f"Following {followed.feed.author.label}; new threads go to {to}.")
        show.line(f"There already, known and not announced: {there}. The newest:")
        for entry in sorted(followed.threads, key=_published, reverse=True)[:SHOWN]:
            posts = f"{entry.post_count} posts, " if entry.post_count else ""
            show.line(f"  {times.moment(entry.published, app.settings.zone)}  {entry.title}  ({posts}{entry.url})")
    if followed.sent:
        show.line(f"Of these, {len(followed.sent)} as you asked are sent now:")


def _published(entry: Entry) -> tuple[float, str]:
    return entry.published.timestamp() if entry.published else 0.0, entry.key


def _what_next(backfill: Backfill) -> None:
    show.line("Next: `keepcurrent run` brings each new thread as it comes; `keepcurrent poll` does one round.")
    if backfill is None:
        show.line("To see a notice now: the same `follow` with --backfill 1.")


async def unfollow(args: argparse.Namespace, settings: Settings) -> int:
    """End subscriptions. Asks no source, so it works also when the source is dead."""
    async with open_app(settings) as app:
        return 0 if all([await _unfollow(app, feed, address) for feed, address in await _named(app, args)]) else 1


async def _unfollow(app: App, feed: Feed | None, address: str) -> bool:
    if feed is None:
        return False
    unsent = [d for d in await app.store.deliveries(UNSENT) if d.feed_id == feed.id]
    declared = await app.follower.unfollow(feed)
    if declared:
        show.problem(f"{address} is declared in the settings file; remove it there, under [[follow]], to unfollow")
        return False
    show.line(f"Unfollowed {feed.author.label}.")
    if unsent:
        show.line(f"{show.counted(len(unsent), 'notice')} of theirs had not been sent, and will not be.")
    return True


async def pause(args: argparse.Namespace, settings: Settings) -> int:
    """Stop looking at authors; what is known of them stays."""
    return await _set_paused(args, settings, paused=True)


async def resume(args: argparse.Namespace, settings: Settings) -> int:
    """Look at paused authors again; what they wrote meanwhile is news."""
    return await _set_paused(args, settings, paused=False)


async def _set_paused(args: argparse.Namespace, settings: Settings, *, paused: bool) -> int:
    async with open_app(settings) as app:
        named = await _named(app, args)
        for feed, _ in named:
            if feed is not None:
                await app.store.set_paused(feed.id, paused)
                show.line(f"{'Paused' if paused else 'Resumed'} {feed.author.label}.")
    return 0 if all(feed is not None for feed, _ in named) else 1


async def _named(app: App, args: argparse.Namespace) -> list[tuple[Feed | None, str]]:
    feeds = [feed for feed, _ in await app.store.feeds()]
    named = [(matching(feeds, app.sources, address), address) for address in args.address]
    for feed, address in named:
        if feed is None:
            show.problem(f"{address} is not followed; `keepcurrent authors` lists who is")
    return named

