"""One thread as text, Markdown, JSON or a page, for `unroll`. Pure. Makes no PDF: `bot.pdf` prints the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bot.model import Entry
from bot.render.look import PICTURE_TYPES, Look, Picture
from bot.render.page import as_html
from bot.render.plain import as_json, as_markdown, as_text

__all__ = ["FORMATS", "PICTURE_TYPES", "Look", "Picture"]

FORMATS: Mapping[str, Callable[[Entry, Look], str]] = {
    "text": as_text,
    "markdown": as_markdown,
    "html": as_html,
    "json": as_json,
}
