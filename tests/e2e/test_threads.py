"""One thread's life, as a person sees it: `refresh`, `why`, growth and removal, alone and beside a running bot."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from bot.demo.site import SamplePost, samples
from bot.model import message_key
from bot.stores.tiny import TinyStore
from tests import service
from tests.command import eventually, keepcurrent, running

AUTHOR = f"@{samples().author.handle}"
NEW = samples().upcoming[0]
MORE = replace(NEW, posts=(*NEW.posts, SamplePost(id=str(int(NEW.key) + 999), text="One thing more, then I stop.")))

write_settings = partial(service.write_settings, interval="1s")


@pytest.fixture
async def home(tmp_path, site, recorder):
    """An author is followed, a new thread of theirs was announced, and growth is told as soon as it is seen twice."""
    channel = f'[channels.me]\nurl = "json://127.0.0.1:{recorder.port}/me"\nsettle = "0s"'
    write_settings(tmp_path, site.base_url, channel)
    await keepcurrent("follow", AUTHOR, cwd=tmp_path)
    site.publish(NEW)
    await keepcurrent("poll", "--all", cwd=tmp_path)
    return tmp_path


async def test_refresh_finds_growth_and_then_tells_it(home, site, recorder):
    """The first look sees it, the second sees that it is quiet; the notice has the new post and not the others."""
    site.publish(MORE)
    first = await keepcurrent("refresh", NEW.key, cwd=home)
    second = await keepcurrent("refresh", f"{site.base_url}/thread/{NEW.key}.html", "--json", cwd=home)
    told = recorder.bodies[-1]["message"]

    assert (first.code, second.code, len(recorder.bodies)) == (0, 0, 2)
    assert "it has changed; told when it has been quiet" in first.out
    assert second.json["threads"][0]["outcome"] == "grown"
    assert "One thing more, then I stop." in told
    assert NEW.posts[2].text[:30] not in told


async def test_refresh_of_a_thread_that_is_gone_is_believed_an_hour_later(home, site, recorder):
    """Not at once."""
    site.withdraw(NEW.key)
    done = await keepcurrent("refresh", NEW.key, cwd=home)

    assert done.code == 0
    assert "believed when it is not found again, an hour or more after the first time" in done.out
    assert len(recorder.bodies) == 1


async def test_refresh_of_a_thread_that_nobody_knows(home):
    """One line that says what to do instead."""
    done = await keepcurrent("refresh", "1234", cwd=home)

    url = "https://bsky.app/profile/ann.example.com/post/3abc"
    elsewhere = await keepcurrent("refresh", url, cwd=home)

    unknown = "is no thread that is known here: `keepcurrent threads` lists those"
    assert (done.code, done.err) == (1, f"keepcurrent: 1234 {unknown}\n")
    assert elsewhere.err == f"keepcurrent: {url} {unknown}; `keepcurrent unroll {url}` reads it all the same\n"


async def test_refresh_reaches_a_running_bot(home, site, recorder):
    """It does there what it does alone."""
    async with running("run", cwd=home, until="running:"):
        site.publish(MORE)
        first = await keepcurrent("refresh", NEW.key, cwd=home)
        second = await keepcurrent("refresh", NEW.key, cwd=home)
        await eventually(lambda: len(recorder.bodies) == 2)

    assert (first.code, second.code) == (0, 0)


async def test_why_tells_from_first_seen_to_the_channel_s_answer(home):
    """In order, with times."""
    done = await keepcurrent("why", NEW.key, cwd=home)
    lines = [line[20:] for line in done.out.splitlines()[1:]]

    assert done.code == 0
    assert done.out.startswith(f"{NEW.key}  {AUTHOR}  ")
    assert any(line.startswith("first seen in") for line in lines)
    assert f"read whole and kept: {len(NEW.posts)} posts" in lines
    assert any(line.startswith("queued for channel me") for line in lines)
    assert any(line.startswith("sent: channel me took it") for line in lines)
    assert any(line.startswith("next look at its own page") for line in lines)


async def test_why_names_the_filter(home, site, recorder):
    """A thread that no channel wanted is known, kept, and explained; `poll --dry-run` says it before."""
    settings = home / "settings.toml"
    settings.write_text(settings.read_text().replace('settle = "0s"', 'min_posts = 99\nsettle = "0s"'))
    site.publish(replace(NEW, posts=tuple(replace(post, id=str(int(post.id) + 5000)) for post in NEW.posts[:3])))
    dry = await keepcurrent("poll", "--all", "--dry-run", cwd=home)
    await keepcurrent("poll", "--all", cwd=home)
    (known,) = [
        one for one in (await keepcurrent("threads", "--json", cwd=home)).json["threads"] if one["state"] == "filtered"
    ]
    done = await keepcurrent("why", known["id"], "--json", cwd=home)
    said = [step["what"] for step in done.json["trail"]]

    assert "not sent to me: 3 posts, fewer than min_posts = 99" in dry.out
    assert any("not wanted by channel me: 3 posts, fewer than min_posts = 99" in line for line in said)
    assert len(recorder.bodies) == 1


async def test_a_kept_thread_is_found_by_any_of_its_posts(home, site):
    """As people copy it: the link of a post, at X; also when its page is gone."""
    link = f"https://x.com/{AUTHOR[1:]}/status/{NEW.posts[3].id}"
    site.withdraw(NEW.key)
    explained = await keepcurrent("why", link, cwd=home)
    shown = await keepcurrent("unroll", link, cwd=home)

    assert explained.out.startswith(f"{NEW.key}  {AUTHOR}  ")
    assert shown.code == 0
    assert NEW.posts[0].text[:40] in shown.out
    assert "Kept copy" in shown.err


async def test_an_earlier_version_can_be_read(home, site):
    """As it was before the author took a post back."""
    site.publish(replace(NEW, posts=NEW.posts[:2]))
    for _ in range(2):
        await keepcurrent("refresh", NEW.key, cwd=home)
    first = await keepcurrent("unroll", NEW.key, "--kept", "1", cwd=home)
    second = await keepcurrent("unroll", NEW.key, "--kept", "2", cwd=home)
    third = await keepcurrent("unroll", NEW.key, "--kept", "3", cwd=home)

    assert NEW.posts[-1].text[:30] in first.out
    assert "Version 1 of 2, as it was kept on" in first.out
    assert NEW.posts[-1].text[:30] not in second.out
    assert (first.code, second.code, third.code, third.err.count("\n")) == (0, 0, 1, 1)


async def test_a_notice_is_found_in_the_outbox_by_what_the_channel_was_told(home):
    """The id that a mail bears leads to its row."""
    (row,) = (await keepcurrent("outbox", "list", "--all", "--json", cwd=home)).json["deliveries"]
    store = await TinyStore.open(home / "data", read_only=True)
    key = message_key(await store.deliveries())
    await store.close()
    shown = await keepcurrent("outbox", "show", key, "--json", cwd=home)

    assert shown.json["id"] == row["id"]


async def test_why_of_a_thread_that_nobody_knows(home):
    """One line, exit 1."""
    done = await keepcurrent("why", "1234", cwd=home)

    assert (done.code, done.err.count("\n")) == (1, 1)
