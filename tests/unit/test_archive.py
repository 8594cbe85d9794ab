"""The archive: where a thread's file is, what stands in it, and what is left after faults."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.errors import StoreError
from bot.model import Author, Entry, Media, Post
from bot.stores.archive import Archive, safe_name
from tests.faulty_files import Cut, Failing, PowerCut

ENTRY = Entry(
    feed_id="threadreader:morcos_pierre",
    key="1790000000000000000",
    url="https://threadreaderapp.com/thread/1790000000000000000.html",
    author=Author(handle="morcos_pierre", name="Pierre Morcos", url="https://example.org/p", key="42"),
    title="A thread 👍",
    aliases=("1790000000000000001",),
    published=datetime(2026, 11, 22, 12, 0, tzinfo=UTC),
    post_count=2,
    whole=True,
    posts=(
        Post(
            id="1",
            text="one\ntwo",
            links=("https://example.org/l",),
            media=(Media(kind="video", url="https://example.org/v", alt="a film"),),
            quotes=("https://example.org/q",),
            reply_to=("bob",),
        ),
        Post(id="2", text="three"),
    ),
)
IDS = st.text(max_size=8) | st.text("ab./\\:%~A\0 é", max_size=6) | st.text("aA/.", min_size=100, max_size=400)


def test_a_thread_stands_under_source_handle_and_key(tmp_path: Path) -> None:
    """Ordinary ids are the names of the folders and of the file."""
    Archive(tmp_path).write(ENTRY)

    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert file.relative_to(tmp_path) == Path("threadreader/morcos_pierre/1790000000000000000.json")


def test_the_file_is_readable_json(tmp_path: Path) -> None:
    """Whoever opens the file finds the thread, without knowing this program."""
    Archive(tmp_path).write(ENTRY)

    assert json.loads(Archive(tmp_path).path(ENTRY.feed_id, ENTRY.key).read_text(encoding="utf-8")) == {
        "id": "1790000000000000000",
        "feed": "threadreader:morcos_pierre",
        "url": "https://threadreaderapp.com/thread/1790000000000000000.html",
        "author": {
            "handle": "morcos_pierre",
            "name": "Pierre Morcos",
            "url": "https://example.org/p",
            "key": "42",
        },
        "title": "A thread 👍",
        "published": "2026-11-22T12:00:00Z",
        "whole": True,
        "version": 1,
        "read": None,
        "post_count": 2,
        "aliases": ["1790000000000000001"],
        "posts": [
            {
                "id": "1",
                "text": "one\ntwo",
                "links": ["https://example.org/l"],
                "media": [{"kind": "video", "url": "https://example.org/v", "alt": "a film"}],
                "quotes": ["https://example.org/q"],
                "reply_to": ["bob"],
            },
            {"id": "2", "text": "three", "links": [], "media": [], "quotes": [], "reply_to": []},
        ],
        "hash": ENTRY.content_hash,
    }


def test_a_thread_comes_back_as_given(tmp_path: Path) -> None:
    """What was written is read, and what was never written is None."""
    archive = Archive(tmp_path)
    archive.write(ENTRY)

    assert archive.read(ENTRY.feed_id, ENTRY.key) == ENTRY
    assert archive.read(ENTRY.feed_id, "other") is archive.read("a:b", ENTRY.key) is None


def test_the_hash_is_of_the_content() -> None:
    """Title and posts make the hash; address, author, date, count, aliases and wholeness do not."""
    other = replace(
        ENTRY, url="x", author=Author(handle="x"), published=None, post_count=9, aliases=(), whole=False, key="9"
    )

    assert other.content_hash == ENTRY.content_hash
    assert replace(ENTRY, title="x").content_hash != ENTRY.content_hash
    assert replace(ENTRY, posts=ENTRY.posts[:1]).content_hash != ENTRY.content_hash
    assert len(ENTRY.content_hash) == 64


@given(feed_id=IDS, key=IDS)
@example(feed_id="..:..", key="..")
@example(feed_id="/:/", key="/etc/passwd")
@example(feed_id="", key="")
@example(feed_id="a:con", key="nul.json")
@example(feed_id="a:\ud800", key="\0")
def test_no_id_leaves_the_archive(feed_id: str, key: str) -> None:
    """The file is always three names below the folder, each of them harmless on any file system."""
    names = Archive(Path("/archive")).path(feed_id, key).relative_to("/archive").parts

    assert len(names) == 3
    for name in names:
        assert 0 < len(name) <= 130
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-.%~")
        assert name[0] not in ".-"
        assert name[-1] != "."
        assert name.split(".")[0] not in {"con", "nul", "aux", "prn", "com1", "lpt9"}


@given(one=st.tuples(IDS, IDS), other=st.tuples(IDS, IDS))
@example(one=("a:b", "K"), other=("a:b", "k"))
@example(one=("a:b", "%4b"), other=("a:b", "K"))
@example(one=("a", "k"), other=("a:", "k"))
@example(one=("a", "k"), other=(":a", "k"))
@example(one=("a:b", "x" * 300), other=("a:b", "x" * 301))
@example(one=("a:b/c", "d"), other=("a:b", "c/d"))
@example(one=("a:b", "con"), other=("a:b", "%63on"))
def test_no_two_threads_share_a_file(one: tuple[str, str], other: tuple[str, str]) -> None:
    """Different ids have different files, also where the file system takes "A" and "a" for the same."""
    paths = [str(Archive(Path("/archive")).path(*ids)).casefold() for ids in (one, other)]

    assert (paths[0] == paths[1]) == (one == other)


def test_a_long_name_keeps_its_beginning() -> None:
    """A name that would be too long is cut, and told apart by a checksum."""
    assert safe_name("x" * 500).startswith("x" * 60 + "~")


@pytest.mark.parametrize(
    "text", ["", "{", "null", "[]", "{}", "\ufeff{}", '{"id": 1}', '{"published": 5}', "[" * 10**5]
)
def test_a_damaged_file_is_told(tmp_path: Path, text: str) -> None:
    """A file that holds no thread is an error that names it."""
    archive = Archive(tmp_path)
    archive.write(ENTRY)
    file = archive.path(ENTRY.feed_id, ENTRY.key)
    file.write_text(text, encoding="utf-8")

    with pytest.raises(StoreError, match=str(file)):
        archive.read(ENTRY.feed_id, ENTRY.key)


def test_a_fault_at_any_operation_keeps_the_old_thread_or_the_new(tmp_path: Path) -> None:
    """Fault at call 1, 2, 3 …: the file is whole, and an error is told."""
    new = replace(ENTRY, title="new")
    first = 0
    while True:
        first += 1
        Archive(tmp_path).write(ENTRY)
        files = Failing(first)
        try:
            Archive(tmp_path, files).write(new)
        except StoreError:
            assert files.failed
            assert Archive(tmp_path).read(ENTRY.feed_id, ENTRY.key) in (ENTRY, new)
        else:
            assert not files.failed
            assert Archive(tmp_path).read(ENTRY.feed_id, ENTRY.key) == new
            break

    assert first == 6


def test_a_thread_that_was_kept_survives_a_power_cut(tmp_path: Path) -> None:
    """Content and name are both on the disk when `write` returns; before, the old thread is."""
    new = replace(ENTRY, title="new")
    was_hit = True
    first = 5
    while was_hit:
        first += 1
        kept, left = tmp_path / f"{first}", tmp_path / f"{first}-left"
        folder = Archive(kept).path(ENTRY.feed_id, ENTRY.key).parent
        folder.mkdir(parents=True)
        files = PowerCut(first, folder)
        archive = Archive(kept, files)
        archive.write(ENTRY)
        expected = [new]
        try:
            archive.write(new)
        except Cut:
            expected = [ENTRY, new]
        files.leave(left / folder.relative_to(kept))

        assert Archive(left).read(ENTRY.feed_id, ENTRY.key) in expected
        was_hit = files.was_hit

    assert first == 11
