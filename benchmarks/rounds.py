"""One round over many authors: nothing new, nothing new with a fresh token in each page, the first one, some news."""

from __future__ import annotations

import json
import shutil
import statistics
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import count

from benchmarks.bench import Bench
from benchmarks.children import Cost, cost_of, python
from benchmarks.contest import Contender, cpu, interleaved, rss
from benchmarks.figures import Figure, at_least, at_most, cheaper, dearer
from benchmarks.peers import Peer
from benchmarks.product import Folder

AUTHORS = 1_000
NEWS = 10


def unchanged(bench: Bench) -> Iterator[Figure]:
    """Nothing new, by ETag (304)."""
    n = bench.sized(AUTHORS)
    ours, nobody = bench.looked_at("unchanged", n), bench.looked_at("nobody", 0)
    others = bench.peers("reader", "rss2email", "urlwatch")
    contenders: dict[str, Contender] = {
        "ours": ours.poll,
        "our start": nobody.poll,
        "floor": lambda: bench.floor(n),
        "floor start": lambda: bench.floor(0),
    }
    for peer in others:
        contenders |= peer_contenders(bench, peer, n)
    costs = interleaved(contenders, bench.times)
    mine = cpu(costs["ours"]) - cpu(costs["our start"])
    yield _start(costs["our start"])
    for name, least in (("reader", 4), ("rss2email", 4), ("urlwatch", 6)):
        theirs = cpu(costs[name]) - cpu(costs[f"{name} start"])
        yield cheaper(f"{n:,} authors, nothing new (304)", mine, theirs, at_least(least), name)
    floor = cpu(costs["floor"]) - cpu(costs["floor start"])
    yield dearer("slope per author", 1e6 * mine / n, 1e6 * floor / n, at_most(1.5), "bare GET", "µs")
    yield _memory(costs["ours"])
    yield from written(ours, n)


def peer_contenders(bench: Bench, peer: Peer, authors: int) -> dict[str, Contender]:
    """A peer that has had its first round, and the same with nobody to look at."""
    contenders: dict[str, Contender] = {}
    for name, number in ((peer.name, authors), (f"{peer.name} start", 0)):
        folder = bench.folder / f"{peer.name}-{number}"
        if not folder.exists():
            peer.follow(folder, bench.site.url, number)
            peer.round(folder)
            peer.round(folder)
        contenders[name] = partial(peer.round, folder)
    return contenders


def token(bench: Bench) -> Iterator[Figure]:
    """Nothing new, but each page is another one."""
    n = bench.sized(AUTHORS)
    ours, nobody = bench.looked_at("token", n), bench.looked_at("nobody-token", 0)
    bench.site.conduct(token=True)
    ours.poll()
    contenders: dict[str, Contender] = {
        "ours": ours.poll,
        "our start": nobody.poll,
        "floor": lambda: bench.floor(n, "changed"),
        "floor start": lambda: bench.floor(0),
    }
    costs = interleaved(contenders, bench.times)
    mine = cpu(costs["ours"]) - cpu(costs["our start"])
    floor = cpu(costs["floor"]) - cpu(costs["floor start"])
    yield _start(costs["our start"])
    yield dearer("slope per author, fresh token", 1e6 * mine / n, 1e6 * floor / n, at_most(2.5), "bare GET", "µs")
    yield _memory(costs["ours"])
    yield from written(ours, n)


def written(folder: Folder, authors: int, rounds: int = 4) -> Iterator[Figure]:
    """What such rounds write to the store, snapshots shared out over several."""
    each = [counts(folder) for _ in range(rounds)]
    journal = statistics.median(one.get("journal bytes", 0) for one in each)
    whole = statistics.mean(one.get("journal bytes", 0) + one.get("snapshot bytes", 0) for one in each)
    commits = statistics.median(one.get("journal fsyncs", 0) for one in each)
    yield Figure(what="to the journal, per author looked at", value=journal / authors, unit="B", bar=at_most(200))
    yield Figure(what="the same with new snapshots", value=whole / authors, unit="B", bar=at_most(200))
    yield Figure(what="commits (fsyncs of the journal)", value=commits, unit="")


def counts(folder: Folder) -> dict[str, int]:
    """One round, counted."""
    target = folder.path / "counts.json"
    words = folder.command("poll", "--all")[3:]
    cost_of(python("-m", "benchmarks.counted", target, *words), folder.path)
    counted: dict[str, int] = json.loads(target.read_text(encoding="utf-8"))
    return counted


def first(bench: Bench) -> Iterator[Figure]:
    """The first round: every page is read."""
    n = bench.sized(AUTHORS)
    bench.site.conduct()
    fresh, nobody = bench.product("first", n), bench.looked_at("nobody-first", 0)
    contenders: dict[str, Contender] = {
        "ours": lambda: fresh.copy(bench.folder / "first-again").poll(),
        "our start": nobody.poll,
        "floor": lambda: bench.floor(n, "changed", "parse"),
        "floor start": lambda: bench.floor(0, "changed", "parse"),
    }
    costs = interleaved(contenders, bench.times)
    reader = bench.peers("reader")[0]
    peers: dict[str, Contender] = {
        "reader": lambda: _first_of(reader, bench, n),
        "reader start": lambda: _first_of(reader, bench, 0),
    }
    # Half a minute each; it is so far above that three will do.
    costs |= interleaved(peers, min(bench.times, 3))
    mine = cpu(costs["ours"]) - cpu(costs["our start"])
    floor = cpu(costs["floor"]) - cpu(costs["floor start"])
    theirs = cpu(costs["reader"]) - cpu(costs["reader start"])
    yield _start(costs["our start"])
    yield cheaper(f"{n:,} authors, first round", mine, theirs, at_least(10), "reader")
    yield dearer("slope per author", 1e6 * mine / n, 1e6 * floor / n, at_most(1.6), "GET + parse", "µs")
    yield _memory(costs["ours"])


def _first_of(peer: Peer, bench: Bench, authors: int) -> Cost:
    folder = bench.folder / f"first-{peer.name}"
    shutil.rmtree(folder, ignore_errors=True)
    peer.follow(folder, bench.site.url, authors)
    return peer.round(folder)


def news(bench: Bench) -> Iterator[Figure]:
    """Some authors have a new thread, which is read, kept, and sent to a channel."""
    n, changed = bench.sized(AUTHORS), NEWS
    ours, nobody = bench.looked_at("news", n), bench.looked_at("nobody-news", 0)
    reader = bench.peers("reader")[0]
    theirs = peer_contenders(bench, reader, n)
    number = count(1)

    def publish() -> Cost:
        bench.site.conduct(news=next(number), authors_with_news=changed)
        return Cost(cpu=0, wall=0, rss=0, written=0)

    contenders = {"publishing": publish, "ours": ours.poll, "our start": nobody.poll, **theirs}
    costs = interleaved(contenders, bench.times)
    mine = cpu(costs["ours"]) - cpu(costs["our start"])
    yield _start(costs["our start"])
    theirs_cpu = cpu(costs["reader"]) - cpu(costs["reader start"])
    yield cheaper(f"{changed} of {n:,} have news", mine, theirs_cpu, at_least(4), "reader")
    yield _memory(costs["ours"])
    publish()
    yield from _written_for_news(bench, ours, changed)


def _written_for_news(bench: Bench, ours: Folder, changed: int) -> Iterator[Figure]:
    with_news, asked = counts(ours), bench.site.counts()["asked"]
    without = counts(ours)
    more = with_news.get("journal bytes", 0) - without.get("journal bytes", 0)
    yield Figure(what="to the store, per changed author", value=more / changed, unit="B", bar=at_most(4096))
    yield Figure(what="to the archive, each", value=with_news.get("archive bytes", 0) / changed, unit="B")
    yield Figure(what="notices that arrived", value=asked.get("notice", 0), unit="", bar=at_least(changed))


def _start(costs: Sequence[Cost]) -> Figure:
    return Figure(what="our start, alone (subtracted)", value=cpu(costs), unit="CPU s")


def _memory(costs: Sequence[Cost]) -> Figure:
    return Figure(what="memory", value=rss(costs) / 2**20, unit="MiB")
