"""One message for all channels that are told alike, made once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from bot import composing
from bot.compose import compose
from bot.composing import Composer
from bot.errors import ChannelError
from bot.model import Batch, Limits
from bot.policy import Policy
from tests.servers.notices import BEFORE, BRIDGES, FIRST, PARIS, batch, entry, happened

WIDE = Limits(title=200, text=20_000, html=20_000)
ONE = batch(entry())


@pytest.fixture
def made(monkeypatch):
    """The batches that a message was made of."""
    batches: list[Batch] = []

    def counted(batch: Batch, *args: Any, **more: Any) -> Any:
        batches.append(batch)
        return compose(batch, *args, **more)

    monkeypatch.setattr("bot.composing.compose", counted)
    return batches


def of_channel(name: str, one: Batch = ONE) -> Batch:
    """The same batch as another channel has it."""
    rows = (
        replace(item, delivery=replace(item.delivery, id=f"{name} {item.delivery.id}", batch=name, channel=name))
        for item in one.items
    )
    return Batch(id=name, channel=name, items=tuple(rows))


async def told(composer: Composer, one: Batch, policy: Policy | None = None, limits: Limits = WIDE) -> Any:
    return await composer.composed(one, limits, PARIS, [policy or Policy()] * len(one.items))


async def test_channels_that_are_told_alike_share_what_is_made(made):
    """Also those that ask while it is being made; each has its own key."""
    composer = Composer()
    batches = [of_channel(f"c{number}") for number in range(5)]
    messages = [*await asyncio.gather(*(told(composer, one) for one in batches)), await told(composer, ONE)]

    assert len(made) == 1
    assert messages == [
        compose(one, WIDE, zone=PARIS, policies=[Policy()]) for one in [*batches, ONE]
    ]  # each as if it had been made for that channel alone
    assert len({message.key for message in messages}) == 6


@pytest.mark.parametrize("event", ["new", "grown", "gone"])
async def test_every_event_reads_as_if_it_were_made_for_the_channel_alone(event):
    """Nothing of a row that a notice speaks of is left out."""
    one = batch(happened(BRIDGES, event, before=BEFORE, first=FIRST), doubtful=True)

    assert compose(one, WIDE, zone=PARIS, policies=[Policy()]) == await told(Composer(), one)


@pytest.mark.parametrize(
    ("one", "policy", "limits"),
    [
        (of_channel("a"), Policy(summary="full"), WIDE),
        (of_channel("a"), Policy(), replace(WIDE, text=300)),
        (of_channel("a", batch(entry(title="Another"))), Policy(), WIDE),
        (of_channel("a", batch(entry(), doubtful=True)), Policy(), WIDE),
    ],
    ids=["policy", "limits", "thread", "doubt"],
)
async def test_what_is_told_otherwise_is_made_anew(made, one, policy, limits):
    """A channel with other settings has its own message."""
    composer = Composer()
    await told(composer, ONE)
    message = await told(composer, one, policy, limits)

    assert len(made) == 2
    assert compose(one, limits, zone=PARIS, policies=[policy]) == message


async def test_a_list_is_shared_too(made):
    """A digest of many threads takes the longest to be made."""
    composer, several = Composer(), batch(entry("1"), entry("2"))
    message = (await told(composer, several), await told(composer, of_channel("a", several)))[1]

    assert len(made) == 1
    assert compose(of_channel("a", several), WIDE, zone=PARIS, policies=[Policy()] * 2) == message


async def test_nothing_is_kept_long(monkeypatch, made):
    """A bot that sends once a day keeps no threads in memory for it."""
    monkeypatch.setattr(composing, "KEPT", 0)
    composer = Composer()
    await told(composer, ONE)
    await asyncio.sleep(0.01)
    await told(composer, ONE)

    assert len(made) == 2


async def test_few_messages_are_remembered(made):
    """However many there were."""
    composer = Composer()
    for number in range(composing.REMEMBERED + 1):
        await told(composer, batch(entry(str(number))))
    await told(composer, batch(entry("0")))

    assert len(made) == composing.REMEMBERED + 2


async def test_a_failure_is_not_remembered(monkeypatch):
    """Each channel hears of it, and the next try begins anew."""
    tries: list[str] = []

    def fails(_: Batch, *args: Any, **more: Any) -> Any:
        tries.append("")
        raise ZeroDivisionError

    monkeypatch.setattr("bot.composing.compose", fails)
    composer = Composer()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await told(composer, ONE)

    assert len(tries) == 2


async def test_a_message_that_takes_too_long_is_the_channels_trouble(monkeypatch, made):
    """It is named by the channel that waited."""
    monkeypatch.setattr(composing, "WITHIN", 0)

    with pytest.raises(ChannelError, match="was not made within 0 s") as caught:
        await told(Composer(), of_channel("slow"))
    assert caught.value.channel == "slow"
