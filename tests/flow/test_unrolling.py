"""What `unroll` does for a PDF: pictures, so many, so large, so long and no more; and the PDF itself, in time."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from datetime import UTC

import pytest

from bot import pdf
from bot.commands import unrolling
from bot.commands.unrolling import fetched_pictures, made_pdf
from bot.errors import NoPdf, TemporarySourceError
from bot.http import Response
from bot.model import Media, Post
from bot.render import Look
from tests.threads_to_show import ESSAY, png


def pictured(*urls):
    return replace(ESSAY, posts=tuple(Post(id=url, text="", media=(Media(kind="image", url=url),)) for url in urls))


PNG = b"\x89PNG\r\n\x1a\n"


class Gallery:
    """An HTTP client that has a picture at every address, or what a test says."""

    def __init__(self, body=PNG, hangs_at=None):
        self.body, self.hangs_at = body, hangs_at
        self.asked = []

    async def get(self, url, *, feed_id, headers):
        self.asked.append(url)
        if url == self.hangs_at:
            await asyncio.Event().wait()
        if url.endswith("lost"):
            raise TemporarySourceError(feed_id, "lost")
        return Response(status=200, url=url, headers={}, body=self.body)


async def test_each_picture_is_asked_for_once():
    """Those that are kept are not asked for at all."""
    http = Gallery()
    pictures = await fetched_pictures(http, pictured("a", "b", "a", "kept"), {"kept": png()})

    assert http.asked == ["a", "b"]
    assert pictures.keys() == {"a", "b"}


async def test_so_many_and_no_more(capsys):
    """A thread of a thousand pictures does not ask a thousand times, and the rest is told."""
    http = Gallery()
    await fetched_pictures(http, pictured(*map(str, range(1_000))), {})

    assert len(http.asked) == unrolling.MOST_PICTURES
    assert "960 pictures could not be read" in capsys.readouterr().err


async def test_so_large_and_no_more():
    """All of them together are bounded, too."""
    http = Gallery(body=PNG + b"x" * (unrolling.MOST_PICTURE_BYTES // 2))
    pictures = await fetched_pictures(http, pictured("a", "b", "c"), {})

    assert (http.asked, len(pictures)) == (["a", "b"], 2)


async def test_so_long_and_no_more(monkeypatch):
    """What was read before the time was up is shown."""
    monkeypatch.setattr(unrolling, "PICTURES_WITHIN", 0.05)
    pictures = await fetched_pictures(Gallery(hangs_at="b"), pictured("a", "b", "c"), {})

    assert pictures.keys() == {"a"}


@pytest.mark.parametrize(("http", "url"), [(Gallery(body=b"<svg/>"), "a"), (Gallery(), "lost")])
async def test_what_is_no_picture_is_left_out(http, url, capsys):
    """And told."""
    assert await fetched_pictures(http, pictured(url), {}) == {}
    assert "1 picture could not be read" in capsys.readouterr().err


async def test_a_pdf_that_is_never_done_is_given_up(monkeypatch):
    """One line; what goes on in its thread keeps nobody from leaving."""
    never = threading.Event()
    monkeypatch.setattr(unrolling, "PDF_WITHIN", 0.05)
    monkeypatch.setattr(pdf, "pdf", lambda *_: never.wait(30))
    with pytest.raises(NoPdf, match=r"the PDF was not made within 0\.05 s; --format html"):
        await made_pdf(ESSAY, Look(zone=UTC))
    never.set()


async def test_a_pdf_is_made_beside_the_event_loop(monkeypatch):
    """And what went wrong there is told here."""
    threads = []

    def fail(*_):
        threads.append(threading.current_thread())
        raise NoPdf("no")

    monkeypatch.setattr(pdf, "pdf", fail)
    with pytest.raises(NoPdf, match="no"):
        await made_pdf(ESSAY, Look(zone=UTC))

    assert threads != [threading.current_thread()]
