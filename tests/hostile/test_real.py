"""Texts that people wrote, from recorded answers of real services, through the composer of every channel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bot.channels.services import GROUP_PINGS, MAIL_LIMITS, MATRIX_LIMITS, SLACK_LIMITS, matrix_content, slack_payload
from bot.compose import compose
from bot.compose.forms import size_of
from bot.model import Entry, Limits, Message, Post
from bot.policy import Policy
from tests.hostile.readers import MAIL, controls, read_html, read_matrix, read_notice, read_slack
from tests.servers.notices import AUTHOR, PARIS, batch, entry
from tests.servers.slack import refusal
from tests.shared import shared

MARKDOWN = Limits(text=4_000, markdown=4_000, pings=GROUP_PINGS)
AT_ONCE = 3_000
"""So many characters go into one thread that every channel shows all of it."""


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def strings(path: Path) -> Iterator[str]:
    """Every text of a file: the strings of JSON, the words of markup and the markup itself, the lines of the rest."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".json":
        with suppress(ValueError):  # some recorded answers are broken on purpose: their lines will do
            yield from _strings(json.loads(text))
    if path.suffix in (".html", ".xml"):
        parser = _Words()
        parser.feed(text)
        yield from parser.words
    yield from text.split("\n\n")


def _strings(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for one in value.values():
                yield from _strings(one)
        case list():
            for one in value:
                yield from _strings(one)


def threads(texts: list[str]) -> Iterator[Entry]:
    """The texts as threads, each short enough to be shown whole."""
    posts: list[Post] = []
    for text in texts:
        if posts and sum(len(post.text) for post in posts) + len(text) > AT_ONCE:
            yield _thread(posts)
            posts = []
        posts.append(Post(id=str(len(posts)), text=text[:AT_ONCE]))
    yield _thread(posts)


def _thread(posts: list[Post]) -> Entry:
    text = posts[0].text if posts else ""
    author = type(AUTHOR)(handle=text[:20], name=text[20:60])
    return entry(title=text[:200], posts=tuple(posts), post_count=len(posts), author=author)


def live(limits: Limits, message: Message) -> list[str]:
    """What is wrong with a message."""
    size = size_of(limits.form)
    forms = ((message.text, limits.text), (message.html, limits.html), (message.markdown, limits.markdown))
    found = [f"{size(form)} of {limit}" for form, limit in forms if size(form) > limit]
    found += [*controls(message.text, "text"), *controls(message.title, "title")]
    match limits.form:
        case "mail":
            return [*found, *read_html(message.html, MAIL).live]
        case "matrix":
            return [
                *found,
                *(
                    mark
                    for seen in read_matrix({"msgtype": "m.notice", **matrix_content(message)})
                    for mark in seen.live
                ),
            ]
        case "slack":
            payload = slack_payload(message)
            return [
                *found,
                *filter(None, [refusal(payload)]),
                *(mark for seen in read_slack(payload) for mark in seen.live),
            ]
        case _:
            return [*found, *read_notice(message.markdown).live]


@pytest.mark.shared
@pytest.mark.parametrize(
    "limits", [MAIL_LIMITS, MATRIX_LIMITS, SLACK_LIMITS, MARKDOWN], ids=["mail", "matrix", "slack", "markdown"]
)
def test_every_real_text_is_words(limits: Limits) -> None:
    """Whole and summed up: no error, within the limits, nothing of it live."""
    texts = dict.fromkeys(
        text for path in sorted(shared("real").rglob("*.*")) if path.is_file() for text in strings(path)
    )
    told = list(threads([text for text in texts if text.strip()]))
    found = [
        (mode, one.title[:40], mark)
        for one in told
        for mode in ("full", "highlights")
        for mark in live(limits, compose(batch(one), limits, zone=PARIS, policies=[Policy(summary=mode)]))
    ]

    assert len(told) > 100
    assert found == []
