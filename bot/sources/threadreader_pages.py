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
_COUNT = re.compile(r"(?<![\d,])(\d{1,3}(?:,\d{3})+|\d{1,6})\s+(?:tweets?|posts?)\b", re.IGNORECASE)
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
    written, seconds = x_addresses.time_of(key), _seconds(data_time)
    return written or (datetime.fromtimestamp(seconds, UTC) if seconds else None)


def parse_listing(body: bytes, asked: Asked, *, deeper: bool = False) -> Listing:
    """Read a page of `/user/NAME`. `deeper`: one that `before=` asked for, a fragment, empty past the end."""
    if deeper and not body.strip():
        return Listing(author=asked.author, entries=(), older="")
    tree = _tree(asked, body)
    cards = _listed(asked, tree)
    page = _page_author(tree, asked.author)
    if not page.handle and not _speaks_for_itself(tree, cards, asked, deeper=deeper):
        raise _unrecognised(asked, tree, body, "the author page")
    author = _checked(asked, page)
    own = [card for card in cards if card.is_by(author, unmarked=not card.foreign)]
    if not own:
        _check_that_empty_is_meant(tree, body, cards, asked)
        if not deeper and is_cut(body):
            raise TemporarySourceError(asked.feed_id, "the author page stops before its end")
    entries = _entries(own, asked, author)
    return Listing(author=author, entries=entries, older=_smallest_time(own))


def parse_thread(body: bytes, asked: Asked, key: str) -> ThreadPage:
    """Read `/thread/KEY.html`."""
    tree = _tree(asked, body)
    nodes = [node for node in _outermost(tree.css('div[id^="tweet_"].content-tweet')) if _is_post(node)]
    if not nodes:
        raise _unrecognised(asked, tree, body, "a thread")
    author = _checked(asked, _thread_author(tree, nodes[0], asked.author))
    posts = tuple(read_post(node, attribute(node, "data-tweet") or attribute(node, "id")) for node in nodes)
    info = _first(node for node in tree.css(".thread-info") if not _in_card(node))
    count = _count(info.text(separator=" ") if info is not None else "")
    if count is not None and is_cut(body):
        raise TemporarySourceError(asked.feed_id, f"the page of thread {key} stops before its end")
    time = _first(node for node in tree.css(".time[data-time]") if not _in_card(node))
    entry = Entry(
        feed_id=asked.feed_id,
        key=key,
        url=thread_url(asked.base_url, key),
        author=author,
        title=title_of_posts(posts),
        aliases=_aliases(tree, nodes[0], key),
        published=time_of(key, attribute(time, "data-time") if time is not None else ""),
        post_count=count if count is not None else len(posts),
        posts=posts,
        whole=True,
    )
    more = [card for card in _listed(asked, tree) if card.is_by(author, unmarked=card.more_from(author))]
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
    is ever the same. 0.05 ms, where reading the page takes 3.
    """
    end = start = body.find(b"/thread/")
    for word in (b"/thread/", b" tweets", b" posts", b"content-tweet", b"card-tweets"):
        end = max(end, body.rfind(word, end))  # not on the whole page: a word that is not there took a third of it all
    return hashlib.sha256(body[start:end]).hexdigest()[:20] if 0 <= start < end and not is_cut(body) else ""


# -- recognising ----------------------------------------------------------------------------------


def _tree(asked: Asked, body: bytes) -> LexborHTMLParser:
    try:
        tree = html.parse(body)
    except html.TooHeavy as error:
        raise _unlike(asked, str(error)) from error
    if len(tree.css(_LOOKED_AT)) > _MOST_LOOKED_AT:
        raise _unlike(asked, "thousands of threads, headings and links to authors")
    return tree


def _unlike(asked: Asked, how: str) -> ParseError:
    return ParseError(asked.feed_id, f"the page is not like any that we know: {how}")


def _page_author(tree: LexborHTMLParser, wanted: Author) -> Author:
    """Whose page it says it is, outside of its cards; without a handle if it does not say."""
    handle = _first(_handles(tree)) or ""
    if not handle:
        # A link alone is weak: a list of popular authors has such links too. It counts for whom we asked.
        linked = (
            _matched(_USER, attribute(node, "href")) for node in tree.css('a[href*="/user/"]') if not _in_card(node)
        )
        handle = next((one for one in linked if _same(one, wanted.handle)), "")
    names = (node.text().strip() for node in tree.css(".twitter_name, .username") if not _in_card(node))
    avatars = (attribute(node, "data-twtrid") for node in tree.css("[data-twtrid]") if not _in_card(node))
    return Author(handle=handle, name=_first(filter(None, names)) or "", key=_first(filter(str.isdigit, avatars)) or "")


def _handles(tree: LexborHTMLParser) -> Iterator[str]:
    """The handles in a page's header, the surest sign first."""
    for selector, name, patterns in (
        ('form[action*="/account/subscribe/"]', "action", (_SUBSCRIBE,)),
        (".screenName a[href], .twitter_screen_name a[href]", "href", (_USER, _PROFILE)),
        (".username a[href], .twitter_name a[href]", "href", (_USER, _PROFILE)),
    ):
        for node in tree.css(selector):
            found = _first(filter(None, (_matched(pattern, attribute(node, name)) for pattern in patterns)))
            if found and not _in_card(node):
                yield found


def _thread_author(tree: LexborHTMLParser, first_post: LexborNode, wanted: Author) -> Author:
    """Who wrote the thread. Pages of 2018 and 2019 have no `data-screenname`: there the header says it."""
    page = _page_author(tree, wanted)
    handle = attribute(first_post, "data-screenname").lstrip("@") or page.handle
    if not handle:
        links = [attribute(node, "href") for node in tree.css("a.time[href]") if not _in_card(node)]
        links += [attribute(node, "content") for node in tree.css('meta[property="article:author"]')]
        handle = _first(filter(None, (_matched(_PROFILE, link) for link in links))) or ""
    return replace(page, handle=handle)


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


def _speaks_for_itself(tree: LexborHTMLParser, cards: list[Card], asked: Asked, *, deeper: bool) -> bool:
    """Whether a page without a header is the author's: all its cards say so, or it is the fragment asked for."""
    if cards and all(_same(card.handle, asked.author.handle) for card in cards):
        return True
    is_fragment = tree.css_first("title, nav, form, h1") is None
    return deeper and is_fragment and not any(card.handle for card in cards)


def _check_that_empty_is_meant(tree: LexborHTMLParser, body: bytes, cards: list[Card], asked: Asked) -> None:
    """Raise unless the author's page, which shows no card of theirs, really means to show none."""
    if is_challenge(body) or tree.css_first('input[type="password"]') is not None or _asks_for_login(tree):
        raise SourceRefused(asked.feed_id, "the author page wants a login")
    unread = [card for card in cards if not card.handle]  # whatever the heading: that may be a name
    known = {card.key for card in cards if card.key}
    links = (_matched(_THREAD, _href(node)) for node in tree.css('[data-link-href*="/thread/"], a[href*="/thread/"]'))
    if unread or any(key and key not in known for key in links):
        raise ParseError(asked.feed_id, "the author page lists threads in a way that we do not know")


def _unrecognised(asked: Asked, tree: LexborHTMLParser, body: bytes, expected: str) -> SourceError:
    if is_challenge(body):
        return SourceRefused(asked.feed_id, f"got a challenge for browsers instead of {expected}")
    form = tree.css_first('input[type="password"], form[action*="login"], form[action*="sign_in"]')
    if form is not None or _asks_for_login(tree):
        return SourceRefused(asked.feed_id, f"got a login page instead of {expected}")
    return ParseError(asked.feed_id, f"the page is not {expected} as we know it")


def _asks_for_login(tree: LexborHTMLParser) -> bool:
    """Whether the page is about logging in. A login form alone says little: any page may have one in its head."""
    return any(_LOGIN.search(node.text()[:_LONGEST_HEADING]) for node in tree.css("title, h1, h2")[:_MOST_HEADINGS])


# -- cards ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A thread as a list shows it. `handle` and `twitter_id` are "" where the card does not say whose it is.

    `links`: the site's own, not those that the author wrote.
    """

    node: LexborNode
    links: tuple[LexborNode, ...]
    key: str
    handle: str
    twitter_id: str
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


def _listed(asked: Asked, tree: LexborHTMLParser) -> list[Card]:
    cards = list(islice(_cards(tree), _MOST_CARDS + 1))
    if len(cards) > _MOST_CARDS:
        raise _unlike(asked, f"more than {_MOST_CARDS} threads")
    return cards


def _cards(tree: LexborHTMLParser) -> Iterator[Card]:
    """The cards of a page in its order, each with the heading that it stands under."""
    heading = ""
    seen: set[int] = set()
    timed = {parent.mem_id for node in tree.css("[data-time]") for parent in _parents(node)}
    for node in tree.css(_CARDS):
        if node.tag in ("h1", "h2", "h3") or "list-content-header" in classes(node):
            heading = heading if _in_card(node) else node.text().strip()[:_LONGEST_HEADING]
            continue
        card = _container(node, timed)
        if card.mem_id not in seen:
            seen.add(card.mem_id)
            yield _card(card, heading)


def _card(node: LexborNode, heading: str) -> Card:
    links = tuple(link for link in node.css("a, .read-more") if not _in_text(link))
    hrefs = [attribute(link, "href") for link in links]
    authors = [_matched(_USER, href) for href in hrefs] + [_matched(_PROFILE, href) for href in hrefs]
    avatar = node.css_first("[data-twtrid]")
    return Card(
        node=node,
        links=links,
        # The address is on the column around the card (2023 to 2026) or on "Read 4 tweets" (2018 to 2022).
        key=_first(filter(None, (_matched(_THREAD, href) for href in (_own_link(node), *hrefs)))) or "",
        handle=_first(filter(None, authors)) or "",
        twitter_id=attribute(avatar, "data-twtrid") if avatar is not None else "",
        heading=heading,
    )


def _container(node: LexborNode, timed: Collection[int]) -> LexborNode:
    """The whole card that `node` is, or is in: up to the element that holds the address, or the time (is `timed`)."""
    best = node
    for parent in _parents(node):
        if "data-link-href" in parent.attributes or "thread-card" in classes(parent):
            best = parent
    if best is node and node.tag == "a":  # 2018: no class around the card is known for sure
        return next((parent for parent in _parents(node) if parent.mem_id in timed), node)
    return best


def _own_link(node: LexborNode) -> str:
    inner = node if "data-link-href" in node.attributes else node.css_first("[data-link-href]")
    return attribute(inner, "data-link-href") if inner is not None else ""


def _entries(cards: Iterable[Card], asked: Asked, author: Author) -> tuple[Entry, ...]:
    entries: dict[str, Entry] = {}
    for card in cards:
        entries.setdefault(card.key, _entry(card, asked, author))
    return tuple(entries.values())


def _entry(card: Card, asked: Asked, author: Author) -> Entry:
    # Three whole posts (`card-tweets`), or the first and the start of the second run together (`card-tweetsv2`).
    texts = _outermost(card.node.css(".content-tweet")) or card.node.css(".card-tweetsv2, .card-tweets")
    posts = tuple(read_post(node, "") for node in texts)
    return Entry(
        feed_id=asked.feed_id,
        key=card.key,
        url=thread_url(asked.base_url, card.key),
        author=author,
        title=title_of_posts(posts),
        published=time_of(card.key, _data_time(card.node)),
        post_count=_card_count(card),
        posts=posts,
    )


def _card_count(card: Card) -> int | None:
    """How many posts the card says: in its info line (from 2021 on) or on its button."""
    counts = (_count(place.text(separator=" ")) for place in (*card.node.css(".thread-info"), *card.links))
    return next((count for count in counts if count is not None), None)


def _smallest_time(cards: Iterable[Card]) -> str:
    """What the site's `before=` takes; a card without its date line lends its id's time."""
    times = []
    for card in cards:
        seconds = _seconds(_data_time(card.node))
        written = time_of(card.key)
        if seconds or written:
            times.append(seconds or int(written.timestamp() if written else 0))
    return str(min(times)) if times else ""


# -- small readings -------------------------------------------------------------------------------


def _aliases(tree: LexborHTMLParser, first_post: LexborNode, key: str) -> tuple[str, ...]:
    """Other ids of the thread: its first post's (not always the page's own), and the page's where it names another."""
    ids = [attribute(first_post, "data-tweet")]
    ids += [_matched(_THREAD, attribute(node, "content")) for node in tree.css('meta[property="og:url"]')]
    return tuple(dict.fromkeys(one for one in ids if re.fullmatch(r"\d{1,19}", one) and one != key))


def _is_post(node: LexborNode) -> bool:
    return re.fullmatch(r"tweet_\d+", attribute(node, "id")) is not None and not _in_card(node)


def _count(text: str) -> int | None:
    found = _COUNT.search(text)
    return int(found[1].replace(",", "")) if found else None


def _data_time(node: LexborNode) -> str:
    time = node.css_first("[data-time]")
    return attribute(time, "data-time") if time is not None else ""


def _seconds(data_time: str) -> int:
    """A plausible `data-time`, else 0."""
    return int(data_time) if re.fullmatch(r"[0-9]{9,10}", data_time) else 0


def _href(node: LexborNode) -> str:
    return attribute(node, "data-link-href") or ("" if _in_text(node) else attribute(node, "href"))


def _matched(pattern: re.Pattern[str], value: str) -> str:
    found = pattern.search(value)
    return found[1] if found else ""


def _same(one: str, other: str) -> bool:
    """Whether two handles are the same author's: X does not tell case apart."""
    return bool(one) and one.casefold() == other.casefold()


def _parents(node: LexborNode) -> Iterator[LexborNode]:
    parent = node.parent
    while parent is not None and parent.tag not in ("body", "html"):
        yield parent
        parent = parent.parent


def _in_card(node: LexborNode) -> bool:
    return any("data-link-href" in one.attributes or "thread-card" in classes(one) for one in (node, *_parents(node)))


def _outermost(nodes: Iterable[LexborNode]) -> list[LexborNode]:
    """Without those that stand in another of them: 100 inside each other would be read 100 times."""
    nodes = list(nodes)
    ids = {node.mem_id for node in nodes}
    return [node for node in nodes if not any(parent.mem_id in ids for parent in _parents(node))]


def _in_text(node: LexborNode) -> bool:
    """Whether it stands in what an author wrote, which may well link to a thread or to an author."""
    return any(not _TEXTS.isdisjoint(classes(one)) for one in _parents(node))


_TEXTS: Final = frozenset(("content-tweet", "card-tweets", "card-tweetsv2"))


def _first(values: Iterable[T]) -> T | None:
    return next(iter(values), None)
