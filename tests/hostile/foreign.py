"""Channels as somebody else may write them: they put what they were given into their errors."""

from __future__ import annotations

from bot.errors import ChannelError
from bot.model import Limits, Message


class Careless:
    """Fails in the way that `fails` says, with its token in the words."""

    limits = Limits()

    def __init__(self, name: str, *, token: str, fails: str, gap: float = 0.0) -> None:
        self.name = name
        self.gap = gap
        self._token = token
        self._fails = fails
        if fails == "build":
            raise ValueError(f"cannot log in with {token!r}")

    async def send(self, message: Message) -> str:
        if self._fails == "refuse":
            raise ChannelError(self.name, f"the server does not know {self._token}")
        raise RuntimeError(f"POST https://u:{self._token}@api.example/ failed")

    async def check(self) -> None:
        if self._fails == "check":
            raise RuntimeError(f"GET https://api.example/?token={self._token} failed")

    async def close(self) -> None:
        return None
