"""One notice from a batch."""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from bot.channels.services import GROUP_PINGS, MAIL_LIMITS, MATRIX_LIMITS, SLACK_LIMITS
from bot.compose import MAY_REPEAT, ONLY_BEGINNING, compose
from bot.compose.forms import size_of
from bot.model import Alert, Author, Batch, Delivery, Entry, Item, Limits, Media, Message, Post
from bot.policy import Policy
from bot.text import clean
from tests.hostile.readers import MAIL_WITH_IMAGES, MATRIX, read_html
from tests.servers.notices import (
    AUTHOR,
    BEFORE,
    BRIDGES,
    EVE,
    FEED,
    FIRST,
    NOW,
    PARIS,
    POSTS,
    THEIRS,
    batch,
    entry,
    happened,
)
from tests.unit.test_text import NASTY

WIDE = Limits(title=200, text=100_000, html=200_000)
GOLDEN = Path(__file__).parents[1] / "data" / "compose"
FORMS = {
    "mail": MAIL_LIMITS,
    "matrix": MATRIX_LIMITS,
    "slack": SLACK_LIMITS,
    "markdown": Limits(title=100, text=2_000, markdown=2_000, pings=GROUP_PINGS),
    "tight": Limits(title=40, text=320),
}
WHOLE = Policy(summary="full")


def noted(one: Entry, limits: Limits = WIDE, policy: Policy = WHOLE) -> Message:
    """The notice about a single thread, whole."""
    return compose(batch(one), limits, zone=PARIS, policies=[policy])


def shown(html: str) -> str:
    """What a reader sees of a piece of HTML, line breaks included."""
    tree = LexborHTMLParser(html.replace("<br>", "\n"))
    return tree.body.text() if tree.body else ""


def golden(message: Message) -> str:
    """A message as a page to compare."""
    parts = (message.title, message.text, message.html, message.markdown, "\n".join(message.links))
    return "\n=====\n".join(part for part in parts if part) + "\n"


CASES: dict[str, tuple[Batch, Policy]] = {
    "new": (batch(happened(BRIDGES)), Policy()),
    "full": (batch(entry(), doubtful=True), WHOLE),
    "grown": (batch(happened(BRIDGES, "grown", before=BEFORE, first=FIRST)), Policy()),
    "gone": (batch(happened(BRIDGES, "gone", first=FIRST)), Policy()),
    "digest": (
        batch(entry(), happened(BRIDGES, "grown", before=BEFORE, first=FIRST), happened(THEIRS, feed=EVE)),
        Policy(),
    ),
    "flood": (
        batch(*(entry(str(number), title=f"Thread {number} <&>", posts=()) for number in range(1, 31))),
        Policy(),
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("form", FORMS)
def test_a_notice_looks_like_this(form: str, case: str) -> None:
    """Each event in each kind of channel; KEEPCURRENT_WRITE_GOLDEN writes the files anew."""
    of, policy = CASES[case]
    page = golden(compose(of, FORMS[form], zone=PARIS, policies=[policy] * len(of.items)))
    path = GOLDEN / f"{case}.{form}.txt"
    if os.environ.get("KEEPCURRENT_WRITE_GOLDEN"):
        path.write_text(page)

    assert page == path.read_text()


def test_the_key_is_that_of_the_deliveries() -> None:
    """A repeated notice has the key of the first; what comes later to the same digest has another one."""
    one, other = batch(entry(), key="b-77"), batch(entry(), entry("200"), key="b-77")
    later = replace(other, items=other.items[1:])

    assert compose(one, WIDE, zone=PARIS).key == compose(one, WIDE, zone=PARIS).key
    assert len({compose(some, WIDE, zone=PARIS).key for some in (one, other, later)}) == 3


def test_the_same_batch_gives_the_same_message() -> None:
    """Nothing in a notice depends on when or where it is composed."""
    assert noted(entry()) == noted(entry())


def test_a_doubtful_notice_says_that_it_may_repeat() -> None:
    """And a certain one does not."""
    assert MAY_REPEAT in compose(batch(entry(), doubtful=True), WIDE, zone=PARIS).text
    assert MAY_REPEAT not in noted(entry()).text


def test_a_beginning_says_that_it_is_one() -> None:
    """A thread that could not be read whole says so, and how much is missing."""
    text = noted(entry(whole=False, post_count=12)).text

    assert ONLY_BEGINNING in text
    assert "… and 8 more posts: https://threads.example/thread/100.html" in text
    assert "min read" not in text


def test_an_unreadable_thread_still_has_title_and_link() -> None:
    """Without posts there are title, date and link."""
    message = noted(entry(posts=(), whole=False, post_count=None))

    assert message.title == "Ada Example: Why do bridges hum?"
    assert message.text.splitlines()[:3] == [
        "Why do bridges hum?",
        "Ada Example (@ada_example) · 21 November 2026, 18:04 CET",
        "https://threads.example/thread/100.html",
    ]


@pytest.mark.parametrize(("alt", "title"), [("two people on a quay", "Image: two people on a quay"), ("", "3 images")])
def test_a_thread_of_pictures_is_named_after_them(alt: str, title: str) -> None:
    """After the first that is described; without a description, after how many they are."""
    media = (Media(kind="image", url="https://i.example/1.jpg", alt=alt),) * 3

    assert noted(entry(title="", posts=(Post(id="1", text="", media=media),))).title == f"Ada Example: {title}"


def test_mentions_of_a_reply_go_and_others_stay() -> None:
    """Only the handles that the post answers are taken from its start."""
    text = noted(entry(posts=(Post(id="1", text="@Bob @eve hello @bob", reply_to=("bob",)),))).text

    assert "\n@eve hello @bob" in text


def test_a_link_that_is_no_web_link_is_never_linked() -> None:
    """Scripts and odd schemes become no link, wherever they stand."""
    evil = "javascript:alert(1)"
    message = noted(entry(url=evil, posts=(Post(id="1", text=f"see {evil}", links=(evil,), quotes=("data:x",)),)))

    assert message.links == ()
    assert "href" not in message.html


def test_links_come_once_and_the_threads_own_first() -> None:
    """However often a link is named."""
    link = "https://papers.example/one"
    posts = (Post(id="1", text=f"read {link}", links=(link, link)), Post(id="2", text="again", quotes=(link,)))
    message = noted(entry(posts=posts))

    assert message.links == ("https://threads.example/thread/100.html", link)
    assert message.text.count(link) == 1


def test_too_many_links_are_counted() -> None:
    """A list of links leaves room for the words, and says how many it leaves out."""
    links = tuple(f"https://papers.example/{number}" for number in range(100))
    text = noted(entry(posts=(Post(id="1", text="Words. " * 100, links=links),), post_count=1), Limits(text=1500)).text
    named = text.count("https://papers.example/")

    assert 5 < named < 100
    assert text.endswith(f"… and {100 - named} more")
    assert text.count("Words.") > 50


def test_pings_are_broken_and_links_still_work() -> None:
    """A word that rings is split, in an address it is percent-encoded."""
    posts = (Post(id="1", text="hi @Room and https://a.example/@room/x", links=("https://b.example/@room",)),)
    loud = entry(title="@room!", posts=posts, author=replace(AUTHOR, handle="room", name=""))
    message = noted(loud, replace(WIDE, pings=("@room",)))

    for part in (message.title, message.text, message.html, *message.links):
        assert "@room" not in part.lower()
    assert "https://a.example/%40room/x" in message.text
    assert message.text.replace("\u200b", "").count("@Room") == 1


def test_without_pings_nothing_is_broken() -> None:
    """Harmless text is unchanged."""
    text = noted(entry()).text

    assert all(clean(post.text).split("\n")[-1].removeprefix("@bob_example @eve ") in text for post in POSTS)


def test_posts_are_cut_between_them_first() -> None:
    """What does not fit is left out from the end, counted, with the link."""
    posts = tuple(Post(id=str(number), text=f"Post {number}. " + "word " * 30) for number in range(20))
    text = noted(entry(posts=posts, post_count=20), Limits(text=1000)).text

    assert len(text) <= 1000
    assert re.search(r"… and 1\d more posts: https://threads.example/thread/100.html$", text)
    assert "Post 0." in text and "Post 1." in text


def test_a_single_long_post_is_cut_within() -> None:
    """The beginning of a post that is too long is shown, up to a word's end."""
    text = noted(entry(posts=(Post(id="1", text="word " * 5000),), post_count=1), Limits(text=1000)).text

    assert 950 < len(text) <= 1000
    assert "word word…" in text


def test_a_flood_names_every_thread() -> None:
    """Title, date, count and link of each."""
    message = compose(batch(*(entry(str(number), title=f"T{number}") for number in range(50))), WIDE, zone=PARIS)

    assert message.title == "50 new threads by Ada Example"
    for number in range(50):
        assert f"{number + 1}. T{number}\n21 November 2026, 18:04 CET · 4 posts" in message.text
        assert f"https://threads.example/thread/{number}.html" in message.links


def test_a_flood_that_is_cut_says_how_many_are_missing() -> None:
    """Nothing is dropped silently."""
    message = compose(batch(*(entry(str(number)) for number in range(50))), Limits(text=900), zone=PARIS)
    named = message.text.count("/thread/")

    assert 5 < named < 50
    assert message.text.endswith(f"… and {50 - named} more: {AUTHOR.url}")


def test_time_is_shown_in_the_zone() -> None:
    """Summer and winter time of the reader."""
    assert "15 July 2026, 02:30 CEST" in noted(entry(published=datetime(2026, 7, 15, 0, 30, tzinfo=UTC))).text


@pytest.mark.parametrize("edge", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_impossible_times_do_no_harm(edge: datetime) -> None:
    """The first and last moment there is are shown as they are."""
    assert " posts" in noted(entry(published=edge)).text


def test_one_post_is_not_posts() -> None:
    """Singular and plural."""
    assert "· 1 post ·" in noted(entry(posts=POSTS[:1], post_count=1)).text


@pytest.mark.parametrize(
    "text", [POSTS[0].text, POSTS[1].text, "a<b>c</b>&amp;&lt;x 'q' \"r\"\n\n  {{ 7*7 }} {% raw %}"]
)
def test_html_shows_what_was_written(text: str) -> None:
    """Parsed back, the HTML has the author's text and no element of it."""
    message = noted(entry(posts=(Post(id="1", text=text),)))

    assert text.strip() in shown(message.html)


# -- whatever is thrown at it --------------------------------------------------------------------------

LIMITS = st.builds(
    Limits,
    title=st.integers(1, 300),
    text=st.integers(8, 3000),
    html=st.integers(0, 9000),
    markdown=st.integers(0, 3000),
    pings=st.sampled_from([(), ("@room",), GROUP_PINGS]),
    form=st.sampled_from(["plain", "mail", "matrix", "slack"]),
)
POLICIES = st.builds(
    Policy,
    summary=st.sampled_from(["highlights", "preview", "full"]),
    budget=st.integers(0, 900),
    images=st.booleans(),
)
LINKS = st.one_of(st.sampled_from(["https://a.example/x?y=1&z=<", "https://b.example/@room", "javascript:x"]), NASTY)
NASTY_POSTS = st.builds(
    Post,
    id=st.just("1"),
    text=st.one_of(NASTY, st.just("@room <b>x</b> https://c.example/d?e=f&g=h " * 30)),
    links=st.lists(LINKS, max_size=3).map(tuple),
    quotes=st.lists(LINKS, max_size=2).map(tuple),
    reply_to=st.lists(NASTY, max_size=2).map(tuple),
)
ENTRIES = st.builds(
    Entry,
    feed_id=st.just(FEED.id),
    key=st.text(max_size=5),
    url=LINKS,
    author=st.builds(Author, handle=NASTY, name=NASTY, url=LINKS),
    title=NASTY,
    published=st.none() | st.datetimes(timezones=st.just(UTC)),
    post_count=st.none() | st.integers(0, 10**6),
    posts=st.lists(NASTY_POSTS, max_size=4).map(tuple),
    whole=st.booleans(),
)


FIRSTS = st.none() | st.builds(lambda titled, receipt: replace(FIRST, titled=titled, receipt=receipt), NASTY, NASTY)
ITEMS = st.builds(
    lambda one, event, before, first, feed: happened(one, event, before=before, first=first, feed=feed),
    ENTRIES,
    st.sampled_from(["new", "grown", "gone"]),
    st.none() | ENTRIES,
    FIRSTS,
    st.sampled_from([FEED, EVE]),
)


@settings(deadline=None, max_examples=200)
@given(st.lists(ITEMS, min_size=1, max_size=5), st.lists(POLICIES, max_size=5), LIMITS, st.booleans())
def test_a_notice_keeps_every_promise(
    items: list[Item], policies: list[Policy], limits: Limits, doubtful: bool
) -> None:
    """Whatever happened: within the limits, encodable, one line of title, never empty, no markup but ours, no ring."""
    message = compose(batch(*items, doubtful=doubtful), limits, zone=PARIS, policies=policies[: len(items)])
    size = size_of(limits.form)
    every = (message.title, message.text, message.html, message.markdown)

    assert len(message.title) <= limits.title and size(message.text) <= limits.text
    assert size(message.html) <= limits.html and size(message.markdown) <= limits.markdown
    assert message.text and message.title
    assert message.title == " ".join(message.title.split())
    for part in every:
        part.encode()
        assert not [ping for ping in limits.pings if ping in part.lower()]
    assert read_html(message.html, MAIL_WITH_IMAGES if limits.form == "mail" else MATRIX).live == ()


@settings(deadline=None, max_examples=150)
@given(NASTY)
def test_author_text_survives_html(text: str) -> None:
    """What an author writes is what a reader of the HTML sees."""
    message = noted(entry(title="Title", posts=(Post(id="1", text=text),)))

    assert clean(text).strip() in shown(message.html)
    assert clean(text).strip() in message.text


def test_a_flood_is_listed_whole_in_a_mail():
    """300 threads of one author stand in one mail, each with its link."""
    entries = tuple(
        Entry(
            feed_id="threadreader:ann",
            key=str(1215710451343904768 + n),
            url=f"https://threadreaderapp.com/thread/{1215710451343904768 + n}.html",
            author=Author(handle="ann"),
            title="A title that is about as long as the titles of threads are, which is not short at all",
        )
        for n in range(300)
    )
    message = compose(batch(*entries), Limits(title=80, text=30_000, html=60_000), zone=UTC)

    assert all(entry.url in message.html and entry.url in message.text for entry in entries)


@pytest.mark.parametrize("posts", [[Post(id="1", text="a\u0301 " * 1_000_000)], [Post(id="1", text="ü" * 60)] * 50_000])
def test_what_cannot_fit_is_not_looked_at(posts: list[Post]) -> None:
    """Megabytes of a thread took the event loop for six seconds; how much is missing is told all the same."""
    started = time.monotonic()
    message = compose(batch(entry(posts=tuple(posts), post_count=len(posts))), Limits(text=3_000), zone=PARIS)

    assert time.monotonic() - started < 3
    assert "…" in message.text


# -- alerts -------------------------------------------------------------------------------------------

REASON = 'The reason: <img src=x> [a](javascript:b) https://evil.example/ "q" & @room <!channel>\r\nBcc: eve@x.'


def alarm(*alerts: Alert, doubtful: bool = False) -> Batch:
    """A batch that carries these alerts."""
    rows = tuple(
        Delivery(
            id=f"a{number}",
            batch="batch-1",
            feed_id="",
            entry_key="",
            channel="me",
            created_at=NOW,
            due_at=NOW,
            doubtful=doubtful,
            alert=alert,
        )
        for number, alert in enumerate(alerts)
    )
    return Batch(id="batch-1", channel="me", items=tuple(Item(delivery=row) for row in rows))


DEAD = Alert(title="@ann cannot be read", lines=(REASON, "3 looks in a row failed; there never was an answer."))
BACK = Alert(title="channel team is reached again", lines=("It was: 503.",), over=True)


@pytest.mark.parametrize("form", FORMS)
def test_alerts_look_like_this(form: str) -> None:
    """A trouble and a recovery for each kind of channel."""
    page = golden(compose(alarm(DEAD, BACK, doubtful=True), FORMS[form], zone=PARIS))
    path = GOLDEN / f"alerts.{form}.txt"
    if os.environ.get("KEEPCURRENT_WRITE_GOLDEN"):
        path.write_text(page)

    assert page == path.read_text()


@pytest.mark.parametrize(
    ("alerts", "title"),
    [
        ((DEAD,), "keepcurrent: @ann cannot be read"),
        ((DEAD, DEAD, BACK), "keepcurrent: 2 troubles, 1 recovery"),
        ((BACK, BACK), "keepcurrent: 2 recoveries"),
    ],
)
def test_the_title_of_alerts_says_what_or_how_many(alerts: tuple[Alert, ...], title: str) -> None:
    """One is told by its own title, several by their number."""
    assert compose(alarm(*alerts), WIDE, zone=PARIS).title == title


def test_a_single_alert_has_no_number() -> None:
    """A list of one is none."""
    assert compose(alarm(BACK), WIDE, zone=PARIS).text == "channel team is reached again\nIt was: 503."


def test_nothing_that_a_site_said_acts_in_an_alert() -> None:
    """Neither link nor markup nor ping nor header, in any form."""
    message = compose(alarm(DEAD), replace(WIDE, pings=("@room",)), zone=PARIS)

    assert not LexborHTMLParser(message.html).css("a, img")
    assert "@room" not in message.text + message.html
    assert message.links == ()
    assert "\r" not in message.text


@given(alerts=st.lists(st.builds(Alert, title=NASTY, lines=st.lists(NASTY, max_size=3).map(tuple)), min_size=1))
@settings(max_examples=60, deadline=None)
def test_alerts_stay_within_the_limits(alerts: list[Alert]) -> None:
    """However many there are and whatever they hold; and there is always a word to send."""
    for limits in FORMS.values():
        message = compose(alarm(*alerts), limits, zone=PARIS)

        assert len(message.title) <= limits.title
        assert 0 < len(message.text) <= limits.text
        assert len(message.html) <= limits.html


def test_alerts_that_do_not_fit_are_counted() -> None:
    """A thousand troubles in a short message: as many as fit, and how many more there are."""
    text = compose(alarm(*[DEAD] * 1000), FORMS["tight"], zone=PARIS).text

    assert re.search(r"… and 9\d\d more$", text)
