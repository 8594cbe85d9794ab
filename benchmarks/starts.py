"""What it takes to start: `--help`, and the listings, which must not load what only the work needs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from functools import partial

from benchmarks.bench import Bench
from benchmarks.children import cost_of, environment, python
from benchmarks.contest import Contender, cpu, interleaved
from benchmarks.figures import Figure, at_most, dearer
from benchmarks.product import Folder

AUTHORS = 20
TIMES = 11
HEAVY = ("aiohttp", "apprise")
EAGER = (
    "import gc; gc.set_threshold(10_000);"
    " import aiohttp, apprise, pydantic_settings, tinydb, selectolax.lexbor, feedparser, bot.cli, bot.app, bot.service,"
    " bot.stores.tiny, bot.channels.apprise, bot.sources.threadreader, bot.sources.fxtwitter, bot.sources.bluesky,"
    " bot.sources.mastodon, bot.sources.syndication;"
    " gc.freeze()"
)
"""What the work loads, all at once: what the listings would take too if nothing were loaded late. As `cli.program`, it
spares itself the search for dead cycles: that is no merit of loading late."""
LISTINGS = (("authors",), ("threads",), ("outbox", "list"))
_LOADED = """
import json, sys
from bot import cli
try:
    cli.main(sys.argv[2:])
finally:
    with open(sys.argv[1], "w") as file:
        json.dump(sorted(sys.modules), file)
"""


def starts(bench: Bench) -> Iterator[Figure]:
    """Each beside its floor, and what each loads."""
    folder = bench.looked_at("starts", AUTHORS)
    bare = partial(cost_of, folder=folder.path)
    contenders: dict[str, Contender] = {
        "argparse": lambda: bare(python("-c", "import argparse")),
        "eager": lambda: bare(python("-c", EAGER)),
        "--help": lambda: bare(python("-m", "bot", "--help")),
        **{" ".join(words): partial(folder.cost, *words) for words in LISTINGS},
    }
    costs = {name: 1000 * cpu(each) for name, each in interleaved(contenders, TIMES).items()}
    yield dearer("`--help`", costs["--help"], costs["argparse"], at_most(3), "import argparse", "CPU ms")
    for words in LISTINGS:
        name = " ".join(words)
        yield dearer(f"`{name}`", costs[name], costs["eager"], at_most(0.5), "eager start", "CPU ms")
    for words in (("--help",), *LISTINGS):
        found = loaded(folder, *words)
        heavy = len(found & set(HEAVY))
        yield Figure(what=f"`{' '.join(words)}`: of aiohttp and apprise loaded", value=heavy, unit="", bar=at_most(0))


def loaded(folder: Folder, *words: str) -> frozenset[str]:
    """The modules that a command has loaded when it ends."""
    target = folder.path / "modules.json"
    command = python("-c", _LOADED, target, *folder.command(*words)[3:])
    subprocess.run(command, cwd=folder.path, env=environment(), stdout=subprocess.DEVNULL, check=True)
    return frozenset(json.loads(target.read_text(encoding="utf-8")))
