"""A thread as a page: what stands on it, and what never does. How it looks in a browser is in e2e/test_looks.py."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from selectolax.lexbor import LexborHTMLParser

from bot.model import Author, Media, Post
from bot.render import Look, Picture
from bot.render.page import ONLY_BEGINNING, as_html, for_paper, link_parts
from tests.hostile.readers import read_page
from tests.hostile.texts import HOSTILE, PLACES, placed, poison
from tests.servers.notices import PARIS
from tests.threads_to_show import ARABIC, ESSAY, KEPT, LONG, QUOTED, png

LOOK = Look(zone=PARIS)


def page(entry=ESSAY, **look):
    return LexborHTMLParser(as_html(entry, replace(LOOK, **look)))


def texts(tree, selector):
    return [" ".join(node.text().split()) for node in tree.css(selector)]


def policy(tree):
    return tree.css_first("meta[http-equiv=Content-Security-Policy]").attributes["content"]


def test_the_head_of_a_page():
    """Title, author, where they are read, day in the reader's zone, length."""
    tree = page()

    assert texts(tree, "title, h1") == ["Why do bridges hum?", "Why do bridges hum?"]
    assert texts(tree, "header p") == [
        "Ada Example @ada_example",
        "https://threads.example/user/ada_example",
        "21 November 2026, 18:04 CET · 5 posts · 1 min read",
    ]


def test_every_post_in_order_with_its_number():
    """Each can be linked to, and finds its own direction."""
    tree = page()
    posts = tree.css("article > section")

    assert [post.id for post in posts] == ["p1", "p2", "p3", "p4", "p5"]
    assert {post.attributes["dir"] for post in posts} == {"auto"}
    assert [a.attributes["href"] for a in tree.css("a.n")] == ["#p1", "#p2", "#p3", "#p4", "#p5"]


def test_empty_lines_part_paragraphs():
    """Other line ends stay line ends."""
    tree = page(replace(ESSAY, posts=(Post(id="1", text="one\ntwo\n \n\n\nthree"),)))

    assert [node.html for node in tree.css("article p")] == ["<p>one<br>two</p>", "<p>three</p>"]


def test_who_is_answered_is_not_said():
    """Mentions that stand there only because the post answers somebody go; others stay."""
    tree = page()

    assert texts(tree, "#p2 p") == [f"It is called vortex shedding. #physics @eve says more:{LONG}"]


def test_a_link_says_its_whole_address():
    """Where it leads is what it says, in parts, so that the host can stand out."""
    (link,) = page().css("#p2 a.url")

    assert link.attributes["href"] == LONG
    assert link.text() == LONG
    assert link.css_first("b").text() == "https://physics.example"


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://a.example/b?c#d", ("https://", "a.example", "/b?c#d")),
        ("HTTP://a.example", ("HTTP://", "a.example", "")),
        ("https://a.example?x", ("https://", "a.example", "?x")),
        ("nothing", ("", "nothing", "")),
    ],
)
def test_the_parts_of_an_address(url, parts):
    """Joined they are the address."""
    assert link_parts(url) == parts


def test_a_kept_picture_is_part_of_the_page():
    """As a figure with its words, for eyes and for ears; what is not there is named, with a link."""
    tree = page(pictures={KEPT: png()})
    (image,) = tree.css("img")

    assert image.attributes["src"].startswith("data:image/png;base64,iVBOR")
    assert image.attributes["alt"] == "A bridge in fog"
    assert texts(tree, "figcaption") == [
        "A bridge in fog",
        "Videohttps://v.example/1",
        "Picture: A table of costshttps://img.example/lost.png",
    ]


@pytest.mark.parametrize("mime", ["image/svg+xml", "text/html", "", 'image/png" onload="x'])
def test_what_is_no_picture_is_no_part_of_the_page(mime):
    """A document that calls itself a picture is only named."""
    assert page(pictures={KEPT: Picture(mime=mime, data=b"<svg/>")}).css("img") == []


def test_nothing_is_loaded_unless_the_user_wants_it():
    """No picture from elsewhere, and a policy that would not let it."""
    tree = page()

    assert tree.css("img, script, link, iframe, object, form, base") == []
    assert policy(tree).startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'")


def test_pictures_are_loaded_if_the_user_wants_it():
    """Over https alone, and without saying where from."""
    insecure = Post(id="9", text="", media=(Media(kind="image", url="http://img.example/2.png"),))
    tree = page(replace(ESSAY, posts=(*ESSAY.posts, insecure)), remote_images=True)

    assert [image.attributes["src"] for image in tree.css("img")] == [KEPT, "https://img.example/lost.png"]
    assert "img-src data: https:;" in policy(tree)
    assert {image.attributes["referrerpolicy"] for image in tree.css("img")} == {"no-referrer"}


def test_a_quoted_post_is_a_link_of_its_own():
    """What the words do not show stands below them, once."""
    linked = replace(ESSAY.posts[4], links=(QUOTED, LONG, LONG, "javascript:alert(1)"))
    tree = page(replace(ESSAY, posts=(linked,)))

    assert texts(tree, ".more") == [f"Quotes{QUOTED}", f"Links to{LONG}"]


def test_a_link_in_the_words_is_not_repeated():
    """The list of links has only what nobody could click else."""
    tree = page(replace(ESSAY, posts=(Post(id="1", text=f"See {LONG}.", links=(LONG,), quotes=(LONG,)),)))

    assert tree.css(".more") == []


def test_the_foot_of_a_page():
    """Where it comes from, and when it was read."""
    tree = page(read_at=datetime(2026, 11, 22, 9, tzinfo=UTC))

    assert texts(tree, "footer p") == [
        "Source: https://threads.example/thread/100.html",
        "Read 22 November 2026, 10:00 CET",
    ]


def test_notes_stand_above_the_thread():
    """That it is a copy, and that it is only a beginning."""
    tree = page(replace(ESSAY, whole=False), note="Kept copy of 2026-11-25: the thread's own page is gone.")

    assert texts(tree, ".note") == ["Kept copy of 2026-11-25: the thread's own page is gone.", ONLY_BEGINNING]


@pytest.mark.parametrize(("lang", "said"), [("ar", "ar"), ("zh-Hant-TW", "zh-Hant-TW"), ("", ""), ('x"><script>', "")])
def test_the_language_of_the_words(lang, said):
    """If it is known it is said of the author's words; ours are English."""
    tree = page(lang=lang)

    assert [tree.css_first(name).attributes["lang"] or "" for name in ("html", "h1", "article")] == ["en", said, said]


def test_directions_are_found_for_paper():
    """What prints does not find them by itself."""
    tree = LexborHTMLParser(for_paper(ARABIC, LOOK))

    assert [node.attributes["dir"] for node in tree.css("header, section")] == ["rtl", "rtl", "ltr"]


def test_a_thread_of_nothing_has_a_page():
    """No title, no author, no day, no post."""
    nothing = replace(ESSAY, title="", author=Author(handle=""), url="", published=None, posts=(), post_count=None)

    assert texts(page(nothing), "h1, header p, section, footer p") == ["Thread"]


def test_a_title_is_made_of_the_first_post_that_says_something():
    """Where the source gives none."""
    assert texts(page(replace(ESSAY, title="")), "h1") == ["Why do bridges hum?"]


def test_a_thread_of_pictures_is_named_after_them():
    """As in the notice about it."""
    quay = Media(kind="image", url="https://i.example/1.jpg", alt="two people on a quay")
    pictured = replace(ESSAY, title="", posts=(Post(id="1", text="", media=(quay,)),))

    assert texts(page(pictured), "title, h1") == ["Image: two people on a quay"] * 2


def test_nothing_of_a_hostile_text_is_live():
    """Also where pictures are loaded and notes are said, no text of an author acts; nor does a server's reason."""
    look = replace(LOOK, pictures={"https://img.example/1.jpg": png()})
    found = [
        (one.name, mark)
        for one in HOSTILE
        for made in (
            as_html(placed(one.text, tuple(PLACES)), replace(look, note=one.text, lang=one.text)),
            for_paper(placed(one.text, tuple(PLACES)), look),
        )
        for mark in read_page(made).live
    ]

    assert found == []


@pytest.mark.parametrize("name", poison())
def test_too_much_of_it_does_not_stall(name):
    """Each takes well under the time in which a person wonders."""
    started = time.process_time()
    made = as_html(poison()[name], LOOK)

    assert made
    assert time.process_time() - started < 10


@pytest.mark.parametrize("text", ["\n \n" * 300_000, "@a " * 300_000, "a\n\n" * 300_000, "https://a.example " * 50_000])
def test_a_post_of_1_mb_does_not_stall(text):
    """Whatever it is made of."""
    started = time.process_time()
    as_html(replace(ESSAY, posts=(Post(id="1", text=text, reply_to=("a",)),)), LOOK)

    assert time.process_time() - started < 10
