"""Pure: what is attached to a Bluesky post: pictures, videos, a link's card, a quoted post.

Of a card and of a quoted post only the address is taken: their words are other people's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from bot.model import Json, Media
from bot.sources.bluesky_addresses import POST, SITE, post_url, split_uri
from bot.sources.bluesky_text import web_link
from bot.text import clean

_PAGES: Final = {
    "app.bsky.feed.generator": "{site}/profile/{did}/feed/{rkey}",
    "app.bsky.graph.list": "{site}/profile/{did}/lists/{rkey}",
    "app.bsky.graph.starterpack": "{site}/starter-pack/{did}/{rkey}",
}
"""Other records that a post may carry, and their pages."""
_GIFS: Final = ("media.tenor.com", "static.klipy.com")
"""The app writes an animated picture as a card of these hosts, with its description as that of the card."""
_ALT_MARKS: Final = ("ALT: ", "Alt text: ", "Alt: ")
_MOST_MEDIA: Final = 20
_LONGEST_ALT: Final = 5_000
"""Bluesky allows 4 pictures and 2,000 letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """What a post carries. `links`: of cards and records; quoted posts stand in `quotes` only."""

    media: tuple[Media, ...] = ()
    links: tuple[str, ...] = ()
    quotes: tuple[str, ...] = ()


def read_embed(view: Json, record: Json) -> Attached:
    """What the server shows of it (`view`), else what the post's own record says."""
    embed = view if isinstance(view, dict) else record
    if not isinstance(embed, dict):
        return Attached()
    inner = embed.get("media")
    parts = (embed, inner) if isinstance(inner, dict) else (embed,)
    cards = [link for part in parts for link in _card(part)]
    quotes = tuple(dict.fromkeys(_quotes(embed)))
    gifs = [media for part in parts for media in _gif(part)]
    media = [media for part in parts for media in (*_images(part), *_video(part))]
    shown = {one.url for one in gifs}
    links = tuple(dict.fromkeys(url for url in (*cards, *_records(embed)) if url not in shown))
    return Attached(media=(*media, *gifs), links=links, quotes=quotes)


def _images(embed: dict[str, Json]) -> Iterator[Media]:
    images = embed.get("images")
    for image in images[:_MOST_MEDIA] if isinstance(images, list) else ():
        if isinstance(image, dict) and (url := web_link(image.get("fullsize")) or web_link(image.get("thumb"))):
            yield Media(kind="image", url=url, alt=_alt(image.get("alt")))


def _video(embed: dict[str, Json]) -> Iterator[Media]:
    url = web_link(embed.get("playlist"))
    if url:
        yield Media(kind="video", url=url, alt=_alt(embed.get("alt")))


def _gif(embed: dict[str, Json]) -> Iterator[Media]:
    external = embed.get("external")
    for url in _card(embed):
        if urlsplit(url).hostname in _GIFS and isinstance(external, dict):
            alt = _alt(external.get("description"))
            for mark in _ALT_MARKS:
                alt = alt.removeprefix(mark)
            yield Media(kind="image", url=url, alt=alt)


def _card(embed: dict[str, Json]) -> Iterator[str]:
    external = embed.get("external")
    url = web_link(external.get("uri")) if isinstance(external, dict) else ""
    if url:
        yield url


def _uris(embed: dict[str, Json]) -> Iterator[Json]:
    """The address of the record that is attached: beside media it stands one level deeper."""
    record = embed.get("record")
    for _ in range(2):
        if isinstance(record, dict):
            yield record.get("uri")
            record = record.get("record")


def _quotes(embed: dict[str, Json]) -> Iterator[str]:
    """The pages of quoted posts, also of those that are gone or hidden: the author quotes them still."""
    for uri in _uris(embed):
        if found := split_uri(uri, POST):
            yield post_url(*found)
            return


def _records(embed: dict[str, Json]) -> Iterator[str]:
    for uri in _uris(embed):
        for collection, page in _PAGES.items():
            if found := split_uri(uri, collection):
                yield page.format(site=SITE, did=found[0], rkey=found[1])
                return


def _alt(value: Json) -> str:
    return clean(value[:_LONGEST_ALT]).strip() if isinstance(value, str) else ""
