"""One thread in each form, and what a person sees of times and of hostile text."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from selectolax.lexbor import LexborHTMLParser

from bot import render, show, times
from bot.model import Author, Entry, Media, Post

NOW = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)
ENTRY = Entry(
    feed_id="f",
    key="1",
    url="https://example.org/thread/1",
    author=Author(handle="ann", name="Ann *B*"),
    title="snake_case <script>",
    published=NOW,
    posts=(
        Post(id="1", text="5 * 3 < 16 & https://example.org/a_b?x=1&y=2\nline two", links=("https://example.org/a_b",)),
        Post(id="2", text="[x](javascript:alert(1))", media=(Media(kind="image", url="https://e.org/i.jpg", alt="A"),)),
    ),
    whole=True,
)


def test_json_has_the_documented_keys():
    """The documented form, and ids as strings."""
    document = json.loads(render.as_json(ENTRY, UTC))

    assert {"id", "url", "author", "title", "published", "posts"} <= document.keys()
    assert document["published"] == "2026-11-22T22:30:00Z"
    assert document["posts"][0].keys() == {"id", "text", "links", "media"}


def test_text_is_the_author_s_own():
    """Plain text changes nothing."""
    for post in ENTRY.posts:
        assert post.text in render.as_text(ENTRY, UTC)


def test_html_shows_the_text_and_runs_nothing():
    """Parsed again, the page shows the text as written; no script, no link but to the web, nothing loaded."""
    tree = LexborHTMLParser(render.as_html(ENTRY, UTC))

    assert "5 * 3 < 16 & https://example.org/a_b?x=1&y=2" in tree.body.text()
    assert tree.css("script, img, link, iframe") == []
    assert all(a.attributes["href"].startswith("https://") for a in tree.css("a"))


def test_markdown_escapes_what_would_be_markup():
    """Author text is literal; only web addresses are links."""
    text = render.as_markdown(ENTRY, UTC)

    assert "5 \\* 3 \\< 16" in text
    assert "<https://example.org/a_b?x=1&y=2>" in text
    assert "\\[x\\](javascript" in text


@pytest.mark.parametrize(
    ("delay", "said"), [(5, "5 s"), (89, "89 s"), (1800, "30 min"), (7200, "2 h"), (200000, "2 d"), (-5, "0 s")]
)
def test_spans_for_people(delay, said):
    """Seconds, minutes, hours or days, whichever is short."""
    assert times.span(timedelta(seconds=delay)) == said


def test_moments_for_people():
    """Never, now, ago, in."""
    said = [times.when(t, NOW) for t in (None, NOW, NOW - timedelta(hours=2), NOW + timedelta(minutes=20))]

    assert said == ["never", "now", "2 h ago", "in 20 min"]


def test_no_escape_sequence_reaches_a_terminal(capsys):
    """What an author writes is printed without control characters."""
    show.line("a\x1b[31mb\x9bc\rd")

    assert capsys.readouterr().out == "a[31mbc d\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "no_color", "shown"),
    [(Terminal, "", "\033[32mok  \033[0m x\n"), (Terminal, "1", "ok   x\n"), (io.StringIO, "", "ok   x\n")],
)
def test_colour_only_for_a_person_who_wants_it(monkeypatch, stream, no_color, shown):
    """On a terminal, unless NO_COLOR is set; never in a pipe."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", no_color)
    out = stream()
    show.mark(True, "x", out)

    assert out.getvalue() == shown


def test_a_table_in_a_pipe_is_lines_with_tabs(capsys):
    """No headings, no colour, a line per row whatever is in a cell."""
    show.table(("a", "state"), [("one\ntwo", "dead"), ("\x1b[31mred", "sent")], empty="none")

    assert capsys.readouterr().out == "one two\tdead\n[31mred\tsent\n"
