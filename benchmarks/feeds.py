"""Measures what reads feeds: ours, feedparser, and fastfeedparser where it is installed, on recorded documents.

    python benchmarks/feeds.py CORPUS [--write]

CORPUS is a folder of feed documents. What feedparser finds of them is what the others have to find. Prints two tables
in Markdown; with --write they replace those between the marks of docs/feeds.md.
"""

from __future__ import annotations

import io
import re
import statistics
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from feedparser.util import FeedParserDict  # noqa: E402

from bot.sources.feeds import Item, NotAFeed, parse  # noqa: E402
from bot.sources.feeds_dates import moment  # noqa: E402
from bot.sources.feeds_text import as_post  # noqa: E402
from tests.feed_corpus import FIELDS, Recorded, documents, has, lacks, ours, theirs  # noqa: E402

warnings.simplefilter("ignore")
MARK = "<!-- written by benchmarks/feeds.py -->"


def fast(document: Recorded) -> tuple[Item, ...] | None:
    """What fastfeedparser reads, as items; None where it refuses."""
    import fastfeedparser

    try:
        entries = fastfeedparser.parse(document.body).entries
    except Exception:  # noqa: BLE001  it raises many kinds
        return None
    return tuple(map(_fast_item, entries))


def _fast_item(entry: dict[str, Any]) -> Item:
    contents = [one.get("value") or "" for one in entry.get("content") or ()]
    return Item(
        id=entry.get("id") or "",
        url=entry.get("link") or "",
        title=" ".join((entry.get("title") or "").split()),
        published=moment(entry.get("published") or entry.get("updated") or ""),
        html=max([*contents, entry.get("description") or ""], key=len),
    )


def lost(document: Recorded, found: Sequence[Item] | None, reference: FeedParserDict, *, is_atom: bool) -> Counter[str]:
    """How much of what feedparser has of the entries of a document is missing or otherwise."""
    items = [*(found or ())]
    count: Counter[str] = Counter(entries=max(len(reference.entries) - len(items), 0))
    for at, entry in enumerate(reference.entries):
        item = items[at] if at < len(items) else Item()
        count.update(lacks(item, entry, document.url, is_atom=is_atom))
    return count


def table(corpus: Sequence[Recorded]) -> Iterator[str]:
    """A line for each collection of documents: what there is, and what each of the two does not have of it."""
    headings = ("entries", *FIELDS)
    yield "| documents | | " + " | ".join(headings) + " |"
    yield "|---|---|" + "---:|" * len(headings)
    groups: dict[str, list[Recorded]] = {}
    for document in corpus:
        groups.setdefault(_group(document), []).append(document)
    for name, members in groups.items():
        there: Counter[str] = Counter()
        missing = {"ours": Counter[str](), "fastfeedparser": Counter[str]()}
        for document in members:
            reference, read = theirs(document), ours(document)
            is_atom = reference.version.startswith("atom")
            there["entries"] += len(reference.entries)
            for entry in reference.entries:
                there.update(has(entry, is_atom=is_atom).keys())
            missing["ours"] += lost(document, read and read.items, reference, is_atom=is_atom)
            if _is_installed():
                missing["fastfeedparser"] += lost(document, fast(document), reference, is_atom=is_atom)
        yield f"| {name} ({len(members)}) | feedparser finds | " + _numbers(there, headings)
        for reader, count in missing.items():
            if reader == "ours" or _is_installed():
                yield f"| | {reader} does not | " + _numbers(count, headings)


def _group(document: Recorded) -> str:
    folder = document.name.partition("/")[0]
    if folder != "feedparser":
        return folder
    reference = theirs(document)
    return "feedparser, ill-formed" if reference.bozo else "feedparser, well-formed"


def _numbers(count: Counter[str], names: Sequence[str]) -> str:
    return " | ".join(str(count[name]) for name in names) + " |"


def costs(corpus: Sequence[Recorded]) -> Iterator[str]:
    """Time for 100 kB of the larger documents, and for the import."""
    large = [document for document in corpus if len(document.body) > 40_000 and document.body.lstrip()[:1] == b"<"]
    size = sum(len(document.body) for document in large)
    yield f"| {len(large)} documents of more than 40 kB, {size // 1000} kB | ms for 100 kB | ms to import |"
    yield "|---|---:|---:|"
    for name, (module, read) in _readers().items():
        took = statistics.median(_milliseconds(lambda read=read: [read(one) for one in large]) for _ in range(5))
        yield f"| {name} | {100_000 * took / size:.1f} | {_import_cost(module):.0f} |"


def _readers() -> dict[str, tuple[str, Callable[[Recorded], object]]]:
    import feedparser

    def bare(document: Recorded) -> object:
        return feedparser.parse(io.BytesIO(document.body), sanitize_html=False, resolve_relative_uris=False)

    readers: dict[str, tuple[str, Callable[[Recorded], object]]] = {
        "feedparser": ("feedparser", theirs),
        "feedparser, without its sanitizer": ("feedparser", bare),
        "ours, `parse`": ("bot.sources.feeds_xml", ours),
        "ours, `parse` and `as_post` of all entries": ("bot.sources.feeds_xml", _whole),
    }
    if _is_installed():
        readers["fastfeedparser"] = ("fastfeedparser", fast)
    return readers


def _whole(document: Recorded) -> object:
    try:
        read = parse(document.body, content_type=document.content_type, url=document.url)
    except NotAFeed:
        return None
    return [as_post(item, "1") for item in read.items]


def _is_installed() -> bool:
    try:
        import fastfeedparser  # noqa: F401
    except ImportError:
        return False
    return True


def _milliseconds(job: Callable[[], object]) -> float:
    began = time.process_time()
    job()
    return 1000 * (time.process_time() - began)


def _import_cost(module: str) -> float:
    """What importing takes beyond starting, in milliseconds: the least of several."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    run = [sys.executable, "-c", code]
    return 1000 * min(float(subprocess.run(run, cwd=ROOT, capture_output=True, check=True).stdout) for _ in range(5))


def main(arguments: Sequence[str]) -> None:
    """Print both tables, or write them."""
    corpus = list(documents(Path(arguments[0])))
    tables = "\n".join([*table(corpus), "", *costs(corpus)])
    if "--write" not in arguments:
        print(tables)
        return
    page = ROOT / "docs" / "feeds.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(
        re.sub(f"(?s)({MARK}\n).*?(\n{MARK})", lambda found: f"{found[1]}\n{tables}\n{found[2]}", text),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main(sys.argv[1:])
