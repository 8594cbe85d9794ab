"""The audit: each kind of broken promise is told, and nothing that is in order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.audit import Audit, Books, audit
from bot.model import Delivery, Known

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ANN = "threadreader:ann"


def known(key: str = "1", **more: Any) -> Known:
    base = {"url": "", "state": "announced", "first_seen": NOW, "content_hash": "ab", "queued": ("me",)}
    return Known(**{"feed_id": ANN, "key": key, **base, **more})


def delivery(key: str = "1", channel: str = "me", **more: Any) -> Delivery:
    base = {"batch": key, "feed_id": ANN, "created_at": NOW, "due_at": NOW, "state": "sent"}
    return Delivery(**{"id": f"{key}-{channel}", "entry_key": key, "channel": channel, **base, **more})


def audited(*values: Known | Delivery, copies: Any = (), at_work: bool = False) -> Audit:
    threads = tuple(value for value in values if isinstance(value, Known))
    rows = tuple(value for value in values if isinstance(value, Delivery))
    return audit(Books(threads=threads, deliveries=rows, copies=dict(copies), at_work=at_work))


def faults(found: Audit) -> dict[str, list[str]]:
    return {
        kind: [f"{one.thread} {one.channel}".strip() for one in offenders]
        for kind, offenders in found.faults.items()
        if offenders
    }


def test_a_store_in_order_has_no_fault() -> None:
    """Threads of every state, with the rows that belong to them, are in order."""
    found = audited(
        known("1", queued=("me", "team")),
        delivery("1"),
        delivery("1", "team", state="dead"),
        known("2", state="waiting"),
        delivery("2", state="pending"),
        known("3", state="baseline", queued=()),
        known("4", state="duplicate", queued=(), aliases=("1",)),
        known("5", state="dropped", queued=()),
        known("6", queued=(), pruned=("me",)),
        delivery("", state="pending", id="alert"),
    )

    assert (faults(found), found.ok) == ({}, True)


@pytest.mark.parametrize("state", ["announced", "waiting"])
def test_seen_but_never_queued(state: str) -> None:
    """A thread that is news, and that no channel ever had a delivery of."""
    found = audited(known(state=state, queued=()))

    assert (faults(found), found.ok) == ({"never_queued": ["1"]}, False)


def test_queued_but_lost() -> None:
    """A channel that a thread was queued for, and that has no delivery of it."""
    assert faults(audited(known(queued=("me", "team")), delivery())) == {"lost": ["1 team"]}


def test_a_delivery_without_its_thread() -> None:
    """A delivery of a thread that is not known, or that is not queued there."""
    found = audited(known(), delivery(), delivery(channel="team"), delivery("2"))

    assert faults(found) == {"without_thread": ["1 team", "2 me"]}


def test_a_delivery_of_no_thread_is_no_fault() -> None:
    """An alert belongs to no thread."""
    assert audited(delivery("", id="a"), delivery("", id="b")).ok


def test_two_deliveries_of_one_thread_to_one_channel() -> None:
    """A thread has one delivery for a channel."""
    assert faults(audited(known(), delivery(), delivery(id="other"))) == {"sent_twice": ["1 me"]}


def test_one_thread_sent_under_two_ids() -> None:
    """Two announced threads that share an id are one thread, sent twice to where both were sent."""
    later = known("2", aliases=("1",), first_seen=NOW + timedelta(hours=1), queued=("me", "team"))
    rows = delivery("1"), delivery("2"), delivery("2", "team")

    assert faults(audited(later, known("1"), *rows)) == {"sent_twice": ["2 me"]}


def test_one_thread_under_two_ids_that_was_sent_once() -> None:
    """A second id that was queued, but is not sent, is not sent twice."""
    found = audited(known("1"), known("2", aliases=("1",)), delivery("1"), delivery("2", state="dead"))

    assert found.ok


def test_sent_twice_is_told_also_when_the_first_is_forgotten() -> None:
    """A channel whose old delivery was pruned counts as sent to."""
    found = audited(known("1", queued=(), pruned=("me",)), known("2", aliases=("1",)), delivery("2"))

    assert faults(found) == {"sent_twice": ["2 me"]}


def test_ids_of_two_authors_are_not_confused() -> None:
    """The same id at another author is another thread."""
    assert audited(known(), delivery(), known(feed_id="x:bob"), delivery(id="b", feed_id="x:bob")).ok


def test_a_kept_copy_that_cannot_be_read() -> None:
    """A thread that was announced whole must be readable; one of which only the card was read need not."""
    copies = {(ANN, key): "there is no copy" for key in "12"}
    found = audited(known("1"), delivery("1"), known("2", content_hash=""), delivery("2"), copies=copies)

    assert faults(found) == {"no_copy": ["1"]}


def test_a_copy_that_was_pruned_is_no_fault() -> None:
    """What the archive's bounds took need not be there; what lost its pictures only must."""
    copies = {(ANN, key): "there is no copy" for key in "12"}
    found = audited(known("1", copy="pruned"), delivery("1"), known("2", copy="bare"), delivery("2"), copies=copies)

    assert faults(found) == {"no_copy": ["2"]}


def test_what_is_only_worth_knowing_is_no_fault() -> None:
    """In doubt, dead, and sent after a doubt are told, and the audit is content."""
    rows = [
        delivery("1", state="unknown", doubtful=True),
        delivery("2", state="dead"),
        delivery("3", doubtful=True),
        delivery("4", state="sending"),
        delivery("5"),
    ]
    found = audited(*(known(key) for key in "12345"), *rows)
    notes = {kind: [one.thread for one in offenders] for kind, offenders in found.notes.items()}

    assert found.ok
    assert notes == {"in_doubt": ["1", "4"], "dead": ["2"], "repeated": ["3"]}


def test_what_a_living_process_sends_is_not_in_doubt() -> None:
    """While somebody holds the store, `sending` is what it says."""
    assert audited(known(), delivery(state="sending"), at_work=True).notes["in_doubt"] == ()
