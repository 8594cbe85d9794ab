"""Which hosts may be asked, checked on the name, on the literal and on the address that is connected to.

Redirects and links lead where their authors like, and a name may resolve to one address when it is checked and to
another when it is used; so the connection is made to exactly what was checked. Asks for names, and for nothing else.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

from bot.threads import Threads

MOST_LOOKUPS: Final = 16
LONGEST_LOOKUP: Final = 30.0
"""Seconds; a request has its own, shorter limit."""

class PrivateAddress(OSError):
    """The host is, or resolves to, an address that is not on the open internet."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} is a private address; name it under allow_private_hosts if that is meant")


Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Addresses:
    """Which hosts may be asked: all on the open internet, and what the operator named."""

    def __init__(self, allowed_hosts: Iterable[str]) -> None:
        entries = [entry.strip().strip("[]").rstrip(".").casefold() for entry in allowed_hosts]
        self._networks = tuple(ipaddress.ip_network(entry, strict=False) for entry in entries if "/" in entry)
        self._literals = frozenset(filter(None, map(literal, entries)))
        self._names = frozenset(entries)

    def check(self, host: str) -> None:
        """Raise `PrivateAddress` for an IP literal that is not open. Names are checked when they are resolved."""
        address = literal(host)
        if address is not None and not self.allows(host, address):
            raise PrivateAddress(host)

    def allows(self, host: str, address: Address) -> bool:
        """Whether a connection to `address`, which `host` is or resolves to, may be made.

        A named address opens itself only, not the names that resolve to it: those are anybody's (DNS rebinding).
        """
        if host.rstrip(".").casefold() in self._names or literal(host) in self._literals:
            return True
        real = _inner(address)
        return _is_open(real) or any(real in network for network in self._networks if network.version == real.version)


class Names(AbstractResolver):
    """The system's resolver, in threads that do not hold up the exit.

    aiohttp's own uses the loop's executor, which Python joins at the end: 17 s with two silent name servers.
    """

    def __init__(self) -> None:
        self._threads = Threads("names", most=MOST_LOOKUPS)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a name. Raises `OSError`."""
        if self._threads.full:
            raise OSError("the name servers do not answer")
        job = self._threads.start(lambda: socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM))
        await job.wait(LONGEST_LOOKUP)
        if job.error is not None:
            raise OSError(f"cannot find the address of {host}") from job.error
        return [
            ResolveResult(
                hostname=host,
                host=address[0],
                port=address[1],
                family=found,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for found, _, proto, _, address in job.result
        ]

    async def close(self) -> None:
        """Threads that wait for a name server end by themselves."""


class Guard(AbstractResolver):
    """Resolves names and keeps the addresses that may be connected to; the connection is made to exactly those."""

    def __init__(self, inner: AbstractResolver, addresses: Addresses) -> None:
        self._inner = inner
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a name that may be connected to. Raises `PrivateAddress` if there are others only."""
        found = await self._inner.resolve(host, port, family)
        usable = [one for one in found if self._addresses.allows(host, ipaddress.ip_address(one["host"]))]
        if found and not usable:
            raise PrivateAddress(host)
        return usable

    async def close(self) -> None:
        """Close the resolver behind."""
        await self._inner.close()


@lru_cache(maxsize=1024)
def literal(host: str) -> Address | None:
    """The address that `host` spells; None for a name.

    Spellings that only a C library takes for an address ("127.1", "0x7f000001") are refused by aiohttp 3.14, and
    what still gets through is resolved as a name, so the guard sees what it stands for.
    """
    try:
        return ipaddress.ip_address(host.strip("[]").rstrip("."))
    except ValueError:
        return None


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for (mapped, 6to4, NAT64, the old compatible form), else itself."""
    if isinstance(address, ipaddress.IPv6Address):
        embedded = address.ipv4_mapped or address.sixtofour
        if embedded is None and (address in _NAT64 or address in _COMPATIBLE):
            embedded = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return embedded or address
    return address


def _is_open(address: Address) -> bool:
    site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    # Python calls multicast and the former site-local range global.
    return address.is_global and not address.is_multicast and not site_local
