"""A child process for the kill trial: works on a store as fast as it can and says what was acknowledged.

`crash_store.py FOLDER START`: thread n is committed, claimed, settled; every third is dropped from its second channel;
now and then there is a snapshot, a backup, a tidying. The line "n" is printed once all of n is durable.
"""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import count
from pathlib import Path

from bot.stores.tiny import TinyStore
from tests.store_play import back_up, claim, commit, compact, drop, follow, prune, settle

DAYS_APART = 7


async def work(folder: Path, start: int) -> None:
    store = await TinyStore.open(folder)
    if start == 1:
        await follow(store)
    for n in count(start):
        for step in steps(n):
            await step(store)
        os.write(1, f"{n}\n".encode())


def steps(n: int):
    yield commit(n)
    yield claim(n)
    yield settle(n)
    if n % 3 == 0:
        yield drop(n)
    if n % 4 == 0:
        yield compact
    if n % DAYS_APART == 0:
        yield back_up(n // DAYS_APART)
    if n % 10 == 0:
        yield prune(n - 5)


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), int(sys.argv[2])))
