"""A stand-in for a Matrix homeserver: as much of the client API as a notice needs, and one event per transaction id.

What Synapse does was measured on a real one: 50 sends with 25 transaction ids gave 25 events; an id counts for one
access token and one room. `tests/servers/synapse.py` runs the real one.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.servers.web import listen


@dataclass
class MatrixServer:
    """The events by room, token and transaction id, in the order in which they came; `sends` counts every try."""

    port: int = 0
    events: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    sends: int = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def contents(self) -> list[dict[str, Any]]:
        """What a member of the room sees, the oldest first."""
        return list(self.events.values())

    def app(self, *middlewares: Any) -> web.Application:
        """The client API."""
        app = web.Application(middlewares=middlewares, client_max_size=2**20)
        api = "/_matrix/client/v3"
        app.router.add_get(f"{api}/account/whoami", self._whoami)
        app.router.add_post(f"{api}/join/{{room}}", self._join)
        app.router.add_put(f"{api}/rooms/{{room}}/send/{{kind}}/{{transaction}}", self.send)
        return app

    async def _whoami(self, _request: web.Request) -> web.Response:
        return web.json_response({"user_id": "@bot:localhost", "device_id": "D"})

    async def _join(self, request: web.Request) -> web.Response:
        return web.json_response({"room_id": request.match_info["room"]})

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Keep an event, once for each transaction."""
        self.sends += 1
        content = json.loads(await request.text())
        token = request.headers.get("Authorization", "")
        key = (request.match_info["room"], token, request.match_info["transaction"])
        self.events.setdefault(key, content)
        return web.json_response({"event_id": f"${list(self.events).index(key)}"})


@asynccontextmanager
async def serve(handler: MatrixServer | None = None, *middlewares: Any) -> AsyncIterator[MatrixServer]:
    """Run the stand-in."""
    server = handler or MatrixServer()
    async with listen(server.app(*middlewares)) as port:
        server.port = port
        yield server
