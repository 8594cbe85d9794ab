"""A batch of deliveries becomes one message within a channel's limits. Pure: no clock, no randomness, no network.

Author text stays text in every form: the HTML is escaped by the template engine, only http and https are linked,
words that would ring a whole room are broken. What does not fit is cut between posts, then between words, and the
notice says so. Knows no channel's escapes (that is the channel's own business) and decides nothing about sending.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from functools import cache
from typing import TYPE_CHECKING

from bot.model import Alert, Author, Batch, Entry, Limits, Message, Post
from bot.text import is_web_link, one_line, reading_minutes, shorten, split_links, title_of, words_of

if TYPE_CHECKING:
    from jinja2 import Template  # loaded when the first notice is made: the listings do without

MAY_REPEAT = "This may repeat an earlier notice: whether that one arrived is not known."
ONLY_BEGINNING = "Only the beginning of this thread could be read."

_LONGEST_NAME = 80
_LONGEST_TITLE = 300
_LONGEST_TITLE_SOURCE = 4_000
"""How much of a post its title is made from, in characters."""
_LONGEST_LINE = 400
_BRIEFER = (_LONGEST_TITLE, 40, 0)
"""How long the titles of a list are, in its ever shorter forms: 300 threads fit a mail as links alone."""
_SHORTEST_PIECE = 40
"""A post's beginning shorter than this says nothing; then the post is left out whole."""

_MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)


def compose(batch: Batch, limits: Limits, *, zone: tzinfo) -> Message:
    """What to send for `batch`. Never over `limits`, never empty where they leave room for a word."""
    tame = _Tamer(limits.pings)
    most = max(limits.text, limits.html)
    views = _Views(_alarm(batch, tame) if batch.alerts else _content(batch, tame, zone, most))
    text, shown = _fit(views, _render_text, limits.text)
    html, _ = _fit(views, _render_html, limits.html) if limits.html > 0 else ("", shown)
    return Message(
        key=batch.id,
        title=shorten(_title(batch, tame), limits.title),
        text=text or shorten(_title(batch, tame), limits.text),
        html=html,
        links=tuple(_links_shown(shown)),
    )


def alert_title(alerts: Sequence[Alert]) -> str:
    """What some alerts tell, in one line; of several, how many of each kind."""
    if len(alerts) == 1:
        return alerts[0].title
    over = sum(alert.over for alert in alerts)
    kinds = ((len(alerts) - over, "trouble", "troubles"), (over, "recovery", "recoveries"))
    return ", ".join(f"{number} {one if number == 1 else many}" for number, one, many in kinds if number)


# -- what is said ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """One thread in a list of several."""

    title: str
    facts: str
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """What the templates show. Every string is clean and tame already; `posts` and titles may hold links."""

    notes: tuple[str, ...] = ()
    title: str = ""
    heading: str = ""
    byline: str = ""
    link: str = ""
    posts: tuple[str, ...] = ()
    items: tuple[_Item, ...] = ()
    rest: str = ""
    rest_link: str = ""
    links: tuple[str, ...] = ()
    more_links: int = 0
    total: int = 0


def _content(batch: Batch, tame: _Tamer, zone: tzinfo, most: int) -> _View:
    alone = _alone(batch)
    return _single(batch, alone, tame, zone, most) if alone else _several(batch, tame, zone)


def _alarm(batch: Batch, tame: _Tamer) -> _View:
    """Alerts as a list. What a site said stands among the facts, where nothing is ever linked."""
    items = tuple(
        _Item(
            title=tame(shorten(one_line(alert.title), _LONGEST_TITLE)),
            facts="\n".join(filter(None, (tame(shorten(one_line(line), _LONGEST_LINE)) for line in alert.lines))),
            link="",
        )
        for alert in batch.alerts
    )
    return _View(notes=_notes(batch, None), items=items, total=len(items))


def _single(batch: Batch, entry: Entry, tame: _Tamer, zone: tzinfo, most: int) -> _View:
    shown = list(_posts(entry, tame, most))
    posts = tuple(text for _, text in shown if text)
    title = _entry_title(entry, tame)
    said = bool(posts) and title.rstrip("…") in one_line(posts[0])
    link = tame.link(entry.url)
    return _View(
        notes=_notes(batch, entry),
        title=title,
        heading="" if said else title,
        byline=" · ".join(filter(None, (_label(batch, entry, tame), *_facts(entry, zone)))),
        link=link,
        posts=posts,
        rest_link=link,
        links=tuple(_links_inside(entry, shown, tame)),
        total=max(entry.post_count or 0, len(entry.posts)),
    )


def _several(batch: Batch, tame: _Tamer, zone: tzinfo) -> _View:
    items = tuple(
        _Item(
            title=_entry_title(entry, tame),
            facts=" · ".join(_facts(entry, zone)),
            link=tame.link(entry.url),
        )
        for entry in batch.entries
    )
    author = batch.feed.author
    link = tame.link(batch.feed.url) or tame.link(author.url)
    return _View(
        notes=_notes(batch, None),
        byline=" · ".join(filter(None, (_label(batch, None, tame), _count(len(items), "new thread")))),
        link=link,
        items=items,
        rest_link=link,
        total=len(items),
    )


def _notes(batch: Batch, entry: Entry | None) -> tuple[str, ...]:
    cut = entry is not None and not entry.whole
    return tuple(note for note, holds in ((MAY_REPEAT, batch.doubtful), (ONLY_BEGINNING, cut)) if holds)


def _title(batch: Batch, tame: _Tamer) -> str:
    if batch.alerts:
        return f"keepcurrent: {tame(shorten(one_line(alert_title(batch.alerts)), _LONGEST_TITLE))}"
    alone = _alone(batch)
    name = _name(_author(batch, alone), tame)
    what = _entry_title(alone, tame) if alone else _count(len(batch.entries), "new thread")
    return f"{name}: {what}" if name else what


def _alone(batch: Batch) -> Entry | None:
    """The thread, where the notice is about a single one."""
    return batch.entries[0] if len(batch.entries) == 1 else None


def _entry_title(entry: Entry, tame: _Tamer) -> str:
    said = one_line(entry.title) or next((title for post in entry.posts if (title := title_of(_post_text(post)))), "")
    return tame(shorten(said, _LONGEST_TITLE)) or "New thread"


def _author(batch: Batch, entry: Entry | None) -> Author:
    return entry.author if entry and (entry.author.handle or entry.author.name) else batch.feed.author


def _label(batch: Batch, entry: Entry | None, tame: _Tamer) -> str:
    return tame(shorten(one_line(_author(batch, entry).label), 2 * _LONGEST_NAME))


def _name(author: Author, tame: _Tamer) -> str:
    return tame(shorten(one_line(author.name) or one_line(author.label), _LONGEST_NAME))


def _facts(entry: Entry, zone: tzinfo) -> Iterator[str]:
    if entry.published is not None:
        yield _when(entry.published, zone)
    if count := max(entry.post_count or 0, len(entry.posts) if entry.whole else 0):
        yield _count(count, "post")
    if entry.whole and entry.posts:
        yield f"{reading_minutes(' '.join(post.text for post in entry.posts))} min read"


def _when(moment: datetime, zone: tzinfo) -> str:
    """`21 November 2026, 18:04 CET`."""
    try:
        local = moment.astimezone(zone)
    except OverflowError:  # the first and the last day that a datetime can hold
        local = moment
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}, {local:%H:%M} {local.tzname() or ''}".rstrip()


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _posts(entry: Entry, tame: _Tamer, most: int) -> Iterator[tuple[Post, str]]:
    """The posts with their words, up to the one with which they are too long for a message of `most` characters.

    Beyond it nothing can fit: ten thousand posts, or one of 5 MB, held the event loop for seconds.
    """
    length = 0
    for post in entry.posts:
        text = tame(_post_text(post, most))
        yield post, text
        length += len(text)
        if length > most:
            return


def _post_text(post: Post, most: int = _LONGEST_TITLE_SOURCE) -> str:
    """A post's words, and what it shows in brackets.

    One much longer than `most` characters is cut; it is longer than that all the same, and ends in "…".
    """
    text = words_of(post, 4 * most)
    media = [f"[{item.kind}: {one_line(item.alt)}]" if item.alt else f"[{item.kind}]" for item in post.media]
    return "\n".join(filter(None, (text, *media)))


def _links_inside(entry: Entry, posts: Sequence[tuple[Post, str]], tame: _Tamer) -> Iterator[str]:
    """What these posts of the thread link to and do not show in their own words, each once."""
    seen = {link for _, text in posts for link in _links_in(text)} | {tame.link(entry.url), ""}
    for post, _ in posts:
        for url in (*post.links, *post.quotes):
            if (link := tame.link(url)) not in seen:
                seen.add(link)
                yield link


def _links_in(text: str) -> Iterator[str]:
    return (piece for piece, is_link in split_links(text) if is_link)


def _links_shown(view: _View) -> Iterator[str]:
    """Every link of a notice, the thread's own first, the author's page last."""
    inside = (link for text in (view.heading, *view.posts) for link in _links_in(text))
    own = [item.link for item in view.items] or [view.link]
    every = (*own, *inside, *view.links, view.link, view.rest_link if view.rest else "")
    return iter(dict.fromkeys(filter(None, every)))


class _Tamer:
    """Breaks the words that ring: U+200B after their first character, and percent-encoding inside links."""

    def __init__(self, pings: Iterable[str]) -> None:
        words = [re.escape(word) for word in pings if len(word) > 1]
        # A look-ahead, so that words that overlap are all broken.
        self._bell = re.compile(f"(?=(?:{'|'.join(words)}))(.)", re.IGNORECASE | re.DOTALL) if words else None

    def __call__(self, text: str) -> str:
        """`text` with its words broken and its links still whole."""
        bell = self._bell
        if bell is None or not bell.search(text):
            return text
        return "".join(
            self.link(piece) if is_link else bell.sub("\\1\u200b", piece) for piece, is_link in split_links(text)
        )

    def link(self, url: str) -> str:
        """`url` if it may be linked, "" otherwise."""
        if not is_web_link(url):
            return ""
        return self._bell.sub(lambda found: f"%{ord(found[1]):02X}", url) if self._bell else url


# -- what fits ---------------------------------------------------------------------------------------


class _Views:
    """One notice in ever shorter forms, from whole to hardly anything.

    Threads: the posts go one by one from the end, then the list of links, the facts, the notes.
    Lists: the facts of each thread go first, then the end of its title, then the title, and only then threads from
    the end, counted in "… and 37 more".
    """

    def __init__(self, full: _View) -> None:
        self.full = full

    def __len__(self) -> int:
        return 5 + len(self.full.posts) + len(_BRIEFER) + len(self.full.items)

    def __getitem__(self, step: int) -> _View:
        """The form after `step` cuts. Each is at most as long as the one before."""
        if self.full.items:
            return self._list(step)
        kept = len(self.full.posts) - step
        if kept >= 0:
            return self.with_posts(self.full.posts[:kept])
        return self._bare(-kept)

    def with_posts(self, posts: tuple[str, ...]) -> _View:
        """The thread with these posts only, and how many are missing."""
        whole = len(posts) == len(self.full.posts) and posts == self.full.posts
        missing = self.full.total - len(posts)
        rest = f"… and {_count(missing, 'more post')}:" if missing > 0 and self.full.posts else ""
        if not whole and not rest:
            rest = "… the rest:"
        heading = self.full.heading if posts else self.full.title
        return replace(self.full, heading=heading, posts=posts, rest=rest)

    def _list(self, step: int) -> _View:
        if step == 0:
            return self.full
        title = _BRIEFER[min(step, len(_BRIEFER)) - 1]
        brief = tuple(replace(item, facts="", title=_at_most(item, title)) for item in self.full.items)
        kept = len(brief) - max(step - len(_BRIEFER), 0)
        if kept < 0:
            return self._bare(-kept)
        missing = len(brief) - kept
        return replace(self.full, items=brief[:kept], rest=self._more(missing) if missing else "")

    def _more(self, missing: int) -> str:
        return f"… and {missing} more{':' if self.full.rest_link else ''}"

    def _bare(self, step: int) -> _View:
        view = replace(self.full, heading=self.full.title, links=(), more_links=0, posts=(), items=(), rest="")
        if step >= 2:
            view = replace(view, byline="", heading=shorten(view.heading, 100))
        if step >= 3:
            view = replace(view, notes=())
        return view if step < 4 else replace(view, heading="")


def _at_most(item: _Item, length: int) -> str:
    """The title of a thread in a list, that short; a thread without a link keeps some of it."""
    return shorten(item.title, length or (0 if item.link else _BRIEFER[1]))


def _fit(views: _Views, render: Callable[[_View], str], limit: int) -> tuple[str, _View]:
    """The longest form of the notice that `limit` allows, and what it shows; "" if none does."""
    views = _Views(_with_fewer_links(views.full, render, limit))
    low, high = 0, len(views) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if len(render(views[middle])) <= limit else (middle + 1, high)
    if low > len(views.full.posts) and views.full.links:
        # Some words of the thread are worth more than its links.
        bare = replace(views.full, links=(), more_links=len(views.full.links) + views.full.more_links)
        return _fit(_Views(bare), render, limit)
    view = _with_part(views, views[low], render, limit) if low else views[low]
    text = render(view)
    return (text, view) if text and len(text) <= limit else ("", _View())


def _with_fewer_links(view: _View, render: Callable[[_View], str], limit: int) -> _View:
    """`view` with a list of links that takes at most a third of `limit`, and the number of those left out."""
    room = len(render(replace(view, links=()))) + limit // 3
    kept = list(view.links)
    while kept and len(render(replace(view, links=tuple(kept)))) > room:
        kept = kept[: len(kept) // 2]
    return replace(view, links=tuple(kept), more_links=view.more_links + len(view.links) - len(kept))


def _with_part(views: _Views, view: _View, render: Callable[[_View], str], limit: int) -> _View:
    """`view` with as much of the first post that was cut as still fits."""
    if view.items or not views.full.posts or len(view.posts) >= len(views.full.posts) or not view.rest:
        return view
    cut = views.full.posts[len(view.posts)]

    def with_room(room: int) -> _View:
        whole = views.with_posts((*view.posts, shorten(cut, room)))
        return replace(whole, rest=view.rest)

    low, high = 0, min(len(cut) - 1, limit)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if len(render(with_room(middle))) <= limit else (low, middle - 1)
    return with_room(low) if low >= _SHORTEST_PIECE and len(shorten(cut, low)) > 1 else view


# -- how it looks ------------------------------------------------------------------------------------


@cache
def _template(name: str) -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    text = Environment(
        loader=PackageLoader("bot", "templates"),
        autoescape=name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text.filters["split_links"] = split_links
    return text.get_template(name)


def _render_text(view: _View) -> str:
    return _template("notice.txt").render(view=view).strip()


def _render_html(view: _View) -> str:
    return _template("notice.html").render(view=view).strip()
