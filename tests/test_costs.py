"""The benchmarks in small: what a round costs in requests, parses, bytes, commits, connections and modules.

Counts, which no busy machine changes; `python -m benchmarks` measures the time.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
import time
from pathlib import Path

import pytest

from benchmarks import pages, servers, starts
from benchmarks.__main__ import ROWS
from benchmarks.bench import CONCURRENCY
from benchmarks.children import ROOT, Failed, cost_of, cpu_of, environment, python
from benchmarks.deliveries import smallest_gap
from benchmarks.figures import at_least, at_most, cheaper, dearer, table
from benchmarks.product import Folder
from benchmarks.rounds import counts
from bot.model import Author
from bot.sources.feeds import parse
from bot.sources.threadreader_pages import Asked, parse_listing, parse_thread

AUTHORS = 20
NEWS = 3
ONCE = 350
"""Bytes an author more at the first such look: the ETag that says nothing is forgotten."""
DEPS = {"aiohttp", "apprise", "pydantic", "tinydb", "selectolax", "feedparser", "jinja2", "rich", "regex", "asyncio"}


@pytest.fixture(scope="module")
def served():
    """The stand-in site."""
    with servers.site() as site:
        yield site


@pytest.fixture(scope="module")
def first(served, tmp_path_factory):
    """A folder after the first round over all authors, with what was counted in it."""
    folder = Folder.made(tmp_path_factory.mktemp("costs") / "first", served.url, AUTHORS)
    served.conduct()
    return folder, counts(folder), served.counts()


@pytest.fixture
def looked_at(first, tmp_path):
    """The same folder, for a test alone."""
    return first[0].copy(tmp_path / "folder")


# -- rounds -----------------------------------------------------------------------------------------


def test_a_first_round_reads_each_page_once(first):
    """One request and one parse an author, over no more connections than polls are allowed at once."""
    _, counted, asked = first

    assert asked["asked"] == {"author 200": AUTHORS}
    assert counted["parses"] == AUTHORS
    assert asked["connections"] <= CONCURRENCY + 1  # one is ours, to ask for the counts


def test_a_round_without_news_asks_once_and_parses_nothing(served, looked_at):
    """One conditional request an author, over few connections, and commits that hold several authors."""
    served.conduct()
    counted, asked = counts(looked_at), served.counts()

    assert asked["asked"] == {"author 304": AUTHORS}
    assert "parses" not in counted
    assert asked["connections"] <= CONCURRENCY + 1
    assert counted["journal fsyncs"] < AUTHORS
    assert "archive bytes" not in counted


def test_a_round_without_news_writes_next_to_nothing(served, looked_at):
    """At most 200 bytes an author."""
    served.conduct()

    assert counts(looked_at)["journal bytes"] <= 200 * AUTHORS


def test_fresh_tokens_are_no_news(served, looked_at):
    """A page that is another one each time, with the same threads, is not parsed, and changes nothing but the look."""
    served.conduct(token=True)
    counted, asked = counts(looked_at), served.counts()

    assert asked["asked"] == {"author 200": AUTHORS}
    assert "parses" not in counted
    assert counted["journal bytes"] <= (200 + ONCE) * AUTHORS
    assert counted["journal fsyncs"] <= AUTHORS // 2
    assert "archive bytes" not in counted


def test_news_costs_what_is_new(served, looked_at):
    """A page more for each new thread, one notice for each, and less than 4 KiB of the store for each."""
    served.conduct()
    without = counts(looked_at)
    served.conduct(news=1, authors_with_news=NEWS)
    counted, asked = counts(looked_at), served.counts()

    assert asked["asked"] == {
        "author 304": AUTHORS - NEWS,
        "author 200": NEWS,
        "thread 200": NEWS,
        "notice": NEWS,
    }
    assert counted["parses"] == 2 * NEWS
    assert counted["journal bytes"] - without["journal bytes"] <= 4096 * NEWS


def test_a_round_costs_a_process_cpu_and_memory(served, looked_at):
    """What the benchmark reads of a child is there: seconds, bytes of memory, bytes written."""
    served.conduct()
    cost = looked_at.poll()

    assert 0.05 < cost.cpu < 60
    assert cost.rss > 20 * 2**20  # of a child that is not yet itself the runner's memory counts, however large
    assert cost.written > 0


# -- starts -----------------------------------------------------------------------------------------


def test_help_loads_none_of_our_dependencies(first):
    """Nor asyncio."""
    assert starts.loaded(first[0], "--help") & DEPS == set()


@pytest.mark.parametrize("words", starts.LISTINGS)
def test_listings_load_no_network(first, words):
    """Neither aiohttp nor Apprise."""
    assert starts.loaded(first[0], *words) & set(starts.HEAVY) == set()


@pytest.mark.parametrize("words", starts.LISTINGS)
def test_listings_load_little_of_ours(first, words):
    """Not what looks, sends, alerts or gives orders, nor what reads an author's way of numbering."""
    work = {"bot.app", "bot.poll", "bot.dispatch", "bot.compose", "bot.alerts", "bot.orders", "bot.numbering"}

    assert starts.loaded(first[0], *words) & work == set()


# -- the benchmark itself -------------------------------------------------------------------------


def test_pages_are_as_large_as_real_ones():
    """70 kB an author, 36 kB a thread, 20 kB a feed, within a tenth."""
    sizes = [len(pages.author_page(7)), len(pages.thread_page(7, 20)), len(pages.feed(7))]

    assert [round(size / 1000 / wanted, 1) for size, wanted in zip(sizes, (70, 36, 20), strict=True)] == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("number", [0, 7, 777777])
def test_page_and_feed_list_the_same_threads(number):
    """Whichever program reads them has the same to find."""
    asked = Asked(feed_id="", author=Author(handle=pages.handle(number)), base_url="http://site.example")
    listed = [entry.key for entry in parse_listing(pages.author_page(number, 2), asked).entries]
    fed = parse(pages.feed(number, 2), content_type="text/xml", url="http://site.example/feed")

    assert listed == [item.id for item in fed.items] == [pages.key(number, thread) for thread in range(21, 1, -1)]


def test_a_thread_is_found_by_its_id():
    """The page of the id that the author's page names, with all its posts; none for another id."""
    key = pages.key(7, 21)
    asked = Asked(feed_id="", author=Author(handle=pages.handle(7)), base_url="http://site.example")
    read = parse_thread(pages.thread_page(*pages.thread_of(key)), asked, key)

    assert (read.entry.key, len(read.entry.posts)) == (key, pages.POSTS)
    assert pages.thread_of(str(int(key) + 10**9)) is None


def test_a_fresh_token_changes_nothing_else():
    """The pages differ in the token alone."""
    assert pages.author_page(7, token="x" * 86).replace(b"x" * 86, b"t" * 86) == pages.author_page(7)


def test_bars_are_judged_by_the_ratio():
    """Cheaper than a peer so many times at least, dearer than a floor so many times at most."""
    kept = cheaper("", 1.0, 5.0, at_least(4), "reader"), dearer("", 3.0, 2.0, at_most(1.5), "floor", "s")
    broken = cheaper("", 1.0, 3.9, at_least(4), "reader"), dearer("", 3.1, 2.0, at_most(1.5), "floor", "s")

    assert [figure.is_met for figure in (*kept, *broken)] == [True, True, False, False]


def test_a_line_of_the_table_says_all():
    """The row, what was measured, ours, what against, the ratio, the bar, and whether it is met."""
    figure = cheaper("1,000 authors", 0.5, 1.0, at_least(4), "reader")

    assert [*table("unchanged", [figure])] == [
        "| unchanged | 1,000 authors | 0.5 CPU s | reader 1 | 2.00 × | ≥ 4 | **no** |"
    ]


def test_the_smallest_gap_is_that_of_one_channel():
    """Notices to different channels have none between them."""
    assert smallest_gap({"a": [1.0, 3.0, 3.5], "b": [1.1, 1.7]}) == 0.5


def test_the_cpu_of_grandchildren_counts(tmp_path):
    """A peer that leaves the work to processes of its own is not cheaper for it."""
    work = "sum(range(4_000_000))"
    command = python("-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{work}'])")

    assert cost_of(command, tmp_path).cpu > 2 * cost_of(python("-c", "pass"), tmp_path).cpu


def test_the_cpu_of_threads_that_ended_counts():
    """A bot's threads come and go; what they have used stays used."""
    thread = threading.Thread(target=sum, args=(range(1_000_000),))
    before = cpu_of(os.getpid())
    thread.start()
    thread.join()

    assert 0.005 < cpu_of(os.getpid()) - before <= time.process_time()


def test_a_command_that_fails_is_not_measured(tmp_path):
    """And what it said is told."""
    with pytest.raises(Failed, match="no such luck"):
        cost_of(python("-c", "raise SystemExit('no such luck')"), tmp_path)


def test_bytes_of_a_file_are_counted(tmp_path):
    """As the child hands them to the system."""
    code = f"open({str(tmp_path / 'file')!r}, 'wb').write(bytes(300_000))"
    written = cost_of(python("-c", code), tmp_path).written
    if not Path("/proc/self/io").exists():
        pytest.skip("this system does not count what a process writes")

    assert 300_000 <= written < 320_000


def test_the_ticker_names_what_holds_the_loop_up():
    """In a process of its own: it needs the alarm that the limit of a test needs too."""
    code = """
import asyncio, json, time
from benchmarks.ticker import Ticker
def heavy(): time.sleep(0.2)
async def main():
    ticker = Ticker(); ticker.begun = True
    ticking = asyncio.create_task(ticker.tick())
    await asyncio.sleep(0.05); heavy(); await asyncio.sleep(0.05)
    ticking.cancel(); await asyncio.wait([ticking])
    print(json.dumps(ticker.document()))
asyncio.run(main())
"""
    said = json.loads(subprocess.run(python("-c", code), env=environment(), stdout=-1, check=True).stdout)

    assert max(said["late"]) > 0.15
    assert "heavy" in said["causes"][0][1][0]


def test_every_row_is_described():
    """docs/benchmarks.md has a line for each row that the command knows."""
    described = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "benchmarks.md").read_text("utf-8"), re.MULTILINE)

    assert described == list(ROWS)
