"""Where an author's CPU goes when nothing is new: the same look step by step, each with what the one before leaves out.

    python -m benchmarks.ladder URL SETTINGS

prints the steps as JSON, in microseconds per author. In one process, so that starts do not count.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks.bench import CONCURRENCY, Bench
from benchmarks.children import environment, python
from benchmarks.figures import Figure
from benchmarks.floor import ask
from benchmarks.site import author_mark
from bot.allowance import Allowance, within
from bot.app import App, open_app
from bot.model import Changes, Feed, FeedState
from bot.runners.lanes import side_by_side
from bot.settings import load

AUTHORS = 1_000
TIMES = 5

Step = Callable[[Feed, FeedState], Awaitable[object]]


def ladder(bench: Bench) -> Iterator[Figure]:
    """The steps, and the parts of the last one by themselves."""
    folder = bench.looked_at("ladder", bench.sized(AUTHORS))
    command = python("-m", "benchmarks.ladder", bench.site.url, folder.path / "settings.toml")
    answer = subprocess.run(command, env=environment(), stdout=subprocess.PIPE, check=True)
    for what, microseconds in json.loads(answer.stdout).items():
        yield Figure(what=what, value=microseconds, unit="CPU µs")


async def steps(url: str, settings: Path) -> dict[str, float]:
    """Medians of several runs, one step after the other."""
    costs: dict[str, list[float]] = {}
    async with open_app(load(settings)) as app:
        feeds = await app.store.feeds()
        rounds = _rounds(app, url, feeds)
        for _ in range(TIMES):
            for name, run in rounds.items():
                began = time.process_time()
                await run()
                costs.setdefault(name, []).append(1e6 * (time.process_time() - began) / len(feeds))
    return {name: statistics.median(each) for name, each in costs.items()}


def _rounds(app: App, url: str, feeds: Sequence[tuple[Feed, FeedState]]) -> dict[str, Callable[[], Awaitable[object]]]:
    ids = tuple(feed.id for feed, _ in feeds)

    async def get(feed: Feed, _state: FeedState) -> object:
        headers = {"If-None-Match": author_mark(int(feed.author.handle[-6:]))}
        return await app.http.get(feed.url, feed_id=feed.id, headers=headers)

    async def fetch(feed: Feed, state: FeedState) -> object:
        return await app.sources[feed.source].fetch(feed, state.cursor)

    async def commit(feed: Feed, state: FeedState) -> None:
        await app.store.commit(Changes(feed_id=feed.id, state=state))

    async def each(step: Step) -> None:
        await side_by_side((partial(_allowed, step, *one) for one in feeds), CONCURRENCY)

    return {
        "bare GET": lambda: ask(url, len(feeds), CONCURRENCY, "unchanged"),
        "Http.get": partial(each, get),
        "source.fetch": partial(each, fetch),
        "poller.look: and load, decide": partial(each, lambda feed, _: app.poller.look(feed.id)),
        "poller.poll: and take turns, commit": partial(each, lambda feed, _: app.poller.poll(feed.id)),
        "a round: and inspect, deliver": lambda: app.once().extra_round(ids, by_hand=True),
        "(store.poll_input alone)": partial(each, lambda feed, _: app.store.poll_input(feed.id)),
        "(store.commit alone)": partial(each, commit),
    }


async def _allowed(step: Step, feed: Feed, state: FeedState) -> object:
    with within(Allowance(20.0)):
        return await step(feed, state)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(steps(sys.argv[1], Path(sys.argv[2])))))
