"""Threads to be looked at: an essay with pictures, many scripts, right to left; and pictures made here."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from bot.model import Author, Entry, Media, Post
from bot.render import Picture

KEPT: Final = "https://img.example/bridge.png"
LONG: Final = "https://physics.example/a/very/long/path/to/an-article-about-vortex-shedding?utm_source=thread&page=2#section-4"
QUOTED: Final = "https://x.example/eve/status/1415051905190047700"

ESSAY: Final = Entry(
    feed_id="demo:ada_example",
    key="100",
    url="https://threads.example/thread/100.html",
    author=Author(handle="ada_example", name="Ada Example", url="https://threads.example/user/ada_example"),
    title="Why do bridges hum?",
    published=datetime(2026, 11, 21, 17, 4, tzinfo=UTC),
    post_count=5,
    posts=(
        Post(id="1", text="1/ Why do bridges hum?\n\nFirst, the wind. It sheds small whirls behind every cable."),
        Post(id="2", text=f"@bob It is called vortex shedding. #physics @eve says more:\n{LONG}", reply_to=("bob",)),
        Post(
            id="3",
            text="This is the one in my town:",
            media=(Media(kind="image", url=KEPT, alt="A bridge in fog"), Media(kind="video", url="https://v.example/1")),
        ),
        Post(id="4", text="", media=(Media(kind="image", url="https://img.example/lost.png", alt="A table of costs"),)),
        Post(id="5", text="That is all.", quotes=(QUOTED,)),
    ),
    whole=True,
)

SCRIPTS: Final[Mapping[str, str]] = {
    "latin": "Čeština, naïve Ǖ, Tiếng Việt",
    "greek": "Γιατί τραγουδούν οι γέφυρες;",
    "cyrillic": "Почему мосты поют?",
    "arabic": "لماذا تغني الجسور؟ كتبتها في 2026!",
    "hebrew": "שלום לכולם (ותודה) 12:30.",
    "hindi": "पुल क्यों गाते हैं? क्षत्रिय",
    "tamil": "பாலங்கள் ஏன் பாடுகின்றன?",
    "thai": "ทำไมสะพานถึงร้องเพลง",
    "japanese": "橋はなぜ歌うのか。カタカナ、ひらがな",
    "chinese": "桥为什么唱歌？繁體字",
    "korean": "다리는 왜 노래하는가?",
    "emoji": "👩🏽‍🔬 👨‍👩‍👧‍👦 ❤️ 1️⃣ 🏳️‍🌈 🧵",
    "flags": "🇫🇷 🇩🇪 🇯🇵 🏴󠁧󠁢󠁳󠁣󠁴󠁿",
    "signs": "α ≤ β ⇒ ∑ x² ≠ ½ → ★ ✅ “quoted” — …",
}
"""One post in each."""

WORLD: Final = replace(
    ESSAY,
    key="101",
    title="Bridges in many scripts",
    posts=tuple(Post(id=name, text=f"{text} 10") for name, text in SCRIPTS.items()),
)

ARABIC: Final = replace(
    ESSAY,
    key="102",
    title="لماذا تغني الجسور؟",
    author=replace(ESSAY.author, name="ليلى"),
    posts=(
        Post(id="1", text="لماذا تغني الجسور؟ راجع https://papers.example/x في الصفحة 12. وشكرًا!"),
        Post(id="2", text="English words end it."),
    ),
)


def png(width: int = 40, height: int = 20) -> Picture:
    """A picture of one orange."""
    rows = (b"\0" + bytes((230, 120, 20)) * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    chunks = (struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts)
    return Picture(mime="image/png", data=b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
