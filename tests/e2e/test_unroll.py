"""`unroll` as a person types it: from the page, from the kept copy when the page is gone, as a PDF, with pictures."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from bot import pdf
from bot.demo.site import SampleImage, samples
from bot.errors import NoPdf
from bot.model import Changes
from bot.stores.tiny import TinyStore
from tests.command import environment, finish, keepcurrent, start
from tests.needed import missing
from tests.servers.feeds import feed_site
from tests.servers.mastodon import instance
from tests.service import write_settings
from tests.sites import answer
from tests.sites import site as faulty_site
from tests.threads_to_show import png

AUTHOR = f"@{samples().author.handle}"
THREAD = samples().threads[0]


@pytest.fixture
def able() -> None:
    """A machine on which PDFs can be made."""
    try:
        pdf.load()
    except NoPdf as error:
        missing("what makes a PDF", str(error))


async def keep(home) -> str:
    """Have the newest thread kept, as a bot does; returns its id."""
    await keepcurrent("follow", AUTHOR, "--backfill", "1", cwd=home)
    await keepcurrent("poll", cwd=home)
    store = await TinyStore.open(home / "data", read_only=True)
    kept = [known.key for known in await store.threads() if await store.content(known.feed_id, known.key)]
    await store.close()
    return kept[0]


async def test_a_thread_whose_page_is_gone_is_shown_from_the_copy(home, site):
    """With a sentence that says so, on the error stream and in what is shown; exit 0."""
    key = await keep(home)
    site.withdraw(key)
    result = await keepcurrent("unroll", key, cwd=home)

    assert result.code == 0
    assert "has no such page (404). Kept copy of" in result.err
    assert "(Kept copy of 2" in result.out
    assert "the thread's own page is gone.)" in result.out


async def test_a_thread_whose_page_cannot_be_read_is_shown_from_the_copy(home, site):
    """Also by its URL, and whatever keeps it from being read."""
    key = await keep(home)
    await site.stop()
    result = await keepcurrent("unroll", f"{site.base_url}/thread/{key}.html", "--format", "html", cwd=home)

    assert result.code == 0
    assert "the thread&#39;s own page could not be read." in result.out


async def test_a_page_that_is_there_comes_before_the_copy(home, site):
    """The copy is for when it is needed."""
    key = await keep(home)
    result = await keepcurrent("unroll", key, "--format", "json", cwd=home)

    assert (result.code, result.err) == (0, "")
    assert "note" not in result.json


async def test_an_id_that_only_the_store_knows(home, site):
    """An id that no source takes for one is looked up among the kept threads; its source has no such page."""
    key = await keep(home)
    store = await TinyStore.open(home / "data")
    known = next(known for known in await store.threads() if known.key == key)
    copy = await store.content(known.feed_id, key)
    changes = Changes(
        feed_id=known.feed_id,
        known=(replace(known, key="77", aliases=()),),
        contents=(replace(copy, key="77", title="Kept as 77"),),
    )
    await store.commit(changes)
    await store.close()
    result = await keepcurrent("unroll", "77", cwd=home)

    assert result.code == 0
    assert result.out.startswith("Kept as 77\n")
    assert "Kept copy of" in result.err


async def test_what_is_no_thread_is_said(home):
    """An id that nobody knows is exit 2, with what a thread looks like, anywhere."""
    result = await keepcurrent("unroll", "78", cwd=home)

    assert result.code == 2
    assert all(one in result.err for one in ("https://…/thread/ID.html", "bsky.app/profile/", "https://HOST/@NAME/ID"))


async def test_an_id_of_digits_is_read_where_it_is_known_from(home, site):
    """It may look like one of X, and X may have such a post: that is another thread."""
    more = 'allow_private_hosts = ["127.0.0.1"]'
    write_settings(home, site.base_url, '[channels.me]\nkind = "console"', more)
    async with instance() as server:
        server.join("ann")
        first, second = server.thread("ann", "One.", "Two.")
        await keepcurrent("follow", f"{server.url}/@ann", "--backfill", "1", cwd=home)
        known = await keepcurrent("unroll", first, "--format", "json", cwd=home)
        inside = await keepcurrent("unroll", second, "--format", "json", cwd=home)

    assert (known.err, known.json["author"]) == ("", f"@ann@{server.host}")
    assert [post["text"] for post in known.json["posts"]] == ["One.", "Two."]
    assert inside.json["id"] == first


async def test_what_a_blog_s_notice_links_to_is_understood(home, site):
    """By its URL, in every command; the copy is shown without a word against the page, which is not asked for."""
    more = 'allow_private_hosts = ["127.0.0.1"]'
    write_settings(home, site.base_url, '[channels.me]\nkind = "console"', more)
    async with feed_site() as blogs:
        blogs.blog("ann", articles=2).edit(1, html="<p>What it says.</p>")
        followed = await keepcurrent("follow", f"{blogs.url}/ann/feed.xml", "--backfill", "1", cwd=home)
        asked = len(blogs.requests)
        url = f"{blogs.url}/ann/posts/1"
        unrolled = await keepcurrent("unroll", url, cwd=home)
        why = await keepcurrent("why", url.replace("http://", "https://") + "/", cwd=home)
        old = await keepcurrent("unroll", f"{blogs.url}/ann/posts/0", cwd=home)
        nothing = await keepcurrent("unroll", f"{blogs.url}/ann/posts/7", cwd=home)
        assert len(blogs.requests) == asked
        refreshed = await keepcurrent("refresh", url, cwd=home)

    assert (followed.code, unrolled.code, unrolled.err, why.code) == (0, 0, "", 0)
    assert "What it says." in unrolled.out
    assert "(As the feed had it on 20" in unrolled.out
    assert "Article 1" in why.out
    assert (old.code, "no copy of" in old.err, f"{blogs.url}/ann/posts/0" in old.err) == (1, True, True)
    assert nothing.code == 2
    assert (refreshed.code, "known here" in refreshed.err) == (0, False)


async def test_a_page_that_is_gone_without_a_copy(home, site):
    """Exit 1, in words; that there is no store is no trouble, and none is begun."""
    result = await keepcurrent("unroll", f"{site.base_url}/thread/1234567890123456789.html", cwd=home)

    assert result.code == 1
    assert "has no such page (404)" in result.err
    assert "copy" not in result.err
    assert not (home / "data").exists()


async def test_a_damaged_store_does_not_keep_a_page_from_being_read(home, site):
    """Nor hides that the page is gone."""
    await keep(home)
    for path in (home / "data").iterdir():
        if path.is_file():
            path.write_bytes(b"{ damaged")
    there = await keepcurrent("unroll", f"{site.base_url}/thread/{THREAD.key}.html", cwd=home)
    gone = await keepcurrent("unroll", f"{site.base_url}/thread/1234567890123456789.html", cwd=home)

    assert (there.code, there.err) == (0, "")
    assert gone.code == 1
    assert "has no such page (404)" in gone.err
    assert "no kept copy can be looked up" in gone.err


async def test_a_store_in_use_is_read(home, site):
    """Another process may hold it."""
    key = await keep(home)
    store = await TinyStore.open(home / "data")
    await site.stop()
    result = await keepcurrent("unroll", key, cwd=home)
    await store.close()

    assert result.code == 0


async def test_a_pdf_in_a_file(able, home, site):
    """`-o FILE` writes it."""
    url = f"{site.base_url}/thread/{THREAD.key}.html"
    result = await keepcurrent("unroll", url, "--format", "pdf", "-o", "thread.pdf", cwd=home)

    assert (result.code, result.out) == (0, "")
    assert (home / "thread.pdf").read_bytes().startswith(b"%PDF-")


async def test_a_pdf_in_a_pipe(able, home, site):
    """Nothing else is on standard output."""
    process = await start("unroll", f"{site.base_url}/thread/{THREAD.key}", "--format", "pdf", cwd=home)
    out, err = await process.communicate()

    assert (process.returncode, err) == (0, b"")
    assert (out[:5], out.rstrip()[-5:]) == (b"%PDF-", b"%%EOF")


def test_a_pdf_is_not_for_a_terminal(tmp_path):
    """It would be noise there: exit 2, before anything is asked."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "bot", "unroll", "1415051905190047746", "--format", "pdf"]
    done = subprocess.run(
        command, stdout=theirs, stderr=subprocess.PIPE, cwd=tmp_path, env=environment(), timeout=60, check=False
    )
    os.close(theirs)
    os.close(ours)

    assert done.returncode == 2
    assert done.stderr.decode() == "keepcurrent: a PDF is not for a terminal: give it a file with -o FILE, or a pipe\n"


async def test_without_the_extra_nothing_is_asked(home, site):
    """One line, exit 1."""
    (home / "weasyprint.py").write_text("raise ImportError('as if it were not there')")
    process = await start("unroll", THREAD.key, "--format", "pdf", "-o", "x", cwd=home, PYTHONPATH=_before(home))
    result = await finish(process)

    assert result.code == 1
    assert result.err == 'keepcurrent: unroll --format pdf needs the extra: pip install "keepcurrent[pdf]"\n'


def _before(folder) -> str:
    return f"{folder}:{environment()['PYTHONPATH']}"


# -- pictures ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def gallery(site, **pictures):
    """A thread of the site whose pictures are served elsewhere, by their names; its URL and who was asked what."""
    async with faulty_site(**pictures) as served:
        images = tuple(SampleImage(url=f"{served.url}/{name}", alt=f"Picture {name}") for name in pictures)
        shown = replace(THREAD, id="1999999999999999999", posts=(replace(THREAD.posts[0], images=images),))
        site.publish(shown)
        yield f"{site.base_url}/thread/{shown.key}.html", served


def drawn(path) -> int:
    """How many pictures are in a PDF, emoji included."""
    return path.read_bytes().count(b"/Subtype /Image")


PNG = answer(body=png(640, 320).data, content_type="image/png")


async def test_pictures_are_fetched_for_a_pdf_if_wanted(able, home, site):
    """Without --images nobody is asked; with it they are inside, and what is no picture is named."""
    page = answer(body=b"x", content_type="text/html")
    async with gallery(site, one=PNG, two=answer("404 Not Found"), three=page) as (url, served):
        without = await keepcurrent("unroll", url, "--format", "pdf", "-o", "a.pdf", cwd=home)
        before = served.paths
        wanted = await keepcurrent("unroll", url, "--format", "pdf", "--images", "-o", "b.pdf", cwd=home)

    assert (without.code, wanted.code, before) == (0, 0, [])
    assert served.paths == ["/one", "/two", "/three"]
    assert drawn(home / "b.pdf") - drawn(home / "a.pdf") == 1
    assert "2 pictures could not be read" in wanted.err
