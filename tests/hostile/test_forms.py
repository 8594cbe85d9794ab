"""Hostile and harmless texts in what is printed: `unroll` in every form, tables, lines, the log. And the readers."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Mapping

import pytest

from bot import log, render, show
from bot.channels.classify import classify
from bot.channels.listen import Fact
from tests.hostile import readers
from tests.hostile.readers import Seen, in_one_line, normal
from tests.hostile.texts import HARMLESS, HOSTILE, PLACES, VISIBLE, placed
from tests.servers.notices import PARIS

FORMS: Mapping[str, Callable[[str], Seen]] = {
    "text": readers.read_terminal,
    "markdown": readers.read_markdown,
    "html": readers.read_page,
    "json": readers.read_json,
}
LOOK = render.Look(zone=PARIS)
EVERYWHERE = [(place,) for place in PLACES] + [tuple(PLACES)]


@pytest.mark.parametrize("form", FORMS)
def test_nothing_of_a_hostile_text_is_live_in_a_form(form: str) -> None:
    """In each place alone and in all at once, no part of any text acts."""
    found = [
        (one.name, places, mark)
        for one in HOSTILE
        for places in EVERYWHERE
        for mark in FORMS[form](render.FORMATS[form](placed(one.text, places), LOOK)).live
    ]

    assert found == []


@pytest.mark.parametrize("form", FORMS)
def test_harmless_text_is_unchanged_in_a_form(form: str) -> None:
    """Where text is shown, each is read as it was written; in JSON to the letter."""
    changed = []
    for name, text in HARMLESS.items():
        for place in VISIBLE:
            seen = FORMS[form](render.FORMATS[form](placed(text, (place,)), LOOK))
            wanted, words = (text, seen.words) if form == "json" else (_as(place, text), _as(place, seen.words))
            changed += [(name, place, *seen.live)] if wanted not in words or seen.live else []

    assert changed == []


def _as(place: str, text: str) -> str:
    return normal(text) if place == "post" else in_one_line(text)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("where", [io.StringIO, Terminal])
def test_a_table_and_a_line_hold_no_more_than_words(where: type[io.StringIO], monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal and in a pipe: nothing acts, and a text makes no line that looks like ours."""
    monkeypatch.setenv("TERM", "dumb")  # rich's own colours are not what is looked for
    monkeypatch.setattr("bot.show.is_terminal", lambda stream: stream.isatty())
    found = []
    for one in HOSTILE:
        out = where()
        monkeypatch.setattr("sys.stdout", out)
        show.answer(f"new: {one.text}")
        monkeypatch.setattr("sys.stdout", Terminal() if where is Terminal else io.StringIO())
        show.table(("title", "state"), [(one.text[:60], "dead")], empty="none")
        said = out.getvalue() + show.sys.stdout.getvalue()
        found += [(one.name, mark) for mark in readers.read_terminal(said).live]
        found += [(one.name, "two lines")] if out.getvalue().count("\n") != 1 else []

    assert found == []


def test_harmless_text_is_unchanged_in_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """A cell is the text itself, on one line."""
    changed = []
    for name, text in HARMLESS.items():
        show.table(("title", "state"), [(text, "sent")], empty="none")
        changed += [name] if text.replace("\n", " ") not in capsys.readouterr().out else []

    assert changed == []


def test_nothing_of_a_hostile_text_is_live_in_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` looked at on a terminal does nothing, and is exact but for what is no character."""
    for one in HOSTILE:
        show.document({"title": one.text})
        seen = readers.read_json(capsys.readouterr().out)

        assert (one.name, seen.live) == (one.name, ())
        assert seen.words == one.text.replace("\ud800", "\ufffd").replace("\udfff", "\ufffd")


@pytest.mark.parametrize("kind", ["email", "matrix", "json"])
def test_what_a_server_says_is_words(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The reason that a server gives for a refusal, which it controls, is told in a line that does nothing."""
    log.set_up(1, timestamps=True)
    logger = logging.getLogger("bot.dispatch")
    for one in HOSTILE:
        facts = (Fact(smtp=550, said=one.text), Fact(http=400, said=f'{{"errcode":"M_X","error":{one.text!r}}}'))
        for reason in (classify(fact, kind, one.text).reason for fact in (*facts, Fact())):
            show.problem(f"channel me: {reason}")
            logger.warning("delivery d1: pending: %s", reason)
            err = capsys.readouterr().err

            assert (one.name, readers.read_terminal(err).live, err.count("\n")) == (one.name, (), 2)


def test_an_event_of_the_log_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is in it, but for a traceback."""
    log.set_up(1, timestamps=False)
    for one in HOSTILE:
        logging.getLogger("bot.poll").warning("thread %s: %s", one.text, ValueError(one.text))
        err = capsys.readouterr().err

        assert (one.name, readers.read_terminal(err).live, err.count("\n")) == (one.name, (), 1)


# -- the readers themselves ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "html",
    [
        "<script>x</script>",
        "<p onclick=x>y</p>",
        "<p dir=rtl>y</p>",
        '<a href="javascript:x">javascript:x</a>',
        '<a href="https://a.example">https://b.example</a>',
        '<a href="https://a@b.example">https://a@b.example</a>',
        "<!-- x -->",
        "<img src=x>",
        "</div>",
        "<![CDATA[x]]>",
        "<p>\u202ex</p>",
        "<p>a\u0085b</p>",
        "<style>p{background:url(x)}</style>",
    ],
)
def test_the_reader_of_html_sees(html: str) -> None:
    """What is not of our templates is found."""
    assert readers.read_html(html).live != ()


@pytest.mark.parametrize(
    "html",
    [
        "<script>x</script>",
        '<img src="https://a.example/seen.png" alt="">',
        '<img src="data:image/svg+xml;base64,eA==" alt="">',
        '<p style="position:fixed">x</p>',
        "<style>p { color: red }</style>",
        '<a href="#p1">https://bank.example</a>',
        '<a href="https://a.example">https://b.example</a>',
        '<meta http-equiv="refresh" content="0;url=https://a.example">',
        "<bdi onclick=x>y</bdi>",
        "<p>\u202ex</p>",
    ],
)
def test_the_reader_of_a_page_sees(html: str) -> None:
    """What is not of the page's template is found, beside a page in which all is well."""
    page = render.FORMATS["html"](placed("x", ("post",)), LOOK)

    assert readers.read_page(page).live == ()
    assert readers.read_page(page.replace("<article", f"{html}<article")).live != ()


@pytest.mark.parametrize(
    "text",
    [
        "a <b>c</b>",
        "[a](https://b.example)",
        "![a](https://b.example)",
        "*a*",
        "`a`",
        "# a\n\n# b",
        "a\n===",
        "- a",
        "1. a",
        "> a",
        "    a",
        "| a |\n|---|",
        "~~a~~",
        "<javascript:a>",
        "<!-- a",
        "\x1b[2J",
    ],
)
def test_the_reader_of_markdown_sees(text: str) -> None:
    """What is not a heading, paragraphs and bare links is found."""
    assert readers.read_markdown(f"# Title\n\nwords\n\n{text}").live != ()


@pytest.mark.parametrize(
    "change",
    [
        {"text": "<!channel>"},
        {"text": "a & b"},
        {"text": "a <b"},
        {"mrkdwn": True},
        {"link_names": 1},
        {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "*x*", "verbatim": True}}]},
        {
            "blocks": [
                {"type": "section", "text": {"type": "mrkdwn", "text": "<https://a.example|b>", "verbatim": True}}
            ]
        },
        {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "<!here>", "verbatim": True}}]},
        {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "<https://a.example>"}}]},
        {"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "<@U1>", "emoji": False}}]},
        {"blocks": [{"type": "header", "text": {"type": "plain_text", "text": ":x:", "emoji": True}}]},
        {"blocks": [{"type": "image", "text": {"type": "plain_text", "text": "x", "emoji": False}}]},
    ],
)
def test_the_reader_of_slack_sees(change: dict[str, object]) -> None:
    """Control sequences, styles and what is escaped wrongly are found."""
    payload = {"text": "x", "mrkdwn": False, "unfurl_links": False, "blocks": [], **change}

    assert [mark for seen in readers.read_slack(payload) for mark in seen.live] != []


@pytest.mark.parametrize(
    "content",
    [
        {"msgtype": "m.text", "body": "hi @Room"},
        {"msgtype": "m.text", "body": "x", "formatted_body": "<h1>@room</h1>"},
        {"msgtype": "m.text", "body": "x", "formatted_body": "<mx-reply>x</mx-reply>"},
        {"msgtype": "m.text", "body": "x", "m.mentions": {"room": True}},
        {"msgtype": "m.emote", "body": "x"},
    ],
)
def test_the_reader_of_matrix_sees(content: dict[str, object]) -> None:
    """Pings, mentions and what is outside our templates are found."""
    assert [mark for seen in readers.read_matrix(content) for mark in seen.live] != []
