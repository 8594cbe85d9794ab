"""`export` and `import`: to another machine with all that is known, and to and from other readers as lists.

`export` reads without the lock, so it works beside a running bot; `import` gives orders, as `follow` does.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TextIO

from bot import __version__, show
from bot.app import build_http, build_sources
from bot.commands.ordering import Orderer, ordered
from bot.commands.setting import named_channels, require_channels
from bot.errors import OrderRefused, SettingsError, Unreadable
from bot.exchange import detect, handles, listed, mastodon_csv, opml, whole, x_archive
from bot.exchange.wanted import Reading, Wanted
from bot.finding import Finder
from bot.importing import followed
from bot.model import Feed, Record
from bot.opening import now, open_store, owner
from bot.orders import Import, Imported, Moved, Restore
from bot.protocols import Store
from bot.settings import Settings
from bot.text import counted

MOST = 64 * 1024 * 1024
"""Bytes of a list that is read. What this program exports of itself may be larger: it is not read at once."""
MANY = 50
"""From so many authors on, it is said how long looking at each will take."""
EACH = 2.0
"""Seconds that a look takes about: one request, and the pause between two to one host."""

READERS: dict[str, Callable[[bytes], Reading]] = {
    "opml": opml.read,
    "csv": mastodon_csv.read,
    "x": x_archive.read,
    "handles": handles.read,
}
NAMES = {
    "json": "an export of keepcurrent",
    "opml": "OPML",
    "csv": "Mastodon's list of accounts",
    "x": "following.js of an archive of X",
    "handles": "a list of addresses",
}


# -- export -------------------------------------------------------------------------------------------------


async def export(args: argparse.Namespace, settings: Settings) -> int:
    """Write everything, or a list of the authors. Raises `SettingsError`, `StoreError`."""
    if args.format == "json" and _is_standard(args.output) and show.is_terminal(sys.stdout):
        raise SettingsError("this is everything, and too much for a terminal: give it a file with -o FILE, or a pipe")
    store = await open_store(settings, read_only=True)
    try:
        with _written(args.output) as file:
            write = _write_all if args.format == "json" else _write_list
            complete = await write(file, store, args.format)
    except OSError as error:
        if _is_standard(args.output):
            raise
        show.problem(f"cannot write {args.output}: {error.strerror or error}")
        return 1
    finally:
        await store.close()
    if args.format == "json" and (pid := owner(settings)) is not None:
        show.note(
            f"A bot is running here (pid {pid}). To go on elsewhere, stop it and export again: what it sends from now"
            " on would be sent there once more."
        )
    return 0 if complete else 1


async def _write_all(file: TextIO, store: Store, _format: str) -> bool:
    writer = whole.Writer()
    counts = dict.fromkeys(("feeds", "threads", "deliveries", "contents"), 0)
    kept: set[str] = set()
    async for record in store.export():
        file.write(writer.piece(record))
        if record.table == "about":
            file.write(writer.piece(_about(now())))
        if record.table in counts:
            counts[record.table] += 1
        if record.table == "threads" and record.body.get("version") and record.body.get("copy") != "pruned":
            kept.add(record.id)
        elif record.table == "contents":
            kept.discard(record.id.rpartition(" ")[0])
    file.write(writer.end())
    there = (counted(counts["feeds"], "author"), counted(counts["threads"], "thread"))
    rest = (counted(counts["deliveries"], "notice"), counted(counts["contents"], "kept text"))
    show.note(f"Exported {', '.join((*there, *rest))}. Pictures and settings are not in it.")
    if kept:
        missing = counted(len(kept), "kept text")
        show.problem(f"{missing} could not be read; `keepcurrent check --store` names them")
    return not kept


def _about(made: datetime) -> Record:
    return Record(table="about", id="export", body={"by": f"keepcurrent {__version__}", "made": made.isoformat()})


async def _write_list(file: TextIO, store: Store, form: str) -> bool:
    feeds = [feed for feed, _ in await store.feeds()]
    text, count = _listed(feeds, form)
    file.write(text)
    show.note(f"Exported {counted(count, 'author')}.")
    if count < len(feeds):
        show.note(f"Not in it: {counted(len(feeds) - count, 'author')}, as this format knows Mastodon only.")
    return True


def _listed(feeds: Iterable[Feed], form: str) -> tuple[str, int]:
    """The list, and how many authors are in it."""
    if form == "csv":
        accounts = [account for feed in feeds if (account := listed.account(feed))]
        return mastodon_csv.write(accounts), len(accounts)
    if form == "opml":
        outlines = listed.outlines(feeds)
        return opml.write(outlines, "Followed by keepcurrent", now()), len(outlines)
    authors = [(feed.address, listed.title(feed)) for feed in feeds]
    return handles.write(authors), len(authors)


@contextmanager
def _written(output: Path | None) -> Iterator[TextIO]:
    """Where to write. A file is there whole or not at all, and is for its owner only. Raises `OSError`."""
    if output is None or _is_standard(output):
        yield sys.stdout
        return
    if output.exists() and not output.is_file():  # /dev/stderr, a pipe
        with output.open("w", encoding="utf-8", errors="replace") as file:
            yield file
        return
    aside = output.with_name(f".{output.name}.tmp")
    try:
        aside.unlink(missing_ok=True)
        fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8", errors="replace") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(output)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def _is_standard(output: Path | None) -> bool:
    return output is None or output == Path("-")


# -- import -------------------------------------------------------------------------------------------------


async def import_(args: argparse.Namespace, settings: Settings) -> int:
    """Take in a file: everything of another machine, or a list of authors. Raises `BotError`."""
    with _at_hand(args.file, settings) as path:
        beginning = _beginning(path)
        found = detect.format_of(beginning)
        form = args.format or found
        if not beginning.strip():
            raise Unreadable(f"{args.file} is empty")
        if form is None:
            known = "OPML, Mastodon's CSV, following.js of X, addresses line by line, what `keepcurrent export` writes"
            raise Unreadable(f"{args.file} is nothing that can be imported: {known}")
        if form == "json":
            if found not in ("json", None):
                raise Unreadable(_other(args.file, form, found))
            return await _import_all(args, path, settings)
        reading = READERS[form](_whole(path))
        if reading.problems and found != form:
            raise Unreadable(_other(args.file, form, found))
    return await _import_list(args, reading, form, settings)


def _other(path: Path, form: str, found: str | None) -> str:
    """That a file is not what it was said to be."""
    looks_like = f"it looks like {NAMES[found]}" if found else "it looks like nothing that can be imported"
    return f"{path} is not {NAMES[form]}: {looks_like} (without --format, what it is is found out)"


async def _import_list(args: argparse.Namespace, reading: Reading, form: str, settings: Settings) -> int:
    require_channels(args, settings)
    channels = tuple(named_channels(settings, args.channel)) if args.channel else ()
    if not (reading.wanted or reading.problems):
        raise Unreadable(f"{args.file}: {NAMES[form]}, and nobody is in it")
    _tell_found(args.file, form, reading)
    if args.dry_run:
        return await _preview(args.file, reading, settings)
    followed = await _follow_all(reading.once, channels, look=args.look, settings=settings)
    return 0 if followed and not reading.problems else 1


@contextmanager
def _at_hand(path: Path, settings: Settings) -> Iterator[Path]:
    """The file, by a path that a running bot can read too. What comes through a pipe is put beside the store, for as
    long as it is needed.
    """
    if path.is_dir():
        raise Unreadable(f"{path.resolve()} is a folder: give a file in it")
    if path.is_file() or (path != Path("-") and not path.exists()):
        yield path.resolve()
        return
    folder = settings.data_dir if settings.data_dir.is_dir() else None
    with tempfile.NamedTemporaryFile(prefix=".import.", dir=folder) as file:
        if path == Path("-"):
            shutil.copyfileobj(sys.stdin.buffer, file)
        else:
            with path.open("rb") as given:
                shutil.copyfileobj(given, file)
        file.flush()
        yield Path(file.name)


def _beginning(path: Path) -> bytes:
    """The beginning of a file. Raises `Unreadable`."""
    try:
        with path.open("rb") as file:
            return file.read(detect.ENOUGH)
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror or error}") from error


def _whole(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MOST + 1)
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror or error}") from error
    if len(data) > MOST:
        raise Unreadable(f"{path} is larger than any list of authors ({MOST // 1024 // 1024} MB)")
    return data


def _tell_found(path: Path, form: str, reading: Reading) -> None:
    there = counted(len(reading.once), "address") if len(reading.once) == 1 else f"{len(reading.once)} addresses"
    again = len(reading.wanted) - len(reading.once)
    show.line(f"{path}: {NAMES[form]}, {there}{f' ({again} more stand there again)' if again else ''}.")
    for problem in reading.problems:
        show.problem(f"{path}, {problem}")


async def _preview(path: Path, reading: Reading, settings: Settings) -> int:
    """Say who would be followed, and why not. Asks nobody, and changes nothing."""
    http = build_http(settings)
    store = await open_store(settings, read_only=True)
    try:
        feeds = [feed for feed, _ in await store.feeds()]
        previewed = list(_previewed(reading.once, feeds, Finder(sources=build_sources(settings, http))))
    finally:
        await store.close()
        await http.close()
    rows = [(what, one.address, one.title, " / ".join(one.folder)) for one, what, _ in previewed]
    show.table(("what", "address", "title", "folder"), rows, empty="Nobody to follow.")
    problems = [f"{path}, {one.where}: {problem}" for one, _, found in previewed for problem in found]
    for problem in problems:
        show.problem(problem)
    return 1 if reading.problems or problems else 0


def _previewed(
    authors: Iterable[Wanted], feeds: Sequence[Feed], finder: Finder
) -> Iterator[tuple[Wanted, str, tuple[str, ...]]]:
    """What would be done with each author of a list, and what is wrong with the address."""
    before: dict[str, str] = {}
    for wanted in authors:
        try:
            there = followed(feeds, finder, wanted.address)
            feed_id = finder.candidates(wanted.address)[0].located.feed_id or wanted.address
        except SettingsError as error:
            yield wanted, "not known", error.problems
            continue
        again = before.setdefault(feed_id, wanted.address)
        same = f"the same as {again}" if again != wanted.address else "to follow"
        yield wanted, "followed already" if there else same, ()


async def _follow_all(
    authors: tuple[Wanted, ...], channels: tuple[str, ...], *, look: bool, settings: Settings
) -> bool:
    """Follow one author after another; whether all are followed in the end."""
    if look and len(authors) > MANY:
        minutes = round(len(authors) * EACH / 60)
        show.note(
            f"Each author who is not followed yet is looked at: up to {minutes} minutes. With --no-look they are"
            " followed at once, and the first poll finds out what is there already. Stopped halfway, the same command"
            " goes on."
        )
    added = already = 0
    failed: list[Imported] = []
    async with Orderer(settings) as orderer:
        for wanted in authors:
            done = await _follow_one(orderer, Import(address=wanted.address, channels=channels, look=look))
            added += not done.problems and not done.already
            already += done.already
            failed += [done] if done.problems else []
            _tell(done, wanted)
    show.line(f"Followed: {added}. Followed already: {already}. Failed: {len(failed)}.")
    return not failed


async def _follow_one(orderer: Orderer, order: Import) -> Imported:
    """What came of one order. Raises `StoreError`, and what else ends all of it."""
    try:
        return await orderer.ordered(order, Imported)
    except OrderRefused:
        # A bot that read its settings again, or ended. To follow twice is to follow once.
        try:
            return await orderer.ordered(order, Imported)
        except OrderRefused as error:
            return Imported(address=order.address, problems=(f"{order.address}: {error}",))


def _tell(done: Imported, wanted: Wanted) -> None:
    for problem in done.problems:
        show.problem(f"{wanted.where}: {problem}" if wanted.where else problem)
    if not done.problems:
        show.line(f"{'Already' if done.already else 'Added'}: {done.author} ({done.address})")


# -- import of everything -------------------------------------------------------------------------------------


async def _import_all(args: argparse.Namespace, path: Path, settings: Settings) -> int:
    if args.channel:
        raise SettingsError("an export of keepcurrent says by itself what goes where: leave --channel away")
    order = Restore(path=str(path), dry_run=args.dry_run)
    with show.progress("Reading all of it …"):
        done = await ordered(settings, order, Moved)
    return _tell_moved(done, dry_run=args.dry_run)


def _tell_moved(done: Moved, *, dry_run: bool) -> int:
    if done.conflicts:
        names = ", ".join(done.conflicts[:5]) + (f" and {len(done.conflicts) - 5} more" if done.conflicts[5:] else "")
        show.problem(
            f"nothing was imported: {names} {'is' if len(done.conflicts) == 1 else 'are'} followed here already, and"
            " not with all that the file knows; notices would be lost or come twice.\n"
            "Import before the first start on a new machine (stop the bot, move its data folder away, then import); or"
            " `keepcurrent unfollow` them here first, and what is known of them here is given up."
        )
        return 1
    would = "Would import" if dry_run else "Imported"
    parts = (counted(done.threads, "thread"), f"{counted(done.deliveries, 'notice')} that are not sent")
    texts = "" if dry_run else f", {counted(done.texts, 'kept text')}"
    show.line(f"{would} {counted(len(done.added), 'author')}: {', '.join(parts)}{texts}.")
    if done.held:
        show.line(f"Here already, with all of it: {counted(len(done.held), 'author')}.")
    if done.stranded:
        show.problem(f"the settings have no channel {', '.join(done.stranded)}: add it, or its notices wait for ever")
    if done.undeclared:
        show.problem(
            f"{', '.join(done.undeclared)}: in the other machine's settings file, but not in this one. Copy their"
            " [[follow]] before the next start, which else unfollows them."
        )
    return 0
