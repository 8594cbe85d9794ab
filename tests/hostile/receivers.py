"""Every channel of the program with a real receiver at its end, and what a person sees there of the last notice."""

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass

from bot.channels import apprise as channels
from bot.channels.console import ConsoleChannel
from bot.compose import compose
from bot.model import Entry
from bot.policy import Policy
from bot.protocols import Channel
from tests.hostile import readers
from tests.hostile.readers import Seen
from tests.servers import mail, matrix, slack, web
from tests.servers.notices import PARIS, batch

ADDRESS = "you@example.org"
SENDER = "bot@example.org"
WHOLE = Policy(summary="full")
WIRE_LINE = 998
"""The longest line of a mail, in bytes (RFC 5321)."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """What a person sees: where the title stands, and where the words do. Nothing arrived: both are empty."""

    titles: tuple[Seen, ...] = ()
    bodies: tuple[Seen, ...] = ()

    @property
    def live(self) -> list[str]:
        """All that is live in it."""
        return [mark for seen in {*self.titles, *self.bodies} for mark in seen.live]


@dataclass(frozen=True, slots=True)
class Receiver:
    """A channel, how many notices came out at its other end, and the last of them."""

    channel: Channel
    count: Callable[[], int]
    last: Callable[[], Arrived]

    async def send(self, entry: Entry, key: str) -> Arrived:
        """Send a thread as the program does, and see what arrives."""
        before = self.count()
        await self.channel.send(compose(batch(entry, key=key), self.channel.limits, zone=PARIS, policies=[WHOLE]))
        return self.last() if self.count() == before + 1 else Arrived()


@contextmanager
def _without_authorities() -> Iterator[None]:
    """Reading the machine's certificates takes 20 ms of each mail, also of one that needs none."""
    before = os.environ.get("SSL_CERT_FILE")
    os.environ["SSL_CERT_FILE"] = os.devnull
    try:
        yield
    finally:
        del os.environ["SSL_CERT_FILE"]
        os.environ.update({"SSL_CERT_FILE": before} if before is not None else {})


@asynccontextmanager
async def by_mail() -> AsyncIterator[Receiver]:
    async with mail.serve() as server:
        channel = channels.email(
            "me", host="127.0.0.1", port=server.port, security="none", sender=SENDER, to=ADDRESS, timeout=10
        )

        def last() -> Arrived:
            envelope = server.envelopes[-1]
            subject, text, html = readers.read_mail(server.mails[-1], envelope.rcpt_tos, SENDER, ADDRESS)
            raw = envelope.content if isinstance(envelope.content, bytes) else b""
            long = ("mail: a line longer than SMTP allows",) if readers.longest_line(raw) > WIRE_LINE else ()
            return Arrived((Seen(subject.words, (*subject.live, *long)),), (text, html))

        with _without_authorities():
            yield Receiver(channel, lambda: len(server.mails), last)


@asynccontextmanager
async def by_matrix() -> AsyncIterator[Receiver]:
    async with matrix.serve() as server:
        channel = channels.matrix("me", homeserver=server.url, token="t0ken", room="!a:localhost", timeout=10)

        def last() -> Arrived:
            seen = readers.read_matrix(server.contents[-1])
            return Arrived(seen, seen)

        yield Receiver(channel, lambda: len(server.events), last)


@contextmanager
def _slack_at(port: int) -> Iterator[None]:
    """Have Apprise's plugin look for Slack there: it has no setting for that, but class attributes."""
    from apprise.plugins.slack import NotifySlack

    before = NotifySlack.webhook_url, NotifySlack.api_url
    NotifySlack.webhook_url = f"http://127.0.0.1:{port}/services"
    NotifySlack.api_url = f"http://127.0.0.1:{port}/api/{{}}"
    try:
        yield
    finally:
        NotifySlack.webhook_url, NotifySlack.api_url = before


@asynccontextmanager
async def _by_slack(**how: str) -> AsyncIterator[Receiver]:
    async with slack.serve() as server:
        server.allowance = 10**9
        with _slack_at(server.port):

            def last() -> Arrived:
                summary, words = readers.read_slack(server.posted[-1])
                return Arrived((summary, words), (words,))

            channel = channels.slack("me", timeout=10, **how)  # type: ignore[arg-type]
            yield Receiver(channel, lambda: len(server.posted), last)


def by_webhook() -> AbstractAsyncContextManager[Receiver]:
    return _by_slack(webhook="https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7")


def by_bot() -> AbstractAsyncContextManager[Receiver]:
    return _by_slack(token="xoxb-1234-1234-4ddbc191d40ee098cbaae6f3523ada2d", channel="#threads")


@asynccontextmanager
async def by_json() -> AsyncIterator[Receiver]:
    async with web.record() as server:
        channel = channels.plain("me", url=f"json://127.0.0.1:{server.port}/", timeout=10)
        await channel.check()

        def last() -> Arrived:
            body = server.bodies[-1]
            assert set(body) == {"version", "title", "message", "attachments", "type"}
            words = readers.read_html(body["message"])
            rung = tuple(readers.rings(body["title"] + words.words, "JSON", channel.limits.pings))
            return Arrived((readers.read_terminal(body["title"]),), (Seen(words.words, words.live + rung),))

        yield Receiver(channel, lambda: len(server.bodies), last)


@asynccontextmanager
async def by_console() -> AsyncIterator[Receiver]:
    stream = io.StringIO()
    starts: list[int] = []

    class Console(ConsoleChannel):
        async def send(self, message: object) -> str:
            starts.append(stream.tell())
            return await super().send(message)  # type: ignore[arg-type]

    def last() -> Arrived:
        seen = readers.read_terminal(stream.getvalue()[starts[-1] :])
        return Arrived((seen,), (seen,))

    yield Receiver(Console("me", stream), lambda: len(starts), last)


RECEIVERS: dict[str, Callable[[], AbstractAsyncContextManager[Receiver]]] = {
    "mail": by_mail,
    "matrix": by_matrix,
    "slack webhook": by_webhook,
    "slack bot": by_bot,
    "json": by_json,
    "console": by_console,
}
