"""How orders and answers pass the door: JSON, with the version of the program in a header.

An order is the body of a POST. What comes back is one JSON line, after blank lines that are signs of life. Reads
strictly: what does not fit is refused, never guessed at. Opens no socket.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import cache
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from bot.errors import BotError, NotFound, OrderRefused, SettingsError, StoreError
from bot.orders import Answer, Order

PATH = "/order"
VERSION_HEADER = "Keepcurrent-Version"
STOPPING = 410
"""The status by which a bot that is ending sends an order away before it was begun."""
SIGN_OF_LIFE = b"\n"
SIGN_EVERY = 5.0
"""Seconds between two signs of life while an order is performed."""
SILENCE_MAX = 30.0
"""Seconds without any sign after which whoever asked gives up."""

_KINDS: tuple[type[BotError], ...] = (SettingsError, NotFound, StoreError, OrderRefused)
_ERRORS = {kind.__name__: kind for kind in _KINDS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a running bot answers: what came of the order, or the error. `channels` are those that it knows."""

    pid: int
    channels: tuple[str, ...]
    answer: Annotated[Answer, Field(discriminator="kind")] | None = None
    error: str = ""
    error_kind: str = ""

    def result(self) -> Answer:
        """The answer. Raises the error as the running bot raised it."""
        if self.answer is not None:
            return self.answer
        kind = _ERRORS.get(self.error_kind, OrderRefused)
        raise kind(*self.error.split("\n")) if kind is SettingsError else kind(self.error)


def answered(answer: Answer, *, pid: int, channels: Sequence[str]) -> Reply:
    """The reply to an order that was performed."""
    return Reply(pid=pid, channels=tuple(channels), answer=answer)


def failed(error: BotError, *, pid: int, channels: Sequence[str]) -> Reply:
    """The reply to an order that could not be."""
    kind = next((base.__name__ for base in type(error).__mro__ if base.__name__ in _ERRORS), OrderRefused.__name__)
    return Reply(pid=pid, channels=tuple(channels), error=str(error), error_kind=kind)


def encode(value: Order | Reply) -> bytes:
    """An order or a reply as one line of JSON."""
    text = json.dumps(asdict(value), ensure_ascii=False, separators=(",", ":"), default=_written)
    return text.encode("utf-8", "replace")  # a lone surrogate in an author's text must not end an answer


def _written(time: date) -> str:
    """A day or a time, which are all that JSON does not know of what an order or a reply may hold."""
    return time.isoformat()


def decode_order(data: bytes) -> Order:
    """Read an order. Raises `OrderRefused`."""
    order: Order = _read(_orders(), data, "the running bot does not understand the order")
    return order


def decode_reply(data: bytes) -> Reply:
    """Read a reply. Raises `OrderRefused`."""
    reply: Reply = _read(_replies(), data, "the running bot gave an answer that cannot be read")
    return reply


def _read(adapter: TypeAdapter[Any], data: bytes, problem: str) -> Any:  # noqa: ANN401 - what the adapter is for
    try:
        return adapter.validate_python(json.loads(data))
    except (ValidationError, ValueError, RecursionError):
        raise OrderRefused(problem) from None


@cache
def _orders() -> TypeAdapter[Any]:
    return TypeAdapter(Annotated[Order, Field(discriminator="kind")])


@cache
def _replies() -> TypeAdapter[Any]:
    return TypeAdapter(Reply)
