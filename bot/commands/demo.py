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
            channels={"screen": {"kind": "console"}},
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
    sent = sum(d.outcome == "sent" for d in (*done.dispatched, *again.dispatched))
    show.line(f"3. Another round finds nothing new: {sent} notice in all. Each thread once, and none lost.")
    show.line()
    show.line("Go on with:")
    show.line("   keepcurrent init           writes a settings file; fill in one channel")
    show.line("   keepcurrent follow @name   subscribes to an author at Thread Reader App")
    show.line("   keepcurrent run            watches, until you stop it")
    return 0 if sent == 1 else 1
