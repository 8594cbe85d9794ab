"""An HTTP server on loopback that keeps the JSON it is sent, and answers as told."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Recorder:
    """What arrived, and the answer to give next."""

    port: int = 0
    bodies: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str = "ok"
    drop: bool = False
    trickle: asyncio.Event | None = None
    """Set: the answer comes a character at a time, which no time-out of a socket ends, until the event is set."""

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Keep a request, then answer it."""
        self.paths.append(request.path)
        self.bodies.append(json.loads(await request.text() or "null"))
        if self.trickle is not None:
            return await self._trickle(request, self.trickle)
        if self.drop and request.transport is not None:
            request.transport.abort()
        return web.Response(status=self.status, headers=self.headers, text=self.body)

    async def _trickle(self, request: web.Request, until: asyncio.Event) -> web.StreamResponse:
        answer = web.StreamResponse(status=self.status, headers=self.headers)
        await answer.prepare(request)
        while not until.is_set():
            await answer.write(b".")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.02):
                    await until.wait()
        await answer.write_eof()
        return answer


@asynccontextmanager
async def listen(app: web.Application) -> AsyncIterator[int]:
    """Serve `app` on a free port of loopback."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def record(handler: Recorder | None = None, *middlewares: Any) -> AsyncIterator[Recorder]:
    """Run a recorder."""
    recorder = handler or Recorder()
    app = web.Application(middlewares=middlewares)
    app.router.add_route("*", "/{path:.*}", recorder.take)
    async with listen(app) as port:
        recorder.port = port
        try:
            yield recorder
        finally:
            if recorder.trickle is not None:
                recorder.trickle.set()
