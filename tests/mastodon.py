"""What tests of the source `mastodon` read: its golden pairs under `data/mastodon/`."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.model import Author, Entry, Feed
from bot.sources.mastodon import Mastodon
from tests.canned import Canned
from tests.pages import plain

DATA = Path(__file__).parent / "data" / "mastodon"
NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)


def cases() -> list[str]:
    """The names of the golden pairs."""
    return sorted(one.name for one in DATA.iterdir() if (one / "answers.json").is_file())


def expected(name: str) -> Any:
    """What comes of a golden pair."""
    return json.loads((DATA / name / "expected.json").read_text("utf-8"))


def asked(name: str) -> Any:
    """What is asked in a golden pair: of which feed, to `fetch` it or to `expand` a thread, and how."""
    return json.loads((DATA / name / "asked.json").read_text("utf-8"))


def answers(name: str) -> Any:
    """The answers of a golden pair, by address."""
    return json.loads((DATA / name / "answers.json").read_text("utf-8"))


async def read(name: str, given: Any = None) -> Any:
    """Do what a golden pair asks, with its answers, or with others."""
    question, http = asked(name), Canned(answers(name) if given is None else given)
    how = {key: question[key] for key in ("posts", "min_posts") if key in question}
    source = Mastodon(http, clock=lambda: NOW, **how)  # type: ignore[arg-type]
    feed = feed_of(question["feed"])
    if question["do"] == "expand":
        entry = Entry(feed_id=feed.id, key=question["key"], url="", author=Author(handle=""))
        return plain(asdict(await source.expand(entry)))
    found = plain(asdict(await source.fetch(feed, {})))
    return {name: value for name, value in found.items() if name != "cursor"}


def feed_of(asked: dict[str, str]) -> Feed:
    """A feed that was followed before."""
    handle = asked["id"].partition(":")[2]
    author = Author(handle=handle, key=asked["key"])
    return Feed(id=asked["id"], source="mastodon", address=f"@{handle}", author=author, url=asked["url"])
