"""A stand-in for a Matrix homeserver on loopback that keeps every event it is sent, once for each transaction id.

For volume; what a real one makes of an event is tested against Synapse (`synapse`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.servers.web import listen


class Homeserver:
    """The events of its only room, in order. `refusal`: answer each with this status and Matrix error instead."""

    def __init__(self) -> None:
        self.port = 0
        self.events: dict[str, dict[str, Any]] = {}
        self.refusal: tuple[int, dict[str, Any]] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def contents(self) -> list[dict[str, Any]]:
        """What the events hold."""
        return list(self.events.values())

    async def whoami(self, _: web.Request) -> web.Response:
        return web.json_response({"user_id": "@bot:localhost", "device_id": "D"})

    async def join(self, request: web.Request) -> web.Response:
        return web.json_response({"room_id": request.match_info["room"]})

    async def send(self, request: web.Request) -> web.Response:
        if self.refusal is not None:
            return web.json_response(self.refusal[1], status=self.refusal[0])
        self.events.setdefault(request.match_info["txn"], await request.json())
        return web.json_response({"event_id": f"${len(self.events)}"})


@asynccontextmanager
async def serve() -> AsyncIterator[Homeserver]:
    """Run the stand-in."""
    homeserver = Homeserver()
    app = web.Application(client_max_size=2**20)
    app.router.add_get("/_matrix/client/v3/account/whoami", homeserver.whoami)
    app.router.add_post("/_matrix/client/v3/join/{room}", homeserver.join)
    app.router.add_put("/_matrix/client/v3/rooms/{room}/send/m.room.message/{txn}", homeserver.send)
    async with listen(app) as port:
        homeserver.port = port
        yield homeserver
