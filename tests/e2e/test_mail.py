"""Mail, from a thread to a mailbox: a real SMTP server on loopback, Apprise unchanged."""

from __future__ import annotations

import asyncio
import re
import socket

import pytest

from bot.channels import apprise as channels
from bot.channels import services
from bot.channels.apprise import AppriseChannel
from bot.compose import compose
from bot.errors import ChannelDown, ChannelError, ChannelRejected, DeliveryInDoubt
from bot.model import Post
from tests.hostile.readers import longest_line
from tests.servers import mail
from tests.servers.certificates import Certificates
from tests.servers.mail import MailServer
from tests.servers.notices import PARIS, batch, entry, message

AWKWARD = "p@ss%41/w;o,r?d& e#f:g+h"


def channel_to(server: MailServer, **changes: object) -> AppriseChannel:
    """A channel to this server."""
    settings = {
        "host": "127.0.0.1",
        "port": server.port,
        "security": "none",
        "sender": "bot@example.org",
        "to": "you@example.org",
        "timeout": 10,
    }
    return channels.email("me", **(settings | changes))  # type: ignore[arg-type]


def parts(server: MailServer) -> tuple[str, str]:
    """The text and the HTML of the only mail."""
    (one,) = server.mails
    text, html = one.get_body(("plain",)), one.get_body(("html",))
    assert text is not None and html is not None
    return text.get_content(), html.get_content()


async def sent(server: MailServer, **changes: object) -> tuple[str, str]:
    """Compose one thread, send it, and give what arrived."""
    channel = channel_to(server)
    await channel.send(compose(batch(entry(**changes)), channel.limits, zone=PARIS))
    return parts(server)


async def test_the_text_part_is_our_own(mail_server: MailServer) -> None:
    """Not what Apprise makes of the HTML: links keep their addresses, and nothing of the frame is in it."""
    channel = channel_to(mail_server)
    notice = compose(batch(entry()), channel.limits, zone=PARIS)

    await channel.send(notice)

    assert parts(mail_server)[0].replace("\r\n", "\n").strip() == notice.text


async def test_without_our_text_every_link_is_still_there(
    mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were Apprise's converter renamed, its own text part would show each address."""
    monkeypatch.setattr(services, "_give_text_part", lambda *_: None)

    text, html = await sent(mail_server)

    assert [link for link in re.findall(r'href="([^"]+)"', html) if link.replace("&amp;", "&") not in text] == []
    assert "shedding: Vec<String> a < b && c" in text


async def test_a_text_part_is_of_its_own_mail(mail_server: MailServer) -> None:
    """A second mail through the same plugin has its own; one without HTML is text alone."""
    channel = channel_to(mail_server)
    await channel.send(message("a", text="first", html="<p>1</p>"))
    await channel.send(message("b", text="second", html="<p>2</p>"))
    await channel.send(message("c", text="third"))
    bodies = [one.get_body(("plain",)) for one in mail_server.mails]

    assert [body.get_content().strip() for body in bodies if body] == ["first", "second", "third"]


async def test_all_mails_of_a_thread_are_one_conversation(mail_server: MailServer) -> None:
    """Each answers one message that never was; a list of threads, sent through the same plugin, answers nothing."""
    channel = channel_to(mail_server)
    await channel.send(message("first", thread="77"))
    await channel.send(message("grown", thread="77", title="Re: Ada: a"))
    await channel.send(message("digest"))
    told = [(one["References"], one["In-Reply-To"]) for one in mail_server.mails]

    assert told == [("<thread-77@keepcurrent.example.org>",) * 2] * 2 + [(None, None)]


@pytest.mark.parametrize("address", ["mailto:bot@example.org?subject=stop", "https://example.org/stop?a=b"])
async def test_a_mail_says_how_to_end_it(address: str, mail_server: MailServer) -> None:
    """Where the operator names an address for that, and only then."""
    await channel_to(mail_server, unsubscribe=address).send(message("a"))
    await channel_to(mail_server).send(message("b"))

    assert [one["List-Unsubscribe"] for one in mail_server.mails] == [f"<{address}>", None]


@pytest.mark.parametrize("address", ["http://example.org/", "mailto:a@b>\r\nBcc: eve@x", "javascript:x", "stop"])
async def test_an_address_that_ends_nothing_is_refused(address: str, mail_server: MailServer) -> None:
    """Before anything is sent, naming the setting."""
    with pytest.raises(ChannelError, match="unsubscribe must be"):
        await channel_to(mail_server, unsubscribe=address).check()


async def test_a_subject_is_utf_8(mail_server: MailServer) -> None:
    """Every script arrives, and no line is longer than SMTP allows."""
    channel = channel_to(mail_server)
    for number, title in enumerate(("東京の橋 " * 20, "👩🏽‍🔬" * 30, "جسور الريح")):
        await channel.send(compose(batch(entry(title=title), key=str(number)), channel.limits, zone=PARIS))

    assert "東京の橋" in mail_server.mails[0]["Subject"]
    assert "جسور الريح" in mail_server.mails[2]["Subject"]
    assert max(longest_line(one.content) for one in mail_server.envelopes) <= 998


async def test_every_link_is_visible_in_both_parts(mail_server: MailServer) -> None:
    """What the HTML links to also stands in the text part as an address."""
    text, html = await sent(mail_server)
    linked = re.findall(r'href="([^"]+)"', html)

    assert linked
    assert [link for link in linked if link.replace("&amp;", "&") not in text] == []


async def test_markup_of_an_author_stays_text(mail_server: MailServer) -> None:
    """Tags, images and script addresses of an author arrive as words."""
    hostile = (
        "<script>alert(1)</script> <img src=x onerror=y> [a](javascript:b) javascript:alert(1) ![i](http://t.example/p)"
    )

    text, html = await sent(mail_server, posts=(Post(id="1", text=hostile),))

    assert hostile in text
    assert "<script" not in html and "<img" not in html and 'href="javascript' not in html


async def test_a_title_cannot_add_a_header(mail_server: MailServer) -> None:
    """A line break in a title does not start a header."""
    channel = channel_to(mail_server)
    notice = compose(batch(entry(title="Hi\r\nBcc: eve@example.org\n\nBody")), channel.limits, zone=PARIS)

    await channel.send(notice)

    assert mail_server.mails[0]["Bcc"] is None
    assert mail_server.mails[0]["Subject"] == "Ada Example: Hi Bcc: eve@example.org Body (4 posts)"


async def test_an_encoded_word_in_a_title_is_not_decoded(mail_server: MailServer) -> None:
    """Found by the long trial: in a subject of ASCII alone, what an author had encoded was decoded, line ends too."""
    title = "=?utf-8?Q?a=0d=0ab?= =?utf-8?B?QmNjOiBl?="

    await channel_to(mail_server).send(message(title=title))

    assert str(mail_server.mails[0]["Subject"]).replace("\u200b", "") == title


async def test_a_mail_says_whose_it_is(mail_server: MailServer) -> None:
    """The headers let readers drop a second copy and keep auto-answers away."""
    await channel_to(mail_server, sender_name="Thread, reader [bot]").send(message("batch-42"))
    (one,) = mail_server.mails

    assert one["X-Keepcurrent-Id"] == "batch-42"
    assert one["Auto-Submitted"] == "auto-generated"
    assert one["List-Id"] == "keepcurrent <keepcurrent.example.org>"
    assert one["From"].addresses[0].display_name == "Thread, reader [bot]"
    assert one["To"].addresses[0].addr_spec == "you@example.org"
    assert len(one.get_all("Message-ID")) == 1


async def test_each_mail_has_its_own_id(mail_server: MailServer) -> None:
    """Two mails of one channel do not share their header."""
    channel = channel_to(mail_server)
    for key in ("a", "b"):
        await channel.send(message(key))

    assert [one["X-Keepcurrent-Id"] for one in mail_server.mails] == ["a", "b"]


@pytest.mark.parametrize("security", ["starttls", "ssl"])
async def test_login_over_tls_with_an_awkward_password(security: str, trusted: Certificates) -> None:
    """User and password arrive as they were set, whatever they hold."""
    implicit = security == "ssl"
    async with mail.serve(trusted.context(), implicit=implicit, login=True) as server:
        server.account = ("you@example.org", AWKWARD)
        await channel_to(server, security=security, user="you@example.org", password=AWKWARD).send(message())

        assert len(server.mails) == 1


async def test_an_untrusted_certificate_is_refused(certificates: Certificates) -> None:
    """Nothing is sent to a server that cannot prove who it is, and the reason says so."""
    async with mail.serve(certificates.context()) as server:
        with pytest.raises(ChannelError, match="certificate") as caught:
            await channel_to(server, security="starttls").send(message())

        assert type(caught.value) is ChannelDown
        assert server.mails == []


async def test_a_wrong_password_is_final_and_says_the_mend() -> None:
    """535 names the mend, and neither it nor the error shows the password."""
    async with mail.serve(login=True) as server:
        server.account = ("you", "right")
        with pytest.raises(ChannelRejected, match=r"535 .*app password") as caught:
            await channel_to(server, user="you", password=AWKWARD).send(message())

    assert AWKWARD not in str(caught.value)


@pytest.mark.parametrize("code", [421, 450, 451, 452])
async def test_a_4xx_is_temporary(code: int, mail_server: MailServer) -> None:
    """A server that defers is asked again."""
    mail_server.rcpt_answer = f"{code} 4.2.0 later, please"

    with pytest.raises(ChannelError, match=f"{code} later, please") as caught:
        await channel_to(mail_server).send(message())

    assert type(caught.value) is (ChannelError if code == 452 else ChannelDown)


@pytest.mark.parametrize("where", ["rcpt_answer", "data_answer"])
async def test_a_5xx_is_final(where: str, mail_server: MailServer) -> None:
    """A server that refuses is not asked again."""
    setattr(mail_server, where, "550 5.1.1 no such user here")

    with pytest.raises(ChannelRejected, match="550 no such user here: check the address"):
        await channel_to(mail_server).send(message())


async def test_an_answer_lost_after_data_is_in_doubt(mail_server: MailServer) -> None:
    """The mail is in the mailbox, the answer never came."""
    mail_server.drop_after_data = True

    with pytest.raises(DeliveryInDoubt, match="answer was lost"):
        await channel_to(mail_server).send(message())

    assert len(mail_server.mails) == 1


async def test_a_server_that_never_answers_is_in_doubt(mail_server: MailServer) -> None:
    """After the limit nobody knows, and the same mail is not sent twice once it was taken after all."""
    mail_server.hold = asyncio.Event()
    channel = channel_to(mail_server)
    await channel.check()
    channel._timeout = 0.2  # below the socket's own limit, as after a slow greeting: the thread outlives the wait
    with pytest.raises(DeliveryInDoubt, match="no answer within"):
        await channel.send(message("late"))
    mail_server.hold.set()
    while not channel._late["late"].ended:
        await asyncio.sleep(0.01)

    await channel.send(message("late"))

    assert len(mail_server.mails) == 1


async def test_a_deaf_server_is_temporary() -> None:
    """No greeting means nothing was sent."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        channel = channels.email(
            "me",
            host="127.0.0.1",
            port=deaf.getsockname()[1],
            security="none",
            sender="a@example.org",
            to="b@example.org",
            timeout=1,
        )
        with pytest.raises(ChannelError) as caught:
            await channel.send(message())

    assert type(caught.value) is ChannelDown


async def test_a_plain_url_is_treated_alike(mail_server: MailServer) -> None:
    """A mailto URL has the same limits, and its mails the same headers."""
    url = f"mailto://127.0.0.1:{mail_server.port}/?from=bot@example.org&to=you@example.org"
    channel = channels.plain("me", url=url)

    message = compose(batch(entry()), channel.limits, zone=PARIS)
    await channel.send(message)

    assert channel.limits == channel_to(mail_server).limits
    assert mail_server.mails[0]["X-Keepcurrent-Id"] == message.key
    assert "https://threads.example/thread/100.html" in parts(mail_server)[0]
