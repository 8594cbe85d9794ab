"""The only HTTP client: bounded in time and size, polite to each host, closed to private addresses.

Does not retry, does not know what a page means, and keeps no cookies. Whatever goes wrong while asking is raised as a
`SourceError` with one short sentence that names the host.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
import re
import socket
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from bot import conditional
from bot.errors import (
    FeedGone,
    HostHeld,
    ParseError,
    SourceError,
    SourceRefused,
    TemporarySourceError,
)
from bot.threads import Threads

MAX_BODY: Final = 8 * 1024 * 1024
MAX_REDIRECTS: Final = 5
MOST_LOOKUPS: Final = 16
LONGEST_LOOKUP: Final = 30.0
"""Seconds; a look has its own, shorter limit."""
MAX_QUEUE: Final = 600.0
"""The longest wait for one's turn at a host, in seconds."""

_ERROR_BODY: Final = 64 * 1024
"""How much is read of a page that comes with an error status: enough to recognise a challenge."""
_STEP: Final = 64 * 1024
_MAX_MEMBERS: Final = 100
_MAX_LANES: Final = 1000
_ACCEPT: Final = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
_HOST = re.compile(r"[A-Za-z0-9._-]+")
_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer that was read to its end: 2xx, or 304 with an empty body. `url` is where redirects led to."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes


class Http:
    """Asks. Safe for many tasks at once; `close` it in the end.

    `timeout` is for one `get` as a whole, redirects included, once its turn at the host has come.
    `allowed_hosts`: names and addresses that the operator named, and networks ("10.0.0.0/8"), private or not.
    """

    def __init__(
        self,
        *,
        user_agent: str,
        timeout: float = 20.0,
        per_host: int = 1,
        host_delay: float = 1.0,
        max_body: int = MAX_BODY,
        allowed_hosts: Iterable[str] = (),
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._headers = {"User-Agent": user_agent, "Accept": _ACCEPT, "Accept-Encoding": "gzip, deflate"}
        self._timeout = timeout
        self._max_body = max_body
        self._addresses = Addresses(allowed_hosts)
        self._clock = clock
        self._resolver = resolver
        self._lanes = _Lanes(per_host, host_delay, clock, sleep, chance)
        self._holds = Holds(probe=timedelta(seconds=timeout + 10))
        self._session: aiohttp.ClientSession | None = None

    async def get(self, url: str, *, feed_id: str, headers: Mapping[str, str] | None = None) -> Response:
        """Ask for `url` on behalf of a feed. Raises `SourceError`; 304 is returned like an answer."""
        target = _parse(feed_id, url)
        own_headers = dict(headers or {})
        left = self._timeout
        for _ in range(MAX_REDIRECTS + 1):
            started = asyncio.get_running_loop().time()
            async with self._turn(feed_id, target) as waited:
                answer = await self._ask(feed_id, target, own_headers, left)
            left -= asyncio.get_running_loop().time() - started - waited
            if answer.status not in _REDIRECTS:
                return answer
            onward = _onward(feed_id, target, answer.headers.get("Location", ""))
            if onward.origin() != target.origin():
                # What the caller adds (validators, tokens) is meant for the host it was written for.
                own_headers = {}
            target = onward
        raise TemporarySourceError(feed_id, f"{target.host} sends us in a circle: more than {MAX_REDIRECTS} redirects")

    async def close(self) -> None:
        """Close every connection. Idempotent."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    @asynccontextmanager
    async def _turn(self, feed_id: str, url: URL) -> AsyncIterator[float]:
        """Wait for a turn at the host and give the seconds that it took; `HostHeld` instead of asking in a hold."""
        host = _site(url)
        self._raise_if_held(feed_id, url, self._holds.held(host, self._clock()))
        started = asyncio.get_running_loop().time()
        try:
            async with self._lanes.turn(host):
                self._raise_if_held(feed_id, url, self._holds.ask(host, self._clock()))
                yield asyncio.get_running_loop().time() - started
        except _QueueTooLong as error:
            # Our own queue is too long: no failure of the author, who is due again soon.
            raise HostHeld(feed_id, f"{url.host}: its turn did not come in {MAX_QUEUE:g} s; not asked") from error

    @staticmethod
    def _raise_if_held(feed_id: str, url: URL, until: datetime | None) -> None:
        if until is not None:
            when = until.strftime("%Y-%m-%d %H:%M:%S UTC")
            raise HostHeld(feed_id, f"{url.host} asked for a pause until {when}; not asked", not_before=until)

    async def _ask(self, feed_id: str, url: URL, headers: Mapping[str, str], seconds: float) -> Response:
        """One request and its answer, with the hold of its host kept up to date."""
        host = _site(url)
        try:
            answer = await self._exchange(feed_id, url, headers, seconds)
        except SourceError:
            self._holds.failed(host, self._clock())
            raise
        now = self._clock()
        not_before = conditional.retry_after(answer.headers.get("Retry-After"), now)
        error = error_of(feed_id, url.host or "", answer, not_before)
        if answer.status in (429, 503) and not isinstance(error, SourceRefused):
            self._holds.refused(host, feed_id, now, not_before)
        elif answer.status >= 500:
            self._holds.failed(host, now)
        else:
            self._holds.answered(host, now)
        if error is not None:
            raise error
        return answer

    async def _exchange(self, feed_id: str, url: URL, headers: Mapping[str, str], seconds: float) -> Response:
        """Send one request, read its answer whole; everything that can go wrong comes out as a `SourceError`."""
        try:
            self._addresses.check(url.host or "")
            async with asyncio.timeout(seconds):
                asked = self._open().get(url, headers={**self._headers, **headers}, allow_redirects=False)
                async with asked as answer:
                    body = b"" if answer.status in _REDIRECTS else await self._read(answer)
                    return Response(status=answer.status, url=str(answer.url), headers=answer.headers, body=body)
        except _EXPECTED as error:
            raise self._translated(feed_id, url.host or "", error) from error

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        if answer.status in (204, 304):
            return b""
        failed = answer.status >= 400
        limit = min(_ERROR_BODY, self._max_body) if failed else self._max_body
        try:
            return await _read_bounded(answer, limit)
        except (_TooLarge, _Undecodable, aiohttp.ClientPayloadError, zlib.error):
            if failed:  # the status alone says enough
                return b""
            raise

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            guard = _Guard(self._resolver or _Names(), self._addresses)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=guard),
                cookie_jar=aiohttp.DummyCookieJar(),
                # Decompressed here, in bounded steps: aiohttp 3.14 reads 500 MB out of 500 kB, and takes a cut gzip
                # for a whole page.
                auto_decompress=False,
                # The limit is `asyncio.timeout` around request and body.
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            )
        return self._session

    def _translated(self, feed_id: str, host: str, error: BaseException) -> SourceError:
        private = _private_address(error)
        if private is not None:
            return SourceError(feed_id, str(private))
        if isinstance(error, TimeoutError):
            return TemporarySourceError(feed_id, f"{host} did not answer within {self._timeout:g} s")
        for kind, failure, reason in _REASONS:
            if isinstance(error, kind):
                return failure(feed_id, f"{host}: {reason}")
        return TemporarySourceError(feed_id, f"{host}: the connection failed")


# -- what can go wrong ----------------------------------------------------------------------------


class PrivateAddress(OSError):
    """The host is, or resolves to, an address that is not on the open internet."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} is a private address; name it under allow_private_hosts if that is meant")


class _TooLarge(Exception):
    """The body is longer than we read."""


class _Undecodable(Exception):
    """The body is in an encoding that was not asked for."""


class _CutShort(Exception):
    """The compressed body stops before its end."""


class _QueueTooLong(Exception):
    """The turn at a host did not come in time."""


# ValueError covers UnicodeError and the InvalidURL of aiohttp and yarl; LookupError is an unknown charset.
_EXPECTED = (aiohttp.ClientError, OSError, ValueError, LookupError, zlib.error, _TooLarge, _Undecodable, _CutShort)

_REASONS: tuple[tuple[type[BaseException], type[SourceError], str], ...] = (
    (_TooLarge, ParseError, "the page is larger than we read"),
    (_Undecodable, ParseError, "the page comes in an encoding that we did not ask for"),
    (_CutShort, TemporarySourceError, "the answer was cut short"),
    (zlib.error, TemporarySourceError, "the answer was damaged on its way"),
    (aiohttp.ClientPayloadError, TemporarySourceError, "the answer was cut short"),
    (aiohttp.ClientConnectorCertificateError, TemporarySourceError, "its certificate is not valid"),
    (aiohttp.ClientSSLError, TemporarySourceError, "no secure connection"),
    (aiohttp.ClientConnectorDNSError, TemporarySourceError, "its name cannot be found"),
    (aiohttp.ClientConnectorError, TemporarySourceError, "cannot connect"),
    (aiohttp.ServerDisconnectedError, TemporarySourceError, "closed the connection without an answer"),
    (aiohttp.InvalidURL, ParseError, "not an address that can be asked"),
    (aiohttp.ClientResponseError, TemporarySourceError, "does not speak proper HTTP"),
    (ValueError, ParseError, "not an address that can be asked"),
)

_STATUS: Mapping[int, tuple[type[SourceError], str]] = {
    401: (SourceRefused, "wants a login"),
    403: (SourceRefused, "refuses us"),
    404: (FeedGone, "has no such page"),
    408: (TemporarySourceError, "took too long with our request"),
    410: (FeedGone, "says that the page is gone for good"),
    425: (TemporarySourceError, "asks us to come again later"),
    429: (TemporarySourceError, "asks us to slow down"),
    451: (SourceRefused, "may not show this page for legal reasons"),
    503: (TemporarySourceError, "is not available now"),
}


def error_of(feed_id: str, host: str, answer: Response, not_before: datetime | None = None) -> SourceError | None:
    """What a status means, None for an answer to read (2xx, a redirect to follow, 304)."""
    status = answer.status
    # Cloudflare's older "I'm under attack" page came with 503, today's with 403.
    if status in (403, 503) and (is_challenge(answer.body) or answer.headers.get("cf-mitigated") == "challenge"):
        return SourceRefused(feed_id, f"{host} wants a browser to pass its challenge ({status})")
    if status == 206:
        return TemporarySourceError(feed_id, f"{host} sent a part of the page only (206)")
    if status < 300 or status == 304 or status in _REDIRECTS:
        return None
    kind, reason = _STATUS.get(status, (ParseError, "does not answer what we asked"))
    if status >= 500 and status not in _STATUS:
        kind, reason = TemporarySourceError, "has a fault of its own"
    keeps = not_before if issubclass(kind, TemporarySourceError) else None
    return kind(feed_id, f"{host} {reason} ({status})", not_before=keeps)


_CHALLENGE_MARKS: Final = (
    b"<title>just a moment",
    b"cf_chl_opt",
    b"cf-chl-",
    b"<title>attention required! | cloudflare",
    b"g-recaptcha",
    b"h-captcha",
    b"cf-turnstile",
)


def is_challenge(body: bytes) -> bool:
    """Whether a page that was not recognised asks for a browser or a human.

    Not for pages that were: Cloudflare puts its rocket-loader and `challenge-platform` scripts into ordinary ones.
    """
    start = body[:_ERROR_BODY].lower()
    return any(mark in start for mark in _CHALLENGE_MARKS)


def _private_address(error: BaseException | None) -> PrivateAddress | None:
    """The refusal of the guard, which aiohttp wraps into an error of its own."""
    while error is not None and not isinstance(error, PrivateAddress):
        error = error.__cause__
    return error


# -- addresses ------------------------------------------------------------------------------------


def _parse(feed_id: str, url: str) -> URL:
    try:
        parsed = URL(url)
    except (ValueError, TypeError) as error:
        raise ParseError(feed_id, "not an address that can be asked") from error
    if not _can_be_asked(parsed):
        raise ParseError(feed_id, "not an http or https address")
    return parsed


def _can_be_asked(url: URL) -> bool:
    """Whether it is a web address with a host that can exist: no "%31%32%37.0.0.1", no blank in it."""
    host = url.raw_host or ""
    return url.scheme in ("http", "https") and (_literal(host) is not None or bool(_HOST.fullmatch(host)))


def _site(url: URL) -> str:
    """What turns and holds go by: host and port, without a name or password."""
    return f"{url.host}:{url.port}"


def _onward(feed_id: str, url: URL, location: str) -> URL:
    """Where a redirect leads; never with a name and password of its own."""
    try:
        onward = url.join(URL(location)) if location else None
    except ValueError:
        onward = None
    if onward is None or not _can_be_asked(onward):
        raise ParseError(feed_id, f"{url.host} redirects to where no page can be")
    return onward if onward.origin() == url.origin() else onward.with_user(None)


Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Addresses:
    """Which hosts may be asked: all on the open internet, and what the operator named."""

    def __init__(self, allowed_hosts: Iterable[str]) -> None:
        entries = [entry.strip().strip("[]").rstrip(".").casefold() for entry in allowed_hosts]
        self._networks = tuple(ipaddress.ip_network(entry, strict=False) for entry in entries if "/" in entry)
        self._literals = frozenset(filter(None, map(_literal, entries)))
        self._names = frozenset(entries)

    def check(self, host: str) -> None:
        """Raise `PrivateAddress` for an IP literal that is not open. Names are checked when they are resolved."""
        address = _literal(host)
        if address is not None and not self.allows(host, address):
            raise PrivateAddress(host)

    def allows(self, host: str, address: Address) -> bool:
        """Whether a connection to `address`, which `host` is or resolves to, may be made.

        A named address opens itself only, not the names that resolve to it: those are anybody's (DNS rebinding).
        """
        if host.rstrip(".").casefold() in self._names or _literal(host) in self._literals:
            return True
        real = _inner(address)
        return _is_open(real) or any(real in network for network in self._networks if network.version == real.version)


class _Names(AbstractResolver):
    """The system's resolver, in threads that do not hold up the exit.

    aiohttp's own uses the loop's executor, which Python joins at the end: 17 s with two silent name servers.
    """

    def __init__(self) -> None:
        self._threads = Threads("names", most=MOST_LOOKUPS)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
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


class _Guard(AbstractResolver):
    """Resolves names and keeps the addresses that may be connected to; the connection is made to exactly those."""

    def __init__(self, inner: AbstractResolver, addresses: Addresses) -> None:
        self._inner = inner
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        usable = [one for one in found if self._addresses.allows(host, ipaddress.ip_address(one["host"]))]
        if found and not usable:
            raise PrivateAddress(host)
        return usable

    async def close(self) -> None:
        await self._inner.close()


def _literal(host: str) -> Address | None:
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


# -- bodies ---------------------------------------------------------------------------------------


async def _read_bounded(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    """The decoded body, whole, or an error: never more than `limit`, never half a page."""
    decoder = _decoder(answer)
    body = bytearray()
    received = 0
    async for chunk in answer.content.iter_any():
        received += len(chunk)
        for piece in decoder.feed(chunk):
            body += piece
            if len(body) > limit:
                raise _TooLarge
        if received > limit + _STEP:  # a stream of empty gzip blocks
            raise _TooLarge
    decoder.finish()
    return bytes(body)


class _Plain:
    """A body that is not compressed."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data

    def finish(self) -> None:
        """Content-Length and chunks are checked by aiohttp."""


class _Deflate(_Plain):
    """A body in deflate: with zlib's header, as the standard says, or raw, as some servers send it."""

    _inflater: zlib._Decompress | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._inflater is None:
            has_header = data[0] & 0x0F == 8 and data[0] >> 4 <= 7
            self._inflater = zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
        yield from _inflated(self._inflater, data)

    def finish(self) -> None:
        if self._inflater is None or not self._inflater.eof:
            raise _CutShort


class _Gzip(_Plain):
    """A body in gzip, which may consist of several members; what follows the last one is padding."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._members = 1

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._inflater.eof:
                if data[0] != 0x1F:
                    return
                self._members += 1
                if self._members > _MAX_MEMBERS:
                    raise _TooLarge
                self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
            yield from _inflated(self._inflater, data)
            data = self._inflater.unused_data

    def finish(self) -> None:
        if not self._inflater.eof:
            raise _CutShort


def _inflated(inflater: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    """What `data` holds, at most `_STEP` bytes at a time: 500 kB can hold 500 MB."""
    while True:
        piece = inflater.decompress(data, _STEP)
        if piece:
            yield piece
        data = inflater.unconsumed_tail
        if inflater.eof or (not data and len(piece) < _STEP):
            return


def _decoder(answer: aiohttp.ClientResponse) -> _Plain:
    named = ",".join(answer.headers.getall("Content-Encoding", []))
    encodings = [name.strip().casefold() for name in named.split(",")]
    match [name for name in encodings if name not in ("", "identity")]:
        case []:
            return _Plain()
        case ["gzip" | "x-gzip"]:
            return _Gzip()
        case ["deflate"]:
            return _Deflate()
        case _:
            raise _Undecodable


# -- turns and holds ------------------------------------------------------------------------------


@dataclass(slots=True)
class _Lane:
    slots: asyncio.Semaphore
    next_start: datetime
    pacing: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class _Lanes:
    """Turns at each host: so many at once, with a pause between the starts of two."""

    def __init__(
        self,
        per_host: int,
        host_delay: float,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        chance: Callable[[], float],
    ) -> None:
        self._per_host = per_host
        self._host_delay = host_delay
        self._clock = clock
        self._sleep = sleep
        self._chance = chance
        self._lanes: dict[str, _Lane] = {}

    @asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        lane = self._lane(host)
        lane.users += 1
        try:
            async with asyncio.timeout(MAX_QUEUE) as limit:
                await lane.slots.acquire()
            try:
                await self._pace(lane)
                yield
            finally:
                lane.slots.release()
        except TimeoutError as error:
            if limit.expired():
                raise _QueueTooLong from error
            raise
        finally:
            lane.users -= 1

    async def _pace(self, lane: _Lane) -> None:
        async with lane.pacing:
            pause = (lane.next_start - self._clock()).total_seconds()
            if pause > 0:
                # A clock that was set back does not make the pause longer.
                await self._sleep(min(pause, self._host_delay * 1.25))
            jittered = self._host_delay * (1 + self._chance() / 4)
            lane.next_start = self._clock() + timedelta(seconds=jittered)

    def _lane(self, host: str) -> _Lane:
        if len(self._lanes) > _MAX_LANES:
            now = self._clock()
            idle = [name for name, lane in self._lanes.items() if not lane.users and lane.next_start <= now]
            for name in idle:
                del self._lanes[name]
        if host not in self._lanes:
            self._lanes[host] = _Lane(asyncio.Semaphore(self._per_host), next_start=self._clock())
        return self._lanes[host]


@dataclass(frozen=True, slots=True)
class _Hold:
    """No request before `until`; then one probe, which has until `probing` to come back."""

    until: datetime
    pause: timedelta
    probing: datetime | None = None


FIRST_PAUSE: Final = timedelta(minutes=5)
"""For how long a refusal without Retry-After counts."""
LONGEST_PAUSE: Final = timedelta(hours=1)
"""The longest pause between two probes of a host that names none itself."""


class Holds:
    """Which hosts are to be left alone, and until when. Asks nothing and reads no clock.

    One feed that is refused (429, 503) is that feed's matter, and its poll's `not_before`. A second feed refused at the
    same host while the first refusal is in force holds the host. When the hold is over, one probe goes: its success
    reopens the host, its failure extends the hold.
    """

    def __init__(self, *, probe: timedelta) -> None:
        self._probe = probe
        self._refused: dict[str, dict[str, datetime]] = {}
        self._holds: dict[str, _Hold] = {}

    def held(self, host: str, now: datetime) -> datetime | None:
        """Until when the host must not be asked; None if it may be."""
        hold = self._holds.get(host)
        if hold is None:
            return None
        if now < hold.until:
            return hold.until
        return hold.probing if hold.probing is not None and now < hold.probing else None

    def ask(self, host: str, now: datetime) -> datetime | None:
        """As `held`; where the answer is None, the caller asks now, after a hold as its one probe."""
        until = self.held(host, now)
        hold = self._holds.get(host)
        if until is None and hold is not None:
            self._holds[host] = replace(hold, probing=now + self._probe)
        return until

    def refused(self, host: str, feed_id: str, now: datetime, not_before: datetime | None) -> None:
        """The host refused this feed, until `not_before` if it named a time."""
        hold = self._holds.get(host)
        if hold is not None:
            self._extend(host, hold, now, not_before)
            return
        until = not_before or now + FIRST_PAUSE
        self._forget_before(now)
        in_force = self._refused.get(host, {})
        others = [end for feed, end in in_force.items() if feed != feed_id]
        if others:
            self._refused.pop(host, None)
            self._holds[host] = _Hold(until=max(until, *others), pause=FIRST_PAUSE)
        else:
            self._refused[host] = {**in_force, feed_id: until}

    def failed(self, host: str, now: datetime) -> None:
        """The host did not answer, or with a fault of its own: a probe that ends so extends the hold."""
        hold = self._holds.get(host)
        if hold is not None and now >= hold.until:
            self._extend(host, hold, now, None)

    def answered(self, host: str, now: datetime) -> None:
        """The host answered: a probe that ends so reopens it. An answer from before the hold changes nothing."""
        hold = self._holds.get(host)
        if hold is not None and now >= hold.until:
            del self._holds[host]

    def _forget_before(self, now: datetime) -> None:
        kept = {host: {feed: end for feed, end in ends.items() if end > now} for host, ends in self._refused.items()}
        self._refused = {host: ends for host, ends in kept.items() if ends}

    def _extend(self, host: str, hold: _Hold, now: datetime, not_before: datetime | None) -> None:
        if now < hold.until:  # an answer to a request from before the hold
            self._holds[host] = replace(hold, until=max(hold.until, not_before or hold.until))
            return
        pause = min(hold.pause * 2, LONGEST_PAUSE)
        self._holds[host] = _Hold(until=not_before or now + pause, pause=pause)
