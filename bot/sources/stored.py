"""Pure: single values of a stored cursor. Does not know which there are.

What is not understood counts as absent: a cursor may have been written by another version, or by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from bot.model import Json


def text_in(value: Json) -> str:
    """A text, "" for anything else."""
    return value if isinstance(value, str) else ""


def texts_in(value: Json, is_one: Callable[[str], object]) -> tuple[str, ...]:
    """The texts in a list that are what they should be."""
    return tuple(one for one in value if isinstance(one, str) and is_one(one)) if isinstance(value, list) else ()


def time_in(value: Json) -> datetime | None:
    """A time as `isoformat` writes it. Without its zone it is no moment."""
    try:
        time = datetime.fromisoformat(text_in(value))
    except ValueError:
        return None
    return time if time.tzinfo is not None else None


def filled(values: Mapping[str, Json]) -> dict[str, Json]:
    """What is kept of them: nothing that is empty."""
    return {name: value for name, value in values.items() if value}
