"""A command's end of the door: give the running bot an order, and wait for what came of it.

Asks once: whether an order that got no answer was performed, nobody knows here.
"""

from __future__ import annotations

from pathlib import Path

import aiohttp

from bot import __version__
from bot.door import wire
from bot.door.address import NAME, reachable
from bot.errors import OrderRefused
from bot.orders import Order

CONNECT_WITHIN = 3.0
MAX_ANSWER = 64 * 1024 * 1024
LOOK = "`keepcurrent outbox` and `keepcurrent authors` show how it stands"


class NoDoor(OrderRefused):
    """Nobody listens: the owner of the store is no running bot, or is just starting or ending."""


async def ask(folder: Path, order: Order) -> wire.Reply:
    """Have the bot that works in this data folder perform an order. Raises `NoDoor`, `OrderRefused`."""
    try:
        if not (folder / NAME).is_socket():
            raise NoDoor("no running bot takes orders there")
        with reachable(folder) as address:
            return await _ask(address, order)
    except aiohttp.ClientConnectorError as error:
        raise NoDoor("no running bot takes orders there") from error
    except TimeoutError as error:
        silence = f"the running bot gave no sign of life for {wire.SILENCE_MAX:g} s; {LOOK}"
        raise OrderRefused(silence) from error
    except (aiohttp.ClientError, ConnectionError) as error:
        raise OrderRefused(f"the running bot ended before it had answered; {LOOK}") from error
    except OSError as error:
        raise NoDoor(error.strerror or str(error)) from error


async def _ask(address: str, order: Order) -> wire.Reply:
    # The silence is what counts, not the whole: a round over many authors takes long.
    limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_WITHIN, sock_read=wire.SILENCE_MAX)
    headers = {wire.VERSION_HEADER: __version__}
    async with (
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(address), timeout=limits) as session,
        session.post(f"http://keepcurrent{wire.PATH}", data=wire.encode(order), headers=headers) as response,
    ):
        _require_the_same_version(response.headers.get(wire.VERSION_HEADER, "unknown"))
        if response.status == wire.STOPPING:
            raise NoDoor("the running bot is ending")
        if response.status != 200:
            raise OrderRefused(_STATUS.get(response.status, f"the running bot answered {response.status}"))
        return wire.decode_reply(await _whole(response))


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > MAX_ANSWER:
            raise OrderRefused("the running bot's answer is larger than we read")
    return bytes(body)


def _require_the_same_version(theirs: str) -> None:
    if theirs != __version__:
        raise OrderRefused(f"the running bot is version {theirs}, this command is {__version__}: restart the bot")


_STATUS = {
    408: "the running bot did not get the whole order in time",
    413: "the order is too long for the running bot; give fewer addresses or ids at once",
    503: "the running bot has too many orders already; ask again in a moment",
}
