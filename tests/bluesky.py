"""Answers of Bluesky's API to read: the golden pairs under `data/`, and what is read of one, in few lines."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bot.http import Response
from bot.sources.bluesky_pages import read_answer, read_page, read_profile, read_tree
from bot.sources.chains import chain, entry_of
from tests.pages import plain

DATA = Path(__file__).parent / "data" / "bluesky"
ADA = "did:plc:ada4lovelace2aaaaaaaaaaa"
FEED = f"bluesky:{ADA}"


def cases() -> list[str]:
    """The names of the golden pairs."""
    return sorted(one.name for one in DATA.iterdir() if one.is_dir())


def answer(body: bytes, status: int = 200) -> dict[str, Any]:
    """An answer's JSON, as the source reads it."""
    return read_answer(FEED, Response(status=status, url="", headers={}, body=body))


def read(name: str) -> Any:
    """What is read of a case."""
    found = next(one for one in sorted((DATA / name).iterdir()) if one.name != "expected.json")
    return shown(found.stem, found.read_bytes())


def shown(kind: str, body: bytes, did: str = ADA) -> Any:
    """An answer of this kind, as values that JSON has."""
    raw = answer(body)
    if kind == "profile":
        return plain(_values(read_profile(FEED, raw)))
    if kind == "thread":
        tree = read_tree(FEED, raw, did)
        found = chain(tree.root.id, [seen.said for seen in tree.posts])
        entry = entry_of(found, feed_id=FEED, author=tree.root.author, whole=True)
        return plain({"entry": _values(entry), "cut": tree.cut})
    page = read_page(FEED, raw, did)
    items = [{"kind": item.kind, "placed": item.placed, **_seen(item.seen)} for item in page.items]
    return plain({"author": _values(page.author), "items": items, "below": page.below, "reaches": page.reaches})


def expected(name: str) -> Any:
    """What the case says."""
    return json.loads((DATA / name / "expected.json").read_text("utf-8"))


def _seen(seen: Any) -> dict[str, Any]:
    said = seen.said
    by = "" if said.own else seen.author.key
    return {"post": _values(said.post), "at": said.at, "parent": said.parent, "by": by, "replies": seen.replies or ""}


def _values(value: Any) -> Any:
    return asdict(value) if value is not None else None
