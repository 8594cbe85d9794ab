"""`unroll`: one thread, whole, now; from its own page, or from the copy that is kept when the page cannot be read.

Writes nothing to the store and takes no lock, but for what it takes of a host's budget, where there is one. Does not
decide how a thread looks; that is `render`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot import render, show
from bot.app import App, open_app
from bot.commands.ordering import granting
from bot.commands.setting import named_channels
from bot.errors import ChannelError, FeedGone, NoPdf, NotFound, SettingsError, SourceError, StoreError
from bot.facts import facts_of
from bot.finding import told
from bot.lookup import known_thread
from bot.model import Author, Batch, Delivery, Entry, Feed, Item, Known, Located
from bot.opening import now, open_store
from bot.pictures import mime_of
from bot.policy import Policy
from bot.protocols import Expander, Store, lists_whole
from bot.render import PICTURE_TYPES, Look, Picture
from bot.routing import delivery_id
from bot.settings import Settings
from bot.text import counted
from bot.threads import Threads

if TYPE_CHECKING:
    from bot.http import Http  # loads aiohttp

PDF_WITHIN = 120.0
"""Seconds that a PDF may take. 300 long posts take 5 s of processor time; one post of 1 MB a minute, or more."""
WHOLE = Policy(summary="full")
"""`unroll` shows the whole thread, whatever a channel's notices tell."""
_LOOKS_LIKE = (
    "one looks like https://…/thread/ID.html, https://x.com/NAME/status/ID, https://bsky.app/profile/NAME/post/ID or"
    " https://HOST/@NAME/ID, or is an id alone; of a blog, what is kept here is shown: `keepcurrent threads` lists it"
)
MOST_PICTURES = 40
MOST_PICTURE_BYTES = 30 * 1024 * 1024
PICTURES_WITHIN = 120.0
"""Seconds that all pictures of a PDF may take; a host is asked for one a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What the store has of a thread: what is remembered of it, and the copy, None if there is none."""

    known: Known
    copy: Entry | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A thread to show. `note` says that it is the kept copy, and why."""

    entry: Entry
    read_at: datetime
    note: str = ""


async def unroll(args: argparse.Namespace, settings: Settings) -> int:
    """Find the thread; print it, write it to a file, or send it to a channel."""
    from bot.stores.memory import MemoryStore

    channels = named_channels(settings, args.channel) if args.channel else []
    writes = args.output is not None or not channels
    if writes and args.format == "pdf":
        _require_pdf(args.output)
    async with open_app(settings, store=MemoryStore(), grant=granting(settings)) as app:
        try:
            found = await (_find_version(app, args.thread, args.kept) if args.kept else _find(app, args.thread))
        except SourceError as error:
            show.problem(told(args.thread, error.reason))
            return 1
        done = [await _send(app, found.entry, channel) for channel in channels]
        if writes:
            made = await _made(args, found, await _look(args, app, found))
            done.append(_write(made, args.output))
    return 0 if all(done) else 1


# -- the thread ----------------------------------------------------------------------------------------------


async def _find(app: App, address: str) -> _Found:
    """The thread as its page has it now, else as it is kept. Raises `SourceError`, `SettingsError`, `NotFound`.

    One that is known here is read where it is known from: its id may be another thread's at another place.
    """
    places, url = _places(app, address), address if "/" in address else ""
    kept = await _kept(app.settings, address.strip(), quietly=bool(places))
    if kept is not None:
        if _is_listed_whole(app, kept.known):
            return _as_listed(kept, app.settings)
        places, url = _own_first(_where(kept.known), places), kept.known.url
    if not places:
        raise SettingsError(f"{address} is no thread; {_LOOKS_LIKE}")
    try:
        with show.progress("Reading the thread …"):
            return _Found(entry=await _read_first(app, places, url), read_at=now())
    except SourceError as error:
        kept = kept or await _kept(app.settings, places[0].thread_key, places[0].feed_id)
        if kept is None or kept.copy is None:
            raise
        copy = _as_kept(kept.copy, kept.known, error, app.settings)
        show.note(f"{told(address, error.reason)}. {copy.note}")
        return copy


def _own_first(own: Located, places: Sequence[Located]) -> tuple[Located, ...]:
    """Where a known thread is read: at its own source, then at others only where that one knows such an address."""
    others = places if any(one.source == own.source for one in places) else ()
    return own, *(one for one in others if one.source != own.source)


def _is_listed_whole(app: App, known: Known) -> bool:
    source = app.sources.get(_where(known).source)
    return source is not None and lists_whole(source)


async def _find_version(app: App, address: str, version: int) -> _Found:
    """The kept copy as it was in that version. Raises `NotFound`, `StoreError`."""
    store = await open_store(app.settings, read_only=True)
    try:
        thread = await known_thread(store, *_names(app, address))
        copy = await store.content(thread[1].feed_id, thread[1].key, version) if thread else None
    finally:
        await store.close()
    if thread is None or copy is None:
        raise NotFound(f"there is no version {version} of {address} in the archive; `keepcurrent why` lists them")
    _, known = thread
    read_at = copy.read_at or known.first_seen
    day = read_at.astimezone(app.settings.zone).date().isoformat()
    return _Found(entry=copy, read_at=read_at, note=f"Version {version} of {known.version}, as it was kept on {day}.")


def _names(app: App, address: str) -> tuple[str, ...]:
    """By what the store may know the thread: the address itself, and the id in it."""
    return tuple(filter(None, (address.strip(), app.finder.thread_key(address))))


def _places(app: App, address: str) -> tuple[Located, ...]:
    """Where the thread that an address names may be read, in the order in which that is tried."""
    try:
        found = app.finder.candidates(address)
    except SettingsError:
        return ()
    return tuple(one.located for one in found if one.located.thread_key)


async def _read_first(app: App, places: Sequence[Located], url: str) -> Entry:
    """The thread from the first place that has it. Raises what the first one said."""
    said: SourceError | None = None
    for located in places:
        try:
            return await _read(app, located, url)
        except SourceError as error:
            said = said or error
    raise said or SourceError("", "there is no place to read it at")


def _where(known: Known) -> Located:
    return Located(source=known.feed_id.partition(":")[0], feed_id=known.feed_id, thread_key=known.key)


async def _read(app: App, located: Located, url: str) -> Entry:
    source: object = app.sources.get(located.source)
    if not isinstance(source, Expander):
        raise SourceError(located.feed_id, f"there is no source {located.source} to read it at")
    stub = Entry(feed_id=located.feed_id, key=located.thread_key, url=url, author=Author(handle=""))
    return await source.expand(stub)


async def _kept(settings: Settings, key: str, feed_id: str = "", *, quietly: bool = False) -> _Kept | None:
    """What the store has of the thread. A store that cannot be read is said (not `quietly`), and has nothing."""
    try:
        store = await open_store(settings, read_only=True)
        try:
            return await _kept_in(store, key, feed_id)
        finally:
            await store.close()
    except StoreError as error:
        if not quietly:
            show.note(f"no kept copy can be looked up: {error}")
        return None


async def _kept_in(store: Store, key: str, feed_id: str) -> _Kept | None:
    found = await known_thread(store, key, feed_id=feed_id)
    if found is None:
        return None
    _, known = found
    return _Kept(known=known, copy=await store.content(known.feed_id, known.key))


def _as_listed(kept: _Kept, settings: Settings) -> _Found:
    """The kept copy of a thread that is read in its author's listing, and nowhere else. Raises `NotFound`."""
    if kept.copy is None:
        raise NotFound(f"no copy of {kept.known.key} is kept; its page is {kept.known.url}")
    read_at = kept.copy.read_at or kept.known.first_seen
    day = read_at.astimezone(settings.zone).date().isoformat()
    return _Found(entry=kept.copy, read_at=read_at, note=f"As the feed had it on {day}.")


def _as_kept(entry: Entry, known: Known, error: SourceError, settings: Settings) -> _Found:
    """The kept copy, with a sentence that says that it is one, for whoever reads it later."""
    read_at = entry.read_at or known.first_seen
    why = "is gone" if isinstance(error, FeedGone) else "could not be read"
    day = read_at.astimezone(settings.zone).date().isoformat()
    return _Found(entry=entry, read_at=read_at, note=f"Kept copy of {day}: the thread's own page {why}.")


# -- how it looks --------------------------------------------------------------------------------------------


async def _look(args: argparse.Namespace, app: App, found: _Found) -> Look:
    pictures = await _kept_pictures(app.settings, found.entry)
    if args.images and args.format == "pdf":
        with show.progress("Reading the pictures …"):
            pictures |= await fetched_pictures(app.http, found.entry, pictures)
    return Look(
        zone=app.settings.zone,
        pictures=pictures,
        remote_images=args.images,
        note=found.note,
        lang=facts_of(found.entry).language,
        read_at=found.read_at,
    )


async def _kept_pictures(settings: Settings, entry: Entry) -> dict[str, Picture]:
    """The pictures of a thread that are kept, by their address; none where nothing is kept at all."""
    # Silently: a thread is shown without its pictures where there is no store, and says so by their addresses.
    with contextlib.suppress(StoreError):
        store = await open_store(settings, read_only=True)
        try:
            if found := await known_thread(store, entry.key, feed_id=entry.feed_id):
                kept = await store.media(found[1].feed_id, found[1].key)
                return {url: Picture(mime=mime, data=data) for url, (mime, data) in kept.items()}
        finally:
            await store.close()
    return {}


async def fetched_pictures(http: Http, entry: Entry, have: Mapping[str, Picture]) -> dict[str, Picture]:
    """The thread's other pictures, read from where they are: so many, so large and for so long, and no more."""
    urls = dict.fromkeys(media.url for post in entry.posts for media in post.media if media.kind == "image")
    pictures: dict[str, Picture] = {}
    missing = [url for url in urls if url not in have]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PICTURES_WITHIN):
            for url in missing[:MOST_PICTURES]:
                if sum(len(picture.data) for picture in pictures.values()) >= MOST_PICTURE_BYTES:
                    break
                if picture := await _picture(http, entry, url):
                    pictures[url] = picture
    if left_out := len(missing) - len(pictures):
        show.note(f"{counted(left_out, 'picture')} could not be read, or would be too much; named instead")
    return pictures


async def _picture(http: Http, entry: Entry, url: str) -> Picture | None:
    try:
        answer = await http.get(url, feed_id=entry.feed_id, headers={"Accept": ",".join(sorted(PICTURE_TYPES))})
    except SourceError:
        return None
    mime = mime_of(answer.body)
    return Picture(mime=mime, data=answer.body) if mime in PICTURE_TYPES else None


# -- where it goes -------------------------------------------------------------------------------------------


def _require_pdf(output: Path | None) -> None:
    """Say what is missing before anybody is asked for a page."""
    from bot import pdf

    if _is_standard(output) and sys.stdout.isatty():
        raise SettingsError("a PDF is not for a terminal: give it a file with -o FILE, or a pipe")
    pdf.load()


async def _made(args: argparse.Namespace, found: _Found, look: Look) -> str | bytes:
    if args.format == "pdf":
        return await made_pdf(found.entry, look)
    return render.FORMATS[args.format](found.entry, look)


async def made_pdf(entry: Entry, look: Look) -> bytes:
    """The thread as a PDF, made in a thread of its own. Raises `NoPdf`."""
    from bot import pdf

    job = Threads("pdf", most=1).start(lambda: pdf.pdf(entry, look))
    try:
        with show.progress("Making the PDF …"):
            await job.wait(PDF_WITHIN)
    except TimeoutError as error:
        raise NoPdf(f"the PDF was not made within {PDF_WITHIN:g} s; --format html is made at once") from error
    if job.error is not None:
        raise job.error
    made: bytes = job.result
    return made


async def _send(app: App, entry: Entry, name: str) -> bool:
    feed = Feed(id=entry.feed_id, source="", address=entry.author.at, author=entry.author)
    key = delivery_id(entry.feed_id, entry.key, f"{name} {now().timestamp()}")
    delivery = Delivery(
        id=key, batch=key, feed_id=feed.id, entry_key=entry.key, channel=name, created_at=now(), due_at=now()
    )
    batch = Batch(id=key, channel=name, items=(Item(delivery=delivery, feed=feed, entry=entry),))
    try:
        await app.dispatcher.send(app.channels[name], batch, [WHOLE])
    except ChannelError as error:
        show.problem(f"channel {name}: {error.reason}")
        return False
    show.line(f"Sent to {name}: {entry.title}")
    return True


def _write(made: str | bytes, output: Path | None) -> bool:
    if output is None or _is_standard(output):
        if isinstance(made, bytes):
            sys.stdout.buffer.write(made)
        else:
            sys.stdout.write(show.printable(made))
        return True
    try:
        _put(output, made if isinstance(made, bytes) else made.encode("utf-8"))
    except OSError as error:
        show.problem(f"{output}: {error.strerror}")
        return False
    show.note(f"Wrote {output}.")
    return True


def _put(output: Path, data: bytes) -> None:
    """Write a file whole or not at all: a full disk leaves the one that was there. Raises `OSError`."""
    if output.exists() and not output.is_file():  # /dev/stderr, a pipe
        output.write_bytes(data)
        return
    aside = output.with_name(f".{output.name}.tmp")
    try:
        aside.write_bytes(data)
        aside.replace(output)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def _is_standard(output: Path | None) -> bool:
    return output is None or output == Path("-")
