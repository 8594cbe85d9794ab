"""What a notice says, apart from how much of it fits and how it looks. Pure.

Every string of a view is clean and tame: no control, no ping. Words and titles may hold links. Escapes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo

from bot.compose.edits import reworded
from bot.compose.room import fair_share, weight, within
from bot.compose.titles import change, thread_title
from bot.compose.told import Told
from bot.compose.wording import LONGEST_LINE, LONGEST_TITLE, Tamer, clipped, isolated
from bot.facts import Facts, facts_of, reading_time
from bot.growth import Growth
from bot.language import language_name
from bot.model import Batch, Delivery, Form, Media, Post
from bot.numbering import incomplete
from bot.summary import Summary, highlights, preview
from bot.text import LONGEST_POST, counted, one_line, shorten, split_links, words_of
from bot.times import in_words

MAY_REPEAT = "This may repeat an earlier notice: whether that one arrived is not known."
ONLY_BEGINNING = "Only the beginning of this thread could be read."

_MOST_LINKS: Mapping[str, int] = {"full": 200}
_FEW_LINKS = 20
"""How many links of a thread are listed, where all of it is told and where it is summed up; the others are counted."""
_MOST_NAMES = 8
"""Hashtags, and people, that are named; the others are counted."""
_MOST_QUOTES = 3
_MOST_PLACES = 3
_MOST_SUMMED_UP, _MOST_OF_ONE = 200_000, 50_000
"""What is looked at for what threads say, of all of a message and of each, by its weight (`room`)."""
_MOST_COUNTED = 400_000
"""How many characters are looked at for the facts of all threads of a list."""
_SAFE_KEY = re.compile(r"[\w.-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Some of the author's words. `post` tells posts apart; `mark` says what became of it: edited, was, removed."""

    text: str
    post: int = 0
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Where a thread leads: the host for the eye, the address for the hand."""

    host: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One thread, told. `total`: how many posts there are to tell; `cut`: some posts are not said whole.

    `also`: where else the thread stands. `rest` says how much is left out, `rest_at` where it stands. `picture` is an
    address that may be shown.
    """

    number: int = 0
    title: str = ""
    heading: str = ""
    news: str = ""
    byline: str = ""
    link: str = ""
    also: tuple[str, ...] = ()
    words: tuple[Words, ...] = ()
    total: int = 0
    cut: bool = False
    rest: str = ""
    rest_at: str = ""
    pictures: str = ""
    picture: str = ""
    alt: str = ""
    quotes: tuple[str, ...] = ()
    more_quotes: int = 0
    links: tuple[Link, ...] = ()
    more_links: int = 0
    names: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a list: a thread, or an alert. `told`: it is told further down, with its link."""

    number: int = 0
    author: str = ""
    title: str = ""
    facts: str = ""
    link: str = ""
    told: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the templates show: one story; or a list, and what of it is told."""

    story: Story | None = None
    heading: str = ""
    link: str = ""
    rows: tuple[Row, ...] = ()
    stories: tuple[Story, ...] = ()
    rest: str = ""
    notes: tuple[str, ...] = ()

    @property
    def summed_up(self) -> str:
        """The first words, for where only a line is shown: beside a subject, say."""
        if self.story:
            first = self.story.words[0].text if self.story.words else ""
            return one_line(f"{self.story.news} {first}") or self.story.byline
        return " · ".join(row.title for row in self.rows[:5])


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """For whom a notice is made. `headline` stands over it.

    `most`: for more characters of one thread no form of it has room; `weight`: how much of each is summed up.
    """

    tame: Tamer
    zone: tzinfo
    form: Form
    headline: str
    most: int
    weight: int


def view_of(batch: Batch, told: Sequence[Told], frame: Frame) -> View:
    """All that is to be said of a batch."""
    notes = (MAY_REPEAT,) if batch.doubtful else ()
    if len(told) == 1:
        story = _story(told[0], frame)
        return View(story=replace(story, notes=notes + story.notes))
    return replace(_list(told, frame) if told else _alerts(batch, frame.tame), notes=notes)


def most_told(told: Sequence[Told], most: int) -> int:
    """How many characters of each thread are told, where a message has room for `most`."""
    return fair_share([sum(len(post.text) for post in _to_tell(one)) for one in told], most) if len(told) > 1 else most


def most_weight(told: Sequence[Told]) -> int:
    """How much of each thread is summed up."""
    return fair_share([weight(_fresh(one), _MOST_OF_ONE) for one in told], _MOST_SUMMED_UP)


def links_shown(view: View) -> Iterator[str]:
    """Every link of a notice, the thread's own first, the author's page last."""
    stories = (view.story,) if view.story else view.stories
    own = [row.link for row in view.rows] or [story.link for story in stories]
    inside = (link for story in stories for link in _links_in(story))
    return iter(dict.fromkeys(filter(None, (*own, *inside, view.link))))


# -- one thread ----------------------------------------------------------------------------------------


def _story(told: Told, frame: Frame) -> Story:
    """A thread by itself, with all that stands round its words: of one that has grown, round the new ones."""
    story = _in_short(told, frame, facts_of(told.entry))
    facts = facts_of(replace(told.entry, posts=_fresh(told)))
    seen = {story.link, *story.also, *_links_said(story, frame.form)}
    links = [Link(host=frame.tame.line(host, LONGEST_LINE), url=frame.tame.link(url)) for url, host in facts.links]
    quotes = [link for link in map(frame.tame.link, facts.quotes) if link and link not in seen]
    links = [link for link in links if link.url and link.url not in seen and link.url not in quotes]
    first = facts.first_image
    most = _MOST_LINKS.get(_mode(told), _FEW_LINKS)
    return replace(
        story,
        pictures=_pictures(facts, frame.tame, in_words=_mode(told) == "full"),
        picture=_picture(told, frame),
        alt=frame.tame.line(first.alt, LONGEST_LINE) if first else "",
        quotes=tuple(quotes[:_MOST_QUOTES]),
        more_quotes=max(len(quotes) - _MOST_QUOTES, 0),
        links=tuple(links[:most]),
        more_links=max(len(links) - most, 0),
        names=_names(facts, frame.tame),
    )


def _in_short(told: Told, frame: Frame, facts: Facts) -> Story:
    """A thread among others: title, byline, words."""
    words, total, cut = _words(told, frame)
    title = thread_title(told.entry, frame.tame)
    link = frame.tame.link(told.entry.url)
    return Story(
        title=title,
        heading="" if words and _is_said(title, told, words[0], frame) else title,
        news=_news(told, frame),
        byline=" · ".join(filter(None, (frame.tame.label(told.author), *_byline(told, facts, frame)))),
        link=link,
        also=tuple(filter(None, map(frame.tame.link, told.entry.also)))[:_MOST_PLACES],
        words=words,
        total=total,
        cut=cut,
        rest_at=_unroll(told) if told.event == "gone" else link,
        notes=_notes(told),
    )


def _is_said(title: str, told: Told, first: Words, frame: Frame) -> bool:
    """Whether a thread's title is read anyway: in its first words, or over it; a mail's subject is not in the mail."""
    over = frame.form != "mail" and title in frame.headline
    return over or (told.event != "grown" and title.rstrip("…") in one_line(first.text))


def _byline(told: Told, facts: Facts, frame: Frame) -> Iterator[str]:
    if told.entry.published is not None:
        yield in_words(told.entry.published, frame.zone)
    if told.entry.whole or told.entry.post_count:
        yield counted(told.posts, "post")
    if told.entry.whole and facts.minutes:
        yield reading_time(facts.minutes)
    if facts.language not in ("", "en"):  # the notices are in English: that is what a reader expects
        yield language_name(facts.language)


def _notes(told: Told) -> tuple[str, ...]:
    if not told.entry.whole:
        return (ONLY_BEGINNING,)
    # That a post was removed is said already: it is not missing.
    reason = incomplete(told.entry.posts, told.entry.post_count, told.growth.removed if told.growth else ())
    return (f"Probably incomplete: {one_line(reason)}.",) if reason else ()


def _unroll(told: Told) -> str:
    """How to get all of a thread whose page is gone."""
    return f"keepcurrent unroll {told.entry.key}" if _SAFE_KEY.fullmatch(told.entry.key) else ""


# -- what happened -------------------------------------------------------------------------------------


def _news(told: Told, frame: Frame) -> str:
    """What became of the thread; "" of a new one, which needs no such words."""
    if told.event == "new":
        return ""
    news = _gone(told, frame) if told.event == "gone" else _grown(told, frame)
    return " ".join(filter(None, (news, _told_first(told.first, frame))))


def _grown(told: Told, frame: Frame) -> str:
    grown = told.growth
    before = (told.before.read_at if told.before else None) or (told.first.sent_at if told.first else None)
    since = f" since {in_words(before, frame.zone)}" if before else ""
    if not grown:
        return f"This thread has changed{since}."
    return f"{', '.join(_changed(grown))}{since}."


def _changed(grown: Growth) -> Iterator[str]:
    """`2 new posts`, `1 found in the middle`, `3 edited`. What was found there need not be new: it was missing here."""
    if grown.appended:
        yield counted(len(grown.appended), "new post")
    if found := len(grown.inserted):
        yield f"{found if grown.appended else counted(found, 'post')} found in the middle"
    if grown.edited:
        yield f"{len(grown.edited)} edited"
    if grown.removed:
        yield f"{len(grown.removed)} removed"


def _gone(told: Told, frame: Frame) -> str:
    gone = f"This thread cannot be found any more, as of {in_words(told.delivery.created_at, frame.zone)}."
    if not told.entry.posts:
        return f"{gone} No copy of it was kept."
    read = f", read on {in_words(told.entry.read_at, frame.zone)}" if told.entry.read_at else ""
    return f"{gone} This is our copy{read}."


def _told_first(first: Delivery | None, frame: Frame) -> str:
    """Which notice this one belongs to; mail and Matrix show that by themselves."""
    if first is None or not first.titled or frame.form == "mail" or (frame.form == "matrix" and first.receipt):
        return ""
    title = frame.tame.line(first.titled, LONGEST_TITLE)
    return f"First told as “{isolated(title)}”{f', on {in_words(first.sent_at, frame.zone)}' if first.sent_at else ''}."


# -- the author's words --------------------------------------------------------------------------------


def _words(told: Told, frame: Frame) -> tuple[tuple[Words, ...], int, bool]:
    """The words to tell, of how many posts they are, and whether any of these is not said whole."""
    grown = told.growth
    posts = grown.new if grown else told.entry.posts
    chosen, cut = _chosen(posts, told, frame)
    if not grown:
        return chosen, told.posts, cut
    edited = _edited(grown, len(posts), frame)
    removed = _removed(grown.removed, len(posts) + len(grown.edited), frame)
    return (*chosen, *edited, *removed), len(posts) + len(grown.edited) + len(grown.removed), cut


def _chosen(posts: Sequence[Post], told: Told, frame: Frame) -> tuple[tuple[Words, ...], bool]:
    """What of new posts is told."""
    mode = _mode(told)
    if mode == "full":
        return tuple(_whole(posts, frame)), False
    bounded = tuple(within(posts, frame.weight))
    summary = (preview if mode == "preview" else highlights)(bounded, budget=told.policy.budget)
    shown = {number for number in summary.shown if bounded[number] is posts[number]}
    return tuple(_passages(summary, frame.tame)), not {one.post for one in summary.passages} <= shown


def _mode(told: Told) -> str:
    """How much is told. Of what is gone, all: it may be the only copy that people have."""
    return "full" if told.event == "gone" else told.policy.summary


def _fresh(told: Told) -> tuple[Post, ...]:
    """The posts that are told for the first time."""
    return (*told.growth.new, *told.growth.edited) if told.growth else told.entry.posts


def _to_tell(told: Told) -> tuple[Post, ...]:
    """All posts of which the words may be told."""
    return (*_fresh(told), *told.growth.removed) if told.growth else told.entry.posts


def _passages(summary: Summary, tame: Tamer) -> Iterator[Words]:
    return (Words(text=tame(passage.text), post=passage.post) for passage in summary.passages)


def _whole(posts: Iterable[Post], frame: Frame) -> Iterator[Words]:
    """The posts up to the one with which they are too long for the message.

    Beyond it nothing can fit: ten thousand posts, or one of 5 MB, held the event loop for seconds.
    """
    length = 0
    for number, post in enumerate(posts):
        text = frame.tame(_said(clipped(post, frame.most)))
        if text:
            yield Words(text=text, post=number)
        length += max(len(text), min(len(post.text), LONGEST_POST) // 4)  # cleaning may leave nothing
        if length > frame.most:
            return


def _edited(grown: Growth, start: int, frame: Frame) -> Iterator[Words]:
    """What edited posts say, each with what it said before; up to where no room can be left for more."""
    length = 0
    for number, (post, was) in enumerate(zip(grown.edited, grown.were, strict=True), start):
        before, now = reworded(_said(clipped(was, frame.most)), _said(clipped(post, frame.most)))
        for mark, text in (("edited", now), ("was", before)):
            if text:
                yield Words(text=frame.tame(text), post=number, mark=mark)
        # Cleaning may leave nothing of what took its time.
        length += max(len(now) + len(before), min(len(post.text), LONGEST_POST) // 4)
        if length > frame.most:
            return


def _removed(posts: Iterable[Post], start: int, frame: Frame) -> Iterator[Words]:
    length = 0
    for number, post in enumerate(posts, start):
        if text := frame.tame(_said(clipped(post, frame.most))):
            yield Words(text=text, post=number, mark="removed")
        length += max(len(text), min(len(post.text), LONGEST_POST) // 4)
        if length > frame.most:
            return


def _said(post: Post) -> str:
    """A post's words, and its pictures in words."""
    return "\n".join(filter(None, (words_of(post), *map(_in_words, post.media))))


def _in_words(media: Media) -> str:
    return f"[{media.kind}: {one_line(media.alt)}]" if media.alt else f"[{media.kind}]"


# -- round the words -----------------------------------------------------------------------------------


def _links_said(story: Story, form: Form) -> set[str]:
    """Links that can be followed where they stand. Slack links nothing in an author's words: there all are listed."""
    return set() if form == "slack" else set(_linked(words.text for words in story.words))


def _links_in(story: Story) -> Iterator[str]:
    yield from _linked((story.heading, *(words.text for words in story.words)))
    yield from story.also
    yield from story.quotes
    yield from (link.url for link in story.links)


def _linked(texts: Iterable[str]) -> Iterator[str]:
    return (piece for text in texts for piece, is_link in split_links(text) if is_link)


def _pictures(facts: Facts, tame: Tamer, *, in_words: bool) -> str:
    """`3 images, 1 video; the first: A bridge in fog`. Where each is told in words already, only how many they are."""
    kinds = ((facts.images, "image"), (facts.videos, "video"))
    numbers = ", ".join(counted(number, kind) for number, kind in kinds if number)
    several = facts.images + facts.videos > 1
    if in_words:
        return numbers if several else ""
    alt = isolated(tame.line(facts.first_image.alt, LONGEST_LINE)) if facts.first_image else ""
    return f"{numbers}{'; the first' if several else ''}: {alt}" if numbers and alt else numbers


def _picture(told: Told, frame: Frame) -> str:
    """The first picture's address, where it may be fetched when the mail is opened."""
    if not told.policy.images or frame.form != "mail":
        return ""
    urls = (media.url for post in _fresh(told) for media in post.media if media.kind == "image")
    first = frame.tame.link(next(urls, ""))
    return first if first.startswith("https://") else ""


def _names(facts: Facts, tame: Tamer) -> str:
    """`#ecb #fed · with @bob, @eve and 3 more`."""
    tags = " ".join(f"#{tame.line(tag.removeprefix('#'), LONGEST_LINE)}" for tag in facts.hashtags[:_MOST_NAMES])
    people = ", ".join(f"@{tame.line(one.removeprefix('@'), LONGEST_LINE)}" for one in facts.mentions[:_MOST_NAMES])
    more = len(facts.mentions) - _MOST_NAMES
    named = f"with {people}{f' and {more} more' if more > 0 else ''}" if people else ""
    return shorten(tame(" · ".join(filter(None, (tags, named)))), LONGEST_LINE)


# -- lists -----------------------------------------------------------------------------------------------


def _list(told: Sequence[Told], frame: Frame) -> View:
    """A table of contents, then each thread in short."""
    facts = [facts_of(one.entry, most=_MOST_COUNTED // len(told)) for one in told]
    shorts = [_in_short(one, frame, its) for one, its in zip(told, facts, strict=True)]
    stories = tuple(replace(short, number=number, heading=short.title) for number, short in enumerate(shorts, 1))
    feeds = {one.feed.id: one.feed for one in told}
    feed = told[0].feed
    rows = tuple(
        Row(
            number=story.number,
            author=frame.tame.label(one.author) if len(feeds) > 1 else "",
            title=story.title if one.event == "new" else f"{change(one)}: {story.title}",
            facts=" · ".join(_row_facts(one, frame)),
            link=story.link,
            told=bool(story.words or story.news),
        )
        for one, story in zip(told, stories, strict=True)
    )
    return View(
        heading="" if len(feeds) > 1 else frame.tame.label(told[0].author),
        link="" if len(feeds) > 1 else frame.tame.link(feed.page),
        rows=rows,
        stories=tuple(story for story, row in zip(stories, rows, strict=True) if row.told),
    )


def _row_facts(told: Told, frame: Frame) -> Iterator[str]:
    if told.entry.published is not None:
        yield in_words(told.entry.published, frame.zone)
    if told.posts:
        yield counted(told.posts, "post")


def _alerts(batch: Batch, tame: Tamer) -> View:
    """Alerts as a list. What a site said stands among the facts, where nothing is ever linked."""
    several = len(batch.alerts) > 1
    rows = (
        Row(
            number=number if several else 0,
            title=tame.line(alert.title, LONGEST_TITLE),
            facts="\n".join(filter(None, (tame.line(line, LONGEST_LINE) for line in alert.lines))),
        )
        for number, alert in enumerate(batch.alerts, 1)
    )
    return View(rows=tuple(rows))
