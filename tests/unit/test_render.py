"""One thread in each form, and what a person sees of times and of hostile text."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest

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
LOOK = render.Look(zone=UTC)


def test_json_has_the_documented_keys():
    """The documented form, and ids as strings."""
    document = json.loads(render.FORMATS["json"](ENTRY, LOOK))

    assert {"id", "url", "author", "title", "published", "posts"} <= document.keys()
    assert document["published"] == "2026-11-22T22:30:00Z"
    assert document["posts"][0].keys() == {"id", "text", "links", "media"}


def test_text_is_the_author_s_own():
    """Plain text changes nothing."""
    for post in ENTRY.posts:
        assert post.text in render.FORMATS["text"](ENTRY, LOOK)


def test_text_counts_as_people_do():
    """`1 post`, `2 posts`."""
    one = replace(ENTRY, posts=ENTRY.posts[:1])

    assert ", 1 post\n" in render.FORMATS["text"](one, LOOK)
    assert ", 2 posts\n" in render.FORMATS["text"](ENTRY, LOOK)


def test_markdown_escapes_what_would_be_markup():
    """Author text is literal; only web addresses are links."""
    text = render.FORMATS["markdown"](ENTRY, LOOK)

    assert "5 \\* 3 \\< 16" in text
    assert "<https://example.org/a_b?x=1&y=2>" in text
    assert "\\[x\\](javascript" in text


@pytest.mark.parametrize("form", render.FORMATS)
def test_every_form_says_that_it_is_a_copy(form):
    """The note of the look stands in each form, as words."""
    made = render.FORMATS[form](ENTRY, replace(LOOK, note="Kept copy of 2026-11-25: <gone>."))
    words = {"text": str, "markdown": str, "html": unescape, "json": lambda text: json.loads(text)["note"]}[form](made)

    assert "Kept copy of 2026" in words
    assert "gone" in words


def test_json_without_a_note_has_the_documented_keys_only():
    """Nobody who reads the form has to know of notes."""
    assert "note" not in json.loads(render.FORMATS["json"](ENTRY, LOOK))


@pytest.mark.parametrize(
    ("zone", "said"),
    [(UTC, "22 November 2026, 22:30 UTC"), (ZoneInfo("Europe/Paris"), "22 November 2026, 23:30 CET")],
)
def test_a_time_in_words(zone, said):
    """In the reader's zone, with its name."""
    assert times.in_words(NOW, zone) == said


def test_the_first_day_there_is_has_words():
    """A time that no zone can shift is told as it is."""
    first = datetime.min.replace(tzinfo=UTC)

    assert times.in_words(first, ZoneInfo("America/New_York")) == "1 January 1, 00:00 UTC"


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
