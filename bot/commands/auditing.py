"""`check --store`: the audit of the promise, printed. Reads without the lock, so it works beside a running bot.

Does not decide what is a fault (`audit`), and mends nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict

from bot import show
from bot.audit import FAULTS, NOTES, Audit, Books, Offender, Thread, audit, has_copy
from bot.errors import StoreError
from bot.model import Known
from bot.opening import open_store, owner
from bot.protocols import Store
from bot.settings import Settings
from bot.text import counted

SHOWN = 20
"""How many offenders of one kind are named; the document has all."""


async def check_store(args: argparse.Namespace, settings: Settings) -> int:
    """Audit the store, and print each count that must be zero. Raises `StoreError` if the store cannot be read."""
    store = await open_store(settings, read_only=True)
    try:
        found = audit(await books(store, at_work=owner(settings) is not None))
    finally:
        await store.close()
    if args.json:
        show.document(_document(found))
    else:
        _tell(found)
    return 0 if found.ok else 1


async def books(store: Store, *, at_work: bool) -> Books:
    """Read what is to be audited. Raises `StoreError`."""
    threads = await store.threads()
    return Books(
        threads=threads,
        deliveries=await store.deliveries(),
        copies=await _copies(store, (known for known in threads if has_copy(known))),
        at_work=at_work,
    )


async def _copies(store: Store, threads: Iterable[Known]) -> dict[Thread, str]:
    """What is wrong with the kept copies of these threads."""
    wrong: dict[Thread, str] = {}
    for known in threads:
        try:
            kept = await store.content(known.feed_id, known.key)
        except StoreError as error:
            wrong[known.feed_id, known.key] = str(error)
            continue
        if kept is None or not kept.whole:
            wrong[known.feed_id, known.key] = "there is no copy" if kept is None else "the copy is not whole"
    return wrong


def _tell(found: Audit) -> None:
    for kind, means in FAULTS.items():
        show.mark(not found.faults[kind], _line(means, found.faults[kind]))
        _name(found.faults[kind], show.answer)
    for kind, means in NOTES.items():
        show.line(f"     {_line(means, found.notes[kind])}")
        _name(found.notes[kind], show.line)
    threads, rows = counted(found.threads, "thread"), "delivery" if found.deliveries == 1 else "deliveries"
    show.line(f"Audited: {threads}, {found.deliveries} {rows}.")


def _line(means: str, offenders: tuple[Offender, ...]) -> str:
    return f"{len(offenders)} {means}"


def _name(offenders: tuple[Offender, ...], say: Callable[[str], None]) -> None:
    for offender in offenders[:SHOWN]:
        say(f"       {_words(offender)}")
    if len(offenders) > SHOWN:
        say(f"       and {len(offenders) - SHOWN} more")


def _words(offender: Offender) -> str:
    to = f" to {offender.channel}" if offender.channel else ""
    row = f" ({offender.delivery})" if offender.delivery else ""
    why = f": {offender.why}" if offender.why else ""
    return f"{offender.feed_id} {offender.thread}{to}{row}{why}"


def _document(found: Audit) -> dict[str, object]:
    return {
        "ok": found.ok,
        "threads": found.threads,
        "deliveries": found.deliveries,
        "faults": _counts(found.faults, FAULTS),
        "notes": _counts(found.notes, NOTES),
    }


def _counts(found: Mapping[str, tuple[Offender, ...]], meanings: Mapping[str, str]) -> dict[str, object]:
    return {
        kind: {"count": len(found[kind]), "means": means, "offenders": [_offender(one) for one in found[kind]]}
        for kind, means in meanings.items()
    }


def _offender(offender: Offender) -> dict[str, str | None]:
    named = {"author": offender.feed_id, **asdict(offender)}
    del named["feed_id"]
    return {name: value or None for name, value in named.items()}
