from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.model import Media, Post
from bot.sources.feeds import Item
from bot.sources.feeds_text import as_post

PAGE = "https://blog.example/2026/post/"


def post(html: str, **fields) -> Post:
    return as_post(Item(**{"html": html, "url": PAGE, "base": PAGE, **fields}), "1")


# -- text -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("<p>One</p>\n\n\n<p> Two </p>", "One\n\nTwo"),
        ("One<br>Two<br/>\nThree", "One\nTwo\nThree"),
        ("One<br><br>Two", "One\n\nTwo"),
        ("<div>One</div><div>Two</div>", "One\nTwo"),
        ("a <b>bold</b>, <i>a</i>nd so", "a bold, and so"),
        ("one\n  two", "one two"),
        ("<h2>Head</h2>Body", "Head\n\nBody"),
        ("One<hr>Two", "One\n\nTwo"),
        ("AT&amp;T &lt;b&gt; &amp;lt; caf&eacute;&nbsp;&#8364;", "AT&T <b> &lt; café\xa0€"),
        ("1 < 2 & 3 > 2", "1 < 2 & 3 > 2"),
        ("", ""),
        ("   \n ", ""),
    ],
)
def test_words_and_breaks(html, text):
    """As a browser shows them, entities decoded once."""
    assert post(html).text == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a</p><ul><li>b</li><li>c</li></ul><p>d</p>", "a\n\n- b\n- c\n\nd"),
        ("<ul><li><p>b</p></li><li><p>c</p></li></ul>", "- b\n- c"),
        ("<ol><li>b</li><li>c<ul><li>d</li></ul></li><li>e</li></ol>", "1. b\n2. c\n   - d\n3. e"),
        ('<ol start="9"><li>b</li><li>c<br>d</li></ol>', "9. b\n10. c\n    d"),
        ("<ul><li></li><li>b</li></ul>", "- b"),
        ("<li>astray</li>", "- astray"),
        ("<dl><dt>a</dt><dd>b</dd></dl>", "a\nb"),
    ],
)
def test_lists(html, text):
    """With dashes and numbers, one point a line, points within points further in."""
    assert post(html).text == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a</p><blockquote><p>b</p><p>c</p></blockquote><p>d</p>", "a\n\n> b\n>\n> c\n\nd"),
        ("<blockquote>a<blockquote>b</blockquote></blockquote>", "> a\n>\n> > b"),
        ("<pre>if a:\n    b  c\n</pre>x", "if a:\n    b  c\n\nx"),
        ("<pre><code>a\n\n\nb</code></pre>", "a\n\n\nb"),
        ("<table><tr><th>a</th><td>b</td></tr><tr><td>c</td> <td>d</td></tr></table>", "a | b\nc | d"),
        ('<table><tr><td><img src="/a.png"></td><td>b</td></tr></table>', "b"),
        ('<figure><img src="/a.png" alt="x"><figcaption>What it is</figcaption></figure>Text', "What it is\n\nText"),
        ('well<a class="footnote-anchor" href="#footnote-1">1</a>', "well[1]"),
    ],
)
def test_quotations_code_and_tables(html, text):
    """Quotations are marked, code keeps its lines and blanks, cells stand apart."""
    assert post(html).text == text


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>",
        "<style>p{}</style>",
        "<!-- a comment -->",
        "<template>x</template>",
        "<form>Name <input value=x><button>Send</button></form>",
        "<svg><title>x</title></svg>",
        "<select><option>x</select>",
        '<div class="subscription-widget-wrap-editor"><p>Thanks for reading!</p></div>',
        '<p class="button-wrapper"><a class="button primary" href="/share">Share</a></p>',
        '<div class="kg-card kg-signup-card"><h2>Sign up</h2></div>',
        '<div class="sharedaddy sd-sharing-enabled"><h3>Share this:</h3></div>',
        '<div id="jp-relatedposts" class="jp-relatedposts">Related</div>',
        '<a class="more-link" href="/x">Continue reading →</a>',
        '<span class="screen-reader-text">x</span>',
        '<p>The post <a href="/x">A</a> appeared first on <a href="/">B</a>.</p>',
        "<p>The post A first appeared on B.</p>",
        "<p>Der Beitrag A erschien zuerst auf B.</p>",
        "<p>L’article A est apparu en premier sur B.</p>",
    ],
)
def test_what_is_not_the_author_s_is_left_out(html):
    """Programs, forms, and what newsletters put round their texts; neither words nor links of it stay."""
    assert post(f"<p>Text</p>{html}") == Post(id="1", text="Text")


def test_a_post_about_a_post_stays():
    """Only the sentence that WordPress writes is left out."""
    assert post("<p>The post office appeared. It was closed.</p>").text == "The post office appeared. It was closed."


# -- links ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("html", "text", "links"),
    [
        ('see <a href="/report?a=1&amp;b=2">this</a>', "see this", ("https://blog.example/report?a=1&b=2",)),
        ('<a href="https://a.example/long/path">a.example/lo…</a>', "https://a.example/long/path", ("https://a.example/long/path",)),
        ("bare https://a.example/x, and so", "bare https://a.example/x, and so", ("https://a.example/x",)),
        ('<a href="https://a.example/">one</a><a href="https://a.example/">two</a>', "onetwo", ("https://a.example/",)),
        ('<a href="javascript:alert(1)">x</a>', "x", ()),
        ('<a href="#top">up</a>', "up", ()),
        ('<a href="https://blog.example/2026/post/#more">Read more</a>', "Read more", ()),
        ('<a href="https://s.example/@ann" class="u-url mention">@<span>ann</span></a>', "@ann", ()),
        ('<a href="https://s.example/tags/x" class="mention hashtag">#<span>x</span></a>', "#x", ()),
        ('<a href="https://nitter.example/ann">@ann</a>', "@ann", ()),
        ('<a href="/big.jpg"><img src="/small.jpg"></a>', "", ()),
        ('<a href="/page"><img src="/small.jpg"></a>', "", ("https://blog.example/page",)),
    ],
)  # fmt: skip
def test_links(html, text, links):
    """Named once each, whole and absolute; spelled out where the words are the address."""
    found = post(html)

    assert (found.text, found.links) == (text, links)


@pytest.mark.parametrize(
    ("html", "url"),
    [
        ('<iframe src="https://www.youtube.com/embed/abc123DEF45?rel=0"></iframe>', "https://www.youtube.com/watch?v=abc123DEF45"),
        ('<iframe src="//player.vimeo.com/video/12345"></iframe>', "https://vimeo.com/12345"),
        ('<audio src="/a.mp3"></audio>', "https://blog.example/a.mp3"),
        ('<figure class="kg-card kg-bookmark-card"><a href="https://a.example/x"><div>Their title</div></a></figure>', "https://a.example/x"),
    ],
)  # fmt: skip
def test_what_is_embedded_is_told_by_its_address(html, url):
    """On a line of its own."""
    found = post(f"<p>a</p>{html}<p>b</p>")

    assert (found.text, found.links) == (f"a\n\n{url}\n\nb", (url,))


TWEET = (
    '<blockquote class="twitter-tweet"><p>Theirs <a href="https://t.co/x">t.co/x</a></p>— Ann (@ann) '
    '<a href="https://twitter.com/ann/status/20">March 21, 2006</a></blockquote>'
)
TOOT = '<blockquote class="mastodon-embed"><a href="https://s.example/@ann/1">Post by @ann</a></blockquote>'
MIRRORED = (
    "<blockquote><b>Ann (@ann)</b><p>Theirs</p>"
    '<footer>— <cite><a href="https://nitter.example/ann/status/20#m">x</a></cite></footer></blockquote>'
)


@pytest.mark.parametrize(
    ("html", "url"),
    [
        (TWEET, "https://twitter.com/ann/status/20"),
        (TOOT, "https://s.example/@ann/1"),
        (MIRRORED, "https://nitter.example/ann/status/20#m"),
    ],
)
def test_a_quoted_post_is_told_by_its_address(html, url):
    """Its words are not the author's."""
    found = post(f"<p>Mine</p>{html}")

    assert (found.text, found.quotes, found.links) == (f"Mine\n\n{url}", (url,), (url,))


# -- media ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("html", "url"),
    [
        ('<img src="a.png">', f"{PAGE}a.png"),
        ('<img src="data:image/gif;base64,R0" data-src="/a.png">', "https://blog.example/a.png"),
        ('<img srcset="/s.png 300w, /l.png 1200w, /m.png 600w">', "https://blog.example/l.png"),
        ('<img src="data:," data-srcset="/f/w_1,c_2/s.png 1x, /f/w_2,c_2/l.png 2x">', "https://blog.example/f/w_2,c_2/l.png"),
        ('<noscript><img src="/a.png"></noscript>', "https://blog.example/a.png"),
        ('<picture><source srcset="/a.webp"><img src="/a.png"></picture>', "https://blog.example/a.png"),
    ],
)  # fmt: skip
def test_the_picture_itself_is_found(html, url):
    """Not the placeholder that stands there until a script runs."""
    assert post(html).media == (Media(kind="image", url=url),)


@pytest.mark.parametrize(
    "html",
    [
        '<img src="/a.gif" width="1" height="1">',
        '<img src="/a.gif" height="1px">',
        '<img src="/a.gif" style="display: none">',
        '<img src="https://pixel.wp.com/b.gif?x">',
        '<img src="https://feeds.feedburner.com/~r/x/~4/y">',
        '<img src="data:image/png;base64,AAAA">',
        '<img src="cid:1">',
        "<img>",
    ],
)
def test_what_counts_readers_is_no_picture(html):
    """One pixel, hidden, or of a service that does nothing else; nor what has no address."""
    assert post(html).media == ()


def test_an_emoji_is_a_word():
    """WordPress puts pictures for them."""
    assert post('Fine <img class="emoji" src="https://s.w.org/x.png" alt="🏗">!') == Post(id="1", text="Fine 🏗!")


def test_media_of_the_feed_follow_those_of_the_text():
    """Each once, with the words for it that are anywhere."""
    enclosed = (Media(kind="image", url=f"{PAGE}a.png", alt="A"), Media(kind="video", url=f"{PAGE}b.mp4"))

    assert post('<img src="c.png" alt=" C\n c "><img src="a.png">', media=enclosed).media == (
        Media(kind="image", url=f"{PAGE}c.png", alt="C c"),
        *enclosed,
    )


def test_a_video_is_one():
    """With the first address that it has."""
    html = '<video poster="/p.png"><source src="blob:x"><source src="/v.mp4">No video?</video>'

    assert post(html) == Post(id="1", text="", media=(Media(kind="video", url="https://blog.example/v.mp4"),))


# -- hostile ------------------------------------------------------------------------------------------------

SIZE = 1_000_000
HOSTILE = {
    "blanks": " " * SIZE,
    "nested": "<div>" * (SIZE // 5),
    "lists": "<ul><li>" * (SIZE // 8),
    "quotations": "<blockquote>" * 60 + "a<br>" * (SIZE // 10),
    "links": "".join(f'<a href="https://a.example/{n}">x</a>' for n in range(SIZE // 40)),
    "pictures": "".join(f'<img src="https://a.example/{n}.png">' for n in range(SIZE // 40)),
    "srcset": '<img srcset="' + "a" * SIZE + ' b">',
    "srcset of commas": '<img srcset="' + ", " * SIZE + '">',
    "attributes": "<p " + " ".join(f"a{n}=1" for n in range(SIZE // 9)) + ">x",
    "cells": "<table><tr>" + "<td>a" * 30_000,
    "embeds": '<div class="tweet">' * 90 + "x " * (SIZE // 2),
    "code": "<pre>" + "\n" * SIZE + "x</pre>",
    "marks": "a" + "\u0301" * SIZE,
    "directions": "\u202e" * SIZE,
    "surrogates": "\ud800" * SIZE,
    "one word": "x" * SIZE,
    "brackets": "<" * SIZE,
    "style": '<img src="/a.png" style="' + "width:" * (SIZE // 6) + '">',
    "the post": "<p>The post " + "appeared first " * (SIZE // 15) + "</p>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_megabyte_takes_no_time(name):
    """Whatever it is made of."""
    began = time.process_time()
    post(HOSTILE[name]).text.encode()

    assert time.process_time() - began < 3


def test_of_what_is_too_heavy_the_words_stay():
    """Without structure, but not lost."""
    assert post("<div>" * 5_000 + "<script>x</script>a &amp;lt; b" + "</div>" * 5_000).text == "a &lt; b"


def test_nothing_hidden_stays_in_the_text():
    """Controls, and directions that are never ended."""
    assert post("a\x1b[2Jb\u202ec\x00d").text == "a[2Jbc\ufffdd".replace("\ufffd", "")


TAGS = st.sampled_from(
    [
        *("<p>", "</p>", "<ul>", "<li>", "</ul>", "<ol start=x>", "<blockquote>", "</blockquote>", "<pre>", "</pre>"),
        *("<br>", "<a href=/x>", "</a>", "<img src=/a.png alt=b>", "<table>", "<td>", "<iframe src=//a.example/x>"),
        *("<video src=/v>", "<noscript>", "</noscript>", '<div class="tweet">', "</div>", "<!--", "-->", "<svg>"),
        *("&amp;", "\n", " ", "a"),
    ]
)


@given(st.lists(TAGS, max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_markup_is_read(pieces):
    """However wrongly it is put together; the text is trimmed, and has no tags."""
    text = post("".join(pieces)).text

    assert text == text.strip()
    assert "<p>" not in text
