"""Pure: an entry of a feed, HTML as its author's software wrote it, as one post: plain text, links, pictures.

Does not decide what is an entry, and shows nothing: whoever shows the text escapes it.
Links are named in `Post.links`; in the text their words stand, and the address only where the words are the address.
"""

from __future__ import annotations

import html
import re
from typing import ClassVar, Final
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from bot.model import Media, Post
from bot.sources.feeds import Item
from bot.sources.feeds_links import absolute, unique
from bot.sources.feeds_writer import Writer
from bot.sources.html import TooHeavy, check
from bot.sources.html_words import Walker, attribute, classes, is_own_address
from bot.text import clean, one_line, split_links

_DROPPED_TAGS: Final = frozenset(
    (
        *("script", "style", "template", "svg", "canvas", "object", "applet", "map", "head", "title", "meta", "link"),
        *("base", "button", "form", "input", "select", "textarea", "label", "dialog", "nav", "-comment"),
    )
)
_DROPPED_CLASSES: Final = frozenset(
    (
        # Substack
        *("subscription-widget-wrap", "subscription-widget-wrap-editor", "subscription-widget", "subscribe-widget"),
        *("button-wrapper", "captioned-button-wrap", "install-substack-app-embed", "community-chat", "paywall-jump"),
        *("header-anchor-parent", "image-link-expand", "poll-embed", "share-dialog", "directMessage"),
        # Ghost
        *("kg-signup-card", "kg-cta-card", "kg-email-cta-card", "gh-subscribe", "kg-audio-thumbnail"),
        # WordPress, Jetpack, and what is installed beside them
        *("sharedaddy", "sd-sharing-enabled", "jp-relatedposts", "wp-block-jetpack-subscriptions", "more-link"),
        *(
            "jetpack_subscription_widget",
            "addtoany_share_save_container",
            "addtoany_content",
            "a2a_kit",
            "yarpp-related",
        ),
        *(
            "heateor_sss_sharing_container",
            "essb_links",
            "simplesocialbuttons",
            "ssba",
            "wp-block-buttons",
            "nc_socialPanel",
        ),
        *("wp-block-social-links", "jetpack-likes-widget-wrapper", "post-likes-widget-placeholder", "swp_social_panel"),
        # FeedBurner, and what screens do not show
        *("feedflare", "screen-reader-text", "sr-only", "visually-hidden", "mcnPreviewText", "preheader"),
    )
)
_QUOTING_CLASSES: Final = frozenset(
    (
        *("twitter-tweet", "twitter-video", "tweet", "bluesky-embed", "mastodon-embed", "instagram-media"),
        *("tiktok-embed", "reddit-embed-bq", "text-post-media", "fb-post"),
    )
)
"""Posts of others, put into a page as a quotation by the services' own code."""
_CARD_CLASSES: Final = frozenset(
    ("kg-bookmark-card", "embedded-post-wrap", "digest-post-embed", "embedded-publication-wrap")
)
"""What a link leads to, shown as a card: other people's words."""
_PARAGRAPHS: Final = frozenset(
    ("p", "h1", "h2", "h3", "h4", "h5", "h6", "dl", "figure", "table", "hr", "details", "address")
)
_LINES: Final = frozenset(
    (
        *("div", "section", "article", "aside", "header", "footer", "main", "center", "fieldset"),
        *("tr", "dt", "dd", "figcaption", "caption", "summary"),
    )
)
_PLAYERS: Final = {
    re.compile(
        r"https?://(?:www\.)?youtube(?:-nocookie)?\.com/embed/([\w-]{6,20})"
    ): "https://www.youtube.com/watch?v={}",
    re.compile(r"https?://player\.vimeo\.com/video/(\d{3,15})"): "https://vimeo.com/{}",
}
"""A player in a frame shows nothing when opened by itself; the page that it belongs to does."""
_TRACKERS: Final = ("pixel.wp.com", "stats.wordpress.com", "feedsportal.com", "doubleclick.net", "feeds.feedburner.com")
_STATUS = re.compile(r"https?://[^/]+/(?:[^/]+|i/web)/status(?:es)?/\d+")
_APPEARED = re.compile(
    r"(?:The post|Der Beitrag|L[’']article|La entrada|L[’']articolo|Het bericht|[OE]l? post|Inlägget)\s.{0,500}"
    r"(?:appeared first on|first appeared on|erschien zuerst auf|est apparu en premier sur|(?:se )?publicó primero en"
    r"|apareció primero en|proviene da|sembra essere il primo su|verscheen eerst op|apareceu primeiro em"
    r"|dök först upp på)\s.{0,300}",
    re.DOTALL,
)
_MENTION = re.compile(r"[@#][\w.@-]{1,300}")
_ONE = re.compile(r"\s*[01](?:\.0+)?(?:px)?\s*")
_HIDDEN = re.compile(r"display\s*:\s*none|(?:^|;)\s*(?:width|height)\s*:\s*[01]px", re.IGNORECASE)
_ANY_TAG = re.compile(
    r"<(?:script|style)\b.*?(?:</(?:script|style)|\Z)[^>]*+>?|<[!/a-zA-Z][^<>]*+>?", re.DOTALL | re.IGNORECASE
)


def as_post(item: Item, id: str) -> Post:  # noqa: A002
    """What an entry says, whole, as the post `id`."""
    try:
        markup = clean(item.html).encode("utf-8")
        check(markup)
    except TooHeavy:
        return Post(id=id, text=_stripped(item.html), media=item.media)
    reader = _Reader(item)
    body = LexborHTMLParser(markup.decode()).body
    if body is not None:
        reader.children(body, 0)
    text = reader.text()
    for piece, is_link in split_links(text):
        if is_link:
            reader.link(piece)
    return Post(
        id=id,
        text=text,
        links=tuple(reader.links),
        media=unique((*reader.media, *item.media)),
        quotes=tuple(reader.quotes),
    )


def _stripped(markup: str) -> str:
    """The words of a document that a parser cannot be trusted with."""
    return one_line(html.unescape(_ANY_TAG.sub(" ", markup)))


class _Reader(Walker):
    """Walks the content of an entry and writes down what it says."""

    def __init__(self, item: Item) -> None:
        self.links: dict[str, None] = {}
        self.quotes: dict[str, None] = {}
        self.media: list[Media] = []
        self._item = item
        self._page = item.url.partition("#")[0]
        self._writer = Writer()

    def text(self) -> str:
        """What was written down, clean."""
        return clean(self._writer.text()).strip()

    def say(self, words: str) -> None:
        """Write a text down."""
        self._writer.say(words)

    def element(self, node: LexborNode, depth: int) -> None:
        named = classes(node)
        tag = node.tag or ""
        if tag in _DROPPED_TAGS or named & _DROPPED_CLASSES or (tag == "p" and _is_footer(node)):
            return
        if named & _QUOTING_CLASSES or (tag == "blockquote" and self._is_quoted_status(node)):
            self._quotation(node, depth)
        elif named & _CARD_CLASSES and (url := self._first_link(node)):
            self._apart(url)
        elif tag in self._readers:
            self._readers[tag](self, node, depth)
        elif tag in _PARAGRAPHS or tag in _LINES:
            self._block(node, depth, lines=2 if tag in _PARAGRAPHS else 1)
        else:
            self.children(node, depth)

    # -- blocks ---------------------------------------------------------------------------------------

    def _block(self, node: LexborNode, depth: int, lines: int) -> None:
        self._writer.part(lines)
        self.children(node, depth)
        self._writer.part(lines)

    def _break(self, _node: LexborNode, _depth: int) -> None:
        self._writer.break_line()

    def _list(self, node: LexborNode, depth: int) -> None:
        self._writer.part(2)
        self._writer.open_list(numbered=node.tag == "ol", start=attribute(node, "start"))
        self.children(node, depth)
        self._writer.close_list()
        self._writer.part(2)

    def _list_item(self, node: LexborNode, depth: int) -> None:
        self._writer.part(1)
        self._writer.open_item()
        self.children(node, depth)
        self._writer.close_item()
        self._writer.part(1)

    def _blockquote(self, node: LexborNode, depth: int) -> None:
        self._writer.part(2)
        self._writer.open_margin("> ")
        self.children(node, depth)
        self._writer.close_margin()
        self._writer.part(2)

    def _preformatted(self, node: LexborNode, depth: int) -> None:
        self._writer.part(2)
        self._writer.keeps_blanks += 1
        self.children(node, depth)
        self._writer.keeps_blanks -= 1
        self._writer.part(2)

    def _cell(self, node: LexborNode, depth: int) -> None:
        if node.prev is not None and any(_is_cell(before) for before in _before(node)):
            self._writer.separate(" | ")
        self.children(node, depth)

    # -- links ----------------------------------------------------------------------------------------

    def _anchor(self, node: LexborNode, depth: int) -> None:
        url = self._absolute(attribute(node, "href"))
        named = classes(node)
        words = node.text()
        if attribute(node, "href").startswith("#") and words.strip().isdecimal():
            self._writer.say(f"[{words.strip()}]")  # a footnote
            return
        if not url or named & {"mention", "hashtag"} or _MENTION.fullmatch(words.strip()):
            self.children(node, depth)
            return
        if is_own_address(words, url):
            self._writer.say(url)
        else:
            self.children(node, depth)
        pictured = not words.strip() and node.css_first("img") is not None
        # What a picture leads to is mostly itself in another size.
        if not (pictured and _is_picture(url)):
            self.link(url)

    def link(self, url: str) -> None:
        """Name a link, but not one to the entry itself."""
        if url.partition("#")[0] != self._page:
            self.links[url] = None

    def _frame(self, node: LexborNode, _depth: int) -> None:
        """A player, a document, a post of somebody: its address on a line of its own."""
        url = self._absolute(attribute(node, "src") or attribute(node, "data-src"))
        for pattern, page in _PLAYERS.items():
            if match := pattern.match(url):
                url = page.format(match[1])
        if url and not _is_invisible(node):
            self._apart(url)

    def _apart(self, url: str) -> None:
        self._writer.part(2)
        self._writer.say(url)
        self._writer.part(2)
        self.link(url)

    def _first_link(self, node: LexborNode) -> str:
        anchor = node.css_first("a[href]")
        return self._absolute(attribute(anchor, "href")) if anchor is not None else ""

    def _is_quoted_status(self, node: LexborNode) -> bool:
        """Mirrors of X show a quoted post as a quotation that ends with its address."""
        anchor = node.css_first("footer a[href]")
        return anchor is not None and bool(_STATUS.match(self._absolute(attribute(anchor, "href"))))

    def _quotation(self, node: LexborNode, depth: int) -> None:
        """A post of somebody else: told by its address, as its words are not the author's."""
        anchors = [self._absolute(attribute(anchor, "href")) for anchor in node.css("a[href]")]
        frame = node.css_first("iframe")
        cited = [attribute(node, name) for name in ("cite", "data-instgrm-permalink", "data-href")]
        addresses = [self._absolute(one) for one in cited if one] + [one for one in anchors if one]
        addresses += [self._absolute(attribute(frame, "src"))] if frame is not None else []
        found = [one for one in addresses if one]
        url = next((one for one in found if _STATUS.match(one)), found[-1] if found else "")
        if not url:
            self._block(node, depth, lines=2)
            return
        self.quotes[url] = None
        self._apart(url)

    def _absolute(self, link: str) -> str:
        return absolute(link, self._item.base or self._item.url)

    # -- media ----------------------------------------------------------------------------------------

    def _image(self, node: LexborNode, _depth: int) -> None:
        alt = attribute(node, "alt")
        if classes(node) & {"emoji", "wp-smiley", "custom-emoji", "emojione"}:
            self._writer.say(alt)
            return
        url = self._picture(node)
        if url and not _is_invisible(node) and not _is_tracker(url):
            self.media.append(Media(kind="image", url=url, alt=one_line(alt[:4_000])))

    def _picture(self, node: LexborNode) -> str:
        """The picture itself: a page that loads it late has a placeholder for `src`."""
        for name in ("data-src", "data-original", "data-lazy-src", "data-orig-file", "src"):
            if url := self._absolute(attribute(node, name)):
                return url
        return self._absolute(_largest(attribute(node, "srcset") or attribute(node, "data-srcset")))

    def _unscripted(self, node: LexborNode, _depth: int) -> None:
        """What a page shows without scripts: the pictures that it would load late."""
        inner = LexborHTMLParser(node.html or "").css("img") if not node.css("img") else node.css("img")
        for image in inner[:100]:
            self._image(image, 0)

    def _video(self, node: LexborNode, _depth: int) -> None:
        sources = [node, *node.css("source")]
        urls = [self._absolute(attribute(one, "src") or attribute(one, "data-src")) for one in sources]
        url = next(filter(None, urls), "")
        if url and node.tag == "video":
            self.media.append(Media(kind="video", url=url))
        elif url:
            self._apart(url)

    _readers: ClassVar = {
        "br": _break,
        "a": _anchor,
        "img": _image,
        "video": _video,
        "audio": _video,
        "iframe": _frame,
        "embed": _frame,
        "noscript": _unscripted,
        "ul": _list,
        "ol": _list,
        "li": _list_item,
        "blockquote": _blockquote,
        "pre": _preformatted,
        "td": _cell,
        "th": _cell,
    }


def _largest(srcset: str) -> str:
    """The largest of the pictures that a browser may choose from. Commas inside addresses have no blank after them."""
    found = [(_size(size), url) for url, size in map(_candidate, re.split(r",\s+", srcset[:20_000]))]
    return max(found, default=(0.0, ""), key=lambda one: one[0])[1]


def _candidate(text: str) -> tuple[str, str]:
    url, *size = text.split(maxsplit=2) or [""]
    return url.rstrip(","), size[0] if size else ""


def _size(text: str) -> float:
    number = re.match(r"[0-9]{1,6}(?:\.[0-9]{1,3})?(?=[wx])", text)
    return float(number[0]) if number else 1.0


def _is_invisible(node: LexborNode) -> bool:
    """Counters of readers: one pixel, or not shown."""
    sizes = [attribute(node, name) for name in ("width", "height")]
    return any(size and _ONE.fullmatch(size) for size in sizes) or bool(_HIDDEN.search(attribute(node, "style")[:500]))


def _is_tracker(url: str) -> bool:
    host = (urlsplit(url).hostname or "").casefold()
    return any(host == one or host.endswith(f".{one}") for one in _TRACKERS)


def _is_picture(url: str) -> bool:
    return bool(
        re.search(r"\.(?:jpe?g|png|gif|webp|avif)(?:$|[?#])|substackcdn\.com/image/", url[:2_000], re.IGNORECASE)
    )


def _is_footer(node: LexborNode) -> bool:
    """`The post X appeared first on Y.`, which WordPress puts below everything."""
    words = node.text().strip()
    return len(words) < 1_000 and _APPEARED.fullmatch(words) is not None


def _is_cell(node: LexborNode) -> bool:
    return node.tag in ("td", "th")


def _before(node: LexborNode) -> list[LexborNode]:
    found: list[LexborNode] = []
    before = node.prev
    while before is not None and len(found) < 3:
        found.append(before)
        before = before.prev
    return found
