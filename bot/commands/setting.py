"""Getting started and finding out what is wrong: `init`, `check`, `test`."""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path

from bot import show
from bot.app import App, build_channels, build_http, build_sources, open_app
from bot.commands.auditing import check_store
from bot.commands.ordering import granting
from bot.errors import ChannelError, SettingsError, SourceError, StoreError
from bot.finding import Finder
from bot.language import known_languages
from bot.model import Author, Batch, Delivery, Entry, Feed, Item, Post
from bot.opening import now, open_store
from bot.outbox import WAITING, stranded
from bot.protocols import Channel
from bot.settings import FILE_NAME, Settings, named_file

log = logging.getLogger(__name__)

EXAMPLE = "settings.example.toml"


def example() -> str:
    """The commented settings file that `init` writes; in a checkout it lies beside the package."""
    packaged = files("bot").joinpath(EXAMPLE)
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    return (Path(__file__).parents[2] / EXAMPLE).read_text(encoding="utf-8")


def init(args: argparse.Namespace) -> int:
    """Write a commented settings file, never over one that is there."""
    path = args.file or args.settings or named_file() or Path(FILE_NAME)
    try:
        # Exclusive, and for its owner only: passwords may come to stand in it.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(example())
    except FileExistsError:
        show.problem(f"{path} is there already; nothing was changed")
        return 1
    except OSError as error:
        show.problem(f"{path}: {error.strerror}")
        return 1
    given = "" if path == Path(FILE_NAME) else f" --settings {path}"
    show.line(f"Wrote {path}. Next:")
    show.line(f"  1. open {path} and fill in one channel: e-mail, Matrix, Slack or any Apprise URL")
    show.line(f"  2. keepcurrent{given} test          sends a sample notice to it")
    show.line(f"  3. keepcurrent{given} follow @name  subscribes to an author")
    return 0


async def check(args: argparse.Namespace, settings: Settings) -> int:
    """Check settings, data folder, channels, addresses and sources; say all that is wrong. Or audit the store."""
    if args.store:
        return await check_store(args, settings)
    if args.json:
        raise SettingsError("check --json goes with --store")
    show.mark(True, f"settings: {args.file_read or 'environment'}")
    results = [show_result(*result) for result in _local_checks(settings)]
    results += [show_result(*result) async for result in _store_checks(settings)]
    results += [show_result(*result) async for result in _channel_checks(settings)]
    results += [show_result(*result) async for result in _source_checks(settings)]
    return 0 if all(results) else 1


def show_result(ok: bool, text: str) -> bool:
    """Print one result and hand on whether it is good."""
    show.mark(ok, text)
    return ok


def _local_checks(settings: Settings) -> Iterator[tuple[bool, str]]:
    yield _data_folder(settings.data_dir)
    yield from _settings_checks(settings)


def _settings_checks(settings: Settings) -> Iterator[tuple[bool, str]]:
    if settings.poll.min_interval < timedelta(minutes=1):
        yield True, "[poll] min_interval is under one minute: that is for tests and servers of your own"
    if not settings.poll.min_interval <= settings.poll.interval <= settings.poll.max_interval:
        yield True, "[poll] interval is not between min_interval and max_interval: the nearer of them counts"
    if not settings.channels:
        yield False, "channels: there is none; add a [channels.NAME] table, `keepcurrent init` shows how"
    for problem in settings.unknown_channels():
        yield False, problem
    for remark in settings.remarks(known_languages()):
        yield True, remark


def _data_folder(folder: Path) -> tuple[bool, str]:
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        return False, f"data folder: {there} is not a folder; move it away, or set another data_dir"
    try:
        with tempfile.NamedTemporaryFile(dir=there, prefix=".check-") as probe:
            probe.write(b"x" * 4096)
            probe.flush()
    except PermissionError:
        return False, f"data folder: {there}: not writable for user id {os.getuid()}; give it to that user (chown)"
    except OSError as error:
        return False, f"data folder: {there}: {error.strerror}"
    return True, f"data folder: {folder}"


async def _store_checks(settings: Settings) -> AsyncIterator[tuple[bool, str]]:
    """Whether the store can be read, and whether all that it holds has a channel to go to."""
    try:
        store = await open_store(settings, read_only=True)
    except StoreError as error:
        yield False, f"store: {error}"
        return
    try:
        names = stranded(await store.deliveries(WAITING), await store.subscriptions(), settings.channels)
    finally:
        await store.close()
    for name in names:
        yield False, f"channel {name}: authors or notices are meant for it, but it is not in the settings"


async def _channel_checks(settings: Settings) -> AsyncIterator[tuple[bool, str]]:
    for name in settings.channels:
        alone = settings.model_copy(update={"channels": {name: settings.channels[name]}})
        try:
            channel = build_channels(alone)[name]
            await channel.check()
        except SettingsError as error:
            yield False, str(error)
        except ChannelError as error:
            yield False, f"channel {name}: {error.reason}"
        except Exception as error:  # somebody else's channel; the others are to be looked at all the same
            log.exception("channel %s failed in a way that it must not", name)
            yield False, f"channel {name}: {type(error).__name__} in it, see the log"
        else:
            yield True, f"channel {name}"


async def _source_checks(settings: Settings) -> AsyncIterator[tuple[bool, str]]:
    http = build_http(settings, grant=granting(settings))
    try:
        sources = build_sources(settings, http)
        for problem in wrong_addresses(settings):
            yield False, problem
        used = await _used_sources(settings, Finder(sources=sources))
        for kind, source in sources.items():
            if kind not in used:
                continue
            try:
                await source.check()
            except SourceError as error:
                yield False, f"source {kind}: {error.reason}"
            else:
                yield True, f"source {kind}"
    finally:
        await http.close()


async def _used_sources(settings: Settings, finder: Finder) -> set[str]:
    """The sources that somebody who is followed, or declared, is read at; without anybody the first one."""
    pairs = [(address, follow.source) for follow in settings.follow for address in follow.author]
    used = {found.located.source for pair in pairs if (found := finder.first(*pair)) is not None}
    with suppress(StoreError):
        store = await open_store(settings, read_only=True)
        try:
            used |= {feed.source for feed, _ in await store.feeds()}
        finally:
            await store.close()
    return used or set(list(finder.sources)[:1])


def wrong_addresses(settings: Settings) -> Iterator[str]:
    """Name each declared address that no source knows, without asking anybody."""
    finder = Finder(sources=build_sources(settings, build_http(settings)))
    for follow in settings.follow:
        for address in follow.author:
            try:
                finder.candidates(address, follow.source)
            except SettingsError as error:
                yield f"[[follow]] {error}"


async def problems(settings: Settings) -> list[str]:
    """All that `check` would find wrong without asking the network, and without looking at what a running bot holds."""
    results = [*_settings_checks(settings), *[result async for result in _channel_checks(settings)]]
    return [*(text for good, text in results if not good), *wrong_addresses(settings)]


async def test(args: argparse.Namespace, settings: Settings) -> int:
    """Send a sample notice to each channel, and be loud about what fails."""
    from bot.stores.memory import MemoryStore

    require_channels(args, settings)
    async with open_app(settings, store=MemoryStore()) as app:
        chosen = [app.channels[name] for name in named_channels(settings, args.channel)]
        results = [show_result(*(await _test(channel, app))) for channel in chosen]
    return 0 if all(results) else 1


def require_channels(args: argparse.Namespace, settings: Settings) -> None:
    """Raise `SettingsError` if there is no channel at all."""
    if not settings.channels:
        where = args.file_read or "the environment"
        raise SettingsError(
            f"there is no channel in {where}: add a [channels.NAME] table;"
            " `keepcurrent init examples.toml` writes one of each kind to copy from"
        )


def named_channels(settings: Settings, names: list[str]) -> list[str]:
    """These channels, or all. Raises `SettingsError` for one that is not there."""
    for name in names:
        if name not in settings.channels:
            have = ", ".join(settings.channels) or "none"
            raise SettingsError(f'there is no channel "{name}" in the settings; there are: {have}')
    return names or list(settings.channels)


def sample(channel: str, time: datetime) -> Batch:
    """What `test` sends: a short thread, made for the purpose. Its key is new each time."""
    author = Author(handle="keepcurrent", name="keepcurrent")
    posts = (
        Post(id="1", text="This is a sample notice. If you can read it, new threads will reach you here."),
        Post(id="2", text="A notice shows who wrote, when, how long it is, how it begins, and how to read on."),
    )
    entry = Entry(
        feed_id="sample",
        key="sample",
        url="https://threadreaderapp.com",
        author=author,
        title="This is a sample notice.",
        published=time,
        post_count=len(posts),
        posts=posts,
        whole=True,
    )
    key = f"sample{time.timestamp():.3f}{channel}"
    delivery = Delivery(
        id=key, batch=key, feed_id="sample", entry_key="sample", channel=channel, created_at=time, due_at=time
    )
    feed = Feed(id="sample", source="sample", address="@keepcurrent", author=author)
    return Batch(id=key, channel=channel, items=(Item(delivery=delivery, feed=feed, entry=entry),))


async def _test(channel: Channel, app: App) -> tuple[bool, str]:
    try:
        with show.progress(f"Sending a sample notice to {channel.name} …"):
            await app.dispatcher.send(channel, sample(channel.name, now()))
    except ChannelError as error:
        return False, f"channel {channel.name}: {error.reason}"
    except Exception as error:  # as in `_channel_checks`
        log.exception("channel %s failed in a way that it must not", channel.name)
        return False, f"channel {channel.name}: {type(error).__name__} in it, see the log"
    return True, f"channel {channel.name}: a sample notice was sent"
