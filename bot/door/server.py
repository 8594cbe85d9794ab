"""The running bot's end of the door: an HTTP server on a unix socket that only its owner may open.

Whatever comes in is bounded: size, number, and the time it may take to come. Does not perform orders (`desk`), and an
order does not depend on whether who gave it is still there.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from bot import __version__
from bot.door import wire
from bot.door.address import NAME, reachable
from bot.door.desk import Desk
from bot.errors import BotError
from bot.orders import Answer

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 16
READ_WITHIN = 10.0
"""Seconds that a request may take to come, and its answer to be fetched."""
CLOSE_WITHIN = 0.5
"""Seconds that last answers may take to go out when the door is shut."""

# What comes over the socket may be anything; aiohttp would tell of each piece with a traceback.
_silent = logging.getLogger("bot.door.silent")
_silent.disabled = True


@asynccontextmanager
async def opened(folder: Path, desk: Desk) -> AsyncIterator[None]:
    """Let orders in while the block lasts. Only for who holds the store's lock: a socket that is there is removed.

    Where no socket can be had, this is told, and the bot runs without a door.
    """
    try:
        listening = _listen(folder)
    except OSError as error:
        reason = error.strerror or error
        log.warning("no socket in %s: %s; other commands cannot reach this bot while it runs", folder, reason)
        yield
        return
    mine = _identity(folder)
    try:
        async with _serving(listening, desk):
            yield
    finally:
        listening.close()
        # Where the folder was put in another's place meanwhile, the socket in it is that bot's door.
        if mine is not None and _identity(folder) == mine:
            (folder / NAME).unlink(missing_ok=True)


def _identity(folder: Path) -> tuple[int, int] | None:
    """Which socket is in the folder; None where none can be seen."""
    try:
        seen = (folder / NAME).lstat()
    except OSError:
        return None
    return seen.st_dev, seen.st_ino


def _listen(folder: Path) -> socket.socket:
    """A socket in the folder, bound and closed to everybody else before anybody can connect. Raises `OSError`."""
    path = folder / NAME
    if path.is_socket():
        path.unlink()  # of a bot that was killed
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with reachable(folder) as address:
            made.bind(address)
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)
        made.setblocking(False)
    except BaseException:
        made.close()
        raise
    return made


@asynccontextmanager
async def _serving(listening: socket.socket, desk: Desk) -> AsyncIterator[None]:
    server = _Server(
        _Handler(desk).handle, keepalive_timeout=READ_WITHIN, lingering_time=1.0, access_log=None, logger=_silent
    )
    runner = web.ServerRunner(server, shutdown_timeout=CLOSE_WITHIN)
    await runner.setup()
    try:
        await web.SockSite(runner, listening, backlog=MOST_CONNECTIONS).start()
        yield
    finally:
        await runner.cleanup()


class _Server(web.Server):
    """So many connections at once; who comes then is told so and sent away."""

    def __call__(self) -> RequestHandler:
        return super().__call__() if len(self.connections) < MOST_CONNECTIONS else cast("RequestHandler", _Full())


class _Full(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say that there is no place, and close."""
        head = f"HTTP/1.1 503 Service Unavailable\r\n{wire.VERSION_HEADER}: {__version__}\r\nContent-Length: 0\r\n\r\n"
        cast("asyncio.Transport", transport).write(head.encode())
        transport.close()


class _Handler:
    """Reads one order per connection, and answers it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        if (request.method, request.path) != ("POST", wire.PATH):
            return _plain(404)
        if request.headers.get(wire.VERSION_HEADER) != __version__:
            return _plain(409)
        if self._desk.stopped:
            return _plain(wire.STOPPING)
        try:
            async with asyncio.timeout(READ_WITHIN):
                body = await request.read()
        except TimeoutError:
            return _plain(408)
        except (web.RequestPayloadError, web.HTTPRequestEntityTooLarge):
            return _plain(413)
        return await self._answer(request, body)

    async def _answer(self, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={wire.VERSION_HEADER: __version__})
        response.force_close()
        try:
            await response.prepare(request)
            reply = await self._reply(response, body)
            async with asyncio.timeout(READ_WITHIN):
                await response.write(wire.encode(reply) + b"\n")
                await response.write_eof()
        except (ConnectionError, TimeoutError):
            log.info("who gave an order did not wait for its end; it is finished all the same")
            if request.transport is not None:
                request.transport.abort()
        return response

    async def _reply(self, response: web.StreamResponse, body: bytes) -> wire.Reply:
        try:
            task = self._desk.take(wire.decode_order(body))
            await self._until_done(task, response)
            answer = self._desk.outcome(task)
        except BotError as error:
            return wire.failed(error, pid=os.getpid(), channels=self._desk.channels)
        return wire.answered(answer, pid=os.getpid(), channels=self._desk.channels)

    async def _until_done(self, task: asyncio.Task[Answer], response: web.StreamResponse) -> None:
        """Wait for the end of an order, with a sign of life now and then. Does not cancel it, whatever happens."""
        while not task.done():
            await asyncio.wait((task,), timeout=wire.SIGN_EVERY)
            if not task.done():
                async with asyncio.timeout(READ_WITHIN):
                    await response.write(wire.SIGN_OF_LIFE)


def _plain(status: int) -> web.Response:
    answer = web.Response(status=status, headers={wire.VERSION_HEADER: __version__})
    answer.force_close()
    return answer
