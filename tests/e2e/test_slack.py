"""Slack, from a thread to what is posted: Apprise unchanged, a stand-in that refuses as Slack documents."""

from __future__ import annotations

import pytest

from bot.channels import apprise as channels
from bot.channels.apprise import AppriseChannel
from bot.channels.services import SLACK_LIMITS
from bot.compose import compose
from bot.errors import ChannelDown, ChannelError, ChannelRejected, DeliveryInDoubt
from bot.model import Post
from tests.servers.notices import PARIS, batch, entry, message
from tests.servers.slack import SlackServer, as_seen, texts_of

WEBHOOK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7"
TOKEN = "xoxb-1234-1234-4ddbc191d40ee098cbaae6f3523ada2d"
HOSTILE = "<!channel> <@U1> <https://evil.example|bank> &amp; *bold* _x_ `code` ~no~ :smile: > quote @here"


def webhook(token: str = "TIiajkdnlazkcOXrIdevi7") -> AppriseChannel:
    """A channel that posts by webhook."""
    return channels.slack("me", webhook=f"https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/{token}", timeout=10)


def bot(channel: str = "#threads", token: str = TOKEN) -> AppriseChannel:
    """A channel that posts as a bot."""
    return channels.slack("me", token=token, channel=channel, timeout=10)


def seen(server: SlackServer) -> str:
    """The plain text of the only post."""
    (posted,) = server.posted
    return "\n".join(as_seen(text["text"]) for text in texts_of(posted) if is_plain(text))


def is_plain(text: dict[str, str]) -> bool:
    """Whether a text object knows no markup."""
    return text["type"] == "plain_text"


async def test_hostile_text_arrives_as_the_same_visible_text(slack_server: SlackServer) -> None:
    """Mentions, links, entities and styles of an author are words in plain_text blocks."""
    await webhook().send(compose(batch(entry(posts=(Post(id="1", text=HOSTILE),))), SLACK_LIMITS, zone=PARIS))

    assert HOSTILE in seen(slack_server)


async def test_nothing_of_an_author_is_mrkdwn_but_addresses(slack_server: SlackServer) -> None:
    """The texts with markup hold links in angle brackets and nothing else: the thread's by the byline, others below."""
    channel = webhook()
    await channel.send(compose(batch(entry()), channel.limits, zone=PARIS))
    (posted,) = slack_server.posted

    assert [text["text"].splitlines() for text in texts_of(posted) if not is_plain(text)] == [
        ["<https://threads.example/thread/100.html>"],
        ["<https://x.example/eve/status/77>"],
        ["<https://physics.example/vortex?page=2&amp;lang=en>", "<https://papers.example/bridges_(2019).pdf>"],
    ]


async def test_who_and_where_stand_small_under_the_title(slack_server: SlackServer) -> None:
    """Byline and link of a single thread are a context block; a list has none."""
    channel = webhook()
    await channel.send(compose(batch(entry()), channel.limits, zone=PARIS))
    await channel.send(compose(batch(entry(), entry("101"), key="b2"), channel.limits, zone=PARIS))
    first, second = ([block["type"] for block in posted["blocks"]] for posted in slack_server.posted)

    assert first[:3] == ["header", "context", "section"]
    assert "context" not in second


async def test_a_long_list_keeps_to_the_number_of_blocks(slack_server: SlackServer) -> None:
    """Where each link would need a block of its own, they stand together behind the words."""
    text = "\n".join(f"{number}. A title\nhttps://threads.example/thread/{number}.html" for number in range(100))

    await webhook().send(message(text=text))

    (posted,) = slack_server.posted
    assert len(posted["blocks"]) <= 50
    assert sum(text["text"].count("<https://") for text in texts_of(posted)) == 100


async def test_more_than_stands_small_is_shown_at_all(slack_server: SlackServer) -> None:
    """A first paragraph with more links than a context block takes goes into sections."""
    text = "\n".join(f"word {number}\nhttps://a.example/{number}" for number in range(8))

    await webhook().send(message(text=text, thread="77"))

    assert len(texts_of(slack_server.posted[0])) == 17
    assert "context" not in [block["type"] for block in slack_server.posted[0]["blocks"]]


async def test_a_very_long_address_is_words(slack_server: SlackServer) -> None:
    """What no section takes is not cut to another address."""
    url = f"https://a.example/{'x' * 3_200}"

    await webhook().send(message(text=f"words\n{url}"))

    assert "<" not in "".join(text["text"] for text in texts_of(slack_server.posted[0]))
    assert url in seen(slack_server).replace("\n", "")


async def test_a_bot_is_told_what_its_message_is_called(slack_server: SlackServer) -> None:
    """The receipt is Slack's own timestamp; a webhook gives none."""
    assert (await bot().send(message()), await webhook().send(message())) == ("1503435956.000247", "")


async def test_the_summary_of_a_notification_is_the_title(slack_server: SlackServer) -> None:
    """What a phone shows before the message is opened."""
    channel = webhook()
    await channel.send(compose(batch(entry()), channel.limits, zone=PARIS))

    assert slack_server.posted[0]["text"] == "Ada Example: Why do bridges hum?"


async def test_no_control_sequence_is_left_in_any_text(slack_server: SlackServer) -> None:
    """Outside the links no "<" reaches Slack unescaped, the summary included."""
    await webhook().send(message(title=HOSTILE, text=HOSTILE, links=()))
    (posted,) = slack_server.posted

    assert "<" not in posted["text"]
    assert [text for text in texts_of(posted) if "<" in text["text"]] == []
    assert posted["mrkdwn"] is False and posted["unfurl_links"] is False


async def test_a_title_that_outgrows_a_header_is_a_section(slack_server: SlackServer) -> None:
    """150 ampersands are 750 characters once escaped."""
    await webhook().send(message(title="&" * 150))

    assert slack_server.posted[0]["blocks"][0]["type"] == "section"


async def test_text_that_outgrows_a_section_is_whole(slack_server: SlackServer) -> None:
    """Escaped text beyond a section's limit goes on in the next one."""
    text = "a&<" * 1000

    await webhook().send(message(text=text))

    assert "".join(seen(slack_server).split("\n")[1:]) == text


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("TokenRevoked", "invalid_token: the webhook was revoked: make a new one"),
        ("TokenGone", "no_service: the webhook was removed: make a new one"),
        ("TokenOff", "action_prohibited"),
    ],
)
async def test_a_dead_webhook_is_final(token: str, said: str, slack_server: SlackServer) -> None:
    """A webhook that Slack does not know is not tried again, and the reason says the mend."""
    with pytest.raises(ChannelRejected, match=said):
        await webhook(token).send(message())


@pytest.mark.parametrize(
    ("channel", "said"),
    [("#missing", "channel_not_found: check the channel"), ("#foreign", "not_in_channel: invite the app")],
)
async def test_a_wrong_channel_is_final(channel: str, said: str, slack_server: SlackServer) -> None:
    """A refusal with status 200 is a refusal."""
    with pytest.raises(ChannelRejected, match=said):
        await bot(channel).send(message())


async def test_a_revoked_bot_is_final(slack_server: SlackServer) -> None:
    """A token that Slack does not know is not tried again."""
    with pytest.raises(ChannelRejected, match="invalid_auth: check the token"):
        await bot(token="xoxb-1234-1234-revokedrevokedrevoked").send(message())


@pytest.mark.parametrize("make", [webhook, bot])
async def test_a_rate_limit_says_when(make: type[AppriseChannel], slack_server: SlackServer) -> None:
    """429 is temporary, with Slack's own Retry-After."""
    slack_server.allowance = 0

    with pytest.raises(ChannelError, match="limited") as caught:
        await make().send(message())

    assert type(caught.value) is ChannelDown
    assert caught.value.retry_after == 7


async def test_a_server_error_is_temporary(slack_server: SlackServer) -> None:
    """A 503 is asked again."""
    slack_server.fail_with = (503, "service_unavailable")

    with pytest.raises(ChannelError, match="service_unavailable") as caught:
        await webhook().send(message())

    assert type(caught.value) is ChannelDown


async def test_an_error_that_may_have_posted_is_in_doubt(slack_server: SlackServer) -> None:
    """Slack says of `fatal_error` that part of the work may have been done."""
    slack_server.fail_with = (200, "fatal_error")

    with pytest.raises(DeliveryInDoubt, match="fatal_error"):
        await bot().send(message())


@pytest.mark.parametrize(
    ("name", "sent"), [("#threads", "#threads"), ("threads", "#threads"), ("C024BE91L", "C024BE91L")]
)
async def test_a_channel_is_a_name_or_an_id(name: str, sent: str, slack_server: SlackServer) -> None:
    """Names get their "#", ids stay."""
    await bot(name).send(message())

    assert slack_server.posted[0]["channel"] == sent


@pytest.mark.parametrize(
    "url", [WEBHOOK, "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7", f"slack://{TOKEN}/threads"]
)
async def test_a_plain_url_is_treated_alike(url: str, slack_server: SlackServer) -> None:
    """A URL has the same limits and posts the same blocks."""
    channel = channels.plain("me", url=url)

    await channel.send(message())

    assert channel.limits == webhook().limits
    assert [block["type"] for block in slack_server.posted[0]["blocks"]] == ["header", "section", "section", "section"]
