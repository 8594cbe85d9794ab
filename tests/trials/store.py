"""The store under faults, kills and damage: what was acknowledged is there, and the audit is content.

Faults: call 1, 2, 3 … of the files fails, alone and with those behind it, until a day of the store meets none.
Kills: a process that works on a store is killed with -9 at random, again and again on the same store.
Damage: each file of a store is cut at random and has random bits changed: refused, or read as some commit left it.
"""

from __future__ import annotations

import logging
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from bot.errors import StoreError
from bot.model import Delivery, Known
from bot.stores.tiny import TinyStore
from tests.faulty_files import Counting, Failing
from tests.store_play import audited, claim, commit, compact, drop, follow, play, run, settle
from tests.trials.figures import Figures, Options

IN_A_ROW = (1, 2, 5)
KILLS = 200
KILLS_A_STORE = 25
DAMAGES = 4000
COUNTED = ("faults", "kills", "commits acknowledged before a kill", "damages", "damages refused")
CHILD_ENDS_WITHIN = 30.0
LONGEST_LIFE = 0.25
"""Seconds that a child lives at the most after its first word."""


@dataclass
class Count:
    """What was counted, and in words what was wrong."""

    figures: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)

    def wrong(self, figure: str, what: str) -> None:
        self.figures[figure] += 1
        self.found.append(f"{figure}: {what}")


def trial(options: Options) -> Figures:
    """Faults, kills and damages; the bars are zero."""
    chance = random.Random(options.seed)
    count = Count()
    # What a failing disk makes the store warn of is what is meant to happen here.
    logging.disable(logging.WARNING)
    try:
        for many in IN_A_ROW if options.size >= 1 else IN_A_ROW[:1]:
            _faults(many, count)
        for _ in range(max(1, round(KILLS * options.size / KILLS_A_STORE))):
            _kills(chance, count)
        _damages(chance, max(100, round(DAMAGES * options.size)), count)
    finally:
        logging.disable(logging.NOTSET)
    bars = ("acknowledged commits lost", "unreadable stores", "disagreements of the audit", "damages read wrongly")
    counted = {name: count.figures[name] for name in (*COUNTED, *bars)}
    least = {"faults": 90.0, "kills": KILLS * min(options.size, 1.0), "damages": 100.0}
    return Figures(
        trial="store", counted=counted, bars=dict.fromkeys(bars, 0), least=least, found=tuple(count.found[:20])
    )


# -- faults -------------------------------------------------------------------------------------------------


def _faults(many: int, count: Count) -> None:
    first = 0
    while True:
        first += 1
        with tempfile.TemporaryDirectory() as folder:
            files = Failing(first, many)
            where = f"fault at call {first}, {many} in a row"
            try:
                expected = run(play(Path(folder) / "data", files))
            except AssertionError as error:
                count.wrong("acknowledged commits lost", f"{where}: {error}")
            else:
                _compare(Path(folder) / "data", expected, where, count)
            count.figures["faults"] += files.failed > 0
            if not files.failed:
                return


def _compare(folder: Path, expected: list[object], where: str, count: Count) -> None:
    try:
        found, audit = run(audited(folder))
    except StoreError as error:
        count.wrong("unreadable stores", f"{where}: {error}")
        return
    if found != expected:
        count.wrong("acknowledged commits lost", where)
    if not audit.ok:
        count.wrong("disagreements of the audit", f"{where}: {audit.faults}")


# -- kills --------------------------------------------------------------------------------------------------


def _kills(chance: random.Random, count: Count) -> None:
    """Kill the worker on one store many times; after each kill look at what is there."""
    with tempfile.TemporaryDirectory() as folder:
        last = 0
        acknowledged: set[int] = set()
        for _ in range(KILLS_A_STORE):
            acknowledged |= _one_life(Path(folder), last + 1, chance)
            count.figures["kills"] += 1
            try:
                values, audit = run(audited(Path(folder)))
            except StoreError as error:
                count.wrong("unreadable stores", f"killed after {len(acknowledged)}: {error}")
                return
            threads, rows = values[2], values[3]
            assert isinstance(threads, tuple)
            assert isinstance(rows, list)
            for n in sorted(acknowledged):
                _check(n, threads, rows, count)
            if not audit.ok:
                count.wrong("disagreements of the audit", f"killed after {len(acknowledged)}: {audit.faults}")
            last = max((int(known.key) for known in threads), default=0)
        count.figures["commits acknowledged before a kill"] += len(acknowledged)


def _one_life(folder: Path, start: int, chance: random.Random) -> set[int]:
    """Start the worker, kill it, and return the threads whose every step was acknowledged."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.crash_store", str(folder), str(start)], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    try:
        lines = [child.stdout.readline()]
        time.sleep(chance.uniform(0, LONGEST_LIFE))
    finally:
        child.kill()
        lines += child.stdout.read().splitlines()
        child.wait(CHILD_ENDS_WITHIN)
        child.stdout.close()
    return {int(line) for line in lines if line.strip().isdigit()}


def _check(n: int, threads: tuple[Known, ...], rows: list[Delivery], count: Count) -> None:
    """Thread n, which was acknowledged, is as its steps left it: sent to one channel, waiting for or dropped from the
    other."""
    known = next((known for known in threads if known.key == f"{n}"), None)
    there = {row.channel: row.state for row in rows if row.entry_key == f"{n}"}
    sent = known is not None and (there.get("me") == "sent" or ("me" in known.pruned and "me" not in there))
    if not sent or there.get("team") != (None if n % 3 == 0 else "pending"):
        count.wrong("acknowledged commits lost", f"thread {n}: {there}, {known}")


# -- damage -------------------------------------------------------------------------------------------------


def _damages(chance: random.Random, many: int, count: Count) -> None:
    """Change one file of a store a little: it is refused, or read as some whole commit left it, never as empty."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "copy"
        run(_lived(Path(place) / "data", folder))
        states = _states(folder)
        for _ in range(many):
            file = folder / chance.choice(("store.json", states.journal))
            whole = file.read_bytes()
            file.write_bytes(_damaged(whole, chance))
            count.figures["damages"] += file.read_bytes() != whole
            try:
                found, _ = run(audited(folder))
            except StoreError:
                count.figures["damages refused"] += 1
            else:
                if found not in states.values:
                    count.wrong("damages read wrongly", file.name)
            file.write_bytes(whole)


async def _lived(data: Path, copy: Path) -> None:
    """A store with some commits in its snapshot and some in its journal, as a killed process leaves it."""
    store = await TinyStore.open(data, files=Counting())
    for step in (follow, commit(1), commit(2), compact, commit(3), claim(3), settle(3), drop(1), commit(4)):
        await step(store)
    shutil.copytree(data, copy)
    await store.close()


@dataclass(frozen=True)
class _States:
    """The present journal's name, and what the store held after each of its commits."""

    journal: str
    values: list[list[object]]


def _states(folder: Path) -> _States:
    journal = max(folder.glob("store.*.journal"), key=lambda path: int(path.name.split(".")[1]))
    whole = journal.read_bytes()
    ends = [place + 1 for place, byte in enumerate(whole) if byte == ord("\n")]
    values = []
    for end in ends:
        with tempfile.TemporaryDirectory() as copy:
            shutil.copytree(folder, copy, dirs_exist_ok=True)
            (Path(copy) / journal.name).write_bytes(whole[:end])
            values.append(run(audited(Path(copy)))[0])
    return _States(journal=journal.name, values=values)


def _damaged(whole: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(whole))
    kind = chance.randrange(4)
    if kind == 0:
        return whole[:place]
    if kind == 1:
        return whole[:place] + bytes([whole[place] ^ (1 << chance.randrange(8))]) + whole[place + 1 :]
    if kind == 2:
        return whole[:place] + chance.randbytes(chance.randrange(1, 9)) + whole[place:]
    return whole[:place] + whole[place + chance.randrange(1, 9) :]
