"""A thread's page in a real browser: on a phone and a desk, light, dark and printed. What stands on it is in unit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.model import Post
from bot.render import Look
from bot.render.page import as_html
from tests import browser
from tests.hostile.texts import HOSTILE, placed
from tests.servers.notices import PARIS
from tests.threads_to_show import ARABIC, ESSAY, KEPT, WORLD, png

LOOK = Look(zone=PARIS, pictures={KEPT: png(1600, 900)}, read_at=datetime(2026, 11, 22, tzinfo=UTC))
WIDE = replace(ESSAY, title="x" * 300, posts=(Post(id="1", text="y" * 3_000 + " https://a.example/" + "z" * 3_000),))
THREADS = {"essay": ESSAY, "many scripts": WORLD, "right to left": ARABIC, "wide words": WIDE}


@pytest.mark.parametrize("width", [360, 800])
@pytest.mark.parametrize("name", THREADS)
def test_nothing_sticks_out(name, width):
    """No line, link or picture is wider than the screen."""
    seen = browser.measure(as_html(THREADS[name], LOOK), width)

    assert (seen["viewport"], seen["width"], seen["wide"]) == (width, width, [])


@pytest.mark.parametrize("width", [360, 800])
def test_a_number_is_on_one_line(width):
    """Also with two digits: at the edge of the page there is room for one only."""
    heights = "[...new Set([...document.querySelectorAll('.n')].map((one) => one.getClientRects()[0].height))].length"
    seen = browser.measure(as_html(WORLD, LOOK), width, also=heights)

    assert seen["also"] == 1


def test_a_page_loads_nothing():
    """A kept picture is there, and nobody was asked for anything."""
    seen = browser.measure(as_html(ESSAY, LOOK), 800)

    assert (seen["images"], seen["requests"]) == ([1600], [])


def test_a_page_loads_pictures_that_the_user_wants():
    """And those alone: the policy of the page lets them through."""
    seen = browser.measure(as_html(ESSAY, replace(LOOK, pictures={}, remote_images=True)), 800)

    assert seen["requests"] == [KEPT, "https://img.example/lost.png"]


def test_light_and_dark():
    """As the reader's system is: dark on light, and light on dark."""
    light, dark = (browser.measure(as_html(ESSAY, LOOK), 800, dark=dark) for dark in (False, True))

    assert _brightness(light["background"]) > 240 > 60 > _brightness(light["color"])
    assert _brightness(dark["background"]) < 40 < 200 < _brightness(dark["color"])


def test_nothing_runs():
    """All hostile texts on one page: no script, no dialog, no request."""
    posts = tuple(Post(id=str(n), text=one.text) for n, one in enumerate(HOSTILE))
    last = placed(HOSTILE[-1].text, ("title",))
    seen = browser.measure(as_html(replace(last, posts=posts), LOOK), 360)

    assert (seen["requests"], seen["said"], seen["width"]) == ([], [], 360)


def test_a_picture_of_the_page(tmp_path):
    """Something is drawn, of the size that was asked for."""
    path = tmp_path / "page.html"
    path.write_text(as_html(ESSAY, LOOK), encoding="utf-8")
    drawn = browser.screenshot(path, 360, 640, dark=True)

    assert drawn[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(drawn[16:20], "big"), int.from_bytes(drawn[20:24], "big")) == (360, 640)


def test_a_page_is_printed(tmp_path):
    """The browser makes a PDF of it, too."""
    path = tmp_path / "page.html"
    path.write_text(as_html(ESSAY, LOOK), encoding="utf-8")

    assert browser.printed(path).startswith(b"%PDF-")


def _brightness(colour: str) -> float:
    red, green, blue = (int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))
    return (red + green + blue) / 3
