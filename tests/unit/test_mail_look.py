"""A mail as programs of every age get it, and as a real browser shows it: phone and desk, light and dark."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from selectolax.lexbor import LexborHTMLParser

from bot.channels.services import MAIL_LIMITS
from bot.compose import compose
from bot.model import Batch, Media, Post
from bot.policy import Policy
from tests.browser import measure
from tests.servers.notices import BEFORE, BRIDGES, EVE, FIRST, PARIS, THEIRS, batch, entry, happened

PICTURED = entry(
    posts=(Post(id="1", text="Look.", media=(Media(kind="image", url="https://img.example/1.jpg", alt='A "bridge"'),)),)
)
LONG = entry("400", title="x" * 300, posts=(Post(id="1", text=f"https://a.example/{'y' * 900} {'z' * 2_000}"),))
GROWN = happened(BRIDGES, "grown", before=BEFORE, first=FIRST)
CASES = {
    "new": batch(BRIDGES),
    "grown": batch(GROWN),
    "gone": batch(happened(BRIDGES, "gone", first=FIRST)),
    "digest": batch(entry(), GROWN, happened(THEIRS, feed=EVE)),
    "right to left": batch(happened(THEIRS, feed=EVE)),
    "without a blank": batch(LONG),
    "flood": batch(*(entry(str(number), posts=()) for number in range(300))),
}


PLAIN = Policy()


def html_of(told: Batch, policy: Policy = PLAIN) -> str:
    return compose(told, MAIL_LIMITS, zone=PARIS, policies=[policy] * len(told.items)).html


@pytest.mark.parametrize("case", CASES)
def test_only_what_mail_programs_know(case: str) -> None:
    """No script, no form, nothing fetched; tables are for the eye alone, and every style stands inline."""
    tree = LexborHTMLParser(html_of(CASES[case]))

    assert tree.css("script, link, form, input, iframe, object, embed, svg, img, base, button, video") == []
    assert {table.attributes["role"] for table in tree.css("table")} == {"presentation"}
    assert [node.tag for node in tree.css("p, h2, td, a, div") if "style" not in node.attributes] == []
    assert len(tree.css("style")) == 1


@pytest.mark.parametrize("case", CASES)
def test_every_address_is_visible(case: str) -> None:
    """Some programs, and each text made of the HTML, lose where a link leads."""
    tree = LexborHTMLParser(html_of(CASES[case]))

    assert [a.attributes["href"] for a in tree.css("a") if a.text() != a.attributes["href"]] == []


def test_the_first_words_stand_hidden_before_all() -> None:
    """Beside the subject a mail program shows what comes first: the claim, not the byline."""
    tree = LexborHTMLParser(html_of(batch(BRIDGES)))
    first = tree.css_first("body > div")

    assert first is not None
    assert first.text() == "Four lessons from twenty years of building bridges that hum. A thread 👇"
    assert "display:none" in (first.attributes["style"] or "")


def test_growth_is_told_first() -> None:
    """What a reader sees of a grown thread beside the subject is how much there is that is new."""
    assert "2 new posts, 1 edited" in LexborHTMLParser(html_of(batch(GROWN))).css_first("body > div").text()  # type: ignore[union-attr]


def test_a_picture_is_fetched_only_where_that_is_allowed() -> None:
    """Else it is told in words; its words are there in both."""
    without, with_it = html_of(batch(PICTURED)), html_of(batch(PICTURED), Policy(images=True))

    assert "<img" not in without and "1 image: A &#34;bridge&#34;" in without
    assert re.findall(r'<img src="([^"]*)" alt="([^"]*)"', with_it) == [
        ("https://img.example/1.jpg", "A &#34;bridge&#34;")
    ]


@pytest.mark.parametrize(
    "url", ["http://img.example/1.jpg", "data:image/png;base64,xx", "https://u@evil.example/1.jpg"]
)
def test_a_picture_that_is_not_safe_is_told_in_words(url: str) -> None:
    """Only https, and only a plain address."""
    post = Post(id="1", text="Look.", media=(Media(kind="image", url=url, alt="A bridge"),))

    assert "<img" not in html_of(batch(replace(PICTURED, posts=(post,))), Policy(images=True))


@pytest.mark.parametrize("text", ["橋" * 200, "&" * 200, "words " * 40, '<"' * 100, "👩🏽‍🔬" * 40])
def test_a_mail_is_below_what_gmail_cuts(text: str) -> None:
    """A thread without end, in characters of every width: 100 kB at the most, and most of that is used."""
    posts = tuple(Post(id=str(number), text=f"{number} {text}") for number in range(1_000))
    size = len(html_of(batch(entry(posts=posts, post_count=1_000)), Policy(summary="full")).encode())

    assert 95_000 < size <= 100_000


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 800])
@pytest.mark.parametrize("case", CASES)
def test_a_mail_fits_the_screen(case: str, width: int, dark: bool) -> None:
    """Nothing sticks out, nothing is asked for, and the page is dark where the reader wants that."""
    seen = measure(html_of(CASES[case]), width, dark=dark)

    assert (seen["width"], seen["wide"], seen["requests"]) == (width, [], [])
    assert seen["background"] == ("rgb(13, 17, 23)" if dark else "rgb(243, 244, 246)")
