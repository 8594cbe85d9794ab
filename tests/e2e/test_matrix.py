"""Matrix, from a thread to what another member sees: a real Synapse on loopback, Apprise unchanged."""

from __future__ import annotations

import urllib.error
import urllib.parse
from html.parser import HTMLParser

import pytest

from bot.channels import apprise as channels
from bot.channels.apprise import AppriseChannel
from bot.compose import compose
from bot.errors import ChannelRejected, DeliveryInDoubt
from bot.model import Post
from bot.policy import Policy
from tests.hostile.readers import normal, read_matrix
from tests.hostile.texts import HARMLESS, HOSTILE, PLACES, Hostile, placed
from tests.servers.notices import PARIS, batch, entry, message
from tests.servers.synapse import Synapse

pytestmark = pytest.mark.matrix

ALLOWED = {f"h{level}" for level in range(1, 7)} | {
    "a",
    "blockquote",
    "br",
    "em",
    "hr",
    "li",
    "ol",
    "p",
    "strong",
    "ul",
}
"""Of the tags that the Matrix specification (1.11, m.room.message) lets clients show, those for words."""


def channel_to(server: Synapse, room: str, **changes: object) -> AppriseChannel:
    """A channel to this room."""
    settings = {"homeserver": server.url, "token": server.bot, "room": room, "timeout": 10}
    return channels.matrix("me", **(settings | changes))  # type: ignore[arg-type]


async def test_the_same_key_twice_is_one_event(homeserver: Synapse) -> None:
    """A repeated send is recognised by the server, also by a channel built anew."""
    room = homeserver.new_room()
    await channel_to(homeserver, room).send(message("again"))
    await channel_to(homeserver, room).send(message("again"))

    assert len(homeserver.messages(room)) == 1


async def test_different_keys_are_different_events(homeserver: Synapse) -> None:
    """Messages of one channel do not swallow each other."""
    room = homeserver.new_room()
    channel = channel_to(homeserver, room)
    for key in ("a", "b", "c"):
        await channel.send(message(key))

    assert len(homeserver.messages(room)) == 3


async def test_a_notice_is_a_notice(homeserver: Synapse) -> None:
    """The default is m.notice, which rings nowhere; `ring` makes it m.text."""
    room = homeserver.new_room()
    await channel_to(homeserver, room).send(message("a"))
    await channel_to(homeserver, room, ring=True).send(message("b"))

    assert [event["content"]["msgtype"] for event in homeserver.messages(room)] == ["m.notice", "m.text"]


async def test_the_receipt_is_the_event(homeserver: Synapse) -> None:
    """What a channel returns is the id under which other members see the message."""
    room = homeserver.new_room()
    receipt = await channel_to(homeserver, room).send(message())

    assert [event["event_id"] for event in homeserver.messages(room)] == [receipt]


async def test_a_repeated_send_has_the_same_receipt(homeserver: Synapse) -> None:
    """Also when the first answer was lost."""
    room = homeserver.new_room()
    first = await channel_to(homeserver, room).send(message("again"))

    assert await channel_to(homeserver, room).send(message("again")) == first


async def test_growth_is_a_reply_to_the_first_notice(homeserver: Synapse) -> None:
    """In the same room, by the receipt of the first; the next message of that channel is no reply."""
    room = homeserver.new_room()
    channel = channel_to(homeserver, room)
    first = await channel.send(message("first"))
    await channel.send(message("grown", reply_to=first))
    await channel.send(message("other"))
    told = [event["content"].get("m.relates_to") for event in homeserver.messages(room)]

    assert told == [None, {"m.in_reply_to": {"event_id": first}}, None]


async def test_a_reply_to_nothing_arrives_all_the_same(homeserver: Synapse) -> None:
    """The first notice may have been redacted, or the room is another one by now."""
    room = homeserver.new_room()
    await channel_to(homeserver, room).send(message("grown", reply_to="$gone"))

    assert len(homeserver.messages(room)) == 1


async def test_a_name_in_the_words_rings_nobody(homeserver: Synapse) -> None:
    """An event says whom it mentions: nobody. Without that, a member's bare name in a message would ring."""
    room = homeserver.new_room()
    channel = channel_to(homeserver, room, ring=True)
    await channel.send(message("a", title="alice", text="alice @alice:localhost @room", html="<p>alice</p>"))

    assert homeserver.pings(room) == []


@pytest.mark.parametrize("text", ["\\" * 9_000, '"' * 9_000, "橋" * 9_000, "&" * 9_000, "𝔘\n" * 9_000])
async def test_the_longest_notice_is_taken(text: str, homeserver: Synapse) -> None:
    """A thread that fills an event, whatever its characters cost there."""
    room = homeserver.new_room()
    channel = channel_to(homeserver, room)
    posts = tuple(Post(id=str(number), text=text) for number in range(9))
    one = compose(
        batch(entry(posts=posts, title=text[:300])), channel.limits, zone=PARIS, policies=[Policy(summary="full")]
    )
    await channel.send(one)

    assert len(homeserver.messages(room)) == 1


async def test_an_author_cannot_ring_the_room(homeserver: Synapse) -> None:
    """ "@room" in a thread pings nobody, although the bot may ping the room."""
    room = homeserver.new_room()
    channel = channel_to(homeserver, room, ring=True)
    await channel.send(compose(batch(entry(title="@room look"), key="x"), channel.limits, zone=PARIS))

    assert homeserver.pings(room) == []


async def test_the_html_keeps_to_the_specification(homeserver: Synapse) -> None:
    """Only allowed tags arrive, links go to the web, the plain body shows every link."""
    room = homeserver.new_room()
    channel = channel_to(homeserver, room)
    await channel.send(compose(batch(entry(), key="y"), channel.limits, zone=PARIS))
    (event,) = homeserver.messages(room)
    tags, links = tags_and_links(event["content"]["formatted_body"])

    assert event["content"]["format"] == "org.matrix.custom.html"
    assert tags <= ALLOWED
    assert "https://threads.example/thread/100.html" in links
    assert [link for link in links if not link.startswith("https://") or link not in event["content"]["body"]] == []


async def test_hostile_text_is_visible_text(homeserver: Synapse) -> None:
    """What an author writes is what the plain body says."""
    room = homeserver.new_room()
    channel = channel_to(homeserver, room)
    await channel.send(compose(batch(entry(), key="z"), channel.limits, zone=PARIS))
    (event,) = homeserver.messages(room)

    assert "A thread about <wind>, `cables` & patience." in event["content"]["body"]
    assert "Vec<String> a < b && c, snake_case, *not bold*" in event["content"]["body"]


ROOM = [one for one in HOSTILE if one.name.startswith(("room", "everyone", "script", "lone", "bidi", "closing"))]
NAMES = [one for one in HOSTILE if one.name in ("bare names", "matrix pill", "matrix reply")]


@pytest.mark.parametrize(("ring", "texts"), [(True, ROOM[:3] + NAMES), (False, ROOM)], ids=["message", "notice"])
async def test_hostile_texts_are_words_to_another_member(ring: bool, texts: list[Hostile], homeserver: Synapse) -> None:
    """A part of the table through a real homeserver: nothing is live, nothing rang at Alice's."""
    room = homeserver.new_room()
    channel = channel_to(homeserver, room, ring=ring)
    for one in texts:
        notice = compose(batch(placed(one.text, tuple(PLACES)), key=one.name), channel.limits, zone=PARIS)
        await channel.send(notice)
    arrived = homeserver.messages(room)

    assert len(arrived) == len(texts)
    assert [mark for event in arrived for seen in read_matrix(event["content"]) for mark in seen.live] == []
    assert homeserver.pings(room) == []


async def test_harmless_texts_arrive_unchanged(homeserver: Synapse) -> None:
    """Another member reads each as it was written, in the plain body and in the formatted one."""
    room = homeserver.new_room()
    channel = channel_to(homeserver, room)
    for name, text in HARMLESS.items():
        await channel.send(compose(batch(placed(text, ("post",)), key=name), channel.limits, zone=PARIS))
    pairs = zip(HARMLESS.items(), homeserver.messages(room), strict=True)
    seen = [(name, text, one) for (name, text), event in pairs for one in read_matrix(event["content"])]

    assert [name for name, text, one in seen if normal(text) not in normal(one.words)] == []


async def test_an_alias_leads_to_its_room(homeserver: Synapse) -> None:
    """A room can be named by its alias."""
    room = homeserver.new_room("known")

    await channel_to(homeserver, "#known:localhost").send(message())

    assert len(homeserver.messages(room)) == 1


async def test_an_unknown_alias_makes_no_room(homeserver: Synapse) -> None:
    """A typo in an alias is refused, and no new room takes the notices."""
    with pytest.raises(ChannelRejected, match="M_NOT_FOUND"):
        await channel_to(homeserver, "#typo:localhost").send(message())

    with pytest.raises(urllib.error.HTTPError, match="404"):
        homeserver.ask("GET", "/directory/room/" + urllib.parse.quote("#typo:localhost"), homeserver.bot)


async def test_a_room_that_is_closed_to_us_is_final(homeserver: Synapse) -> None:
    """A room we were not invited to is refused, with the mend."""
    private = homeserver.ask("POST", "/createRoom", homeserver.alice, {"preset": "private_chat"})["room_id"]

    with pytest.raises(ChannelRejected, match=r"403 M_FORBIDDEN.*invite the account"):
        await channel_to(homeserver, private).send(message())


async def test_a_wrong_token_is_final_and_not_shown(homeserver: Synapse) -> None:
    """A token that the server does not know is refused, with the mend."""
    with pytest.raises(ChannelRejected, match=r"M_UNKNOWN_TOKEN.*make a new one") as caught:
        await channel_to(homeserver, homeserver.new_room(), token="syt_wrong_token_1234").send(message())

    assert "syt_wrong" not in str(caught.value)


async def test_a_lost_answer_and_a_repeat_are_one_event(homeserver: Synapse) -> None:
    """A send that ran out of time and is repeated by another channel arrives once."""
    room = homeserver.new_room()
    hasty = channel_to(homeserver, room)
    await hasty.check()  # built while there is time: its sockets have limits of their own
    hasty._timeout = 0.001
    with pytest.raises(DeliveryInDoubt):
        await hasty.send(message("k"))

    await channel_to(homeserver, room).send(message("k"))

    assert len(homeserver.messages(room)) == 1


def tags_and_links(html: str) -> tuple[set[str], list[str]]:
    """Which tags a piece of HTML holds, and where its links lead."""
    tags: set[str] = set()
    links: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.add(tag)
            links.extend(value or "" for name, value in attrs if name == "href")

    Reader().feed(html)
    return tags, links
