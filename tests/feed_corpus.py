"""Compares how we read the recorded feeds with how feedparser reads them: for the tests and for benchmarks/feeds.py."""

from __future__ import annotations

import ast
import io
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from selectolax.lexbor import LexborHTMLParser

from bot.sources.feeds import Document, Item, NotAFeed, parse
from bot.sources.feeds_text import as_post

URL = "https://feeds.example/dir/feed.xml"
_SERVED_AT = "http://127.0.0.1:8097/feed.xml"
"""Where feedparser's own tests have its documents."""
FIELDS = ("id", "link", "title", "date", "text")
_EARLIEST = 1990


@dataclass(frozen=True)
class Recorded:
    """A recorded document, with what its server said of it."""

    name: str
    body: bytes
    content_type: str = "application/xml"
    url: str = URL


def documents(root: Path) -> Iterator[Recorded]:
    """Every document of the corpus, those of feedparser with the headers that they ask for."""
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        body = path.read_bytes()
        headers = re.findall(r"(?m)^Header:\s+([\w-]+):\s*(.*?)\s*$", body[:2_000].decode("utf-8", "replace"))
        said = {name.casefold(): value for name, value in headers}
        yield Recorded(
            name=str(path.relative_to(root)),
            body=body,
            content_type=said.get("content-type", "application/xml"),
            url=said.get("content-location", _SERVED_AT if _SERVED_AT.encode()[:21] in body else URL),
        )


def ours(document: Recorded) -> Document | None:
    """What we read; None for no feed."""
    try:
        return parse(document.body, content_type=document.content_type, url=document.url)
    except NotAFeed:
        return None


def theirs(document: Recorded) -> Any:
    """What feedparser reads."""
    import feedparser

    headers = {"content-type": document.content_type, "content-location": document.url}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return feedparser.parse(io.BytesIO(document.body), response_headers=headers)


def has(entry: Any, *, is_atom: bool) -> dict[str, str]:
    """What feedparser finds of an entry, each as it can be compared; nothing for what it does not find."""
    link = dict.get(entry, "link") or ""
    moment = dict.get(entry, "published_parsed") or dict.get(entry, "updated_parsed")
    content = dict.get(entry, "content") or []
    # Of a picture's description it makes a summary, or content if there is one: neither is what the entry says.
    kinds = "html|text" if is_atom else "html"
    texts = [one["value"] for one in content if re.search(kinds, one["type"])] or [dict.get(entry, "summary") or ""]
    found = {
        "id": dict.get(entry, "id") or "",
        "link": link if link.startswith(("http://", "https://")) else "",
        "title": words(dict.get(entry, "title") or ""),
        "date": _date(moment) if moment and moment[0] >= _EARLIEST else "",
        "text": words(max(texts, key=len)),
    }
    return {name: value for name, value in found.items() if value}


def lacks(item: Item, entry: Any, url: str, *, is_atom: bool) -> tuple[str, ...]:
    """Which of the things that feedparser finds of an entry we do not have, or have otherwise."""
    found = has(entry, is_atom=is_atom)
    kept = {
        "id": item.id in (found.get("id"), "") or urljoin(url, item.id) == found.get("id"),
        "link": _same_link(item.url, found.get("link", ""), url),
        "title": item.title == found.get("title") or words(item.title) == found.get("title"),
        "date": bool(item.published) and item.published.strftime("%Y-%m-%d %H:%M:%S") == found.get("date"),
        "text": _says(item, found.get("text", "")),
    }
    kept["id"] = kept["id"] and bool(item.id)
    return tuple(name for name in FIELDS if name in found and not kept[name])


def words(markup: str) -> str:
    """What markup says, on one line."""
    body = LexborHTMLParser(markup).body
    text = body.text() if body is not None else ""
    return " ".join(text.split())


def _date(parsed: Any) -> str:
    return datetime(*parsed[:6]).strftime("%Y-%m-%d %H:%M:%S")  # noqa: DTZ001


def _same_link(ours: str, theirs: str, url: str) -> bool:
    """A relative link counts where it leads to some page: RSS does not say what it is relative to."""
    return ours == theirs or (bool(ours) and theirs.startswith(urljoin(url, "/")) and theirs[-20:] == ours[-20:])


def _says(item: Item, text: str) -> bool:
    """Whether we keep all words, but for those that a newsletter puts round its text, and shortened links."""
    said = set(_split(as_post(item, "1").text + " " + words(item.html)))
    wanted = _split(text)
    return sum(word in said for word in wanted) >= 0.95 * len(wanted)


def _split(text: str) -> list[str]:
    return re.findall(r"\w+", text)


# -- what the corpus of feedparser says of itself -----------------------------------------------------------

_KEYS = {"title": "title", "link": "link", "id": "id", "published_parsed": "date", "updated_parsed": "updated"}
_TEXTS = ("summary", "description", "content")


def expected(document: Recorded) -> Iterator[tuple[int, str, str]]:
    """What its `Expect:` comment says of entries: the entry's number, what of it, and its value."""
    comment = re.search(r"(?m)^Expect:\s+(.*)$", document.body[:3_000].decode("utf-8", "replace"))
    try:
        tree = ast.parse(comment[1].strip(), mode="eval") if comment else None
    except SyntaxError:
        tree = None
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq):
            path = _path(node.left)
            if len(path) >= 3 and path[0] == "entries" and _is_known(path):
                value = ast.literal_eval(node.comparators[0])
                yield path[1], str(path[2]), value if isinstance(value, str) else _date(value)


def _is_known(path: list[Any]) -> bool:
    if path[2] in _KEYS:
        return len(path) == 3
    return path[2] in _TEXTS and (len(path) == 3 or path[-1] == "value")


def _path(node: ast.expr) -> list[Any]:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return [*_path(node.value), node.slice.value]
    if isinstance(node, ast.Attribute):
        return [*_path(node.value), node.attr]
    return []


def is_met(item: Item, name: str, value: str, url: str) -> bool:
    """Whether an item has what is expected of its entry."""
    if name in _TEXTS:
        return _says(item, words(value))
    if name == "title":
        return words(item.title) == words(value) or item.title == " ".join(value.split())
    if name == "link":
        return _same_link(item.url, value, url) or not value.startswith("http")
    if name == "id":
        return value in (item.id, urljoin(url, item.id)) or value.endswith(item.id)
    moment = item.published if name == "published_parsed" else item.updated
    return moment is not None and moment.strftime("%Y-%m-%d %H:%M:%S") == value
