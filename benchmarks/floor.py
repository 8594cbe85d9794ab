"""The least that asking for the pages takes in Python: bare GETs by aiohttp, with or without a bare parse by lexbor.

    python -m benchmarks.floor URL AUTHORS CONCURRENCY changed|unchanged [parse]

One session, as many requests at once as the program. Keeps and decides nothing.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

import aiohttp

from benchmarks.pages import handle
from benchmarks.site import author_mark

_EXPECTED = {"unchanged": 304, "changed": 200}


async def ask(url: str, authors: int, concurrency: int, state: str, read: Callable[[bytes], object] = len) -> None:
    """Ask for the page of every author."""
    numbers = iter(range(authors))
    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:

        async def work() -> None:
            for number in numbers:
                headers = {"Accept-Encoding": "identity"}
                if state == "unchanged":
                    headers["If-None-Match"] = author_mark(number)
                async with session.get(f"{url}/user/{handle(number)}", headers=headers) as answer:
                    body = await answer.read()
                    assert answer.status == _EXPECTED[state]
                    if body:
                        read(body)

        await asyncio.gather(*(work() for _ in range(concurrency)))


def parser() -> Callable[[bytes], object]:
    """Reads of each card its id, time and count, and the texts of its posts: all that a listing says."""
    from selectolax.lexbor import LexborHTMLParser

    def read(body: bytes) -> object:
        cards = LexborHTMLParser(body).css("[data-link-href]")
        found = []
        for card in cards:
            time, count = card.css_first("[data-time]"), card.css_first(".read-more")
            assert time is not None
            assert count is not None
            texts = [text.text() for text in card.css(".content-tweet")]
            found.append((card.attributes["data-link-href"], time.attributes["data-time"], count.text(), texts))
        assert found
        return found

    return read


if __name__ == "__main__":
    address, count, at_once, expected, *rest = sys.argv[1:]
    asyncio.run(ask(address, int(count), int(at_once), expected, parser() if rest else len))
