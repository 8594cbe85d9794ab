"""Each thread as it was read: one JSON file a thread, for people and programs to read without us.

`archive/SOURCE/HANDLE/KEY.json` is the thread as last kept, `KEY.versions/1.json` … what it was before, `KEY.media/`
its pictures (see `media`). Written aside, synced, then put in place, so a file is whole or not there.
Does not know which threads there are: that is the store's. What goes when there is too much is decided by `pruning`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from bot import search
from bot.errors import StoreError
from bot.model import Author, Entry, Found, Media, Post, Search
from bot.stores.files import Files, reason, replace_file
from bot.stores.media import Pictures, name_of
from bot.stores.pruning import Pruning
from bot.stores.rules import newest_found

LONGEST = 120
"""File systems take 255 bytes for a name; this leaves room for the checksum and the ending."""

# Names that Windows keeps for devices, with any ending.
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?")

LARGEST = 64 * 1024 * 1024
"""No thread of ours is larger, in bytes: a page is read up to 8 MB. What is, is not searched."""


_REMEMBERED, _SHORT = 16, 200_000
"""Texts that are kept with what they say, and how long each may be. A new thread is asked for once for each channel."""


class Archive:
    """The kept threads below one folder. Not for the event loop: every call waits for the disk."""

    def __init__(self, folder: Path, files: Files | None = None) -> None:
        self._folder = folder
        self._files = files or Files()
        self.pruning = Pruning(folder, self._files)
        self._decoded: dict[tuple[Path, str], tuple[bytes, Entry]] = {}

    def path(self, feed_id: str, key: str) -> Path:
        """Where a thread is kept: always below the folder, and no two threads in one place."""
        source, colon, handle = feed_id.partition(":")
        folder = self._folder / (safe_name(source) if colon else "~") / safe_name(handle if colon else feed_id)
        return folder / f"{safe_name(key)}.json"

    def version_path(self, feed_id: str, key: str, version: int) -> Path:
        """Where a version is kept that is not the newest any more. No thread's own file has such a name."""
        return self.path(feed_id, key).with_suffix(".versions") / f"{version}.json"

    def write(self, entry: Entry) -> None:
        """Keep a thread; an earlier version of it that is kept stays beside it. Raises `StoreError`."""
        path = self.path(entry.feed_id, entry.key)
        if entry.version > 1:
            self._keep_version(path, entry)
        self._put(path, entry)

    def _keep_version(self, path: Path, entry: Entry) -> None:
        try:
            before = self._read(path, entry.feed_id)
        except StoreError:  # what is damaged is no version; it must not keep the new one from being kept
            return
        # One that is as new was left by a commit that failed: it is not a version that anybody was told of.
        if before is not None and before.version < entry.version:
            self._put(self.version_path(entry.feed_id, entry.key, before.version), before)

    def _put(self, path: Path, entry: Entry) -> None:
        text = json.dumps(document_of(entry), indent=1, ensure_ascii=False) + "\n"
        try:
            self._files.make_folder(path.parent)
            self.pruning.written(replace_file(self._files, path, [text.encode("utf-8", "backslashreplace")]))
        except OSError as e:
            raise StoreError(f"cannot keep the thread {entry.key} in {path}: {reason(e)}") from e

    def read(self, feed_id: str, key: str, version: int | None = None) -> Entry | None:
        """The thread as last kept, or that version of it; None if it is not there.

        Raises `StoreError` for a file that cannot be read.
        """
        newest = self._read(self.path(feed_id, key), feed_id)
        if version is None or (newest is not None and newest.version == version):
            return newest
        return self._read(self.version_path(feed_id, key, version), feed_id)

    def thread_at(self, path: Path) -> tuple[str, str] | None:
        """Feed id and key of the thread that this file is of, also where it is gone; None if that cannot be told."""
        for told in (_ids_by_name, self._ids_by_content):
            ids = told(path)
            if ids is not None and self.path(*ids) == path:
                return ids
        return None

    def _ids_by_content(self, path: Path) -> tuple[str, str] | None:
        try:
            found = json.loads(self._files.read(path))
            return str(found["feed"]), str(found["id"])
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None

    def keep_media(self, feed_id: str, key: str, url: str, mime: str, data: bytes) -> None:
        """Keep a picture of a thread. Raises `StoreError`; `ValueError` for a kind that is not kept."""
        self._pictures(feed_id, key).write(url, mime, data)
        self.pruning.written(len(data))

    def media(self, feed_id: str, key: str, urls: Iterable[str]) -> dict[str, tuple[str, bytes]]:
        """Those of these pictures that are kept: kind and bytes."""
        return self._pictures(feed_id, key).read(urls)

    def missing_media(self, feed_id: str, key: str, urls: Iterable[str]) -> tuple[str, ...]:
        """Those of these pictures that are not kept."""
        there = self._pictures(feed_id, key).names()
        return tuple(url for url in urls if name_of(url) not in there)

    def _pictures(self, feed_id: str, key: str) -> Pictures:
        return Pictures(self.path(feed_id, key).with_suffix(".media"), self._files)

    def search(self, text: str, feed_id: str | None = None) -> Search:
        """The kept threads (of one feed) that hold all words of a text. One file at a time is in memory.

        Each is read: to look at its bytes first saved nothing (10,000 threads: 1.4 s of CPU either way).
        """
        wanted = search.needles(text)
        found: list[Found] = []
        damaged: list[str] = []
        for path in self._newest(feed_id) if wanted else ():
            try:
                hit = self._search(path, wanted)
            except StoreError as e:
                damaged.append(str(e))
            else:
                found += filter(None, (hit,))
        return Search(found=newest_found(found), damaged=tuple(damaged))

    def _newest(self, feed_id: str | None) -> Iterator[Path]:
        """The files of all threads as last kept."""
        authors = self._folder.glob("*/*") if feed_id is None else (self.path(feed_id, "").parent,)
        return (path for author in authors for path in author.glob("*.json"))

    def _search(self, path: Path, wanted: tuple[str, ...]) -> Found | None:
        try:
            if path.stat().st_size > LARGEST:
                raise StoreError(f"{path} is larger than any thread")
            return search.found(_parsed(self._files.read(path), path), wanted)
        except FileNotFoundError:
            return None
        except OSError as e:
            raise StoreError(f"cannot read {path}: {reason(e)}") from e

    def _read(self, path: Path, feed_id: str) -> Entry | None:
        try:
            text = self._files.read(path)
        except FileNotFoundError:
            return None
        except OSError as e:
            raise StoreError(f"cannot read {path}: {reason(e)}") from e
        said, entry = self._decoded.get((path, feed_id), (b"", None))
        if entry is None or said != text:
            entry = _parsed(text, path, feed_id)
            self._remember(path, feed_id, text, entry)
        return entry

    def _remember(self, path: Path, feed_id: str, text: bytes, entry: Entry) -> None:
        self._decoded.pop((path, feed_id), None)
        if len(text) <= _SHORT:
            self._decoded[path, feed_id] = text, entry
        if len(self._decoded) > _REMEMBERED:
            del self._decoded[next(iter(self._decoded))]


def _parsed(text: str | bytes, path: Path, feed_id: str | None = None) -> Entry:
    """The thread that a file holds. Raises `StoreError`."""
    try:
        found = json.loads(text)
        return entry_of(found, found["feed"] if feed_id is None else feed_id)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as e:
        raise StoreError(f"{path} is damaged: it holds no thread. Remove it, or restore it from a backup.") from e


def safe_name(text: str) -> str:
    """A file name for any text, another one for any other text, also where "A" and "a" are the same file.

    Small letters, digits, "_", "-" and inner "." stay; every other byte is "%" and two digits. "~" occurs only
    before the checksum of a name that would be too long.
    """
    name = re.sub(rb"[^a-z0-9_.-]", lambda byte: b"%%%02x" % byte[0][0], _bytes(text)).decode("ascii")
    if not name:
        return "%"
    if name[0] in ".-" or RESERVED.fullmatch(name):
        name = f"%{ord(name[0]):02x}{name[1:]}"
    if name[-1] == ".":
        name = f"{name[:-1]}%2e"
    if len(name) <= LONGEST:
        return name
    return f"{name[: LONGEST // 2]}~{hashlib.sha256(_bytes(text)).hexdigest()[:40]}"


def _ids_by_name(path: Path) -> tuple[str, str] | None:
    """Feed id and key by the names of the file and its folders; None where a name does not say all of it."""
    source, handle, key = path.parts[-3], path.parts[-2], path.stem
    try:
        feed_id = _plain(handle) if source == "~" else f"{_plain(source)}:{_plain(handle)}"
        return feed_id, _plain(key)
    except ValueError:
        return None


def _plain(name: str) -> str:
    """The text whose `safe_name` this is, or another text; `ValueError` where it is of none."""
    return "" if name == "%" else unquote_to_bytes(name).decode("utf-8", "surrogatepass")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def document_of(entry: Entry) -> dict[str, Any]:
    """A thread as its file holds it."""
    return {
        "id": entry.key,
        "feed": entry.feed_id,
        "url": entry.url,
        "author": asdict(entry.author),
        "title": entry.title,
        "published": _rfc3339(entry.published),
        "whole": entry.whole,
        "version": entry.version,
        "read": _rfc3339(entry.read_at),
        **({"latest": _rfc3339(entry.latest)} if entry.latest else {}),
        "post_count": entry.post_count,
        "aliases": list(entry.aliases),
        "posts": [_post(post) for post in entry.posts],
        "hash": entry.content_hash,
    }


def _post(post: Post) -> dict[str, Any]:
    return {
        "id": post.id,
        "text": post.text,
        "links": list(post.links),
        "media": [asdict(media) for media in post.media],
        "quotes": list(post.quotes),
        "reply_to": list(post.reply_to),
        **({"warning": post.warning} if post.warning else {}),
    }


def entry_of(found: Mapping[str, Any], feed_id: str) -> Entry:
    """The thread that such a document is of. Raises `TypeError`, `ValueError`, `KeyError` or `AttributeError`."""
    return Entry(
        feed_id=feed_id,
        key=found["id"],
        url=found["url"],
        author=Author(**found["author"]),
        title=found["title"],
        aliases=tuple(found["aliases"]),
        published=_time(found["published"]),
        post_count=found["post_count"],
        posts=tuple(_read_post(post) for post in found["posts"]),
        whole=found["whole"],
        version=found.get("version", 1),
        read_at=_time(found.get("read")),
        latest=_time(found.get("latest")),
    )


def _read_post(found: Mapping[str, Any]) -> Post:
    return Post(
        id=found["id"],
        text=found["text"],
        links=tuple(found["links"]),
        media=tuple(Media(**media) for media in found["media"]),
        quotes=tuple(found["quotes"]),
        reply_to=tuple(found["reply_to"]),
        warning=found.get("warning", ""),
    )


def _time(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _rfc3339(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat().replace("+00:00", "Z")
