"""What every channel owes its callers, whatever it leads to."""

from __future__ import annotations

import asyncio
import io
import logging
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels import apprise as channels
from bot.channels.classify import classify
from bot.channels.console import ConsoleChannel
from bot.channels.listen import Fact
from bot.channels.services import _event_id, matrix_content
from bot.compose import compose
from bot.compose.forms import size_of
from bot.errors import ChannelDown, ChannelError, ChannelRejected, DeliveryInDoubt
from bot.model import Form
from bot.protocols import Channel
from tests.servers import mail, slack, synapse, web
from tests.servers.notices import PARIS, batch, entry, message

SECRET = "s3cr3t/p@ss%w0rd ,;&?#"
WEB_SECRET = "WEBSECRETtoken123"


@dataclass
class Case:
    """A channel under test, and what can be asked of its other side."""

    channel: Channel
    arrived: Callable[[], list[str]]
    secrets: tuple[str, ...] = ()


@asynccontextmanager
async def console_case(_: pytest.FixtureRequest) -> AsyncIterator[Case]:
    stream = io.StringIO()
    yield Case(ConsoleChannel("me", stream), lambda: [part for part in stream.getvalue().split("\n\n\n") if part])


@asynccontextmanager
async def mail_case(_: pytest.FixtureRequest) -> AsyncIterator[Case]:
    async with mail.serve(login=True) as server:
        channel = channels.email(
            "me",
            host="127.0.0.1",
            port=server.port,
            security="none",
            user="me@example.org",
            password=SECRET,
            sender="me@example.org",
            to="you@example.org",
            timeout=10,
        )
        yield Case(channel, lambda: [one["Subject"] for one in server.mails], (SECRET,))


@asynccontextmanager
async def slack_case(request: pytest.FixtureRequest) -> AsyncIterator[Case]:
    from apprise.plugins.slack import NotifySlack

    monkeypatch = request.getfixturevalue("monkeypatch")
    async with slack.serve() as server:
        monkeypatch.setattr(NotifySlack, "webhook_url", f"http://127.0.0.1:{server.port}/services")
        channel = channels.slack("me", webhook=f"https://hooks.slack.com/services/T0/B0/{WEB_SECRET}", timeout=10)
        yield Case(channel, lambda: [one["text"] for one in server.posted], (WEB_SECRET,))


@asynccontextmanager
async def json_case(_: pytest.FixtureRequest) -> AsyncIterator[Case]:
    async with web.record() as server:
        url = f"json://user:{WEB_SECRET}@127.0.0.1:{server.port}/hook"
        channel = channels.plain("me", url=url, timeout=10)
        yield Case(channel, lambda: [one["title"] for one in server.bodies], (WEB_SECRET,))


@asynccontextmanager
async def matrix_case(request: pytest.FixtureRequest) -> AsyncIterator[Case]:
    server: synapse.Synapse = request.getfixturevalue("homeserver")
    room = server.new_room()
    channel = channels.matrix("me", homeserver=server.url, token=server.bot, room=room, timeout=10)
    yield Case(channel, lambda: [one["content"]["body"] for one in server.messages(room)], (server.bot,))


CASES = {"console": console_case, "mail": mail_case, "slack": slack_case, "json": json_case, "matrix": matrix_case}
homeserver = synapse.homeserver


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.matrix if name == "matrix" else ()) for name in CASES])
async def case(request: pytest.FixtureRequest) -> AsyncIterator[Case]:
    """Each kind of channel in turn."""
    if request.param == "matrix":
        request.getfixturevalue("homeserver")
    async with CASES[request.param](request) as made:
        yield made


async def test_a_message_arrives_once(case: Case) -> None:
    """What is sent once arrives once, with its title."""
    await case.channel.send(message())

    assert len(case.arrived()) == 1
    assert "Ada: a" in case.arrived()[0]


async def test_a_send_gives_a_receipt(case: Case) -> None:
    """The channel's own id of the message, or nothing; the same where a send is known to be a repeated one."""
    assert isinstance(await case.channel.send(message()), str)


async def test_a_late_receipt_is_given_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A send that timed out and arrived after all is not sent again: its receipt is the first one's."""
    channel = channels.matrix("me", homeserver="http://127.0.0.1:9", token="t", room="!r:x", timeout=0.01)
    monkeypatch.setattr(channel, "_deliver", lambda _: time.sleep(0.1) or "$late")
    with pytest.raises(DeliveryInDoubt):
        await channel.send(message("k"))
    while not channel._late["k"].ended:
        await asyncio.sleep(0.01)

    assert await channel.send(message("k")) == "$late"


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({}, {}),
        ({"html": "<p>x</p>"}, {"format": "org.matrix.custom.html", "formatted_body": "<h4>a &lt; b</h4>\n<p>x</p>"}),
        ({"reply_to": "$1"}, {"m.relates_to": {"m.in_reply_to": {"event_id": "$1"}}}),
        ({"reply_to": "1700000000.000100"}, {}),  # Slack's, from before the channel became one of Matrix
    ],
)
def test_the_content_of_an_event(changes: dict[str, str], more: dict[str, object]) -> None:
    """Title and text, HTML where there is some, what it answers; and always that it mentions nobody."""
    content = matrix_content(message(title="a < b", text="words", **changes))

    assert content == {"body": "a < b\n\nwords", "m.mentions": {}, **more}


async def test_a_matrix_answer_without_an_id_has_no_receipt() -> None:
    """Whatever a server says there."""
    for said in (None, 7, "1", "$a b", "$" + "x" * 300, {"event_id": "$1"}):
        assert _event_id((True, {"event_id": said}, 200)) == ""
    assert (_event_id((True, None, 200)), _event_id(None)) == ("", "")
    assert _event_id((True, {"event_id": "$143273582443PhrSn:example.org"}, 200)) == "$143273582443PhrSn:example.org"


async def test_a_composed_notice_is_taken(case: Case) -> None:
    """A notice composed within the channel's limits is taken."""
    notice = compose(batch(entry(), doubtful=True), case.channel.limits, zone=PARIS)

    await case.channel.send(notice)

    assert len(case.arrived()) == 1


async def test_the_biggest_notice_is_taken(case: Case) -> None:
    """A notice that fills every limit with the widest characters is taken."""
    limits = case.channel.limits
    big = message(
        title=("&𝔘" * limits.title)[: limits.title],
        text=filled(limits.text, limits.form),
        html=f"<p>{filled(limits.html - 7, limits.form)}</p>" if limits.html else "",
        links=tuple(f"https://example.org/{number}/{'x' * 100}" for number in range(60)),
    )

    await case.channel.send(big)

    assert len(case.arrived()) == 1


def filled(limit: int, form: Form) -> str:
    """Text of quotes, backslashes, ampersands and wide characters that is as long as a limit allows, as it counts."""
    piece = '&𝔘"\\'
    return piece * (limit // size_of(form)(piece))


async def test_messages_arrive_in_order(case: Case) -> None:
    """Three messages sent in turn are three messages, in that order."""
    for number in range(3):
        await case.channel.send(message(f"key-{number}", title=f"Ada: number {number}"))

    assert [title.split("number ")[1][0] for title in case.arrived()] == ["0", "1", "2"]


async def test_check_sends_nothing(case: Case) -> None:
    """A check leaves no message behind."""
    await case.channel.check()

    assert case.arrived() == []


async def test_close_is_idempotent(case: Case) -> None:
    """A channel can be closed twice."""
    await case.channel.close()
    await case.channel.close()


async def test_a_channel_has_a_name_limits_and_a_gap(case: Case) -> None:
    """Flow and composition find what they need."""
    assert case.channel.name == "me"
    assert case.channel.gap >= 0
    assert case.channel.limits.title > 0 and case.channel.limits.text > 0


async def test_no_secret_reaches_any_log(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing of Apprise's, urllib3's or a secret reaches the root logger's handlers, even at DEBUG."""
    with caplog.at_level(logging.DEBUG):
        await case.channel.check()
        await case.channel.send(message())

    names = {record.name.partition(".")[0] for record in caplog.records}
    assert not names & {"apprise", "urllib3", "requests"}
    assert not [secret for secret in case.secrets if secret in caplog.text]


async def test_two_threads_at_most_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """While two sends hang, a third is refused at once and nothing more is started."""
    async with web.record() as server:
        server.trickle = asyncio.Event()
        channel = channels.plain("me", url=f"json://127.0.0.1:{server.port}/", timeout=0.3)
        for key in ("a", "b"):
            with pytest.raises(DeliveryInDoubt, match="may have arrived"):
                await channel.send(message(key))

        with pytest.raises(ChannelError, match="earlier sends still hang") as caught:
            await channel.send(message("c"))

        assert type(caught.value) is ChannelDown
        assert len(server.bodies) == 2


async def test_a_late_answer_counts() -> None:
    """A send that timed out and arrived after all is not sent again under the same key."""
    async with web.record() as server:
        server.trickle = asyncio.Event()
        channel = channels.plain("me", url=f"json://127.0.0.1:{server.port}/", timeout=0.3)
        with pytest.raises(DeliveryInDoubt):
            await channel.send(message("a"))
        with pytest.raises(DeliveryInDoubt, match="still runs"):
            await channel.send(message("a"))
        server.trickle.set()
        while not channel._late["a"].ended:
            await asyncio.sleep(0.01)

        await channel.send(message("a"))

        assert len(server.bodies) == 1


async def test_a_late_refusal_is_sent_again() -> None:
    """A send that timed out and was refused in the end is tried anew."""
    async with web.record() as server:
        server.trickle, server.status = asyncio.Event(), 500
        channel = channels.plain("me", url=f"json://127.0.0.1:{server.port}/", timeout=0.3)
        with pytest.raises(DeliveryInDoubt):
            await channel.send(message("a"))
        server.trickle.set()
        while not channel._late["a"].ended:
            await asyncio.sleep(0.01)
        server.trickle, server.status = None, 200

        await channel.send(message("a"))

        assert len(server.bodies) == 2


def test_a_hanging_send_does_not_hold_up_exit() -> None:
    """A program whose send hangs for ever still ends at once."""
    program = """
import asyncio, socket
from bot.channels import apprise
from bot.errors import DeliveryInDoubt
from bot.model import Message
deaf = socket.create_server(("127.0.0.1", 0))
channel = apprise.email("me", host="127.0.0.1", port=deaf.getsockname()[1], security="none", sender="a@example.org",
                        to="b@example.org", timeout=300)
async def main():
    task = asyncio.create_task(channel.send(Message(key="k", title="t", text="x")))
    await asyncio.sleep(0.6)
    task.cancel()
asyncio.run(main())
print("ended")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=10, check=False)

    assert done.stdout == "ended\n"


async def test_the_recorder_can_be_refused_for_ever() -> None:
    """A 4xx is final, and its reason names the code."""
    async with web.record() as server:
        server.status = 404
        channel = channels.plain("me", url=f"json://127.0.0.1:{server.port}/{WEB_SECRET}")

        with pytest.raises(ChannelRejected, match="HTTP 404: check the address"):
            await channel.send(message())


async def test_a_busy_server_is_asked_again_when_it_says() -> None:
    """A 503 is temporary, and its Retry-After is passed on."""
    async with web.record() as server:
        server.status, server.headers = 503, {"Retry-After": "41"}
        channel = channels.plain("me", url=f"json://127.0.0.1:{server.port}/")

        with pytest.raises(ChannelError) as caught:
            await channel.send(message())

        assert type(caught.value) is ChannelDown
        assert caught.value.retry_after == 41


async def test_a_matrix_limit_is_passed_on_and_not_slept_out() -> None:
    """A 429 of a homeserver ends at once, with the wait that it asks for."""
    async with web.record() as server:
        server.status, server.body = 429, '{"errcode": "M_LIMIT_EXCEEDED", "error": "x", "retry_after_ms": 90000}'
        channel = channels.matrix(
            "me", homeserver=f"http://127.0.0.1:{server.port}", token="t0ken", room="!a:b", timeout=5
        )

        with pytest.raises(ChannelError, match="429 M_LIMIT_EXCEEDED") as caught:
            await channel.send(message())

        assert type(caught.value) is ChannelDown
        assert caught.value.retry_after == 90


@pytest.mark.parametrize(
    ("fact", "kind", "verdict"),
    [
        (Fact(smtp=451, said="4.7.1 greylisted"), "email", "down"),
        (Fact(smtp=451, said="4.7.1 not this one", content=True), "email", "again"),
        (Fact(smtp=452, said="4.3.1 no room for so much"), "email", "again"),
        (Fact(smtp=535, said="5.7.8 no"), "email", "never"),
        (Fact(trouble="dropped"), "email", "doubt"),
        (Fact(trouble="dropped", sending=False), "matrix", "down"),
        (Fact(trouble="tls"), "email", "down"),
        (Fact(trouble="unsupported", said="STARTTLS extension not supported"), "email", "never"),
        (Fact(http=502, said="<html>"), "matrix", "again"),
        (Fact(http=404, said="<html>"), "matrix", "again"),
        (Fact(http=404, said='{"errcode": "M_NOT_FOUND"}'), "matrix", "never"),
        (Fact(http=413, said='{"errcode": "M_TOO_LARGE"}'), "matrix", "never"),
        (Fact(http=400, said="invalid_blocks"), "slack", "never"),
        (Fact(http=200, said='{"ok": false, "error": "internal_error"}'), "slack", "doubt"),
        (Fact(http=200, said='{"ok": false, "error": "ratelimited"}'), "slack", "down"),
        (Fact(http=500), "slack", "again"),
        (Fact(http=503), "slack", "down"),
        (Fact(http=503, said='{"errcode": "M_UNKNOWN"}'), "matrix", "down"),
        (Fact(http=500, said='{"errcode": "M_UNKNOWN"}'), "matrix", "again"),
        (Fact(http=429), "json", "down"),
        (Fact(http=200, said="<html>portal</html>"), "slack", "again"),
        (Fact(http=408), "json", "again"),
        (Fact(http=410), "json", "never"),
        (Fact(), "json", "again"),
    ],
)
def test_an_answer_means(fact: Fact, kind: str, verdict: str) -> None:
    """Temporary, the channel's own trouble, final or in doubt, by its code."""
    assert classify(fact, kind).kind == verdict


@given(st.text(), st.sampled_from(["email", "matrix", "slack", "json"]), st.integers(0, 999))
def test_a_reason_is_one_short_line(said: str, kind: str, code: int) -> None:
    """Whatever a server says."""
    for fact in (Fact(smtp=code, said=said), Fact(http=code, said=said)):
        reason = classify(fact, kind).reason

        assert 0 < len(reason) <= 200
        assert reason == " ".join(reason.split())


async def test_a_redirect_is_no_delivery() -> None:
    """A redirect, as a captive portal gives it, is not taken for success."""
    async with web.record() as server:
        server.status, server.headers = 302, {"Location": f"http://127.0.0.1:{server.port}/portal"}
        channel = channels.plain("me", url=f"json://127.0.0.1:{server.port}/")

        with pytest.raises(ChannelError):
            await channel.send(message())

        assert server.paths == ["/"]


async def test_a_lost_answer_is_in_doubt() -> None:
    """A connection dropped after the request was read leaves it open whether the message arrived."""
    async with web.record() as server:
        server.drop = True
        channel = channels.plain("me", url=f"json://127.0.0.1:{server.port}/")

        with pytest.raises(DeliveryInDoubt, match="answer was lost"):
            await channel.send(message())


async def test_a_refused_connection_is_temporary() -> None:
    """Nobody listening is not in doubt."""
    async with web.record() as server:
        port = server.port
    channel = channels.plain("me", url=f"json://127.0.0.1:{port}/")

    with pytest.raises(ChannelError, match="connection refused") as caught:
        await channel.send(message())

    assert type(caught.value) is ChannelDown


@pytest.mark.parametrize("option", ["optional=yes", "retry=3&wait=0", "overflow=split"])
async def test_options_that_hide_failures_are_switched_off(option: str) -> None:
    """A URL cannot make a failure a success, retry behind our back, or split."""
    async with web.record() as server:
        server.status = 500
        channel = channels.plain("me", url=f"json://127.0.0.1:{server.port}/?{option}")

        with pytest.raises(ChannelError):
            await channel.send(message(text="x" * 40_000))

        assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense://abc", "cannot be built"),
        ("json://", "cannot be built"),
        (f"slack://T1JJ3T3L2/A1BRTD4JD/{WEB_SECRET}-?!", "cannot be built"),
        (f"https://hooks.slack.com/workflows/T0/A0/1/{WEB_SECRET}", "webhook must be the full address"),
        (f"matrix://user:{WEB_SECRET}@127.0.0.1/!room:localhost", "access token"),
        (f"matrix://{WEB_SECRET}@127.0.0.1/?mode=off", "room must be"),
        (f"matrix://{WEB_SECRET}@127.0.0.1/!a:b/!c:d", "one channel per target"),
        (f"slack://xoxb-1234-1234-{WEB_SECRET}/%23a/%23b", "one channel per target"),
        (f"mailto://u:{WEB_SECRET}@example.org?to=not-an-address", "no valid e-mail address"),
        (f"mailto://u:{WEB_SECRET}@example.org?to=a@example.org,b@example.org", "one channel per target"),
        (f"mailto://u:{WEB_SECRET}@example.org?to=a@example.org&cc=b@example.org", "one channel per target"),
    ],
)
async def test_check_says_what_is_wrong_without_secrets(url: str, said: str, caplog: pytest.LogCaptureFixture) -> None:
    """A channel that cannot be built says why, and neither its words nor any log hold the secret."""
    caplog.set_level(logging.DEBUG)

    with pytest.raises(ChannelError, match=said) as caught:
        await channels.plain("me", url=url).check()

    assert WEB_SECRET not in str(caught.value)
    assert WEB_SECRET not in caplog.text
