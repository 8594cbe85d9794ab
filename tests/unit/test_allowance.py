"""The time that the requests of one look share."""

import asyncio

import pytest

from bot.allowance import Allowance, current, within
from bot.errors import OutOfTime, TemporarySourceError
from bot.http import Http
from tests.sites import Clock, answer, drip, site


@pytest.fixture
async def http():
    made = Http(user_agent="test", timeout=0.4, host_delay=0, allowed_hosts=["127.0.0.1"], clock=Clock())
    yield made
    await made.close()


async def raised(asking) -> type[BaseException]:
    with pytest.raises(TemporarySourceError) as caught:
        await asking
    return caught.type


def test_the_outer_one_goes_on():
    """A block inside another one spends the outer one's time; outside there is none."""
    outer, inner = Allowance(5), Allowance(50)
    with within(outer), within(inner):
        inside = current()

    assert (inside, current()) == (outer, None)


async def test_requests_share_it(http):
    """Two dripping pages take the time of one; the second is not even asked for."""
    async with site(drip(b"x")) as s:
        with within(Allowance(0.4)):
            first = await raised(http.get(f"{s.url}/1", feed_id="f"))
            second = await raised(http.get(f"{s.url}/2", feed_id="f"))

        assert (first, second) == (TemporarySourceError, OutOfTime)
        assert s.paths == ["/1"]


async def test_a_request_with_little_time_left_is_no_judgement(http):
    """A page that had less than half of its time before it ran out has not failed; nor has its host."""
    async with site(drip(b"x"), page=answer(body=b"ok")) as s:
        for number in range(8):
            with within(Allowance(0.02)):
                assert await raised(http.get(f"{s.url}/{number}", feed_id=f"f{number}")) is OutOfTime

        assert (await http.get(f"{s.url}/page", feed_id="f")).body == b"ok"


async def test_waiting_for_a_turn_is_not_spent(http):
    """Who stands in the queue spends nothing."""

    async def slowly(_asked, writer):
        await asyncio.sleep(0.15)
        writer.write(answer(body=b"ok"))

    async with site(slowly) as s:

        async def look(number):
            with within(Allowance(0.6)):
                return (await http.get(f"{s.url}/{number}", feed_id=f"f{number}")).body

        assert await asyncio.gather(*(look(number) for number in range(5))) == [b"ok"] * 5


async def test_alone_a_request_has_its_own_limit(http):
    """Without an allowance each request has the whole time-out."""
    async with site(drip(b"x")) as s:
        kinds = [await raised(http.get(f"{s.url}/{number}", feed_id="f")) for number in range(2)]

        assert kinds == [TemporarySourceError] * 2
        assert len(s.requests) == 2


async def test_the_reason_says_how_long(http):
    """The seconds in the message are those that the page really had."""
    async with site(drip(b"x")) as s:
        with within(Allowance(0.3)), pytest.raises(TemporarySourceError) as caught:
            await http.get(f"{s.url}/", feed_id="f")

        assert caught.value.reason == "127.0.0.1 did not answer within 0.3 s"
