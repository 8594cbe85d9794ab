"""Pure: one post's element on a Thread Reader page to a `Post`, in every markup known from 2018 to 2026.

Does not decide which elements are posts of the thread; that is `threadreader_pages`.
"""

from __future__ import annotations

import re
from typing import Final

from selectolax.lexbor import LexborNode

from bot.model import Media, Post
from bot.sources.html_words import BLANK, Walker, attribute, classes, is_own_address

_DROPPED_TAGS: Final = frozenset(("script", "style", "template", "noscript", "svg", "button", "-comment"))
_DROPPED_CLASSES: Final = frozenset(
    (
        "tw-permalink",  # the chain symbol behind each post, all years
        "entity-reveal-action",  # put in by the page's script, so it stands in pages that a browser saved
        "ribbon-content",  # "Unroll available on Thread Reader", likewise
    )
)
# Bounded before the break, possessive behind it: however many blanks there are, each is looked at a few times.
_BREAK = re.compile(r"[ \t\f]{0,8}[\r\n][ \t\r\n\f]*+")
_SIZE = re.compile(r"/(\d+)x(\d+)/")
_WEB = re.compile(r"https?://[^\s/]", re.IGNORECASE)
_STATUS = re.compile(r"^https?://[^/]+/(?:[^/]+|i/web)/status(?:es)?/\d+")


def read_post(node: LexborNode, post_id: str) -> Post:
    """What the author wrote in this element, whole."""
    reader = _Reader()
    reader.children(node, 0)
    return Post(
        id=post_id,
        text=reader.text(),
        links=tuple(reader.links),
        media=tuple(reader.media),
        quotes=tuple(reader.quotes),
        reply_to=tuple(reader.reply_to),
    )


def web_url(value: str) -> str:
    """`value` as a link that can be followed anywhere, "" for "#", javascript:, data: and the site's own paths."""
    value = value.strip(BLANK)
    if value.startswith("//"):
        value = "https:" + value
    return value if _WEB.match(value) and " " not in value else ""


class _Reader(Walker):
    """Walks one post and writes down what it says."""

    def __init__(self) -> None:
        self.links: list[str] = []
        self.quotes: list[str] = []
        self.media: list[Media] = []
        self.reply_to: list[str] = []
        self._parts: list[str] = []
        self._eats_blank = True
        self._needs_blank = False
        self._at_start = True

    def text(self) -> str:
        return "".join(self._parts).strip(BLANK)

    def element(self, node: LexborNode, depth: int) -> None:
        tag, named = node.tag, classes(node)
        if tag in _DROPPED_TAGS or not named.isdisjoint(_DROPPED_CLASSES):
            return
        if tag == "br":
            self._break()
        elif tag == "img":
            self._image(node, "")
        elif tag == "video":
            self._video(node)
        elif tag == "a":
            self._anchor(node, named, depth)
        elif "entity-embed" in named or tag in ("blockquote", "iframe"):
            self._embed(node)
        elif "entity-url-preview" in named:
            self._preview(node)
        else:
            self.children(node, depth)

    # -- words ------------------------------------------------------------------------------------

    def say(self, words: str) -> None:
        """Add text as a browser shows it: a line break in the source is a blank, and none follows a <br>."""
        if self._eats_blank:
            words = words.lstrip(BLANK)
        if "\n" in words or "\r" in words:
            words = _BREAK.sub(" ", words)
        if not words:
            return
        if self._needs_blank and words[0] not in BLANK:
            self._parts.append(" ")
        self._parts.append(words)
        self._eats_blank = self._needs_blank = False
        if words.strip(BLANK):
            self._at_start = False

    def _break(self) -> None:
        self._parts.append("\n")
        # From 2020 on the site writes "<br />" and a newline: kept, every break would double.
        self._eats_blank = True
        self._needs_blank = False

    # -- links ------------------------------------------------------------------------------------

    def _anchor(self, node: LexborNode, named: frozenset[str], depth: int) -> None:
        url = web_url(attribute(node, "href"))
        words = node.text()
        image = _picture_in(node)
        if image is not None:
            self._image(image, url)
        elif "entity-mention" in named:
            self._mention(words, first="entity-mention-first" in named)
        elif url and ("entity-url" in named or is_own_address(words, url)):
            self._link(url)
        else:
            # Hashtags, cashtags, and words that the site made into advertisements (2025: `href="#"`).
            self.children(node, depth)

    def _mention(self, words: str, *, first: bool) -> None:
        leads = self._at_start and first
        self.say(words)
        handle = words.strip(BLANK).lstrip("@")
        if leads and handle:
            self.reply_to.append(handle)
            self._at_start = True

    def _link(self, url: str) -> None:
        self.say(url)
        if url not in self.links:
            self.links.append(url)

    def _embed(self, node: LexborNode) -> None:
        """A quoted post or a player: only its address is on the page, at best with "External Tweet loading…" (2018)."""
        urls = [web_url(attribute(anchor, "href")) for anchor in node.css("a[href]")]
        urls += [web_url(attribute(frame, "src")) for frame in ([node] if node.tag == "iframe" else node.css("iframe"))]
        found = [url for url in urls if url]
        quoted = next((url for url in found if _STATUS.match(url)), "")
        url = quoted or next(iter(found), "")
        if not url:
            return
        if quoted and quoted not in self.quotes:
            self.quotes.append(quoted)
        self._apart(url)

    def _preview(self, node: LexborNode) -> None:
        """The card of a link, made by the page's script out of the linked page: other people's words."""
        anchor = node.css_first("a[href]")
        url = web_url(attribute(anchor, "href")) if anchor is not None else ""
        if url and url not in self.links:
            self._apart(url)

    def _apart(self, url: str) -> None:
        """A link that stands for a block: a blank around it keeps it whole."""
        if self._parts and self._parts[-1][-1] not in BLANK:
            self._parts.append(" ")
        self._link(url)
        self._needs_blank = True

    # -- media ------------------------------------------------------------------------------------

    def _image(self, node: LexborNode, link: str) -> None:
        alt = attribute(node, "alt")
        if "emoji" in classes(node):
            self.say(alt)
            return
        # `src` is a 1-pixel placeholder until the page's script runs; "/images/1px.png" and data: are no web addresses.
        url = (
            (link if _is_picture(link) else "")
            or web_url(attribute(node, "data-src"))
            or web_url(attribute(node, "src"))
        )
        if not url or url.split("?")[0].endswith("/1px.png"):
            return
        self._add_media(Media(kind="image", url=url, alt="" if alt.casefold() == "image" else alt))

    def _video(self, node: LexborNode) -> None:
        sources = [node, *node.css("source")]
        urls = [web_url(attribute(one, "src")) or web_url(attribute(one, "data-src")) for one in sources]
        found = [url for url in urls if url]
        if found:
            # 2025: an .m3u8 first, then .mp4 in several sizes. Mails and chats can play the latter.
            self._add_media(Media(kind="video", url=max(found, key=_playable)))

    def _add_media(self, media: Media) -> None:
        if all(media.url != known.url for known in self.media):
            self.media.append(media)
        # What stands in the text is the picture, not a blank on either side of it.
        self._eats_blank = not self._parts or self._parts[-1][-1] in BLANK


def _picture_in(node: LexborNode) -> LexborNode | None:
    """Its first picture. Most anchors hold a text alone: to see that takes 0.1 µs, to search 1.6."""
    child = node.first_child
    is_text_alone = child is not None and child.is_text_node and child.next is None
    return None if is_text_alone else node.css_first("img")


def _is_picture(url: str) -> bool:
    return bool(re.search(r"//pbs\.twimg\.com/|\.(?:jpe?g|png|gif|webp)(?:[?#:]|$)", url, re.IGNORECASE))


def _playable(url: str) -> tuple[bool, int]:
    size = _SIZE.search(url)
    return ".mp4" in url.casefold(), int(size[1]) * int(size[2]) if size else 0
