"""`python -m tests.hostile.mutated SEED TIMES [--real-timeouts]`: the table, then mutations of it; figures as JSON.

A mutation cuts an answer anywhere, flips bytes of its head or of its packed body, or squeezes something between its
tags. What it should come to is not known, so only what must never be is looked for.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import random
import re
import sys
from collections.abc import Iterable
from dataclasses import replace

from bot.errors import SourceError
from tests.hostile.pages import BadPage, Make, bad_pages, plain
from tests.hostile.rounds import TIMEOUT, Connections, Tried, try_all
from tests.sites import Answer

PROGRAMS_OWN = 20.0
SQUEEZED_IN = (
    b"<div>" * 40,
    b"</div>" * 9,
    b"<!--",
    b"<b><i><u>",
    b"<table>",
    b"<select>",
    b"<svg><title>",
    b"<template>",
    b"</body>",
    b"\0",
    b"\xff\xfe",
    b"&#xD800;",
    b"<script>",
    b"<plaintext>",
    b"<textarea>",
    b"<base href=//FOREIGN:PORT/>",
    b"]]>",
    b"<a \"'",
)


def mutations(chance: random.Random) -> list[BadPage]:
    """The table, each page changed by chance, in an order of chance."""
    table = [replace(bad, name=f"{bad.name} ~{number}", make=_mutated(bad.make, chance.random()), error=SourceError)
             for number, bad in enumerate(bad_pages())]  # fmt: skip
    chance.shuffle(table)
    return table


def _mutated(make: Make, seed: float) -> Make:
    def changed(page: bytes) -> bytes | Answer:
        chance = random.Random(seed)
        sent = make(page)
        if not isinstance(sent, bytes) or chance.random() < 0.3:
            sent = _of_the_right_page(chance)(page)
        return chance.choice((_cut, _flipped_head))(sent, chance) if isinstance(sent, bytes) else sent

    return changed


def _of_the_right_page(chance: random.Random) -> Make:
    kind = chance.randrange(3)
    if kind == 0:
        return plain(lambda page: page[: chance.randrange(len(page))])
    if kind == 1:
        return plain(lambda page: _flipped(gzip.compress(page), chance, 12), Content_Encoding="gzip")
    return plain(lambda page: _squeezed_in(page, chance))


def _cut(sent: bytes, chance: random.Random) -> bytes:
    return sent if chance.random() < 0.5 else b"%s" % sent[: chance.randrange(len(sent) + 1)]


def _flipped_head(sent: bytes, chance: random.Random) -> bytes:
    head, line, body = sent.partition(b"\r\n\r\n")
    # Not where it leads to: a redirect with another digit leads to another host of this machine's network.
    return sent if b"Location" in head else _flipped(head, chance, 0) + line + body


def _flipped(data: bytes, chance: random.Random, start: int) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        changed[chance.randrange(min(start, len(data) - 1), len(data))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _squeezed_in(page: bytes, chance: random.Random) -> bytes:
    """Something between two tags: not among the digits of an id, which would make another thread of it."""
    for _ in range(chance.randint(1, 4)):
        place = chance.choice([found.end() for found in re.finditer(b">", page)] or [0])
        page = page[:place] + chance.choice(SQUEEZED_IN) + page[place:]
    return page


def tried_all(seed: int, times: int, timeout: float) -> list[tuple[Tried, bool]]:
    """Each result, and whether it is known what it should have come to."""
    connections = Connections()
    results = [(one, True) for one in asyncio.run(try_all(bad_pages(), connections, timeout=timeout))]
    chance = random.Random(seed)
    for _ in range(times - 1):
        results += [(one, False) for one in asyncio.run(try_all(mutations(chance), connections, heavy_timeout=2))]
    return results


def figures(results: Iterable[tuple[Tried, bool]]) -> dict[str, object]:
    pages = [(one, known) for one, known in results if one.page != "all together"]
    wholes = [one for one, _ in results if one.page == "all together"]
    found = [f"{one.page}: {'; '.join(one.wrong)}" for one, known in pages if one.wrong and known]
    found += [f"{one.page}: crash, false or lost: {'; '.join(one.wrong)}" for one, known in pages
              if not known and (one.crashes or one.false or one.lost)]  # fmt: skip
    return {
        "bad pages": len(pages),
        "crashes": sum(one.crashes for one, _ in pages),
        "false notices": sum(one.false for one, _ in pages),
        "lost": sum(one.lost for one, _ in pages),
        "to foreign hosts": sum(one.foreign for one in wholes),
        "wrong": sum(bool(one.wrong) for one, known in pages if known),
        "longest round s": max(one.seconds for one in wholes),
        "longest block s": max(one.blocked for one in wholes),
        "peak MB": max(one.megabytes for one in wholes),
        "found": found[:20],
    }


def main() -> None:
    logging.getLogger("bot").propagate = False
    seed, times = int(sys.argv[1]), int(sys.argv[2])
    results = tried_all(seed, times, PROGRAMS_OWN if "--real-timeouts" in sys.argv else TIMEOUT)
    print(json.dumps(figures(results)))


if __name__ == "__main__":
    main()
