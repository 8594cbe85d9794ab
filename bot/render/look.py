"""How a thread is to be shown, beside its own words. Only values; decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

PICTURE_TYPES = frozenset(("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"))
"""Grids of points, all of them. SVG is a document, which may act and load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture as it was kept, or fetched because the user wanted it."""

    mime: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a page needs to know that the thread does not say.

    `pictures`: by the address that they have in the thread; they become part of the page. `remote_images`: the user
    lets the page load the others. `note`: a sentence for the reader, above the thread. `lang`: of the author's words,
    as HTML spells it, "" while unknown. `read_at`: when the thread was read.
    """

    zone: tzinfo
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    remote_images: bool = False
    note: str = ""
    lang: str = ""
    read_at: datetime | None = None
