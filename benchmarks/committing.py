"""What one commit of a look costs on a store: `python -m benchmarks.committing DATA` prints it as JSON.

Commits the state of one author after another, each by itself, through the store's own interface.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.children import environment, python
from benchmarks.product import Folder
from bot.model import Changes
from bot.stores.tiny import TinyStore

COMMITS = 300


def measured(folder: Folder) -> dict[str, float]:
    """Seconds of CPU and of time for one commit, in a process of its own."""
    command = python("-m", "benchmarks.committing", folder.data)
    answer = subprocess.run(command, env=environment(), stdout=subprocess.PIPE, check=True)
    costs: dict[str, float] = json.loads(answer.stdout)
    return costs


async def commits(data: Path) -> dict[str, float]:
    """Commit, and take the time. The CPU is a mean: one commit is shorter than some clocks of it are fine."""
    store = await TinyStore.open(data)
    feeds = await store.feeds()
    times = []
    now = datetime.now(UTC)
    began = time.process_time()
    for at in range(COMMITS):
        feed, state = feeds[at % len(feeds)]
        later = replace(state, next_poll_at=now + timedelta(seconds=at))
        started = time.perf_counter()
        await store.commit(Changes(feed_id=feed.id, state=later))
        times.append(time.perf_counter() - started)
    used = time.process_time() - began
    await store.close()
    return {"cpu": used / COMMITS, "wall": statistics.median(times)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(commits(Path(sys.argv[1])))))
