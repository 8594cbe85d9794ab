"""The composition root hands each setting to the part that it is for."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot import app
from bot.errors import SettingsError
from bot.settings import made
from tests.fakes import Clock


def test_the_client_is_built_by_the_settings():
    """Politeness, limits and the contact reach the HTTP client."""
    http = app.build_http(
        made(
            poll={"timeout": "7s", "per_host": 3, "host_delay": "2s", "contact": "me@example.org"},
            sources={"threadreader": {"base_url": "http://127.0.0.1:9"}},
            allow_private_hosts=["10.0.0.0/8"],
        )
    )

    assert (http._timeout, http._turns._per_host, http._turns._host_delay) == (7.0, 3, 2.0)
    assert "me@example.org" in http._headers["User-Agent"]
    assert "keepcurrent/" in http._headers["User-Agent"]
    http._addresses.check("127.0.0.1")
    http._addresses.check("10.1.2.3")
    with pytest.raises(OSError, match=r"192\.168"):
        http._addresses.check("192.168.0.1")


def test_the_pace_is_that_of_the_settings():
    """Intervals and burst reach the schedule."""
    pace = app.pace_of(made(poll={"interval": "1h", "min_interval": "5m", "max_interval": "2d", "burst": 3}))

    assert (pace.interval, pace.min_interval, pace.max_interval, pace.burst) == (
        timedelta(hours=1),
        timedelta(minutes=5),
        timedelta(days=2),
        3,
    )


@pytest.mark.parametrize(
    ("section", "gap"),
    [
        ({"kind": "email", "host": "x", "sender": "a@b.c", "to": "d@e.f"}, 2.0),
        ({"kind": "matrix", "homeserver": "https://x", "token": "t", "room": "!a:x"}, 0.5),
        ({"kind": "slack", "webhook": "https://hooks.slack.com/services/T0/B0/x"}, 1.2),
        ({"kind": "console"}, 0.0),
        ({"url": "json://localhost"}, 0.0),
        ({"kind": "console", "gap": "3s"}, 3.0),
        ({"url": "json://localhost", "gap": "3s"}, 3.0),
    ],
)
def test_each_kind_of_channel_is_built(section, gap):
    """Every kind has its own least time between sends, and `gap` sets another."""
    channel = app.build_channels(made(channels={"me": section}))["me"]

    assert (channel.name, channel.gap) == ("me", gap)


NOTICE_KEYS = {
    "summary": "full",
    "events": ["new"],
    "digest": "hourly",
    "quiet_hours": "off",
    "include": ["a"],
    "min_posts": 2,
    "timezone": "UTC",
    "images": True,
}


@pytest.mark.parametrize("section", [{"url": "json://x"}, {"kind": "console"}, {"kind": "tests.fakes:FakeChannel"}])
def test_what_is_said_of_notices_is_not_handed_to_the_channel(section):
    """It would not know what to do with it."""
    assert app.build_channels(made(channels={"me": {**section, **NOTICE_KEYS}}))["me"].name == "me"


def test_the_time_for_one_send_reaches_the_channel():
    """`[delivery] timeout` is what a send may take."""
    channel = app.build_channels(made(channels={"me": {"url": "json://x"}}, delivery={"timeout": "9s"}))["me"]

    assert channel._timeout == 9.0  # type: ignore[attr-defined]


def test_a_third_party_s_channel_is_found_by_its_path():
    """A dotted kind needs no line of ours; what stands beside it is handed on."""
    made_by = {"kind": "tests.fakes:FakeChannel", "gap": "2s"}
    channel = app.build_channels(made(channels={"me": made_by}))["me"]

    assert (channel.name, channel.gap) == ("me", 2.0)


@pytest.mark.parametrize(
    "kind", ["os:getcwd", "no.such.module:X", "tests.fakes:Nothing", "tests.fakes:Site", "bot.settings:duration"]
)
def test_what_is_no_channel_is_refused_by_name(kind):
    """A path that leads nowhere, or to something else, is a settings error."""
    with pytest.raises(SettingsError, match=r"\[channels.me\]"):
        app.build_channels(made(channels={"me": {"kind": kind}}))


def test_every_address_of_a_declaration_counts():
    """`author` with several addresses declares each of them, for the same channels."""
    settings = made(follow=[{"author": ["@a", "@b"], "channels": ["me"]}], channels={"me": {"kind": "console"}})
    declared = app.App.declared.fget(type("Stub", (), {"settings": settings})())  # type: ignore[attr-defined]

    assert [(d.addresses, d.channels) for d in declared] == [(("@a", "@b"), ("me",))]


async def test_one_clock_serves_the_whole_program(tmp_path):
    """The clock that the program is opened with is that of every part of it."""
    clock = Clock()
    async with app.open_app(made(data_dir=tmp_path), clock=clock) as opened:
        runner = opened.runner()
        source = opened.sources["threadreader"]

        parts = (opened, opened.poller, opened.dispatcher)
        assert [part.clock for part in parts] == [clock] * 3
        assert [part._clock for part in (opened.http, source, runner)] == [clock] * 3
