"""Who is followed: `follow`, `unfollow`, `pause`, `resume`. Each gives an order, and tells what came of it."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from datetime import date, tzinfo

from bot import show, times
from bot.commands.ordering import ordered
from bot.commands.setting import named_channels, require_channels
from bot.model import Backfill
from bot.orders import (
    Find,
    Findings,
    Follow,
    Followings,
    Introduced,
    Named,
    Names,
    Pause,
    Resume,
    Unfollow,
    Whereabouts,
)
from bot.settings import Settings
from bot.text import counted
from bot.threads import Threads

ANSWER_WITHIN = 300.0
"""Seconds that a person may take to choose."""
MOST_ANSWERS = 3
"""How often a person is asked for a number that is one of those shown."""


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
    channels = named_channels(settings, args.channel) if args.channel else []
    found = [place for address in args.address if (place := await _found(settings, address, args.source))]
    if not found:
        return 1
    order = Follow(
        addresses=tuple(place.address for place in found),
        channels=tuple(channels),
        backfill=args.backfill,
        found=tuple(place.found for place in found),
    )
    with show.progress("Looking at the newest threads …"):
        done = await ordered(settings, order, Followings)
    for introduced in done.authors:
        _introduce(introduced, settings.zone)
        if args.backfill is not None and not introduced.problems:
            _tell_sent(introduced)
    for notice in done.notices:
        show.line(f"notice to {notice.channel}: {notice.outcome}{f': {notice.error}' if notice.error else ''}")
    if any(not introduced.problems for introduced in done.authors):
        _what_next(args.backfill)
    failed = any(introduced.problems for introduced in done.authors) or any(notice.error for notice in done.notices)
    return 1 if failed or len(found) < len(args.address) else 0


async def _found(settings: Settings, address: str, source: str) -> Whereabouts | None:
    """Whom an address means, shown before anything is kept; None, and why, if it means nobody, or nobody chose."""
    with show.progress(f"Looking for {address} …"):
        findings = await ordered(settings, Find(addresses=(address,), source=source), Findings)
    place = findings.places[0]
    if place.options:
        chosen = await _chosen(place)
        return await _found(settings, chosen, "") if chosen else None
    for problem in place.problems:
        show.problem(problem)
    if place.problems:
        return None
    show.line(f"Found {place.author} at {place.source}{f': {place.url}' if place.url else ''}")
    return place


async def _chosen(place: Whereabouts) -> str:
    """Which of several a person means; "" where nobody can be asked, or answers."""
    for problem in place.problems:
        show.problem(problem)
    for number, option in enumerate(place.options, 1):
        show.note(f"  {number}. {option.title or option.address}  (keepcurrent follow {option.address})")
    if not (sys.stdin.isatty() and show.is_terminal(sys.stderr)):
        return ""
    numbers = {str(number): option.address for number, option in enumerate(place.options, 1)}
    for _ in range(MOST_ANSWERS):
        show.note(f"Which one? 1 to {len(numbers)}, or nothing for none:")
        answer = await _answer()
        if not answer or answer in numbers:
            break
        show.problem(f'"{answer[:40]}" is none of them')
    if answer not in numbers:
        show.note("Nothing followed.")
    return numbers.get(answer, "")


async def _answer() -> str:
    job = Threads("answer", most=1).start(sys.stdin.readline)
    with suppress(TimeoutError):
        await job.wait(ANSWER_WITHIN)
    return str(job.result or "").strip()


def _introduce(found: Introduced, zone: tzinfo) -> None:
    """Say who is followed now, where to, and what is there already; or why nobody is."""
    if found.problems:
        for problem in found.problems:
            show.problem(problem)
        return
    to = ", ".join(found.channels)
    if found.already:
        show.line(f"{found.author} is followed already; new threads go to {to}.")
        if found.paused:
            show.line("Paused, though: `keepcurrent resume` looks again.")
    else:
        there = counted(found.there, "thread")
        show.line(f"Following {found.author}; new threads go to {to}.")
        newest = " The newest:" if found.threads else ""
        show.line(f"There already, known and not announced: {there}.{newest}")
        for thread in found.threads:
            posts = f"{counted(thread.posts, 'post')}, " if thread.posts else ""
            show.line(f"  {times.moment(thread.published, zone)}  {thread.title}  ({posts}{thread.url})")


def _tell_sent(found: Introduced) -> None:
    """What became of the backfill."""
    if not found.sent:
        show.line("No old thread is sent: there is none such, or it was sent before.")
        return
    of_these = "The" if found.already else "Of these, the"
    show.line(f"{of_these} {found.sent} you asked for {'is' if found.sent == 1 else 'are'} sent now:")


def _what_next(backfill: Backfill) -> None:
    show.line("Next: `keepcurrent run` brings each new thread as it comes; `keepcurrent poll` does one round.")
    if backfill is None:
        show.line("To see a notice now: the same `follow` with --backfill 1.")


async def unfollow(args: argparse.Namespace, settings: Settings) -> int:
    """End subscriptions. Asks no source, so it works also when the source is dead."""
    done = await ordered(settings, Unfollow(addresses=tuple(args.address)), Names)
    told = [_tell_unfollowed(named) for named in done.authors]
    return 0 if all(told) else 1


def _tell_unfollowed(named: Named) -> bool:
    if not named.author:
        return _tell_unknown(named)
    if named.declared:
        show.problem(
            f"{named.address} is declared in the settings file; remove it there, under [[follow]], to unfollow"
        )
        return False
    show.line(f"Unfollowed {named.author}.")
    if named.unsent:
        show.line(f"{counted(named.unsent, 'notice')} of theirs had not been sent, and will not be.")
    return True


async def pause(args: argparse.Namespace, settings: Settings) -> int:
    """Stop looking at authors; what is known of them stays."""
    return _tell(await ordered(settings, Pause(addresses=tuple(args.address)), Names), "Paused")


async def resume(args: argparse.Namespace, settings: Settings) -> int:
    """Look at paused authors again; what they wrote meanwhile is news."""
    return _tell(await ordered(settings, Resume(addresses=tuple(args.address)), Names), "Resumed")


def _tell(done: Names, what: str) -> int:
    for named in done.authors:
        if named.author:
            show.line(f"{what} {named.author}.")
        else:
            _tell_unknown(named)
    return 0 if all(named.author for named in done.authors) else 1


def _tell_unknown(named: Named) -> bool:
    show.problem(f"{named.address} is not followed; `keepcurrent authors` lists who is")
    return False
