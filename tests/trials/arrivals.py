"""What a receiver has against what was published: lost, repeated, out of order. Pure; for the trials that send."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

REPEATS = "may repeat"
"""What a notice says whose earlier try may have arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One message as a receiver has it: the threads it brings, its own id ("" where there is none).

    `more` is the number of threads that a notice of very many only counts, with a link to their author.
    """

    keys: tuple[str, ...]
    id: str = ""
    may_repeat: bool = False
    more: int = 0


def read(text: str, id_: str = "") -> Arrival:
    """A message by its words; a thread is known by the address of its page."""
    keys = tuple(dict.fromkeys(re.findall(r"/thread/(\d+)\.html", text)))
    counted = re.search(r"… and (\d+) more:", text)
    return Arrival(keys=keys, id=id_, may_repeat=REPEATS in text, more=int(counted[1]) if counted else 0)


def by_mail(mails: Iterable[EmailMessage]) -> list[Arrival]:
    return [read(one.get_body(("plain",)).get_content(), one["X-Keepcurrent-Id"]) for one in mails]


def by_matrix(contents: Iterable[Mapping[str, Any]]) -> list[Arrival]:
    return [read(one.get("formatted_body") or one["body"]) for one in contents]


def by_json(bodies: Iterable[Mapping[str, Any]]) -> list[Arrival]:
    return [read(one["message"]) for one in bodies]


def by_slack(payloads: Iterable[Mapping[str, Any]]) -> list[Arrival]:
    return [read("\n".join(block["text"]["text"] for block in one["blocks"])) for one in payloads]


def copies(arrivals: Iterable[Arrival]) -> Counter[str]:
    """How often each thread is there."""
    return Counter(key for arrival in arrivals for key in arrival.keys)


def lost(arrivals: Iterable[Arrival], published: Iterable[str]) -> set[str]:
    """Threads that are not there, and are not those that a notice only counts."""
    arrivals = tuple(arrivals)
    missing = set(published) - copies(arrivals).keys()
    return missing if len(missing) > counted(arrivals) else set()


def counted(arrivals: Iterable[Arrival]) -> int:
    """Threads that stand in a notice by their number only, each notice once."""
    return sum(more for _, more in {(arrival.keys, arrival.more) for arrival in arrivals})


def repeated(arrivals: Iterable[Arrival]) -> int:
    """Copies beyond the first."""
    return sum(many - 1 for many in copies(arrivals).values())


def beyond_doubt(arrivals: Iterable[Arrival], doubts: Mapping[str, int]) -> set[str]:
    """Threads that are there more often than the times allow that a send of theirs was in doubt."""
    return {key for key, many in copies(arrivals).items() if many > 1 + doubts.get(key, 0)}


def unmarked(arrivals: Iterable[Arrival]) -> set[str]:
    """Threads of which a further copy does not say that it may repeat, or bears another id than the first."""
    ids: dict[str, str] = {}
    wrong: set[str] = set()
    for arrival in arrivals:
        for key in arrival.keys:
            if key in ids and not (arrival.may_repeat and arrival.id == ids[key]):
                wrong.add(key)
            ids.setdefault(key, arrival.id)
    return wrong


def out_of_order(arrivals: Iterable[Arrival], order: Sequence[str]) -> set[str]:
    """Threads of one author that came after a later one, among those that were never in doubt."""
    place = {key: number for number, key in enumerate(order)}
    furthest, late = -1, set()
    for key in (key for arrival in arrivals if not arrival.may_repeat for key in arrival.keys if key in place):
        if place[key] < furthest:
            late.add(key)
        furthest = max(furthest, place[key])
    return late
