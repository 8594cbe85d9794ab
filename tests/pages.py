"""Pages to read: the golden pairs under `data/`, pages that must be refused, and makers of pages of our own."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.demo.site import SampleAuthor, SamplePost, SampleThread, snowflake
from bot.model import Author
from bot.sources.threadreader_pages import Asked, parse_listing, parse_thread

DATA = Path(__file__).parent / "data" / "threadreader"
BASE_URL = "https://threadreaderapp.com"

# -- golden pairs ---------------------------------------------------------------------------------


def cases() -> list[str]:
    """The names of the golden pairs."""
    return sorted(one.name for one in DATA.iterdir() if (one / "page.html").is_file())


def page(name: str) -> bytes:
    """The page of a golden pair."""
    return (DATA / name / "page.html").read_bytes()


def expected(name: str) -> Any:
    """What the page of a golden pair says."""
    return json.loads((DATA / name / "expected.json").read_text("utf-8"))


def asked(handle: str, key: str = "") -> Asked:
    """Who is looked for."""
    return Asked(feed_id=f"threadreader:{handle}", author=Author(handle=handle, key=key), base_url=BASE_URL)


def read(name: str) -> Any:
    """Read the page of a golden pair; `asked.json` says whose page it is, spelled as somebody may type it."""
    question = json.loads((DATA / name / "asked.json").read_text("utf-8"))
    who = asked(question["handle"])
    if "thread" in question:
        return plain(asdict(parse_thread(page(name), who, question["thread"])))
    return plain(asdict(parse_listing(page(name), who, deeper=question.get("deeper", False))))


def plain(value: Any) -> Any:
    """Values as JSON has them, short enough to be read: without what is empty and what follows from the rest."""
    if isinstance(value, dict):
        derived = {"feed_id", "title", "version"} if "feed_id" in value else {"url"} if "handle" in value else set()
        kept = {name: plain(one) for name, one in value.items() if name not in derived}
        return {name: one for name, one in kept.items() if one not in ("", [], None, {})}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value.isoformat() if isinstance(value, datetime) else value


# -- pages that are not what was asked for --------------------------------------------------------

LOGIN = b"""<!DOCTYPE html><html><head><title>Login - Thread Reader App</title></head><body>
<a href="/user/PolarPetra">Back to @PolarPetra</a><h1>Login to see this page</h1>
<form action="/login" method="post"><input name="email"><input type="password" name="password"></form></body></html>"""

CHALLENGE = b"""<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title></head><body>
<noscript>Enable JavaScript and cookies to continue</noscript>
<script>(function(){window._cf_chl_opt = {cvId: '3', cZone: 'threadreaderapp.com', cType: 'managed'};})();</script>
</body></html>"""

CAPTCHA = b"""<html><head><title>One more step</title></head><body><h1>Please complete the security check</h1>
<div class="g-recaptcha" data-sitekey="x"></div></body></html>"""

NOTICE = b"""<html><head><title>Thread Reader App</title></head><body><div class="alert">We are down for
maintenance and unrolls are not working right now.</div></body></html>"""

PLACEHOLDER = b"""<html><head><title>Reader not yet whitelisted!</title></head><body><div class="item">
<a href="https://example.org/whitelist">Ask for access</a></div></body></html>"""

PARKED = b"<html><head><title>threads.example</title></head><body><h1>Buy this domain</h1></body></html>"

HOME = b"""<!DOCTYPE html><html><head><title>Thread Reader App</title></head><body><a href="/user/loudvoice">Popular</a>
<div class="col-12 col-md-6 col-lg-4" data-controller="link" data-link-href="/thread/2089000000000000000.html">
<div class="thread-card"><h4 class="twitter_name"><a href="/user/loudvoice">Loud</a></h4>
<small class="twitter_screen_name"><a href="/user/loudvoice">@loudvoice</a></small>
<span class="time" data-time="1786891000">Aug 16</span><div class="card-tweets"><div class="content-tweet">
About @PolarPetra.</div></div><span class="read-more">Read 9 tweets</span></div></div></body></html>"""

REFUSED = {"login": LOGIN, "challenge": CHALLENGE, "captcha": CAPTCHA}
UNKNOWN = {
    "notice": NOTICE,
    "placeholder": PLACEHOLDER,
    "parked": PARKED,
    "home": HOME,
    "empty": b"",
    "blank": b" \n ",
    "json": b'{"code":404,"message":"Thread not found"}',
    "binary": bytes(range(256)) * 8,
}


# -- threads of our own ---------------------------------------------------------------------------

PETRA = SampleAuthor(handle="PolarPetra", name="Petra", twitter_id="799000000000000001")
LOUD = SampleAuthor(handle="loudvoice", name="Loud", twitter_id="5")
DAY_ONE = datetime(2026, 5, 1, 9, tzinfo=UTC)


def thread(number: int = 0, *texts: str, author: SampleAuthor = PETRA) -> SampleThread:
    """The author's thread of so many days after the first of May 2026."""
    written = DAY_ONE + timedelta(days=number)
    texts = texts or (f"Thread {number}, first post.", "Second post.")
    posts = (SamplePost(id=snowflake(written, place), text=text) for place, text in enumerate(texts))
    return SampleThread(author=author, posts=tuple(posts))
