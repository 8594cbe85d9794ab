"""The command line: what may be typed, and which function does it.

Loads nothing heavy before it knows the command, so that `--help` answers at once. Contains no logic of its own
but the exit status: 0 done · 1 something failed · 2 command line or settings wrong · 3 the store is in use.
"""

from __future__ import annotations

import argparse
import errno
import gc
import logging
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from bot import __version__

if TYPE_CHECKING:
    from bot.settings import Settings  # loads pydantic, which `--help` does without

Add = Callable[..., argparse.ArgumentParser]
EXPORTS = ("json", "opml", "handles", "csv")
IMPORTS = ("json", "opml", "handles", "csv", "x")
FORMATS = ("text", "markdown", "html", "json", "pdf")
SOURCES = ("threadreader", "fxtwitter", "bluesky", "mastodon", "syndication")


GARBAGE_AFTER = 10_000
"""Objects after which Python looks for cycles of dead ones. It does so after 700, which took an eighth of a round over
10,000 authors and found next to nothing."""


def program() -> int:
    """`main` in a process of its own, which ends with it."""
    gc.set_threshold(GARBAGE_AFTER)
    try:
        return main()
    finally:
        # At its end Python would look through every object once more, 40 ms of a listing and 70 of a poll; the system
        # takes all of the memory back anyway.
        gc.freeze()


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    _prepare_streams()
    args = parser().parse_args(argv)
    try:
        code = _run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output left, as `head` does.
        _give_up_output()
        return 0
    except OSError as error:
        what = "cannot write the output" if error.errno == errno.ENOSPC else "the system refused"
        sys.stderr.write(f"keepcurrent: {what}: {error.strerror or error}\n")
        _give_up_output()
        return 1
    except Exception:
        # By the log, not by Python itself: an error that nobody foresaw may quote a secret.
        logging.getLogger("bot").exception("this program failed; please report it")
        return 1
    return code


def _prepare_streams() -> None:
    """Have two streams that take any character, whatever the terminal's encoding, and also where they are closed."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - as long as we live
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _give_up_output() -> None:
    """What is still in the buffer goes nowhere; Python would complain of it once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(args: argparse.Namespace) -> int:
    import asyncio

    from bot import log, show
    from bot.errors import BotError, SettingsError, StoreLocked
    from bot.redact import SHORTEST_IN_WORDS, Redactor

    if args.quiet:
        show.be_quiet()
    log.set_up(_verbosity(args), timestamps=args.command == "run")
    module, _, name = args.function.partition(":")
    try:
        function = getattr(import_module(f"bot.commands.{module}"), name)
        if not args.reads_settings:
            return int(function(args))
        settings = _settings(args)
        redact = Redactor(settings.secrets(), shortest=SHORTEST_IN_WORDS)
        show.hide(redact)
        log.hide(redact)
        return int(asyncio.run(function(args, settings)))
    except BotError as error:
        show.problem(str(error))
        return 2 if isinstance(error, SettingsError) else 3 if isinstance(error, StoreLocked) else 1


def _verbosity(args: argparse.Namespace) -> int:
    """How much is logged. A command that ends tells by itself what failed; what runs on has only its log."""
    if args.quiet:
        return 0
    return int(args.verbose) + (1 if args.command == "run" else 0)


def _settings(args: argparse.Namespace) -> Settings:
    from bot import settings
    from bot.errors import SettingsError

    path = settings.find_file(args.settings)
    if path is None and not args.works_without_file and not settings.names_channels():
        looked = " or ".join(str(file) for file in settings.default_files())
        raise SettingsError(f"no settings file found ({looked}): `keepcurrent init` writes one")
    args.file_read = path
    loaded = settings.load(path)
    if args.command != "check" and (unknown := tuple(loaded.unknown_channels())):
        raise SettingsError(*unknown)
    return loaded


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="keepcurrent",
        description="Follows authors who write in threads, and brings each new thread to e-mail, Matrix or Slack.",
        epilog="Start with `keepcurrent demo` (no account, no network) or `keepcurrent init`.",
    )
    _add_common(top)
    top.add_argument("--version", action="version", version=f"keepcurrent {__version__}")
    top.set_defaults(reads_settings=True, works_without_file=False, json=False, settings=None, verbose=0, quiet=False)
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name: str, function: str, text: str, **defaults: object) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        _add_common(command)
        command.set_defaults(function=function, **defaults)
        return command

    _add_setting(add)
    _add_following(add)
    _add_listings(add)
    _add_working(add)
    _add_exchanging(add)
    return top


def _add_common(command: argparse.ArgumentParser) -> None:
    """What every command takes. (Not by `parents`: a parser takes 0.1 ms, and each command would have two.)"""
    # Left out of the result where not given, so that `-v poll` and `poll -v` are the same.
    absent = argparse.SUPPRESS
    command.add_argument("--settings", type=Path, metavar="FILE", default=absent, help="the settings file to read")
    command.add_argument("-v", "--verbose", action="count", default=absent, help="tell more; twice: everything")
    command.add_argument("--quiet", action="store_true", default=absent, help="tell errors only")


def _add_setting(add: Add) -> None:
    command = add("init", "setting:init", "write a commented settings file", reads_settings=False)
    command.add_argument("file", type=Path, nargs="?", metavar="FILE", help="where to write it (./settings.toml)")
    command = add("check", "setting:check", "find out what is wrong: settings, channels, sources, data folder")
    command.add_argument(
        "--store", action="store_true", help="audit the store instead: was each thread queued, kept, sent once?"
    )
    _add_json(command)
    command = add("test", "setting:test", "send a sample notice to each channel")
    command.add_argument("channel", nargs="*", metavar="CHANNEL", help="only these")
    add("demo", "demo:demo", "see the whole loop, without an account or a network", reads_settings=False)


def _add_following(add: Add) -> None:
    command = add("follow", "following:follow", "subscribe to authors")
    command.add_argument(
        "address",
        nargs="+",
        metavar="ADDRESS",
        help="@name, name.bsky.social, @name@host, or the URL of a profile, a feed or a thread",
    )
    command.add_argument("--source", choices=SOURCES, default="", help="look there only")
    command.add_argument("--channel", action="append", metavar="NAME", help="only to this channel; may be repeated")
    command.add_argument(
        "--backfill", type=_backfill, metavar="none|N|DATE", help="send the newest N threads, or those since a day"
    )
    command.set_defaults(channel=[], backfill=None)
    for name, text in (
        ("unfollow", "end subscriptions; works also when the source is dead"),
        ("pause", "stop looking at authors, keep what is known"),
        ("resume", "look at paused authors again"),
    ):
        command = add(name, f"following:{name}", text)
        command.add_argument("address", nargs="+", metavar="ADDRESS", help="as for follow, or as `authors` says")


def _add_listings(add: Add) -> None:
    command = add("authors", "listing:authors", "list who is followed")
    _add_json(command)
    command = add("threads", "listing:threads", "list every thread known, with what became of it")
    command.add_argument("author", nargs="?", metavar="AUTHOR", help="only of this author")
    command.add_argument(
        "--search", type=_words, metavar="TEXT", help='kept threads that hold all these words; "several words" as one'
    )
    _add_json(command)
    command = add("why", "looking:why", "what became of one thread, from first seen to each channel's answer")
    command.add_argument("thread", metavar="THREAD", help="its id or URL")
    _add_json(command)
    command = add("outbox", "listing:outbox_list", "what waits to be sent, what failed and why", all=False)
    _add_json(command)
    verbs = command.add_subparsers(dest="verb", metavar="list|show|retry|drop")

    def add_verb(name: str, text: str) -> argparse.ArgumentParser:
        verb = verbs.add_parser(name, help=text)
        _add_common(verb)
        return verb

    verb = add_verb("list", "list what was not sent (the default)")
    verb.add_argument("--all", action="store_true", help="also what was sent")
    _add_json(verb)
    verb = add_verb("show", "show one delivery")
    verb.set_defaults(function="listing:outbox_show")
    verb.add_argument("id", metavar="ID")
    _add_json(verb)
    for name, text in (("retry", "send deliveries again"), ("drop", "remove deliveries; they are not sent")):
        verb = add_verb(name, text)
        verb.set_defaults(function=f"listing:outbox_{name}")
        verb.add_argument("id", nargs="+", metavar="ID")


def _add_working(add: Add) -> None:
    command = add("poll", "working:poll", "one round: look at the authors that are due, deliver, stop (for cron)")
    command.add_argument("author", nargs="*", metavar="AUTHOR", help="look at these now")
    command.add_argument("--all", action="store_true", help="look at every author, due or not")
    command.add_argument("--dry-run", action="store_true", help="show what would be sent, change nothing")
    _add_json(command)
    add("run", "running:run", "poll and deliver until stopped")
    command = add("refresh", "looking:refresh", "look at a thread's own page again, now")
    command.add_argument("thread", nargs="+", metavar="THREAD", help="its id or URL")
    _add_json(command)
    command = add("unroll", "unrolling:unroll", "read one thread, whole, now", works_without_file=True)
    command.add_argument("thread", metavar="URL|ID", help="the URL of its page or of a post of it, or its id")
    command.add_argument("--format", choices=FORMATS, default="text", help='pdf needs the extra "keepcurrent[pdf]"')
    command.add_argument("--kept", type=int, metavar="N", help="the kept copy as it was in version N; `why` lists them")
    command.add_argument("--images", action="store_true", help="with its pictures: html loads them, a pdf has them")
    command.add_argument("-o", "--output", type=Path, metavar="FILE", help="write it there (- is standard output)")
    command.add_argument("--channel", action="append", metavar="NAME", help="send it to this channel")


def _add_exchanging(add: Add) -> None:
    command = add("export", "exchanging:export", "write all that is known, or a list of the authors, to a file")
    command.add_argument(
        "--format", choices=EXPORTS, default="json", help="json: everything, for another machine; the rest: who"
    )
    command.add_argument("-o", "--output", type=Path, metavar="FILE", help="write it there (- is standard output)")
    command = add("import", "exchanging:import_", "take in what `export` wrote, or another reader's list of authors")
    command.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="the file, or - for standard input: OPML, addresses line by line, Mastodon's CSV, following.js of X, or"
        " an export; which of them it is, the program finds out",
    )
    command.add_argument("--format", choices=IMPORTS, help="read it as this, where the program takes it for another")
    command.add_argument("--channel", action="append", metavar="NAME", help="only to this channel; may be repeated")
    command.add_argument("--dry-run", action="store_true", help="show what would be done, change nothing")
    command.add_argument(
        "--no-look",
        dest="look",
        action="store_false",
        help="follow without looking at each author first; the first poll finds out what is there already",
    )
    command.set_defaults(channel=[])


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="one JSON document on standard output"
    )


def _words(text: str) -> str:
    from bot.search import needles

    if not needles(text):
        raise argparse.ArgumentTypeError(f'"{text}" has no word to search for')
    return text


def _backfill(text: str) -> object:
    from bot.commands.following import backfill

    try:
        return backfill(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'"{text}" is not none, a number, or a day like 2026-11-22') from None
