"""Pure: pages of Thread Reader to values, in every markup known from 2018 to 2026.

Asks nothing. Reads no date text ("14 Jul", "1 Dec 20", "Aug 18", "3 months ago" or nothing at all, by year): a thread's
time is in its id. A page is recognised or refused: one that is not understood never looks like one without threads.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from typing import Final, TypeVar

from selectolax.lexbor import LexborHTMLParser, LexborNode

from bot.errors import ParseError, SourceError, SourceRefused, TemporarySourceError, WrongAuthor
from bot.http import is_challenge
from bot.model import Author, Entry
from bot.sources import html, x_addresses
from bot.sources.html_words import attribute, classes
from bot.sources.threadreader_posts import read_post
from bot.sources.x_addresses import HANDLE
from bot.text import title_of_posts

T = TypeVar("T")

_THREAD = re.compile(r"/thread/(\d{1,19})(?![\d])")
_USER = re.compile(rf"/user/@?({HANDLE})/?(?:[?#]|$)")
_PROFILE = re.compile(rf"^(?:https?:)?//(?:www\.|mobile\.)?(?:twitter|x)\.com/@?({HANDLE})(?:/status/\d+)?/?(?:[?#]|$)")
_SUBSCRIBE = re.compile(rf"/account/subscribe/({HANDLE})/?$")
_SECONDS = re.compile(r"[0-9]{9,10}")
_COUNT = re.compile(r"(?<![\d,])(\d{1,3}(?:,\d{3})+|\d{1,6})\s+(?:tweets?|posts?)\b", re.IGNORECASE)
_COUNTED = re.compile(r"\d\s")
_FOREIGN = re.compile(r"\W*(?:related|trending|popular|recommended|other) threads\b", re.IGNORECASE)
_LOGIN = re.compile(r"\b(?:log ?in|sign ?in|captcha|verify (?:that )?you are|are you (?:a )?human)\b", re.IGNORECASE)

_MOST_LOOKED_AT: Final = 6_000
"""Elements of a page that are looked at one by one, each with what stands around it: 46,000 headings, 110 deep, took
5 s. A thread of 3,000 posts has about 3,000."""
_MOST_CARDS: Final = 1_000
"""Real pages have 15 at the most."""
_MOST_HEADINGS: Final = 20
_LONGEST_HEADING: Final = 1_000
_CARDS: Final = (
    'h1, h2, h3, .list-content-header, .thread-card, [data-link-href*="/thread/"],'
    ' a.button[href*="/thread/"], a.tweet-url[href*="/thread/"]'
)
_LOOKED_AT: Final = (
    f'{_CARDS}, title, form, meta, .screenName, .twitter_screen_name, .username, .twitter_name, .content-tweet, .time,'
    ' .thread-info, .card-tweets, .card-tweetsv2, [data-twtrid], [data-time], a[href*="/user/"], a[href*="/thread/"],'
    " [data-link-href] a, .thread-card a"
)


_HOLDERS: Final = "[data-link-href], .thread-card"
"""What is around a card, in the markup of all years but 2018."""
_INFO: Final = ".thread-info"
_TEXTS: Final = ".content-tweet, .card-tweets, .card-tweetsv2"
"""What an author wrote, who may well link to a thread or to an author."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """An author's page that was recognised. `older`: the smallest time on it, "" where there is no card."""

    author: Author
    entries: tuple[Entry, ...]
    older: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadPage:
    """A thread's page: the thread, whole, and the cards of "More from" its author."""

    entry: Entry
    more: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked for: whose feed, which author as far as known, at which site."""

    feed_id: str
    author: Author
    base_url: str


def time_of(key: str, data_time: str = "") -> datetime | None:
    """When the post with this id was written. `data_time` is for ids from before November 2010, which hold no time."""
    written = x_addresses.time_of(key)
    seconds = 0 if written else _seconds(data_time)
    return datetime.fromtimestamp(seconds, UTC) if seconds else written


def parse_listing(body: bytes, asked: Asked, *, deeper: bool = False, skim: bool = False) -> Listing:
    """Read a page of `/user/NAME`. `deeper`: one that `before=` asked for, a fragment, empty past the end. `skim`:
    without the posts.
    """
    if deeper and not body.strip():
        return Listing(author=asked.author, entries=(), older="")
    page = _page(asked, body)
    cards = _listed(asked, page)
    found = _page_author(page, asked.author)
    if not found.handle and not _speaks_for_itself(page, cards, asked, deeper=deeper):
        raise _unrecognised(asked, page, body, "the author page")
    author = _checked(asked, found)
    own = [card for card in cards if card.is_by(author, unmarked=not card.foreign)]
    if not own:
        _check_that_empty_is_meant(page, body, cards, asked)
        if not deeper and is_cut(body):
            raise TemporarySourceError(asked.feed_id, "the author page stops before its end")
    entries = _entries(own, asked, author, skim=skim)
    return Listing(author=author, entries=entries, older=_smallest_time(own))


def parse_thread(body: bytes, asked: Asked, key: str) -> ThreadPage:
    """Read `/thread/KEY.html`."""
    page = _page(asked, body)
    found = _outermost(page.css('div[id^="tweet_"].content-tweet'))
    nodes = [node for node in found if _is_post(node) and not page.in_card(node)]
    if not nodes:
        raise _unrecognised(asked, page, body, "a thread")
    author = _checked(asked, _thread_author(page, nodes[0], asked.author))
    posts = tuple(read_post(node, attribute(node, "data-tweet") or attribute(node, "id")) for node in nodes)
    info = _first(node for node in page.css(_INFO) if not page.in_card(node))
    count = _count(info.text(separator=" ") if info is not None else "")
    if count is not None and is_cut(body):
        raise TemporarySourceError(asked.feed_id, f"the page of thread {key} stops before its end")
    time = _first(node for node in page.css(".time[data-time]") if not page.in_card(node))
    entry = Entry(
        feed_id=asked.feed_id,
        key=key,
        url=thread_url(asked.base_url, key),
        author=author,
        title=title_of_posts(posts),
        aliases=_aliases(page, nodes[0], key),
        published=time_of(key, attribute(time, "data-time") if time is not None else ""),
        post_count=count if count is not None else len(posts),
        posts=posts,
        whole=True,
    )
    more = [card for card in _listed(asked, page) if card.is_by(author, unmarked=card.more_from(author))]
    return ThreadPage(entry=entry, more=tuple(one for one in _entries(more, asked, author) if one.key != key))


def thread_url(base_url: str, key: str) -> str:
    """Where a thread is read."""
    return f"{base_url}/thread/{key}.html"


def user_url(base_url: str, handle: str) -> str:
    """Where an author's threads are listed."""
    return f"{base_url}/user/{handle}"


def is_cut(body: bytes) -> bool:
    """Whether the page stops before its end: a server that fails midway may still end its answer properly."""
    return re.search(rb"</(?:html|body)\b", body[-4096:], re.IGNORECASE) is None


def marks_of(body: bytes) -> str:
    """A short mark of what stands from the first card of an author's page to the last; "" of one without any.

    Around the cards a page may be new in each answer (the tokens of its forms), so that neither its ETag nor all of it
    is ever the same. 0.05 ms, where reading the page takes 1.5.
    """
    end = start = body.find(b"/thread/")
    for word in (b"/thread/", b" tweets", b" posts", b"content-tweet", b"card-tweets"):
        end = max(end, body.rfind(word, end))  # not on the whole page: a word that is not there took a third of it all
    return hashlib.sha256(body[start:end]).hexdigest()[:20] if 0 <= start < end and not is_cut(body) else ""


# -- recognising ----------------------------------------------------------------------------------


class _Page:
    """A tree, with what is asked of many of its elements found by one search each."""

    def __init__(self, tree: LexborHTMLParser) -> None:
        self.css = tree.css
        self.css_first = tree.css_first

    @cached_property
    def holders(self) -> Collection[int]:
        """The elements around cards."""
        return {node.mem_id for node in self.css(_HOLDERS)}

    @cached_property
    def timed(self) -> Collection[int]:
        """The elements with a time in them."""
        return {parent.mem_id for node in self.css("[data-time]") for parent in _parents(node)}

    @cached_property
    def texts(self) -> Collection[int]:
        """The elements that hold what an author wrote."""
        return {node.mem_id for node in self.css(_TEXTS)}

    @cached_property
    def has_infos(self) -> bool:
        """Whether any card, or the thread, has an info line, as from 2021 on."""
        return self.css_first(_INFO) is not None

    def in_card(self, node: LexborNode) -> bool:
        """Whether it is a card, or stands in one."""
        return node.mem_id in self.holders or _stands_in(node, self.holders)

    def in_text(self, node: LexborNode) -> bool:
        """Whether it stands in what an author wrote."""
        return _stands_in(node, self.texts)

    def hrefs(self, links: Iterable[LexborNode]) -> Iterator[str]:
        """Where those of the links lead that are the site's own."""
        return (attribute(link, "href") for link in links if not self.in_text(link))


def _page(asked: Asked, body: bytes) -> _Page:
    try:
        tree = html.parse(body)
    except html.TooHeavy as error:
        raise _unlike(asked, str(error)) from error
    # Of few elements not too many can be looked at: 16 µs in the place of 115.
    if len(tree.css("*")) > _MOST_LOOKED_AT and len(tree.css(_LOOKED_AT)) > _MOST_LOOKED_AT:
        raise _unlike(asked, "thousands of threads, headings and links to authors")
    return _Page(tree)


def _unlike(asked: Asked, how: str) -> ParseError:
    return ParseError(asked.feed_id, f"the page is not like any that we know: {how}")


def _page_author(page: _Page, wanted: Author) -> Author:
    """Whose page it says it is, outside of its cards; without a handle if it does not say."""
    handle = _first(_handles(page)) or ""
    if not handle:
        # A link alone is weak: a list of popular authors has such links too. It counts for whom we asked.
        linked = (
            _matched(_USER, attribute(node, "href")) for node in page.css('a[href*="/user/"]') if not page.in_card(node)
        )
        handle = next((one for one in linked if _same(one, wanted.handle)), "")
    names = (node.text().strip() for node in page.css(".twitter_name, .username") if not page.in_card(node))
    avatars = (attribute(node, "data-twtrid") for node in page.css("[data-twtrid]") if not page.in_card(node))
    return Author(handle=handle, name=_first(filter(None, names)) or "", key=_first(filter(str.isdigit, avatars)) or "")


def _handles(page: _Page) -> Iterator[str]:
    """The handles in a page's header, the surest sign first."""
    for selector, name, patterns in (
        ('form[action*="/account/subscribe/"]', "action", (_SUBSCRIBE,)),
        (".screenName a[href], .twitter_screen_name a[href]", "href", (_USER, _PROFILE)),
        (".username a[href], .twitter_name a[href]", "href", (_USER, _PROFILE)),
    ):
        for node in page.css(selector):
            found = _first(filter(None, (_matched(pattern, attribute(node, name)) for pattern in patterns)))
            if found and not page.in_card(node):
                yield found


def _thread_author(page: _Page, first_post: LexborNode, wanted: Author) -> Author:
    """Who wrote the thread. Pages of 2018 and 2019 have no `data-screenname`: there the header says it."""
    found = _page_author(page, wanted)
    handle = attribute(first_post, "data-screenname").lstrip("@") or found.handle
    if not handle:
        links = [attribute(node, "href") for node in page.css("a.time[href]") if not page.in_card(node)]
        links += [attribute(node, "content") for node in page.css('meta[property="article:author"]')]
        handle = _first(filter(None, (_matched(_PROFILE, link) for link in links))) or ""
    return replace(found, handle=handle)


def _checked(asked: Asked, page: Author) -> Author:
    """The page's author, filled up with what was known; `WrongAuthor` if that is somebody else.

    The lasting id decides where both are known: screen names change hands.
    """
    wanted = asked.author
    keys_known = bool(wanted.key and page.key)
    if keys_known and wanted.key != page.key:
        raise WrongAuthor(
            asked.feed_id, f"@{page.handle or wanted.handle} is somebody else now than the author followed"
        )
    if not keys_known and page.handle and wanted.handle and not _same(page.handle, wanted.handle):
        raise WrongAuthor(asked.feed_id, f"the page is @{page.handle}'s, not @{wanted.handle}'s")
    handle = page.handle or wanted.handle
    return Author(
        handle=handle,
        name=page.name or wanted.name,
        url=user_url(asked.base_url, handle) if handle else "",
        key=page.key or wanted.key,
    )


def _speaks_for_itself(page: _Page, cards: list[Card], asked: Asked, *, deeper: bool) -> bool:
    """Whether a page without a header is the author's: all its cards say so, or it is the fragment asked for."""
    if cards and all(_same(card.handle, asked.author.handle) for card in cards):
        return True
    is_fragment = page.css_first("title, nav, form, h1") is None
    return deeper and is_fragment and not any(card.handle for card in cards)


def _check_that_empty_is_meant(page: _Page, body: bytes, cards: list[Card], asked: Asked) -> None:
    """Raise unless the author's page, which shows no card of theirs, really means to show none."""
    if is_challenge(body) or page.css_first('input[type="password"]') is not None or _asks_for_login(page):
        raise SourceRefused(asked.feed_id, "the author page wants a login")
    unread = [card for card in cards if not card.handle]  # whatever the heading: that may be a name
    known = {card.key for card in cards if card.key}
    links = page.css('[data-link-href*="/thread/"], a[href*="/thread/"]')
    keys = (_matched(_THREAD, _href(page, link)) for link in links)
    if unread or any(key and key not in known for key in keys):
        raise ParseError(asked.feed_id, "the author page lists threads in a way that we do not know")


def _unrecognised(asked: Asked, page: _Page, body: bytes, expected: str) -> SourceError:
    if is_challenge(body):
        return SourceRefused(asked.feed_id, f"got a challenge for browsers instead of {expected}")
    form = page.css_first('input[type="password"], form[action*="login"], form[action*="sign_in"]')
    if form is not None or _asks_for_login(page):
        return SourceRefused(asked.feed_id, f"got a login page instead of {expected}")
    return ParseError(asked.feed_id, f"the page is not {expected} as we know it")


def _asks_for_login(page: _Page) -> bool:
    """Whether the page is about logging in. A login form alone says little: any page may have one in its head."""
    return any(_LOGIN.search(node.text()[:_LONGEST_HEADING]) for node in page.css("title, h1, h2")[:_MOST_HEADINGS])


# -- cards ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A thread as a list shows it. `handle` and `twitter_id` are "" where the card does not say whose it is."""

    node: LexborNode
    key: str
    handle: str
    twitter_id: str
    data_time: str
    post_count: int | None
    heading: str

    @property
    def foreign(self) -> bool:
        """Whether it stands in a list of other people's threads."""
        return bool(_FOREIGN.match(self.heading))

    def more_from(self, author: Author) -> bool:
        """Whether it stands under "More from" this author."""
        named = re.search(rf"\bmore from @({HANDLE})\b", self.heading, re.IGNORECASE)
        return named is not None and _same(named[1], author.handle)

    def is_by(self, author: Author, *, unmarked: bool) -> bool:
        """Whether it is this author's; `unmarked` is the answer where the card does not say."""
        if not self.key:
            return False
        if self.twitter_id and author.key:
            return self.twitter_id == author.key
        return _same(self.handle, author.handle) if self.handle else unmarked


def _listed(asked: Asked, page: _Page) -> list[Card]:
    cards = list(islice(_cards(page), _MOST_CARDS + 1))
    if len(cards) > _MOST_CARDS:
        raise _unlike(asked, f"more than {_MOST_CARDS} threads")
    return cards


def _cards(page: _Page) -> Iterator[Card]:
    """The cards of a page in its order, each with the heading that it stands under."""
    heading = ""
    seen: set[int] = set()
    for node in page.css(_CARDS):
        if node.tag in ("h1", "h2", "h3") or "list-content-header" in classes(node):
            heading = heading if page.in_card(node) else node.text().strip()[:_LONGEST_HEADING]
            continue
        card = _container(page, node)
        if card.mem_id not in seen:
            seen.add(card.mem_id)
            yield _card(page, card, heading)


def _card(page: _Page, node: LexborNode, heading: str) -> Card:
    links = node.css("a, .read-more")
    avatar, time = node.css_first("[data-twtrid]"), node.css_first("[data-time]")
    return Card(
        node=node,
        # The address is on the column around the card (2023 to 2026) or on "Read 4 tweets" (2018 to 2022).
        key=_matched(_THREAD, _own_link(node)) or _first_match(_THREAD, page.hrefs(links)),
        handle=_first_match(_USER, page.hrefs(links)) or _first_match(_PROFILE, page.hrefs(links)),
        twitter_id=attribute(avatar, "data-twtrid") if avatar is not None else "",
        data_time=attribute(time, "data-time") if time is not None else "",
        post_count=_card_count(page, node, links),
        heading=heading,
    )


def _container(page: _Page, node: LexborNode) -> LexborNode:
    """The whole card that `node` is, or is in: up to the element that holds the address, or the time."""
    best = node
    for parent in _parents(node):
        if parent.mem_id in page.holders:
            best = parent
    if best is node and node.tag == "a":  # 2018: no class around the card is known for sure
        return next((parent for parent in _parents(node) if parent.mem_id in page.timed), node)
    return best


def _own_link(node: LexborNode) -> str:
    inner = node if "data-link-href" in node.attributes else node.css_first("[data-link-href]")
    return attribute(inner, "data-link-href") if inner is not None else ""


def _entries(cards: Iterable[Card], asked: Asked, author: Author, *, skim: bool = False) -> tuple[Entry, ...]:
    entries: dict[str, Entry] = {}
    for card in cards:
        entries.setdefault(card.key, _entry(card, asked, author, skim=skim))
    return tuple(entries.values())


def _entry(card: Card, asked: Asked, author: Author, *, skim: bool) -> Entry:
    # Three whole posts (`card-tweets`), or the first and the start of the second run together (`card-tweetsv2`).
    texts = _outermost(card.node.css(".content-tweet")) or card.node.css(".card-tweetsv2, .card-tweets")
    read = (read_post(node, "") for node in texts)
    posts = () if skim else tuple(read)
    return Entry(
        feed_id=asked.feed_id,
        key=card.key,
        url=thread_url(asked.base_url, card.key),
        author=author,
        title=title_of_posts(read if skim else posts),
        published=time_of(card.key, card.data_time),
        post_count=card.post_count,
        posts=posts,
    )


def _card_count(page: _Page, node: LexborNode, links: Iterable[LexborNode]) -> int | None:
    """How many posts the card says: in its info line (from 2021 on) or on its button."""
    for info in node.css(_INFO) if page.has_infos else ():
        if (count := _count(info.text(separator=" "))) is not None:
            return count
    for link in links:
        if (count := _count(link.text(separator=" "))) is not None and not page.in_text(link):
            return count
    return None


def _smallest_time(cards: Iterable[Card]) -> str:
    """What the site's `before=` takes; a card without its date line lends its id's time."""
    times = []
    for card in cards:
        seconds = _seconds(card.data_time)
        written = None if seconds else time_of(card.key)
        if seconds or written:
            times.append(seconds or int(written.timestamp() if written else 0))
    return str(min(times)) if times else ""


# -- small readings -------------------------------------------------------------------------------


def _aliases(page: _Page, first_post: LexborNode, key: str) -> tuple[str, ...]:
    """Other ids of the thread: its first post's (not always the page's own), and the page's where it names another."""
    ids = [attribute(first_post, "data-tweet")]
    ids += [_matched(_THREAD, attribute(node, "content")) for node in page.css('meta[property="og:url"]')]
    return tuple(dict.fromkeys(one for one in ids if re.fullmatch(r"\d{1,19}", one) and one != key))


def _is_post(node: LexborNode) -> bool:
    return re.fullmatch(r"tweet_\d+", attribute(node, "id")) is not None


def _count(text: str) -> int | None:
    found = _COUNT.search(text) if _COUNTED.search(text) else None
    return int(found[1].replace(",", "")) if found else None


def _seconds(data_time: str) -> int:
    """A plausible `data-time`, else 0."""
    return int(data_time) if _SECONDS.fullmatch(data_time) else 0


def _href(page: _Page, node: LexborNode) -> str:
    return attribute(node, "data-link-href") or ("" if page.in_text(node) else attribute(node, "href"))


def _matched(pattern: re.Pattern[str], value: str) -> str:
    found = pattern.search(value)
    return found[1] if found else ""


def _first_match(pattern: re.Pattern[str], values: Iterable[str]) -> str:
    """What is in the first of the values that the pattern is found in."""
    for value in values:
        if found := pattern.search(value):
            return found[1]
    return ""


def _same(one: str, other: str) -> bool:
    """Whether two handles are the same author's: X does not tell case apart."""
    return bool(one) and one.casefold() == other.casefold()


def _parents(node: LexborNode) -> Iterator[LexborNode]:
    parent = node.parent
    while parent is not None and parent.tag not in ("body", "html"):
        yield parent
        parent = parent.parent


def _stands_in(node: LexborNode, ids: Collection[int]) -> bool:
    """Whether one of these elements is around it."""
    parent = node.parent
    while parent is not None and parent.tag not in ("body", "html"):
        if parent.mem_id in ids:
            return True
        parent = parent.parent
    return False


def _outermost(nodes: Iterable[LexborNode]) -> list[LexborNode]:
    """Without those that stand in another of them: 100 inside each other would be read 100 times."""
    nodes = list(nodes)
    ids = {node.mem_id for node in nodes}
    inside: dict[int, bool] = {}
    for node in nodes:
        beside = node.parent.mem_id if node.parent else 0
        if beside not in inside:  # what is around the first of brothers is around all
            inside[beside] = _stands_in(node, ids)
    return [node for node in nodes if not inside[node.parent.mem_id if node.parent else 0]]


def _first(values: Iterable[T]) -> T | None:
    return next(iter(values), None)
