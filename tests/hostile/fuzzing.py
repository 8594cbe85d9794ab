"""What is fuzzed, with what, and what must hold: one `Target` for each parser and composer.

Parsers take pages and files that were mutated, and may raise nothing but our own errors. Composers take threads of
hostile pieces; what they make is within its limits and has nothing live by the readers. The suite tries a little of
each, always the same; `tests.trials.fuzz` tries much, by chance.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from bot import conditional, render
from bot import settings as our_settings
from bot.channels.classify import LONGEST_REASON, classify
from bot.channels.listen import Fact
from bot.channels.services import GROUP_PINGS, MAIL_LIMITS, MATRIX_LIMITS, SLACK_LIMITS, slack_payload
from bot.compose import compose
from bot.compose.forms import size_of
from bot.errors import BotError, SourceError, StoreError
from bot.model import Author, Changes, Delivery, Entry, Known, Limits, Media, Post, Subscription
from bot.redact import Redactor, secrets_in_url
from bot.sources import html
from bot.sources.threadreader_addresses import locate
from bot.sources.threadreader_pages import parse_listing, parse_thread
from bot.stores import codec, records
from bot.stores.ledger import Ledger
from bot.text import clean, is_web_link, one_line, shorten, split_links, title_of
from tests import pages
from tests.faulty_files import Counting
from tests.hostile import readers
from tests.hostile.texts import HARMLESS, HOSTILE
from tests.servers.notices import FEED, PARIS, batch
from tests.shared import shared

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
LOOK = render.Look(zone=PARIS)


class Live(AssertionError):
    """Something of an author is live in what was made."""


@dataclass(frozen=True, slots=True)
class Target:
    """`check` raises for what must not be: `Live`, or anything else, which is a crash."""

    name: str
    given: st.SearchStrategy[Any]
    check: Callable[[Any], None]


@dataclass(slots=True)
class Tried:
    """What came of a target. `crashes` and `live` say what was wrong, each thing once."""

    examples: int = 0
    slowest: float = 0.0
    crashes: dict[str, str] = field(default_factory=dict)
    live: dict[str, str] = field(default_factory=dict)


# -- what is thrown ---------------------------------------------------------------------------------

PIECES = tuple(one.text[:400] for one in HOSTILE) + tuple(HARMLESS.values())
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=12), max_size=5).map("".join) | st.builds(
    lambda piece, times: piece * times, st.sampled_from([*PIECES, "a", " ", "\n", "(", ")", "&"]), st.integers(1, 400)
)
LINKS = st.one_of(
    TEXTS,
    st.builds("https://{}".format, TEXTS),
    st.sampled_from(["https://a.example/x_(y)?a=b&c=d", "HTTP://A.EXAMPLE", "https://b.example/@room"]),
)
POSTS = st.builds(
    Post,
    id=st.just("1"),
    text=TEXTS,
    links=st.lists(LINKS, max_size=2).map(tuple),
    media=st.lists(st.builds(Media, kind=st.just("image"), url=LINKS, alt=TEXTS), max_size=2).map(tuple),
    quotes=st.lists(LINKS, max_size=1).map(tuple),
    reply_to=st.lists(st.sampled_from(["alice", "bob", ""]), max_size=2).map(tuple),
)
ENTRIES = st.builds(
    Entry,
    feed_id=st.just(FEED.id),
    key=st.sampled_from(["1", "2"]),
    url=LINKS,
    author=st.builds(Author, handle=TEXTS, name=TEXTS, url=LINKS),
    title=TEXTS,
    published=st.none() | st.datetimes(timezones=st.just(UTC)),
    post_count=st.none() | st.integers(0, 10**6),
    posts=st.lists(POSTS, max_size=3).map(tuple),
    whole=st.booleans(),
)
LIMITS = st.sampled_from([MAIL_LIMITS, MATRIX_LIMITS, SLACK_LIMITS]) | st.builds(
    Limits,
    title=st.integers(1, 300),
    text=st.integers(1, 2_000),
    html=st.sampled_from([0, 50, 500, 5_000]),
    markdown=st.sampled_from([0, 50, 500, 5_000]),
    pings=st.sampled_from([(), ("@room",), GROUP_PINGS]),
)

TOKENS: tuple[bytes, ...] = (
    *(piece.encode("utf-8", "surrogatepass") for piece in PIECES),
    b'<div class="thread-card">',
    b'<div id="tweet_1" class="content-tweet">',
    b'<div data-link-href="/thread/1215710451343904768.html">',
    b'<span data-time="99999999999999999999">',
    b'<a class="entity-mention entity-mention-first" href="/user/x">@x</a>',
    b'<span class="entity-embed"><a href="https://x.com/a/status/1">',
    b'<video><source src="//x.example/1x1/a.mp4">',
    b'<img class="emoji" alt="x">',
    b'<iframe src="//x">',
    b"&#xD800;&#0;&#x110000;&nbsp;&Aacute",
    b"\xed\xa0\x80\xff\xfe\x00",
    b"</div></div></div></body></html>",
    b"<table><tr><td><table>",
    b"<p><b><i>" * 50,
    b"<div>" * 200,
    b" data-x='" + b"y" * 2_000,
    b"9" * 30,
    b"/thread/18446744073709551616.html",
    b"<template><svg><math><select>",
)


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of a file: at `at` (a part of its length), of `size` bytes, with a token where one is needed."""

    kind: str
    at: float
    size: int
    token: int

    def made(self, data: bytes, tokens: tuple[bytes, ...]) -> bytes:
        start = int(self.at * len(data))
        end = min(start + self.size, len(data))
        token = tokens[self.token % len(tokens)]
        match self.kind:
            case "insert":
                return data[:start] + token + data[start:]
            case "replace":
                return data[:start] + token + data[end:]
            case "delete":
                return data[:start] + data[end:]
            case "repeat":
                return data[:end] + data[start:end] * 3 + data[end:]
            case "cut":
                return data[:start]
        flipped = bytes([data[start] ^ (1 << self.size % 8)]) if start < len(data) else b""
        return data[:start] + flipped + data[start + 1 :]


EDITS = st.lists(
    st.builds(
        Edit,
        kind=st.sampled_from(["insert", "insert", "replace", "delete", "repeat", "flip", "cut"]),
        at=st.floats(0, 1),
        size=st.integers(0, 300),
        token=st.integers(0, 1_000),
    ),
    min_size=1,
    max_size=6,
)


def mutated(seeds: list[bytes], tokens: tuple[bytes, ...] = TOKENS) -> st.SearchStrategy[bytes]:
    """Files that were good, with a few changes."""

    def change(one: bytes, edits: list[Edit]) -> bytes:
        for edit in edits:
            one = edit.made(one, tokens)
        return one

    return st.builds(change, st.sampled_from(seeds), EDITS)


@cache
def seed_pages() -> list[bytes]:
    """Pages to mutate: the golden ones, those that must be refused, and recorded ones where they are at hand."""
    found = [pages.page(name) for name in pages.cases()] + [*pages.REFUSED.values(), *pages.UNKNOWN.values()]
    with contextlib.suppress(pytest.skip.Exception):
        found += [path.read_bytes() for path in sorted(shared("real/threadreader").glob("*.html"))]
    return found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


# -- what must hold -----------------------------------------------------------------------------------


def _listing(body: bytes) -> None:
    with contextlib.suppress(SourceError):
        found = parse_listing(body, pages.asked(("PolarPetra", "")[len(body) % 2]), deeper=len(body) % 3 == 0)
        for entry in found.entries:
            _storable(entry)


def _thread(body: bytes) -> None:
    with contextlib.suppress(SourceError):
        found = parse_thread(body, pages.asked(""), "1215710451343904768")
        for entry in (found.entry, *found.more):
            _storable(entry)
            compose(batch(entry), MATRIX_LIMITS, zone=PARIS)


def _storable(entry: Entry) -> None:
    assert entry.content_hash
    assert entry.key.isdigit() and len(entry.key) <= 19
    assert one_line(entry.title) == entry.title


def _check(body: bytes) -> None:
    with contextlib.suppress(html.TooHeavy):
        html.check(body)


def _composed(made: tuple[list[Entry], Limits]) -> None:
    entries, limits = made
    message = compose(batch(*entries, doubtful=len(entries) == 1), limits, zone=PARIS)
    size = size_of(limits.form)
    assert len(message.title) <= limits.title
    assert size(message.text) <= limits.text and size(message.html) <= limits.html
    assert message.text and message.title == one_line(message.title)
    live = [*readers.controls(message.title + message.text, "text")]
    live += readers.rings(message.title + message.text + message.html, "text", limits.pings)
    live += readers.read_html(message.html, readers.MAIL if limits.form == "mail" else readers.MATRIX).live
    live += readers.read_notice(message.markdown).live
    live += [mark for link in message.links for mark in readers.web_link(link, "links")]
    live += [mark for seen in readers.read_slack(slack_payload(message)) for mark in seen.live]
    _dead(live)


def _rendered(entry: Entry) -> None:
    live = list(readers.read_terminal(render.FORMATS["text"](entry, LOOK)).live)
    live += readers.read_markdown(render.FORMATS["markdown"](entry, LOOK)).live
    live += readers.read_page(render.FORMATS["html"](entry, LOOK)).live
    live += readers.read_json(render.FORMATS["json"](entry, LOOK)).live
    _dead(live)


def _dead(live: list[str]) -> None:
    if live:
        raise Live("; ".join(live[:3]))


def _text(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    _dead([*readers.controls(cleaned, "clean")])
    assert "".join(piece for piece, _ in split_links(text)) == text
    assert all(is_web_link(piece) for piece, is_link in split_links(text) if is_link)
    title = title_of(text)
    assert len(title) <= 100 and title == one_line(title)
    assert len(shorten(cleaned, 40)) <= 40


def _address(address: str) -> None:
    locate(address, "https://threadreaderapp.com")


def _headers(value: str) -> None:
    held = conditional.retry_after(value, NOW)
    assert held is None or NOW < held <= NOW + conditional.LONGEST_PAUSE
    conditional.request_headers(conditional.validators({"ETag": value, "Last-Modified": value}))


def _answer(said: str) -> None:
    for kind in ("email", "matrix", "slack", "json"):
        for fact in (Fact(smtp=550, said=said), Fact(http=400, said=said), Fact(http=429, said=f'{{"error":"{said}')):
            reason = classify(fact, kind, said).reason
            assert 0 < len(reason) <= LONGEST_REASON
            _dead([*readers.controls(reason, "reason"), *(["two lines"] if "\n" in reason else [])])


def _redacted(made: tuple[str, str, str]) -> None:
    before, secret, after = made
    words = Redactor([*secrets_in_url(f"json://u:{secret}@h/x"), secret])(f"{before}{secret}{after}")
    if len(secret) > 2 and secret in words.replace("***", ""):
        raise Live("a secret stays")


def _duration(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert timedelta(0) <= our_settings.duration(text) <= timedelta(days=3650)


def _settings(text: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "settings.toml"
        path.write_bytes(text)
        with contextlib.suppress(BotError):
            loaded = our_settings.load(path)
            assert loaded.zone and list(loaded.secrets()) is not None


SHAPES = (codec.FEED, codec.STATE, codec.SUBSCRIPTION, codec.KNOWN, codec.DELIVERY, codec.CHANNEL)


def _decoded(made: tuple[int, dict[str, Any]]) -> None:
    shape: codec.Shape[Any] = SHAPES[made[0] % len(SHAPES)]
    with contextlib.suppress(StoreError):
        shape.decode(made[1], **dict.fromkeys(shape.in_id, "x"))


def _store(made: tuple[str, bytes]) -> None:
    """A folder in which one file was changed: it opens and reads, or says what is wrong."""
    name, data = made
    with tempfile.TemporaryDirectory() as folder:
        for other, content in good_store().items():
            (Path(folder) / other).write_bytes(data if other == name else content)
        logging.getLogger("bot.stores").setLevel(logging.ERROR)  # what is left out is told once for each example
        with contextlib.suppress(StoreError):
            ledger = Ledger(Path(folder), read_only=True, files=Counting())
            _read_all(ledger)


def _read_all(ledger: Ledger) -> None:
    for read in (
        ledger.feeds,
        ledger.subscriptions,
        ledger.next_due,
        ledger.orphans,
        lambda: ledger.threads(None),
        lambda: ledger.deliveries(None, None),
        lambda: ledger.due_feeds(NOW),
        lambda: ledger.due_looks(NOW),
        lambda: ledger.poll_input(FEED.id),
        lambda: ledger.known(FEED.id, ["1", "2"]),
        lambda: ledger.channel("me"),
    ):
        with contextlib.suppress(StoreError):
            read()  # type: ignore[operator]


def _announced(key: str) -> Changes:
    known = Known(feed_id=FEED.id, key=key, url="https://a.example", state="announced", first_seen=NOW, title="A")
    to = Delivery(id=key, batch=key, feed_id=FEED.id, entry_key=key, channel="me", created_at=NOW, due_at=NOW)
    return Changes(feed_id=FEED.id, known=(known,), deliveries=(to,))


@cache
def good_store() -> dict[str, bytes]:
    """The files of a small store, its journal not yet in the snapshot, by name."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder), files=Counting())
        wanted = [Subscription(feed_id=FEED.id, channel="me", origin="follow")]
        ledger.follow(FEED, wanted, _announced("1"))
        ledger.commit(_announced("2"))
        return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}


def framed(document: Any) -> bytes:
    """A journal whose only record is whole and ours by its checksum, whatever it says."""
    journal = next(data for name, data in good_store().items() if name.endswith(".journal"))
    head = journal.split(b"\n")[0] + b"\n"
    generation, seq = int(head.split()[2]), int(head.split()[4])
    return head + records._frame(generation, seq + 1, json.dumps(document))


def plain_snapshot(document: Any) -> bytes:
    """A snapshot as a person may have rewritten it, with these tables."""
    meta = {"format": "keepcurrent", "schema": codec.SCHEMA, "generation": 1, "seq": 0, "alone": True}
    tables = document if isinstance(document, dict) else {"feeds": document}
    return json.dumps({"meta": {"store": meta}, **tables}).encode()


TABLES = st.dictionaries(
    st.sampled_from(["feeds", "states", "subscriptions", "threads", "deliveries", "channels", "x"]),
    st.dictionaries(st.sampled_from([FEED.id, f"{FEED.id}/1", "me", "d1"]), JSON, max_size=2) | JSON,
    max_size=3,
)


def _stores() -> st.SearchStrategy[tuple[str, bytes]]:
    good = good_store()
    tokens = (b"{}", b"null", b"[]", b'"', b"\n", b"\x00", b"NaN", b"1e999", b'{"a":1}', b"\xff", *TOKENS[:5])
    journal = next(name for name in good if name.endswith(".journal"))
    return st.one_of(
        st.sampled_from([name for name in good if good[name]]).flatmap(
            lambda name: st.tuples(st.just(name), mutated([good[name]], tokens))
        ),
        st.tuples(st.just(journal), st.one_of(JSON, st.lists(JSON, max_size=2)).map(framed)),
        st.tuples(st.just("store.json"), TABLES.map(plain_snapshot)),
    )


@cache
def _settings_seeds() -> list[bytes]:
    example = (Path(__file__).parents[2] / "settings.example.toml").read_bytes()
    return [example, example.replace(b"\n# ", b"\n").replace(b"\n#", b"\n"), b'[channels.me]\nkind = "console"\n']


_TOML_TOKENS = (
    *(b"[", b"]", b"[[", "\u00e9".encode(), b'"', b"'", b"=", b"\n", b"{", b"}", b"1e999", b"nan", b"-1", b"true"),
    *(b"[channels.me]\n", b"[[follow]]\n", b'kind = "email"\n', b'url = "json://x"\n', b"url_file = 3\n", b"\x00"),
    *(b"9" * 400, b"1979-05-27", b'"a:b"', b"[[" * 1_000, b"a." * 1_000, b'timezone = "../../x"\n', b"poll = 3\n"),
    *(b"0x" + b"f" * 5_000, b"kind = 3\n", b"'''", b"\\u0000", b'"\\uD800"', b"channels = []\n", b"port = 1e9\n"),
)


def targets() -> Iterator[Target]:
    """Every target, by its name."""
    yield Target("listing pages", mutated(seed_pages()), _listing)
    yield Target("thread pages", mutated(seed_pages()), _thread)
    yield Target("page pre-check", mutated(seed_pages()), _check)
    yield Target("addresses", TEXTS | LINKS | st.from_regex(r"(https?://)?x\.com/.{0,20}"), _address)
    yield Target("headers", TEXTS | st.from_regex(r"\A-?\d{1,30}\Z") | st.text(max_size=40), _headers)
    yield Target("text", TEXTS, _text)
    yield Target("notices", st.tuples(st.lists(ENTRIES, max_size=3), LIMITS), _composed)
    yield Target("unroll", ENTRIES, _rendered)
    yield Target("answers", TEXTS, _answer)
    yield Target("redaction", st.tuples(TEXTS, st.text(min_size=6, max_size=30), TEXTS), _redacted)
    yield Target("durations", st.text(max_size=12) | st.from_regex(r"\A\d{1,12}(\.\d{1,4})?[smhdw]\Z"), _duration)
    yield Target("settings", mutated(_settings_seeds(), _TOML_TOKENS), _settings)
    yield Target("documents", st.tuples(st.integers(0, 5), _documents()), _decoded)
    yield Target("store files", _stores(), _store)


def _documents() -> st.SearchStrategy[dict[str, Any]]:
    names = sorted({part.name for shape in SHAPES for part in shape._parts})
    return st.dictionaries(st.sampled_from(names), JSON, max_size=5)


# -- trying -------------------------------------------------------------------------------------------


def attempt(target: Target, examples: int, *, seed: int | None = None, until: float = float("inf")) -> Tried:
    """Try this many examples, or fewer when the monotonic clock reaches `until`. `seed` None: always the same ones."""
    tried = Tried()

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=seed is None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(target.given)
    def one(value: Any) -> None:
        if time.monotonic() < until:
            _one(target, value, tried)

    (seeded(seed)(one) if seed is not None else one)()
    return tried


def _one(target: Target, value: Any, tried: Tried) -> None:
    started = time.process_time()  # the machine may have other things to do
    try:
        target.check(value)
    except Live as error:
        tried.live.setdefault(str(error), f"{error} in {value!r:.2000}")
    except Exception as error:  # whatever it is: that is what we look for
        tried.crashes.setdefault(
            _where(error), f"{type(error).__name__}: {error!s:.200} at {_where(error)} for {value!r:.2000}"
        )
    tried.examples += 1
    tried.slowest = max(tried.slowest, time.process_time() - started)


def _where(error: BaseException) -> str:
    """The line of ours in which it came up."""
    where = ""
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if f"{os.sep}bot{os.sep}" in name or f"{os.sep}hostile{os.sep}" in name:
            where = f"{Path(name).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return where
