"""The only HTTP client: bounded in time and size, polite to each host, closed to private addresses.

Does not retry, does not know what a page means, and keeps no cookies. Whatever goes wrong while asking is raised as a
`SourceError` with one short sentence that names the host.
"""

from __future__ import annotations

import asyncio
import random
import re
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from bot import allowance, conditional
from bot.addresses import Addresses, Guard, Names, PrivateAddress, literal
from bot.bodies import CutShort, TooLarge, Undecodable, read_bounded
from bot.errors import (
    FeedEnded,
    FeedGone,
    HostDown,
    HostHeld,
    OutOfTime,
    ParseError,
    SourceError,
    SourceRefused,
    SourceUnreachable,
    TemporarySourceError,
)
from bot.hosts import MAX_QUEUE, Held, Holds, QueueTooLong, Turns

Grant = Callable[[str, str], Awaitable[datetime | None]]
"""Asked before each request, by host and feed: until when it may not be sent, None: it may."""

MAX_BODY: Final = 8 * 1024 * 1024
MAX_REDIRECTS: Final = 5

_ERROR_BODY: Final = 64 * 1024
"""How much is read of a page that comes with an error status: enough to recognise a challenge."""
_LARGE: Final = 4 * 1024
"""An answer that is longer takes time to read."""
_ACCEPT: Final = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
_HOST = re.compile(r"[A-Za-z0-9._-]+")
_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
_PERMANENT: Final = frozenset((301, 308))
_PAUSES: Final = frozenset((429, 503))


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer that was read to its end: 2xx, or 304 with an empty body. `url` is where redirects led to.

    `moved_to`: where permanent redirects (301, 308) lead, up to the first that is not; "" if the first one is not.
    """

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes
    moved_to: str = ""


class Http:
    """Asks. Safe for many tasks at once; `close` it in the end.

    `timeout` is for one `get` as a whole, redirects included, once its turn at the host has come; an `allowance` around
    several makes it less.
    `grant`: what keeps each host's budget, None where there is none.
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
        grant: Grant | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._headers = {"User-Agent": user_agent, "Accept": _ACCEPT, "Accept-Encoding": "gzip, deflate"}
        self._timeout = timeout
        self._max_body = max_body
        self._addresses = Addresses(allowed_hosts)
        self._clock = clock
        self._resolver = resolver
        self._turns = Turns(per_host, host_delay, clock, sleep, chance)
        self._grant = grant
        self._holds = Holds(probe=timedelta(seconds=timeout + 10))
        self._session: aiohttp.ClientSession | None = None
        self._reading = asyncio.Lock()

    async def get(
        self,
        url: str,
        *,
        feed_id: str,
        headers: Mapping[str, str] | None = None,
        max_body: int | None = None,
        answers: Container[int] = (),
        at_once: bool = False,
    ) -> Response:
        """Ask for `url` on behalf of a feed. Raises `SourceError`, and what `grant` raises where requests cannot be
        counted; 304 is returned like an answer.

        `max_body`: how many bytes are read of it, where that is not what is read of a page. `answers`: statuses that
        are answers here too (204; 400 and 404 of an API that says more in its body); not those that ask for a pause.
        `at_once`: give a large answer to a caller who only glances at it, and asks for `alone` before reading it.
        """
        target = _parse(feed_id, url)
        own_headers = dict(headers or {})
        most = self._max_body if max_body is None else max_body
        limit = _Limit(self._timeout)
        if limit.left <= 0:
            raise _out_of_time(feed_id, target)
        moved_to, moving = "", True
        for _ in range(MAX_REDIRECTS + 1):
            async with self._turn(feed_id, target):
                answer = await self._ask(feed_id, target, own_headers, limit, most, answers)
            if answer.status not in _REDIRECTS:
                if len(answer.body) > _LARGE and not at_once:
                    await self.alone()
                return replace(answer, moved_to=moved_to) if moved_to else answer
            onward = _onward(feed_id, target, answer.headers.get("Location", ""))
            if onward.origin() != target.origin():
                # What the caller adds (validators, tokens) is meant for the host it was written for.
                own_headers = {}
            moving = moving and answer.status in _PERMANENT
            moved_to = str(onward) if moving else moved_to
            target = onward
        raise TemporarySourceError(feed_id, f"{target.host} sends us in a circle: more than {MAX_REDIRECTS} redirects")

    def succeed(self, before: Http) -> None:
        """Be as polite as the client in whose place this one comes: its pauses and holds stay in force."""
        self._turns.succeed(before._turns)
        self._holds = before._holds

    async def close(self) -> None:
        """Close every connection. Idempotent."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def alone(self) -> None:
        """Return to one caller in a turn of the event loop: each then reads a page, at once and for milliseconds. When
        32 answers have come, what else is to be done must not wait for all of them.
        """
        await self._reading.acquire()
        asyncio.get_running_loop().call_soon(self._reading.release)

    @asynccontextmanager
    async def _turn(self, feed_id: str, url: URL) -> AsyncIterator[None]:
        """Wait for a turn at the host; `HostHeld` instead of asking in a hold."""
        host = _site(url)
        self._raise_if_held(feed_id, url, self._holds.held(host, self._clock(), by_hand=_by_hand()))
        try:
            async with self._turns.turn(host):
                self._raise_if_held(feed_id, url, self._holds.ask(host, self._clock(), by_hand=_by_hand()))
                await self._take(feed_id, url)
                yield
        except QueueTooLong as error:
            # Our own queue is too long: no failure of the author, who is due again soon.
            raise HostHeld(feed_id, f"{url.host}: its turn did not come in {MAX_QUEUE:g} s; not asked") from error

    async def _take(self, feed_id: str, url: URL) -> None:
        """Take a request out of the host's budget, where it has one; `HostDown` where that is used up."""
        until = await self._grant(url.host or "", feed_id) if self._grant is not None else None
        if until is not None:
            when = until.strftime("%Y-%m-%d %H:%M UTC")
            reason = f"{url.host}: its requests of the day are used up ([poll] requests_per_day), until {when}"
            raise HostDown(feed_id, reason, until=until)

    @staticmethod
    def _raise_if_held(feed_id: str, url: URL, held: Held | None) -> None:
        if held is None:
            return
        when = held.until.strftime("%Y-%m-%d %H:%M:%S UTC")
        if held.asked_for:
            raise HostHeld(feed_id, f"{url.host} asked for a pause until {when}; not asked", not_before=held.until)
        reason = f"{url.host} did not answer others just now; it is asked again at {when}"
        raise HostDown(feed_id, reason, until=held.until)

    async def _ask(
        self, feed_id: str, url: URL, headers: Mapping[str, str], limit: _Limit, most: int, answers: Container[int]
    ) -> Response:
        """One request and its answer, with the hold of its host kept up to date."""
        host = _site(url)
        try:
            answer = await self._exchange(feed_id, url, headers, limit, most)
        except OutOfTime:  # says nothing of the host: others used up the time
            raise
        except TemporarySourceError:
            self._holds.failed(host, feed_id, self._clock())
            raise
        except ParseError:  # too large, or oddly packed: there is somebody who answers
            self._holds.answered(host, self._clock())
            raise
        now = self._clock()
        limited = conditional.rate_limited_until(answer.headers, now)
        not_before = conditional.retry_after(answer.headers.get("Retry-After"), now) or limited
        error = error_of(feed_id, url.host or "", answer, not_before)
        if answer.status in _PAUSES and not isinstance(error, SourceRefused):
            self._holds.refused(host, feed_id, now, not_before)
        elif answer.status >= 500:
            self._holds.failed(host, feed_id, now)
        else:
            self._holds.answered(host, now)
        if limited is not None:
            self._holds.used_up(host, now, limited)
        if error is not None and (answer.status not in answers or answer.status in _PAUSES):
            raise error
        return answer

    async def _exchange(
        self, feed_id: str, url: URL, headers: Mapping[str, str], limit: _Limit, most: int
    ) -> Response:
        """Send one request, read its answer whole; everything that can go wrong comes out as a `SourceError`."""
        began = asyncio.get_running_loop().time()
        try:
            self._addresses.check(url.host or "")
            async with asyncio.timeout(limit.left), self._request(url, headers) as answer:
                body = b"" if answer.status in _REDIRECTS else await self._read(answer, most)
                return Response(status=answer.status, url=str(answer.url), headers=answer.headers, body=body)
        except _EXPECTED as error:
            raise _translated(feed_id, url, error, limit) from error
        finally:
            limit.spend(asyncio.get_running_loop().time() - began)

    def _request(self, url: URL, headers: Mapping[str, str]) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        return self._open().get(url, headers={**self._headers, **headers}, allow_redirects=False)

    async def _read(self, answer: aiohttp.ClientResponse, most: int) -> bytes:
        if answer.status in (204, 304):
            return b""
        failed = answer.status >= 400
        limit = min(_ERROR_BODY, most) if failed else most
        try:
            return await read_bounded(answer, limit)
        except (TooLarge, Undecodable, aiohttp.ClientPayloadError, zlib.error):
            if failed:  # the status alone says enough
                return b""
            raise

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            guard = Guard(self._resolver or Names(), self._addresses)
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


class _Limit:
    """What one `get` may take: its own time-out, and never more than the look has left when it starts."""

    def __init__(self, timeout: float) -> None:
        shared = allowance.current()
        self._shared = shared
        self.whole = timeout if shared is None else min(timeout, shared.left)
        self.left = self.whole
        self.is_short = self.whole < timeout / 2
        """Whether it began with so little time that running out of it says little about the host."""

    def spend(self, took: float) -> None:
        """Take off the time that a request took, however it ended."""
        self.left -= took
        if self._shared is not None:
            self._shared.spend(took)


def _by_hand() -> bool:
    shared = allowance.current()
    return shared is not None and shared.by_hand


def _out_of_time(feed_id: str, url: URL) -> OutOfTime:
    return OutOfTime(feed_id, f"{url.host}: the time of this look was used up before this page")


# -- what can go wrong ----------------------------------------------------------------------------


# ValueError covers UnicodeError and the InvalidURL of aiohttp and yarl; LookupError is an unknown charset.
_EXPECTED = (aiohttp.ClientError, OSError, ValueError, LookupError, zlib.error, TooLarge, Undecodable, CutShort)

_REASONS: tuple[tuple[type[BaseException], type[SourceError], str], ...] = (
    (TooLarge, ParseError, "the page is larger than we read"),
    (Undecodable, ParseError, "the page comes in an encoding that we did not ask for"),
    (CutShort, TemporarySourceError, "the answer was cut short"),
    (zlib.error, TemporarySourceError, "the answer was damaged on its way"),
    (aiohttp.ClientPayloadError, TemporarySourceError, "the answer was cut short"),
    (aiohttp.ClientConnectorCertificateError, TemporarySourceError, "its certificate is not valid"),
    (aiohttp.ClientSSLError, TemporarySourceError, "no secure connection"),
    (aiohttp.ClientConnectorDNSError, SourceUnreachable, "its name cannot be found"),
    (aiohttp.ClientConnectorError, SourceUnreachable, "cannot connect"),
    (aiohttp.ServerDisconnectedError, TemporarySourceError, "closed the connection without an answer"),
    (aiohttp.InvalidURL, ParseError, "not an address that can be asked"),
    (aiohttp.ClientResponseError, TemporarySourceError, "does not speak proper HTTP"),
    (ValueError, ParseError, "not an address that can be asked"),
)


def _translated(feed_id: str, url: URL, error: BaseException, limit: _Limit) -> SourceError:
    private = _private_address(error)
    if private is not None:
        return SourceError(feed_id, str(private))
    if isinstance(error, TimeoutError):
        if limit.is_short:
            return _out_of_time(feed_id, url)
        return TemporarySourceError(feed_id, f"{url.host} did not answer within {limit.whole:.3g} s")
    for kind, failure, reason in _REASONS:
        if isinstance(error, kind):
            return failure(feed_id, f"{url.host}: {reason}")
    return TemporarySourceError(feed_id, f"{url.host}: the connection failed")


_STATUS: Mapping[int, tuple[type[SourceError], str]] = {
    401: (SourceRefused, "wants a login"),
    403: (SourceRefused, "refuses us"),
    404: (FeedGone, "has no such page"),
    408: (TemporarySourceError, "took too long with our request"),
    410: (FeedEnded, "says that the page is gone for good"),
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
    if status < 200:
        return TemporarySourceError(feed_id, f"{host} does not speak proper HTTP ({status})")
    if status in (204, 205):
        return ParseError(feed_id, f"{host} sent no page ({status})")
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
    return url.scheme in ("http", "https") and (literal(host) is not None or bool(_HOST.fullmatch(host)))


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
