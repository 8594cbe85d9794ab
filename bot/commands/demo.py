"""`demo`: the whole loop, without an account or a network. Serves a small unroll site on loopback, and lets the real
program follow its author. Writes nothing outside a temporary folder.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from bot import settings, show, times
from bot.app import App, open_app
from bot.demo.site import UnrollSite, samples
from bot.dispatch import Dispatched


def demo(_args: argparse.Namespace) -> int:
    """Show what the bot is, in a few seconds."""
    with tempfile.TemporaryDirectory(prefix="keepcurrent-demo-") as folder:
        return asyncio.run(_demo(Path(folder)))


async def _demo(folder: Path) -> int:
    site = UnrollSite()
    await site.start()
    try:
        made = settings.made(
            data_dir=folder / "data",
            poll={"host_delay": "0s", "min_interval": "1s"},
            sources={"threadreader": {"base_url": site.base_url}},
            channels={"screen": {"kind": "console", "settle": "0s"}},
        )
        async with open_app(made) as app:
            return await _show(app, site)
    finally:
        await site.stop()


async def _show(app: App, site: UnrollSite) -> int:
    sample = samples()
    show.line(f"A small unroll site now runs on this machine: {site.base_url}")
    show.line()
    show.line(f"1. Follow its author:  keepcurrent follow @{sample.author.handle}")
    followed = await app.follower.follow(f"@{sample.author.handle}", ())
    show.line(f"   {followed.feed.author.label} is followed. {len(followed.threads)} threads are there already;")
    show.line("   they are the baseline: known, and not announced.")
    for entry in followed.threads[:3]:
        show.line(f"   - {times.moment(entry.published, app.settings.zone)}  {entry.title}")
    show.line()
    site.publish(sample.upcoming[0])
    show.line("2. The author publishes a new thread. One round:  keepcurrent poll")
    show.line("   This is the notice that arrives (here on the screen; else by e-mail, in Matrix or Slack):")
    show.line()
    done = await app.once().round([followed.feed.id])
    again = await app.once().round([followed.feed.id])
    site.publish(sample.longer)
    show.line("3. The author adds a post. When nothing more came for a while (`settle`), what is new is told:")
    show.line()
    more = await _grown(app, followed.feed.id, sample.longer.key)
    notices = (*done.dispatched, *again.dispatched, *more)
    sent = sum(d.outcome == "sent" for d in notices)
    show.line(f"4. {sent} notices in all: each thread once, what came later once, and none lost.")
    show.line(f"   keepcurrent why {sample.longer.key}  would say what became of the thread, step by step.")
    show.line()
    show.line("Go on with:")
    show.line("   keepcurrent init           writes a settings file; fill in one channel")
    show.line("   keepcurrent follow @name   subscribes to an author at Thread Reader App")
    show.line("   keepcurrent run            watches, until you stop it")
    return 0 if sent == 2 else 1


async def _grown(app: App, feed_id: str, key: str) -> tuple[Dispatched, ...]:
    """Look at a thread twice, as the schedule would, and deliver: the second look finds that it is quiet."""
    known = (await app.store.known(feed_id, [key]))[key]
    for _ in range(2):
        await app.relooker.look_now(known)
    return await app.once().deliver()
