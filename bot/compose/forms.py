"""How a notice looks in each kind of channel: which template, and how its size is counted. Pure. Decides no content."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache, lru_cache, partial
from html import escape
from typing import TYPE_CHECKING, Literal

from bot import markdown
from bot.compose.view import View
from bot.model import Form
from bot.text import shorten, split_links

if TYPE_CHECKING:
    from jinja2 import Template  # loaded when the first notice is made: the listings do without

Kind = Literal["text", "html", "markdown"]

_TEMPLATES: dict[Kind, str] = {"text": "notice.txt", "html": "notice.html", "markdown": "notice.md"}
_OWN_TEMPLATES: dict[tuple[Kind, Form], str] = {("text", "slack"): "slack.txt", ("html", "mail"): "mail.html"}


def rendering(kind: Kind, form: Form) -> Callable[[View], str]:
    """What makes text, HTML or Markdown of a view."""
    return partial(_render, _OWN_TEMPLATES.get((kind, form), _TEMPLATES[kind]))


def size_of(form: Form) -> Callable[[str], int]:
    """How the limits of a channel count: mail in bytes, Matrix in bytes of JSON, Slack as escaped for it."""
    match form:
        case "mail":
            return _bytes
        case "matrix":
            return _json_bytes
        case "slack":
            return _escaped
        case _:
            return len


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _json_bytes(text: str) -> int:
    """As in an event: every quote, backslash and line break of it is escaped once more."""
    return _bytes(json.dumps(text, ensure_ascii=False)) - len('""')


def _escaped(text: str) -> int:
    return len(escape(text, quote=False))


def _render(name: str, view: View) -> str:
    return _template(name).render(view=view).strip()


@lru_cache(maxsize=256)
def _pieces(text: str) -> tuple[tuple[str, bool], ...]:
    """A text in words and links, remembered: to see how much fits, a notice is made a dozen times."""
    return tuple(split_links(text))


@cache
def _template(name: str) -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("bot", "templates"),
        autoescape=name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,  # asks for the time of each file at each notice
    )
    made.filters |= {
        "split_links": _pieces,
        "shorten": shorten,
        "literal": markdown.literal,
        "prose": markdown.prose,
        "autolink": markdown.link,
    }
    return made.get_template(name)
