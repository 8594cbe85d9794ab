"""Services that Apprise reaches and we know nothing of: what each takes, sent to a stand-in on loopback."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from bot.channels import apprise as channels
from bot.compose import compose
from bot.model import Author, Post
from bot.policy import Policy
from tests.hostile.readers import read_notice
from tests.servers import web
from tests.servers.notices import PARIS, batch, entry
from tests.servers.web import Recorder

HOSTILE = "<b>x</b> [a](https://evil.example) *t* `c` @bob @everyone"
MARKDOWN = {
    "discord": ("discord://123456789012345678/abcdefghijklmnopqrstuvwxyz", "content"),
    "mattermost": ("mmost://127.0.0.1:{port}/abcdefghijklmnopqrstuvwx", "text"),
    "ntfy": ("ntfy://127.0.0.1:{port}/topic?format=markdown", "message"),
    "gotify": ("gotify://127.0.0.1:{port}/token?format=markdown", "message"),
}
TEXT = {
    "ntfy": ("ntfy://127.0.0.1:{port}/topic", "message"),
    "gotify": ("gotify://127.0.0.1:{port}/token", "message"),
}
TELEGRAM = "tgram://123456789:abcdefg_hijklmnop/12315544/"


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Recorder]:
    """A stand-in for each of them."""
    from apprise.plugins.discord import NotifyDiscord
    from apprise.plugins.telegram import NotifyTelegram

    async with web.record() as made:
        made.body = '{"ok": true, "id": "1"}'
        monkeypatch.setattr(NotifyDiscord, "notify_url", f"http://127.0.0.1:{made.port}/discord")
        monkeypatch.setattr(NotifyTelegram, "notify_url", f"http://127.0.0.1:{made.port}/bot")
        yield made


async def sent(server: Recorder, url: str, text: str = HOSTILE) -> dict[str, str]:
    """What arrives of a thread with this text in its title, its author's name and its post."""
    channel = channels.plain("me", url=url.format(port=server.port), timeout=10)
    await channel.check()
    one = entry(title=text, author=Author(handle="ann", name=text), posts=(Post(id="1", text=text),), post_count=1)
    notice = compose(batch(one), channel.limits, zone=PARIS, policies=[Policy(summary="full")])
    await channel.send(notice)
    return server.bodies[-1]


@pytest.mark.parametrize("service", MARKDOWN)
async def test_markdown_shows_what_was_written(service: str, server: Recorder) -> None:
    """Nothing of a thread acts, title included; each word of it is read; a bare name rings nobody."""
    url, key = MARKDOWN[service]
    body = (await sent(server, url))[key]
    seen = read_notice(body)

    assert seen.live == ()
    assert HOSTILE in seen.words.replace("\u200b", "").replace("\\:", ":")
    assert re.findall(r"@\w", body) == []


@pytest.mark.parametrize("service", TEXT)
async def test_text_is_the_text_itself(service: str, server: Recorder) -> None:
    """Where nothing is marked up, nothing is escaped."""
    url, key = TEXT[service]
    body = await sent(server, url)

    assert "[a](https://evil.example) *t* `c` @bob" in body[key]
    assert "<b>x</b>" in body["title"]


async def test_a_title_that_joins_the_body_is_escaped(server: Recorder) -> None:
    """Apprise puts it there as it is: a thread's title would have been HTML in Telegram."""
    body = (await sent(server, TELEGRAM))["text"]

    assert "&lt;b&gt;x&lt;/b&gt; [a](https://evil.example) *t*" in body.split("\n", 1)[0]
    assert re.findall(r"</?(\w+)", body).count("b") % 2 == 0
    assert "<b>x</b>" not in body


@pytest.mark.parametrize("url", [TELEGRAM, *(url for url, _ in MARKDOWN.values())])
@pytest.mark.parametrize("text", ["<&*_" * 2_000, "words " * 2_000, "橋" * 5_000])
async def test_what_arrives_is_within_the_limit(url: str, text: str, server: Recorder) -> None:
    """As the service counts, after all that was escaped."""
    body = await sent(server, url, text)
    key = "text" if "text" in body else "content" if "content" in body else "message"

    assert 0 < len(body[key]) <= {"discord": 2_000, "tgram": 20_000}.get(url.partition(":")[0], 32_768)
