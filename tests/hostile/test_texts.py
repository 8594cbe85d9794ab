"""Hostile and harmless texts, from an author to what a person sees, through every channel."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.hostile.readers import in_one_line, normal
from tests.hostile.receivers import RECEIVERS, Arrived
from tests.hostile.texts import HARMLESS, HOSTILE, PLACES, placed


def test_the_tables_are_as_long_as_promised() -> None:
    """At least 60 hostile texts and 20 harmless ones, each under a name of its own."""
    assert len(HOSTILE) >= 60 and len(HARMLESS) >= 20
    assert [name for name, count in Counter(one.name for one in HOSTILE).items() if count > 1] == []


@pytest.mark.parametrize("kind", RECEIVERS)
async def test_nothing_of_a_hostile_text_is_live(kind: str) -> None:
    """Put in every place at once, each text arrives, and no part of it acts."""
    found = []
    async with RECEIVERS[kind]() as receiver:
        for one in HOSTILE:
            arrived = await receiver.send(placed(one.text, tuple(PLACES)), one.name)
            found += [(one.name, mark) for mark in arrived.live]
            found += [(one.name, "did not arrive")] if arrived == Arrived() else []

    assert found == []


@pytest.mark.parametrize("kind", RECEIVERS)
async def test_harmless_text_arrives_unchanged(kind: str) -> None:
    """In a post, a title, a name and the words of a picture, each text is read as it was written."""
    changed = []
    async with RECEIVERS[kind]() as receiver:
        for name, text in HARMLESS.items():
            arrived = await receiver.send(placed(text, ("post", "alt")), f"{name} in a post")
            changed += [(name, place, kind) for place in ("post", "alt") if not shows(arrived, text, place)]
            arrived = await receiver.send(placed(text, ("title", "name")), f"{name} in a title")
            changed += [(name, place, kind) for place in ("title", "name") if not shows(arrived, text, place)]
            changed += [(name, mark, kind) for mark in arrived.live]

    assert changed == []


def shows(arrived: Arrived, text: str, place: str) -> bool:
    """Whether a person can read `text` there as it was written (see `readers.normal` for what may differ)."""
    if place == "post":
        return bool(arrived.bodies) and all(normal(text) in normal(seen.words) for seen in arrived.bodies)
    # What the title of a message says need not be said again in its body.
    parts = (arrived.titles or arrived.bodies) if place == "title" else arrived.bodies
    return bool(parts) and all(in_one_line(text) in in_one_line(seen.words) for seen in parts)
