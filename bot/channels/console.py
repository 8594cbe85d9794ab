"""A channel that prints notices, for `kind = "console"` and for the demo. Knows no colours and no terminal."""

from __future__ import annotations

import sys
from typing import TextIO

from bot.errors import ChannelError
from bot.model import Limits, Message


class ConsoleChannel:
    """Prints each notice as text: its title, a line under it, its words, two empty lines. Default: standard output."""

    def __init__(self, name: str, stream: TextIO | None = None, *, gap: float = 0.0) -> None:
        self.name = name
        self.limits = Limits(title=200, text=100_000)
        self.gap = gap
        self._stream = stream or sys.stdout

    async def send(self, message: Message) -> str:
        """Print `message`. What the stream's encoding cannot show is printed as "?"."""
        shown = f"{message.title}\n{'─' * min(len(message.title), 72)}\n{message.text}\n\n\n"
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        try:
            self._stream.write(shown.encode(encoding, "replace").decode(encoding, "replace"))
            self._stream.flush()
        except (OSError, ValueError) as error:
            raise ChannelError(self.name, f"cannot print: {error}") from error
        return ""

    async def check(self) -> None:
        """Raise `ChannelError` if nothing can be printed any more."""
        if self._stream.closed:
            raise ChannelError(self.name, "cannot print: the output is closed")

    async def close(self) -> None:
        """Leave the stream to its owner."""
