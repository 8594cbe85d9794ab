"""The program as a person runs it: a process of its own, settings in a file, a site and channels on loopback."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from html import unescape
from pathlib import Path

import pytest
from aiohttp import web

from bot.demo.site import UnrollSite, samples
from bot.model import ChannelState
from bot.stores.tiny import TinyStore
from tests import service
from tests.command import environment, eventually, finish, keepcurrent, running, start
from tests.servers import mail
from tests.servers.receiver import receiving
from tests.shared import shared
from tests.sites import answer, drip
from tests.sites import site as faulty_site

AUTHOR = f"@{samples().author.handle}"
NEW = samples().upcoming[0]

write_settings = partial(service.write_settings, interval="1s")


@pytest.fixture
def home(tmp_path, site, recorder):
    """A folder with settings: one author's site, one channel that is recorded."""
    write_settings(tmp_path, site.base_url, f'[channels.me]\nurl = "json://127.0.0.1:{recorder.port}/me"')
    return tmp_path


# -- setting up ---------------------------------------------------------------------------------------------


async def test_init_writes_the_example_and_never_over_a_file(tmp_path):
    """`init` writes exactly settings.example.toml, for its owner only; a file that is there stays."""
    first = await keepcurrent("init", cwd=tmp_path)
    written = tmp_path / "settings.toml"
    example = (Path(__file__).parents[2] / "settings.example.toml").read_text()
    again = await keepcurrent("init", cwd=tmp_path)

    assert (first.code, again.code) == (0, 1)
    assert written.read_text() == example
    assert written.stat().st_mode & 0o777 == 0o600
    assert "is there already" in again.err


async def test_without_settings_it_points_to_init(tmp_path):
    """No settings file is exit 2, and says what writes one."""
    result = await keepcurrent("follow", AUTHOR, cwd=tmp_path)

    assert result.code == 2
    assert "keepcurrent init" in result.err


async def test_without_a_channel_follow_points_to_init(tmp_path):
    """Settings without a channel are exit 2, before anything is asked or stored."""
    (tmp_path / "settings.toml").write_text("")
    result = await keepcurrent("follow", AUTHOR, cwd=tmp_path)

    assert result.code == 2
    assert "keepcurrent init" in result.err
    assert not (tmp_path / "data").exists()


async def test_check_says_all_that_is_wrong(tmp_path, site):
    """Every problem is named: channels that cannot be built, a source that does not answer."""
    room = 'kind = "matrix"\nhomeserver = "x"\ntoken = "t"\nroom = "r"'
    channels = f'[channels.a]\nurl = "nonsense://x"\n[channels.b]\n{room}'
    write_settings(tmp_path, "http://127.0.0.1:9", channels)
    result = await keepcurrent("check", cwd=tmp_path)

    assert result.code == 1
    assert [line.split()[0] for line in result.out.splitlines()] == ["ok", "ok", "ok", "FAIL", "FAIL", "FAIL"]


async def test_check_is_content_with_good_settings(home):
    """Exit 0 where all is well."""
    result = await keepcurrent("check", cwd=home)

    assert (result.code, "FAIL" in result.out) == (0, False)


async def test_a_typo_is_named_with_the_nearest_name(home):
    """An unknown key, in the file or the environment, is exit 2 with the name that was meant."""
    (home / "settings.toml").write_text((home / "settings.toml").read_text().replace("host_delay", "hostdelay"))
    result = await keepcurrent("authors", cwd=home, KEEPCURRENT_POLL_TIMEOUT="3s")

    assert result.code == 2
    assert '[poll] hostdelay: unknown key; did you mean "host_delay"?' in result.err
    assert 'KEEPCURRENT_POLL_TIMEOUT: unknown variable; did you mean "KEEPCURRENT_POLL__TIMEOUT"?' in result.err


async def test_test_sends_a_sample(home, recorder):
    """`test` sends to each channel, and says so."""
    result = await keepcurrent("test", cwd=home)

    assert (result.code, len(recorder.bodies)) == (0, 1)
    assert "a sample notice was sent" in result.out


async def test_test_is_loud_about_a_failure(home, recorder):
    """A channel that refuses is exit 1 with the cause."""
    recorder.status = 403
    result = await keepcurrent("test", cwd=home)

    assert result.code == 1
    assert "FAIL channel me: " in result.out
    assert "403" in result.out


# -- the main job -------------------------------------------------------------------------------------------


async def test_follow_then_poll_brings_a_new_thread_once(home, site, recorder):
    """The main job: followed, baseline silent, a new thread arrives once, whole."""
    followed = await keepcurrent("follow", AUTHOR, cwd=home)
    silent = list(recorder.bodies)
    site.publish(NEW)
    rounds = [await keepcurrent("poll", "--all", "--json", cwd=home) for _ in range(2)]

    assert [followed.code, *(r.code for r in rounds)] == [0, 0, 0]
    assert "keepcurrent run" in followed.out
    assert "--backfill 1" in followed.out
    assert silent == []
    assert [(r.json["polled"], r.json["delivered"], len(r.json["new"])) for r in rounds] == [(1, 1, 1), (1, 0, 0)]
    (notice,) = recorder.bodies
    assert all(post.text.split("\n")[0][:40] in unescape(notice["message"]) for post in NEW.posts)


async def test_backfill_shows_a_notice_now(home, recorder):
    """`--backfill 1` sends the newest thread while the person waits."""
    result = await keepcurrent("follow", AUTHOR, "--backfill", "1", cwd=home)

    assert (result.code, len(recorder.bodies)) == (0, 1)
    assert "notice to me: sent" in result.out


async def test_poll_json_has_the_documented_keys(home, site):
    """Keys and shapes of `poll --json` are a contract."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    site.publish(NEW)
    result = (await keepcurrent("poll", "--all", "--json", cwd=home)).json

    assert list(result)[:8] == ["polled", "not_modified", "failed", "new", "changed", "delivered", "pending", "dead"]
    assert result["new"] == [
        {
            "id": NEW.key,
            "author": AUTHOR,
            "title": "The harbour wall again.",
            "url": f"{site.base_url}/thread/{NEW.key}.html",
        }
    ]


async def test_listings_json_have_the_documented_keys(home, site, recorder):
    """So are those of `authors`, `threads` and `outbox list`."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    recorder.status = 503
    site.publish(NEW)
    polled = await keepcurrent("poll", "--all", cwd=home)
    (author,) = (await keepcurrent("authors", "--json", cwd=home)).json["authors"]
    threads = (await keepcurrent("threads", AUTHOR, "--json", cwd=home)).json["threads"]
    (delivery,) = (await keepcurrent("outbox", "list", "--json", cwd=home)).json["deliveries"]

    assert polled.code == 1
    assert (author["address"], author["source"], author["paused"], author["failures"], author["error"]) == (
        AUTHOR,
        "threadreader",
        False,
        0,
        None,
    )
    assert author["newest_thread"] == NEW.key
    datetime.strptime(author["last_check"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert {"id", "next_check", "name"} < author.keys()
    assert [t["state"] for t in threads] == ["pending", *["baseline"] * 5]
    assert {"id", "author", "title", "url", "posts", "published", "first_seen", "state"} <= threads[0].keys()
    assert (delivery["state"], delivery["channel"], delivery["author"]) == ("pending", "me", AUTHOR)
    assert (delivery["threads"], delivery["attempts"]) == ([NEW.key], 1)
    assert "503" in delivery["error"]


async def test_a_dry_run_changes_nothing(home, site, recorder):
    """`poll --dry-run` says what would go where, sends nothing, and the next round finds it as new."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    site.publish(NEW)
    preview = await keepcurrent("poll", "--all", "--dry-run", cwd=home)
    before = list(recorder.bodies)
    real = await keepcurrent("poll", "--all", "--json", cwd=home)

    assert "would be sent to me: The harbour wall again." in preview.out
    assert before == []
    assert len(real.json["new"]) == 1


async def test_unfollow_works_when_the_source_is_dead(home, site):
    """Ending a subscription asks nobody."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    await site.stop()
    result = await keepcurrent("unfollow", f"https://x.com/{AUTHOR[1:].upper()}", cwd=home)

    assert result.code == 0
    assert (await keepcurrent("authors", "--json", cwd=home)).json == {"authors": []}


async def test_a_declared_author_is_followed_and_unfollowed_by_the_file(home, site, recorder):
    """`[[follow]]` is what counts: there, the author is followed; gone from it, unfollowed."""
    text = (home / "settings.toml").read_text()
    (home / "settings.toml").write_text(f'{text}\n[[follow]]\nauthor = "{AUTHOR}"\n')
    await keepcurrent("poll", cwd=home)
    site.publish(NEW)
    await keepcurrent("poll", "--all", cwd=home)
    told = await keepcurrent("unfollow", AUTHOR, cwd=home)
    (home / "settings.toml").write_text(text)
    await keepcurrent("poll", cwd=home)

    assert len(recorder.bodies) == 1
    assert (told.code, "settings file" in told.err) == (1, True)
    assert (await keepcurrent("authors", "--json", cwd=home)).json == {"authors": []}


async def test_a_refused_author_page_asks_for_a_thread(home):
    """`follow` says that the page is refused, and takes a thread URL instead."""
    async with faulty_site(answer("403 Forbidden")) as refusing:
        write_settings(home, refusing.url, '[channels.me]\nkind = "console"')
        result = await keepcurrent("follow", "@PolarPetra", cwd=home)

    assert result.code == 1
    assert result.err.count("the URL of any thread of theirs") == 1


async def test_a_refused_feed_asks_for_no_thread(home):
    """What helps at Thread Reader does not help elsewhere; and a source that is asked alone says what it takes."""
    async with faulty_site(answer("403 Forbidden")) as refusing:
        more = 'allow_private_hosts = ["127.0.0.1"]'
        write_settings(home, refusing.url, '[channels.me]\nkind = "console"', more)
        refused = await keepcurrent("follow", f"{refusing.url}/feed.xml", cwd=home)
    alone = await keepcurrent("follow", "@PolarPetra", "--source", "syndication", cwd=home)

    assert (refused.code, alone.code) == (1, 1)
    assert "refuses us (403)" in refused.err
    assert "thread" not in refused.err
    assert alone.err.endswith("names no author at syndication: give the URL of a feed, or of a page that names one\n")


class RefusingSite(UnrollSite):
    """A site whose author pages want a login."""

    async def _user(self, request: web.Request) -> web.Response:
        raise web.HTTPForbidden


async def test_a_thread_s_page_serves_where_the_author_page_is_refused(home, recorder):
    """By any thread's URL an author is followed all the same: "More from" on it is the listing then."""
    site = RefusingSite()
    await site.start()
    try:
        write_settings(home, site.base_url, f'[channels.me]\nurl = "json://127.0.0.1:{recorder.port}/me"')
        refused = await keepcurrent("follow", AUTHOR, cwd=home)
        url = f"{site.base_url}/thread/{samples().threads[0].key}.html"
        followed = await keepcurrent("follow", url, cwd=home)
        silent = await keepcurrent("poll", "--all", "--json", cwd=home)
        site.publish(NEW)
        polled = await keepcurrent("poll", "--all", "--json", cwd=home)
    finally:
        await site.stop()

    assert (refused.code, followed.code) == (1, 0)
    assert f"({AUTHOR})" in followed.out
    assert silent.json["new"] == []
    assert [new["id"] for new in polled.json["new"]] == [NEW.key]
    assert len(recorder.bodies) == 1


async def test_trouble_is_told_like_a_notice(home, site, recorder):
    """An author who cannot be read: `authors` says since when, the outbox shows the alert, the channel gets it."""
    with (home / "settings.toml").open("a") as file:
        file.write('[alerts]\nchannels = ["me"]\nafter = 1\n')
    await keepcurrent("follow", AUTHOR, cwd=home)
    await site.stop()
    recorder.status = 503
    await keepcurrent("poll", "--all", cwd=home)
    authors = await keepcurrent("authors", cwd=home)
    (author,) = (await keepcurrent("authors", "--json", cwd=home)).json["authors"]
    (row,) = (await keepcurrent("outbox", "--json", cwd=home)).json["deliveries"]
    shown = await keepcurrent("outbox", "show", row["id"], cwd=home)
    recorder.status = 200
    await keepcurrent("outbox", "retry", row["id"], cwd=home)
    await keepcurrent("poll", cwd=home)

    assert re.search(r"failed once since 20\d\d-\d\d-\d\d \d\d:\d\d: ", authors.out)
    assert author["last_success"] is not None
    assert (row["author"], row["threads"], row["alert"]) == ("", [], f"{AUTHOR} cannot be read")
    assert f"{AUTHOR} cannot be read\n    The reason: " in shown.out
    assert recorder.bodies[-1]["title"] == f"keepcurrent: {AUTHOR} cannot be read"


async def test_an_unknown_alert_channel_is_refused(home):
    """A name in [alerts] that no channel has: told by `check`, exit 2 elsewhere."""
    with (home / "settings.toml").open("a") as file:
        file.write('[alerts]\nchannels = ["mee"]\n')
    told = await keepcurrent("check", cwd=home)
    refused = await keepcurrent("poll", cwd=home)

    assert 'FAIL [alerts] channels: there is no channel "mee"; did you mean "me"?' in told.out
    assert (refused.code, '"mee"' in refused.err) == (2, True)


async def test_a_dead_delivery_is_sent_again_by_hand(home, site, recorder):
    """`outbox retry` brings a dead delivery back; `drop` removes one."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    recorder.status = 403
    site.publish(NEW)
    dead = await keepcurrent("poll", "--all", "--json", cwd=home)
    (row,) = (await keepcurrent("outbox", "--json", cwd=home)).json["deliveries"]
    recorder.status = 200
    retried = await keepcurrent("outbox", "retry", row["id"], cwd=home)
    sent = await keepcurrent("poll", "--json", cwd=home)

    assert (dead.json["dead"], row["state"], retried.code) == (1, "dead", 0)
    assert (sent.json["delivered"], sent.json["dead"]) == (1, 0)
    assert (await keepcurrent("outbox", "drop", "nonsense", cwd=home)).code == 1


async def test_retry_ends_the_channel_s_back_off_too(home, site, recorder):
    """A channel that asked for an hour is asked at once when a person says so."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    recorder.status, recorder.headers = 503, {"Retry-After": "3600"}
    site.publish(NEW)
    await keepcurrent("poll", "--all", cwd=home)
    recorder.status, recorder.headers = 200, {}
    waits = await keepcurrent("poll", "--json", cwd=home)
    (row,) = (await keepcurrent("outbox", "--json", cwd=home)).json["deliveries"]
    await keepcurrent("outbox", "retry", row["id"], cwd=home)
    sent = await keepcurrent("poll", "--json", cwd=home)

    assert (waits.json["delivered"], waits.json["pending"], sent.json["delivered"]) == (0, 1, 1)


async def test_poll_all_skips_who_is_paused_and_says_so(home):
    """`--all` means every author, but not a paused one; the document names who was skipped."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    await keepcurrent("pause", AUTHOR, cwd=home)
    result = await keepcurrent("poll", "--all", "--json", cwd=home)

    assert (result.json["polled"], result.json["skipped"]) == (0, [{"author": AUTHOR, "why": "paused"}])


async def test_poll_all_skips_whom_the_site_asked_to_leave_alone(home):
    """A Retry-After still in force is kept also by `--all`."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    async with faulty_site(answer("429 Too Many Requests", Retry_After="3600")) as busy:
        write_settings(home, busy.url, '[channels.me]\nkind = "console"')
        first = await keepcurrent("poll", "--all", "--json", cwd=home)
        second = await keepcurrent("poll", "--all", "--json", cwd=home)

    assert (first.code, len(first.json["failed"])) == (1, 1)
    assert (second.code, second.json["polled"], len(second.json["skipped"])) == (0, 0, 1)
    assert len(busy.requests) == 1


async def test_mail_arrives_as_a_person_reads_it(tmp_path, site):
    """By e-mail: a subject with author and title, HTML with the link visible, a text part that reads well."""
    async with mail.serve() as server:
        channel = f"""[channels.mail]
kind = "email"
host = "127.0.0.1"
port = {server.port}
security = "none"
sender = "bot@example.org"
to = "me@example.org"
"""
        write_settings(tmp_path, site.base_url, channel)
        result = await keepcurrent("follow", AUTHOR, "--backfill", "1", cwd=tmp_path)
    (letter,) = server.mails
    text = letter.get_body(("plain",)).get_content()

    assert result.code == 0
    assert letter["Subject"].startswith("Ilse Verhoeven: ")
    assert letter["X-Keepcurrent-Id"]
    assert f"{site.base_url}/thread/" in text


@pytest.mark.matrix
async def test_a_matrix_room_hears_of_a_new_thread_once(tmp_path, site, homeserver):
    """In a room of a real homeserver: each new thread one notice, also after a second round and a restart."""
    room = await asyncio.to_thread(homeserver.new_room)
    channel = f"""[channels.room]
kind = "matrix"
homeserver = "{homeserver.url}"
token_file = "token"
room = "{room}"
"""
    (tmp_path / "token").write_text(homeserver.bot)
    write_settings(tmp_path, site.base_url, channel)
    tested = await keepcurrent("test", cwd=tmp_path)
    await keepcurrent("follow", AUTHOR, cwd=tmp_path)
    site.publish(NEW)
    for _ in range(2):
        await keepcurrent("poll", "--all", cwd=tmp_path)
    async with running("run", cwd=tmp_path, until="running: 1 author"):
        await eventually(lambda: len(site.requests) > 8)
    messages = await asyncio.to_thread(homeserver.messages, room)

    assert tested.code == 0
    assert [m["content"]["msgtype"] for m in messages] == ["m.notice", "m.notice"]
    assert "This is a sample notice." in messages[0]["content"]["body"]
    assert f"{site.base_url}/thread/{NEW.key}.html" in messages[1]["content"]["formatted_body"]


# -- unroll -------------------------------------------------------------------------------------------------


async def test_unroll_needs_no_settings(tmp_path, site):
    """One thread, whole, now; JSON by the documented form."""
    url = f"{site.base_url}/thread/{samples().threads[0].key}.html"
    result = await keepcurrent(
        "unroll", url, "--format", "json", cwd=tmp_path, KEEPCURRENT_SOURCES__THREADREADER__BASE_URL=site.base_url
    )

    assert result.code == 0
    assert {"id", "url", "author", "title", "published", "posts"} <= result.json.keys()
    assert result.json["author"] == AUTHOR
    assert len(result.json["posts"]) == len(samples().threads[0].posts)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
async def test_unroll_writes_a_file(home, site, form):
    """`-o FILE` writes the thread in each form; every post is in it."""
    thread = samples().threads[1]
    url = f"{site.base_url}/thread/{thread.key}"
    result = await keepcurrent("unroll", url, "--format", form, "-o", "thread.out", cwd=home)
    written = (home / "thread.out").read_text()

    assert result.code == 0
    assert all(post.text.split()[0] in written for post in thread.posts)


async def test_unroll_of_a_thread_that_is_not_there(home, site):
    """A thread that was never unrolled is exit 1, in words."""
    result = await keepcurrent("unroll", f"{site.base_url}/thread/1234567890123456789.html", cwd=home)

    assert result.code == 1
    assert "Traceback" not in result.err


@pytest.mark.shared
async def test_unroll_of_a_recorded_page(tmp_path):
    """A real page of 2020 gives its 102 posts, in order, and nothing of the other cards on it."""
    page = shared("real/threadreader/2020-01_thread_QuinnyPig_1215710451343904768.html").read_bytes()
    numbers = re.findall(rb'<div id="tweet_(\d+)" data-screenname="QuinnyPig" data-tweet="(\d+)"', page)
    async with faulty_site(answer(body=page, content_type="text/html; charset=utf-8")) as served:
        result = await keepcurrent(
            "unroll",
            f"{served.url}/thread/1215710451343904768.html",
            "--format",
            "json",
            cwd=tmp_path,
            KEEPCURRENT_SOURCES__THREADREADER__BASE_URL=served.url,
        )
    posts = result.json["posts"]

    assert [post["id"].encode() for post in posts] == [id_ for _, id_ in sorted(numbers, key=lambda n: int(n[0]))]
    assert len(posts) == 102
    assert posts[-1]["text"] == (
        "For a few hundred bucks you can have a bespoke slide deck template made. I highly recommend it."
    )
    assert not any("Jamsetji" in post["text"] for post in posts)


# -- run ----------------------------------------------------------------------------------------------------


async def test_run_brings_a_new_thread_and_stops_when_told(home, site, recorder):
    """The bot notices within its interval; SIGTERM ends it with exit 0, and the store is in order."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    async with running("run", cwd=home, until="running: 1 author") as bot:
        site.publish(NEW)
        await eventually(lambda: recorder.bodies)
        second = await keepcurrent("run", cwd=home)
        listed = await keepcurrent("threads", "--json", cwd=home)
        bot.send_signal(signal.SIGTERM)
        stopped = await asyncio.wait_for(bot.wait(), 10)
    after = await keepcurrent("poll", "--all", "--json", cwd=home)

    assert stopped == 0
    assert second.code == 3
    assert f"pid {bot.pid}" in second.err
    assert NEW.key in {thread["id"] for thread in listed.json["threads"]}
    assert (len(recorder.bodies), after.json["delivered"]) == (1, 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_run_stops_within_ten_seconds_while_a_channel_hangs(home, site, recorder, number):
    """A send that hangs holds up nothing: exit 0 in time, the delivery in doubt, and the next start resumes it."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    recorder.trickle = asyncio.Event()
    async with running("run", cwd=home, until="running: 1 author") as bot:
        site.publish(NEW)
        await eventually(lambda: recorder.bodies)
        began = time.monotonic()
        bot.send_signal(number)
        code = await asyncio.wait_for(bot.wait(), 15)
        took = time.monotonic() - began
    recorder.trickle.set()
    (row,) = (await keepcurrent("outbox", "--json", cwd=home)).json["deliveries"]

    assert code == 0
    assert took < 10
    assert row["state"] == "unknown"


async def test_run_stops_within_ten_seconds_while_every_channel_hangs(tmp_path, site):
    """Mail, Matrix and JSON take the message and say nothing: gone in time, each in doubt, each sent again in order."""
    a_minute = 60_000 << 22
    second = replace(NEW, posts=tuple(replace(post, id=str(int(post.id) + a_minute)) for post in NEW.posts))
    async with AsyncExitStack() as stack:
        places = [await stack.enter_async_context(receiving(kind, kind)) for kind in ("mail", "matrix", "json")]
        write_settings(tmp_path, site.base_url, "".join(place.settings for place in places))
        await keepcurrent("follow", AUTHOR, cwd=tmp_path)
        for place in places:
            await place.misbehave("hang at the end")
        async with running("run", cwd=tmp_path, until="running: 1 author") as bot:
            site.publish(NEW)
            await eventually(lambda: all(place.tries for place in places))
            site.publish(second)
            await eventually(lambda: f"/thread/{second.key}.html" in site.requests)
            began = time.monotonic()
            bot.send_signal(signal.SIGTERM)
            code = await asyncio.wait_for(bot.wait(), 15)
            took = time.monotonic() - began
        rows = (await keepcurrent("outbox", "--json", cwd=tmp_path)).json["deliveries"]
        for place in places:
            await place.misbehave("")
        await as_after_a_pause(tmp_path)
        async with running("run", cwd=tmp_path, until="running: 1 author"):
            await eventually(lambda: all(len(place.arrived) == 2 for place in places))

    assert (code, took < 10) == (0, True)
    assert sorted((row["channel"], row["state"]) for row in rows) == [
        (name, state) for name in ("json", "mail", "matrix") for state in ("pending", "unknown")
    ]
    assert [place.order() for place in places] == [[NEW.key, second.key]] * 3
    assert [[one.may_repeat for one in place.arrived] for place in places] == [[True, False]] * 3


async def as_after_a_pause(folder: Path) -> None:
    """Let the back-offs be over without waiting for them."""
    store = await TinyStore.open(folder / "data")
    try:
        for row in await store.deliveries(["pending", "unknown"]):
            await store.settle([replace(row, due_at=row.created_at)], ChannelState(channel=row.channel))
    finally:
        await store.close()


async def test_a_killed_bot_loses_nothing(home, site, recorder):
    """kill -9 while sending: the delivery is listed as in doubt, and arrives with the next start, saying so."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    recorder.trickle = asyncio.Event()
    async with running("run", cwd=home, until="running: 1 author") as bot:
        site.publish(NEW)
        await eventually(lambda: recorder.bodies)
        bot.kill()
        await bot.wait()
    recorder.trickle.set()
    recorder.trickle = None
    (row,) = (await keepcurrent("outbox", "list", "--json", cwd=home)).json["deliveries"]
    async with running("run", cwd=home, until="running: 1 author"):
        await eventually(lambda: len(recorder.bodies) == 2)

    assert row["state"] == "unknown"
    assert "may repeat" in recorder.bodies[1]["message"]


# -- quick and quiet ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [["authors"], ["threads"], ["outbox", "list"]])
async def test_a_listing_loads_neither_aiohttp_nor_apprise(home, command):
    """Listings answer at once: what they do not need is not imported."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    script = "import sys; from bot.cli import main; code = main(sys.argv[1:]); print(code, *sorted(sys.modules))"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script, *command, "--json"),
        cwd=home,
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    result = await finish(process)
    loaded = set(result.out.splitlines()[-1].split())

    assert "0" in loaded
    assert not loaded & {"aiohttp", "apprise", "selectolax", "jinja2", "rich"}


async def test_output_in_a_pipe_is_plain_lines(home):
    """No colour, no table: cells with tabs between them."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    result = await keepcurrent("authors", cwd=home)

    assert result.out.startswith(f"Ilse Verhoeven ({AUTHOR})\t{AUTHOR}\tthreadreader\t\t")
    assert "\033" not in result.out


async def test_the_exit_of_a_wrong_command_line(tmp_path):
    """An unknown command is exit 2."""
    assert (await keepcurrent("folow", cwd=tmp_path)).code == 2


async def test_no_secret_in_any_output(tmp_path, site):
    """A seeded password stands in nothing that is printed, logged or stored, at the highest verbosity."""
    secret = "s3cr3t/w0rd@%&"
    channel = f"""[channels.mail]
kind = "email"
host = "127.0.0.1"
port = 9
user = "me"
password = {json.dumps(secret)}
sender = "bot@example.org"
to = "me@example.org"
"""
    write_settings(tmp_path, site.base_url, channel)
    results = [
        await keepcurrent(*command, "-vv", cwd=tmp_path)
        for command in (["check"], ["test"], ["follow", AUTHOR, "--backfill", "1"], ["outbox"], ["poll", "--all"])
    ]
    printed = "".join(result.out + result.err for result in results)
    stored = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())

    assert "s3cr3t" not in printed
    assert b"s3cr3t" not in stored


async def test_ctrl_c_leaves_no_traceback(home):
    """Ctrl-C in the middle of a command ends it in silence, with the status that shells know."""
    async with faulty_site(drip(b"x")) as slow:
        write_settings(home, slow.url, '[channels.me]\nkind = "console"')
        process = await start("follow", AUTHOR, cwd=home)
        await eventually(lambda: slow.requests)
        process.send_signal(signal.SIGINT)
        result = await finish(process)

    assert (result.code, result.err) == (130, "")


async def test_a_dry_run_as_json(home, site):
    """`poll --dry-run --json` is one document, with what would be sent."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    site.publish(NEW)
    result = (await keepcurrent("poll", "--all", "--dry-run", "--json", cwd=home)).json

    assert result["would_send"] == [
        {"channel": "me", "author": AUTHOR, "thread": NEW.key, "why_not_now": None},
    ]


async def test_quiet_is_quiet(home, site, recorder):
    """`--quiet poll` from cron prints nothing where nothing failed."""
    await keepcurrent("--quiet", "follow", AUTHOR, cwd=home)
    site.publish(NEW)
    result = await keepcurrent("--quiet", "poll", "--all", cwd=home)

    assert (result.code, result.out, result.err, len(recorder.bodies)) == (0, "", "", 1)


async def test_json_stands_alone_beside_a_console_channel(home, site):
    """What a console channel prints does not break the one document."""
    write_settings(home, site.base_url, '[channels.screen]\nkind = "console"')
    await keepcurrent("follow", AUTHOR, cwd=home)
    site.publish(NEW)
    result = await keepcurrent("poll", "--all", "--json", cwd=home)

    assert result.json["delivered"] == 1
    assert "The harbour wall again." in result.err


async def test_a_renamed_channel_is_told_and_loses_nothing(home, site, recorder):
    """News for a channel that is gone from the settings waits, visibly, and goes when the channel is back."""
    settings = (home / "settings.toml").read_text()
    await keepcurrent("follow", AUTHOR, "--channel", "me", cwd=home)
    (home / "settings.toml").write_text(settings.replace("[channels.me]", "[channels.you]"))
    site.publish(NEW)
    polled = await keepcurrent("poll", "--all", cwd=home)
    checked = await keepcurrent("check", cwd=home)
    (row,) = (await keepcurrent("outbox", "--json", cwd=home)).json["deliveries"]
    (home / "settings.toml").write_text(settings)
    await keepcurrent("poll", cwd=home)

    assert "notices wait for channel me" in polled.err
    assert "FAIL channel me" in checked.out
    assert "not in the settings" in row["error"]
    assert len(recorder.bodies) == 1


async def test_poll_without_a_channel_looks_at_nobody(home, site):
    """Without a channel there is nobody to tell: nothing is looked at, so nothing is taken for told."""
    await keepcurrent("follow", AUTHOR, cwd=home)
    write_settings(home, site.base_url, "")
    result = await keepcurrent("poll", "--all", cwd=home)

    assert result.code == 2
    assert "there is no channel" in result.err


async def test_a_full_output_is_told_in_a_line(home):
    """No room where the output goes: one line, exit 1."""
    process = await asyncio.create_subprocess_exec(
        "sh",
        "-c",
        'exec "$0" -m bot demo > /dev/full',
        sys.executable,
        cwd=home,
        env=environment(),
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    result = await finish(process)

    assert result.code == 1
    assert result.err == "keepcurrent: cannot write the output: No space left on device\n"
