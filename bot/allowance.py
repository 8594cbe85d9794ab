"""How long one look may be in requests, all of them together.

A look is several requests: the listing, deeper pages, threads' own pages. With a limit for each alone, a site that
drips keeps a look for as many limits as it has pages. The allowance is in the context of the look, not an argument: a
source passes nothing on, and so can forget nothing; `Http`, the one place where requests are made, spends it. Only time
in requests counts: 32 looks may queue at one host.

Reads no clock, sends nothing. Does not decide what becomes of what was not read (`poll`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Allowance:
    """`left` seconds to be spent in requests. `by_hand`: a person asked for this look and waits for it."""

    def __init__(self, seconds: float, *, by_hand: bool = False) -> None:
        self.left = seconds
        self.by_hand = by_hand

    def spend(self, seconds: float) -> None:
        """Take off what a request took."""
        self.left -= seconds


_current: ContextVar[Allowance | None] = ContextVar("_current", default=None)


@contextmanager
def within(allowance: Allowance) -> Iterator[Allowance]:
    """Let requests that are made in this block spend `allowance`; inside such a block the outer one goes on."""
    outer = _current.get()
    if outer is not None:
        yield outer
        return
    token = _current.set(allowance)
    try:
        yield allowance
    finally:
        _current.reset(token)


def current() -> Allowance | None:
    """What requests spend here and now; None where nothing limits them together."""
    return _current.get()
