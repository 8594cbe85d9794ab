"""What a client would show of what arrived, and what of it is live. One reader for each format.

A reader knows what our own templates write and calls everything else live: an element, an attribute, a link that says
something else than where it leads, a control sequence. They parse with other means than the program (html.parser,
markdown-it, email), so that a mistake is not made twice.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt


@dataclass(frozen=True, slots=True)
class Seen:
    """What a person sees, line by line, and what is live in it: one sentence each, none if all is well."""

    words: str
    live: tuple[str, ...]


def normal(text: str) -> str:
    """Words as they are compared: runs of blanks are one, lines have none at their ends, empty lines go.

    That is all that a form may change: HTML and Markdown show blanks so, Apprise makes a text part so.
    """
    lines = (" ".join(re.split(r"[ \t\u3000]+", line)).strip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def in_one_line(text: str) -> str:
    """The same for a title, which is one line."""
    return " ".join(text.split())


# -- any text -----------------------------------------------------------------------------------------


def controls(text: str, where: str) -> Iterator[str]:
    """What a terminal or a reader acts on: controls, lone surrogates, direction changes without an end, heaps."""
    for char in sorted({char for char in text if unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\t"}):
        yield f"{where}: control U+{ord(char):04X}"
    for line in text.split("\n"):
        if not _is_balanced(line):
            yield f"{where}: a direction change without an end"
            break
    if re.search("[\u2028\u2029\x85]", text):
        yield f"{where}: a line end that is none"
    if where != "JSON" and re.search("[\u0300-\u036f\u0483-\u0489\u0e48-\u0e4e]{40}", text):
        yield f"{where}: marks piled up"
    if re.search("[\U000e0000-\U000e007f]", re.sub("\U0001f3f4[\U000e0020-\U000e007f]+", "", text)):
        yield f"{where}: letters that nobody sees"


def _is_balanced(line: str) -> bool:
    open_: list[str] = []
    for char in line:
        if char in "\u202a\u202b\u202d\u202e":
            open_.append("\u202c")
        elif char in "\u2066\u2067\u2068":
            open_.append("\u2069")
        elif char in "\u202c\u2069" and (not open_ or open_.pop() != char):
            return False
    return not open_


def rings(text: str, where: str, words: Iterable[str] = ("@room",)) -> Iterator[str]:
    """Words that ring a whole room."""
    for word in words:
        if word in text.casefold():
            yield f"{where}: rings by {word}"


def read_terminal(text: str) -> Seen:
    """Plain text on a terminal."""
    return Seen(text, tuple(controls(text, "terminal")))


# -- HTML ---------------------------------------------------------------------------------------------

Elements = Mapping[str, Mapping[str, str | re.Pattern[str] | None]]
"""Elements that our templates write, with their attributes; None: any value that is a web address seen as it is."""

NOTICE: Elements = {
    "p": {"dir": "auto"},
    "em": {},
    "strong": {},
    "br": {},
    "ul": {},
    "li": {},
    "a": {"href": None},
}
_ANY = re.compile(r".*", re.DOTALL)
_DIRECTION = re.compile(r"auto|ltr|rtl")
_LANGUAGE = re.compile(r"[A-Za-z-]*")
MATRIX: Elements = {**NOTICE, "h4": {}, "hr": {}}
_STYLE = re.compile(r"(?!.*(?:url|expression|import)\b)[a-z0-9 :;,.#%'()-]*", re.IGNORECASE)
_CLASS = re.compile("[a-z]")
_LOOK = {"class": _CLASS, "style": _STYLE}
_FRAME = {"width": "100%", "cellpadding": "0", "cellspacing": "0", "border": "0"}
MAIL: Elements = {
    "html": {},
    "head": {},
    "meta": {"charset": "utf-8", "name": re.compile("[a-z-]+"), "content": re.compile("[a-z0-9=,. -]+")},
    "style": {},
    "body": _LOOK,
    "div": _LOOK,
    "table": {**_LOOK, **_FRAME, "role": "presentation"},
    "tr": {},
    "td": {**_LOOK, "align": "center"},
    "h2": {**_LOOK, "dir": "auto"},
    "p": {**_LOOK, "dir": "auto"},
    "b": {},
    "br": {},
    "code": {},
    "a": {"href": None, "style": _STYLE},
}
MAIL_WITH_IMAGES: Elements = {
    **MAIL,
    "img": {"src": None, "alt": re.compile(".+", re.DOTALL), "width": "552", "style": _STYLE, "border": "0"},
}
PAGE: Elements = {
    **{name: {} for name in ("head", "title", "style", "body", "main", "br", "b", "span", "strong", "footer")},
    "html": {"lang": "en"},
    "header": {"dir": _DIRECTION},
    "h1": {"lang": _LANGUAGE},
    "article": {"lang": _LANGUAGE},
    "section": {"class": "post", "id": re.compile(r"p\d+"), "dir": _DIRECTION},
    "p": {"class": re.compile("note|more")},
    "bdi": {"dir": _DIRECTION},
    "time": {"datetime": re.compile(r"[\dTZ:-]+")},
    "figure": {"class": "named"},
    "figcaption": {"aria-hidden": "true"},
    "img": {
        "src": re.compile(r"data:image/(?:png|jpeg|gif|webp|avif);base64,[A-Za-z0-9+/=]*"),
        "alt": _ANY,
        "referrerpolicy": "no-referrer",
    },
    "meta": {
        "charset": "utf-8",
        "name": re.compile("viewport|color-scheme|referrer"),
        "http-equiv": "Content-Security-Policy",
        "content": re.compile(
            r"width=device-width, initial-scale=1|light dark|no-referrer|"
            r"default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
        ),
    },
    "a": {"href": None, "rel": "noreferrer nofollow", "class": re.compile("url|n"), "dir": "ltr"},
}
_BLOCKS = {"p", "br", "li", "ul", "h1", "h2", "h4", "hr", "div", "td", "title", "body", "section", "figure"}
_BLOCKS |= {"figcaption"}
_ANCHOR = re.compile(r"#p(\d+)")
"""To a post of the page, by its number."""


class _Html(HTMLParser):
    def __init__(self, allowed: Elements) -> None:
        super().__init__(convert_charrefs=True)
        self.allowed = allowed
        self.words: list[str] = []
        self.live: list[str] = []
        self.raw = ""
        self.style = ""
        self._link: tuple[str, int] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = self.allowed.get(tag)
        if known is None:
            self.live.append(f"HTML: <{tag}>")
            return
        for name, value in attrs:
            if name not in known or not _is_ours(known[name], value or ""):
                self.live.append(f"HTML: <{tag} {name}={value!r}>")
            elif known[name] is None and not _ANCHOR.fullmatch(value or ""):
                self.live += web_link(value or "", "HTML")
        if tag == "a":
            self._link = (dict(attrs).get("href") or "", len(self.words))
        if tag in _BLOCKS:
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.allowed:
            self.live.append(f"HTML: </{tag}>")
        if tag == "a" and self._link:
            url, start = self._link
            anchor = _ANCHOR.fullmatch(url)
            if (said := "".join(self.words[start:])) != (anchor[1] if anchor else url):
                self.live.append(f"HTML: a link to {url} that says {said!r}")
            self._link = None
        if tag in _BLOCKS:
            self.words.append("\n")

    def handle_data(self, data: str) -> None:
        if self.lasttag == "style" and self.cdata_elem == "style":
            self.style += data
            return
        self.words.append(data)

    def handle_comment(self, data: str) -> None:
        self.live.append(f"HTML: a comment {data!r:.40}")

    def handle_decl(self, decl: str) -> None:
        if decl != "doctype html":
            self.live.append(f"HTML: <!{decl}>")

    def handle_pi(self, data: str) -> None:
        self.live.append(f"HTML: <?{data}>")

    def unknown_decl(self, data: str) -> None:
        self.live.append(f"HTML: <![{data}>")


def _is_ours(known: str | re.Pattern[str] | None, value: str) -> bool:
    if isinstance(known, re.Pattern):
        return known.fullmatch(value) is not None
    return known is None or known == value


def read_page(html: str) -> Seen:
    """A page of ours as a browser shows it: its style is that of the template, whatever a thread says."""
    parser = _Html(PAGE)
    parser.feed(html)
    parser.close()
    words = "".join(parser.words)
    template = files("bot").joinpath("templates", "page.html").read_text(encoding="utf-8")
    styles = [] if f"<style>{parser.style}</style>" in template else ["HTML: a style that is not ours"]
    return Seen(words, (*parser.live, *styles, *controls(words, "HTML")))


def read_html(html: str, allowed: Elements = NOTICE) -> Seen:
    """HTML as a browser or a mail reader shows it."""
    parser = _Html(allowed)
    parser.feed(html)
    parser.close()
    words = "".join(parser.words)
    styles = [f"HTML: style {parser.style!r:.60}"] if re.search(r"url\(|@import|display", parser.style) else []
    return Seen(words, (*parser.live, *styles, *controls(words, "HTML")))


def web_link(url: str, where: str) -> Iterator[str]:
    """What is wrong with an address that can be clicked."""
    try:
        parts = urlsplit(url)
        fine = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        fine = False
    if not fine or re.search(r"[\s\x00-\x20<>\"'`\\\u200b-\u200f\u202a-\u202e\u2060-\u2069]", url):
        yield f"{where}: a link to {url!r:.80}"


# -- Markdown -----------------------------------------------------------------------------------------

_MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_MARKDOWN.validateLink = lambda _url: True  # type: ignore[method-assign]  # other parsers link javascript: too
_OURS = {"paragraph_open", "paragraph_close", "inline", "text", "softbreak", "hardbreak", "text_special", "link_close"}


def read_markdown(text: str) -> Seen:
    """Markdown as CommonMark has it, with tables and strike-through: one heading, paragraphs, bare links."""
    words: list[str] = []
    live: list[str] = []
    for number, token in enumerate(_MARKDOWN.parse(text)):
        if token.type == "heading_open" and number == 0 and token.tag == "h1":
            continue
        if token.type == "heading_close" and token.tag == "h1" and number == 2:
            continue
        if token.type not in _OURS:
            live.append(f"Markdown: {token.type} {token.content!r:.40}")
        for child in token.children or ():
            _read_inline(child, words, live)
        words.append("\n")
    said = "".join(words)
    return Seen(said, (*live, *controls(said, "Markdown")))


_NOTICE = {"hr", "strong_open", "strong_close", "em_open", "em_close"}


def read_notice(text: str) -> Seen:
    """A notice in Markdown: what a document of ours may hold, and titles and marks in bold and italics, and rules."""
    seen = read_markdown(f"# \n\n{text}")
    return Seen(seen.words, tuple(mark for mark in seen.live if mark.split()[1] not in _NOTICE))


def _read_inline(token: Any, words: list[str], live: list[str]) -> None:
    if token.type == "link_open":
        live += web_link(str(token.attrs["href"]), "Markdown")
        if token.markup != "autolink" or token.attrs.keys() != {"href"}:
            live.append(f"Markdown: a link that says something else than {token.attrs['href']}")
    elif token.type in ("softbreak", "hardbreak"):
        words.append("\n")
    elif token.type not in _OURS:
        live.append(f"Markdown: {token.type} {token.content!r:.40}")
    words.append(token.content)


# -- JSON ---------------------------------------------------------------------------------------------


def read_json(text: str) -> Seen:
    """A document on standard output: it may be looked at on a terminal, so nothing in it may act there.

    It is exact otherwise, marks that are piled up included.
    """
    return Seen("\n".join(_strings(json.loads(text))), tuple(controls(text, "JSON")))


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


# -- mail ---------------------------------------------------------------------------------------------

_HEADERS = {
    "content-type",
    "mime-version",
    "x-application",
    "x-keepcurrent-id",
    "auto-submitted",
    "list-id",
    "references",
    "in-reply-to",
    "subject",
    "from",
    "to",
    "message-id",
    "date",
}


def read_mail(mail: EmailMessage, recipients: Iterable[str], sender: str, to: str) -> tuple[Seen, Seen, Seen]:
    """Subject, text and HTML of a mail. `recipients` are the envelope's."""
    live = [f"mail: header {name}" for name in mail if name.casefold() not in _HEADERS]
    live += [f"mail: two {name}" for name in {name.casefold() for name in mail} if len(mail.get_all(name)) > 1]
    if list(recipients) != [to] or mail["To"].addresses[0].addr_spec != to or len(mail["To"].addresses) != 1:
        live.append(f"mail: to {list(recipients)}, {mail['To']}")
    if [one.addr_spec for one in mail["From"].addresses] != [sender]:
        live.append(f"mail: from {mail['From']}")
    parts = [part.get_content_type() for part in mail.walk()]
    if parts != ["multipart/alternative", "text/plain", "text/html"]:
        live.append(f"mail: parts {parts}")
    live += [f"mail: defect {type(defect).__name__}" for part in mail.walk() for defect in part.defects]
    subject = str(mail["Subject"])
    live += controls(subject, "subject")
    live += ["subject: more than a line"] if "\n" in subject else []
    text, html = (mail.get_body((kind,)).get_content().replace("\r\n", "\n") for kind in ("plain", "html"))  # type: ignore[union-attr]
    return Seen(subject, tuple(live)), Seen(text, tuple(controls(text, "text"))), read_html(html, MAIL)


def longest_line(raw: bytes) -> int:
    """The longest line of a mail as it went over the wire, in bytes; SMTP allows 998."""
    return max(map(len, raw.split(b"\r\n")))


# -- Matrix -------------------------------------------------------------------------------------------


def read_matrix(content: Mapping[str, Any]) -> tuple[Seen, Seen]:
    """Body and formatted body of an event. In an `m.notice` nothing rings but what rings a room in `m.text` too."""
    live = [f"Matrix: {key}" for key in content.keys() - {"msgtype", "body", "format", "formatted_body", "m.mentions"}]
    live += ["Matrix: mentions somebody"] if content.get("m.mentions", {}) != {} else []
    live += [] if content["msgtype"] in ("m.notice", "m.text") else [f"Matrix: {content['msgtype']}"]
    body = str(content["body"])
    live += [*controls(body.replace("\r\n", "\n"), "Matrix"), *rings(body, "Matrix")]
    html = str(content.get("formatted_body", ""))
    seen = read_html(html, MATRIX)
    return Seen(body, tuple(live)), Seen(seen.words, (*seen.live, *rings(seen.words, "Matrix HTML")))


# -- Slack --------------------------------------------------------------------------------------------

_SLACK_KEYS = {"text", "mrkdwn", "unfurl_links", "blocks", "channel", "thread_ts", "username"}


def read_slack(payload: Mapping[str, Any]) -> tuple[Seen, Seen]:
    """The summary and the blocks of a message, by Slack's rules: "&", "<" and ">" are escaped, and nothing else.

    "<…>" is a control sequence wherever it stands; `mrkdwn` text is styled, so that an author's words may not be in it.
    """
    live = [f"Slack: {key}" for key in payload.keys() - _SLACK_KEYS]
    live += [] if payload["mrkdwn"] is False and payload["unfurl_links"] is False else ["Slack: markup is on"]
    summary, also = _slack_plain(str(payload["text"]))
    words: list[str] = []
    for text in _slack_texts(payload["blocks"], live):
        if text["type"] == "plain_text":
            said, found = _slack_plain(text["text"])
            live += found if text.get("emoji") is False else [*found, "Slack: emoji are on"]
            words.append(said)
        else:
            live += _slack_links(text)
    said = "\n".join(words)
    return Seen(summary, (*live, *also)), Seen(said, tuple(controls(said, "Slack")))


def _slack_texts(blocks: Iterable[Mapping[str, Any]], live: list[str]) -> Iterator[Mapping[str, Any]]:
    for block in blocks:
        if block["type"] == "context" and block.keys() == {"type", "elements"}:
            yield from block["elements"]
        elif block["type"] in ("header", "section") and block.keys() == {"type", "text"}:
            yield block["text"]
        else:
            live.append(f"Slack: block {block}")


def _slack_plain(text: str) -> tuple[str, list[str]]:
    live = [f"Slack: {found!r:.60}" for found in re.findall(r"<[^>]*>?|>", text)]
    live += [f"Slack: a bare & in {text!r:.60}"] if re.search(r"&(?!amp;|lt;|gt;)", text) else []
    return re.sub(r"&(lt|gt|amp);", lambda found: {"lt": "<", "gt": ">", "amp": "&"}[found[1]], text), live


def _slack_links(text: Mapping[str, Any]) -> Iterator[str]:
    if text.get("verbatim") is not True:
        yield "Slack: mrkdwn that is not verbatim"
    for line in text["text"].split("\n"):
        if not re.fullmatch(r"<[^<>|]+>", line):
            yield f"Slack: mrkdwn {line!r:.80}"
        else:
            yield from web_link(_slack_plain(line[1:-1])[0], "Slack")
