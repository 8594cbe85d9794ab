"""The values that flow through the program.

Everything here is frozen and keyword-only; a change is a new value made with `dataclasses.replace`.
Every time is an aware `datetime` in UTC. Every id is a string, the source's own.
Contains no logic but what follows from a value's own fields, and imports nothing of ours.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Literal
from urllib.parse import urlsplit

from bot.rhythm import Rhythm

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Cursor = Mapping[str, Json]
"""A source's own bookmark. Only the source reads or writes inside it; everything else stores it."""

EVERY_CHANNEL = "*"
"""The channel of a subscription that goes to whatever channels the settings name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who writes. `handle` has no "@"; `key` is the author's lasting id at the source, "" while unknown."""

    handle: str
    name: str = ""
    url: str = ""
    key: str = ""

    @property
    def at(self) -> str:
        """The handle as people write it: `@morcos_pierre`; of a blog, which has none, its name."""
        return f"@{self.handle}" if self.handle else self.name

    @property
    def label(self) -> str:
        """The name people know, with the handle: `Pierre Morcos (@morcos_pierre)`."""
        named = bool(self.handle) and self.name not in ("", self.handle, self.at)
        return f"{self.name} ({self.at})" if named else self.at


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One author at one source. `id` is `SOURCE:handle`, stable for as long as the author is followed.

    `person`: whose feed it is, where several are one person's: the id of the first of them; "" for one alone.
    """

    id: str
    source: str
    address: str
    author: Author
    url: str = ""
    paused: bool = False
    person: str = ""

    @property
    def page(self) -> str:
        """The page of the author that may be shown; the address of a feed may hold what lets its reader in."""
        return self.author.url if "?" in self.url else self.url or self.author.url

    @property
    def called(self) -> str:
        """What people are shown of it, and may give to any command: the address; where that is the author's lasting
        id, the handle.
        """
        is_named = self.address == self.author.key and self.author.handle not in ("", self.address)
        return self.author.at if is_named else self.address

    @property
    def host(self) -> str:
        """Where it is read, "" while that is not known."""
        try:
            return urlsplit(self.url).hostname or ""
        except ValueError:
            return ""


Fault = Literal["", "unreachable", "page", "stranger", "ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState:
    """What polling knows of a feed. Only a poll writes it.

    `horizon`: how far back the listing was seen; an unknown thread older than it is remembered, not announced.
    None before the first look and when that look found no thread at all: then every thread is news.
    `gap`: the token of the page where reading down to what was known broke off, "" if it did not; what stands there and
    was written since `gap_since` was not seen yet.
    `older`: the token of the page below the first. `sweep`: that of the next deeper page to look at ("" = start again
    at `older`), due at `sweep_at`; `sweep_failures` in a row.
    `held_until`: the site's own Retry-After; kept even by `poll --all`. `fault`: what the last failure was, where it
    tells more than its words: nobody was reached; the page is not one that the source knows; it is somebody else's
    now; the site says that there will never be anything again, so that it is not asked any more.
    `shortest`: the fewest posts that a thread had to have to be listed. The settings were changed at `widened_at`, and
    what was too short till then (of fewer than `too_short`) is no news.
    `rhythm`: when the author posts, as far as that was learned; None before the first look that was answered.
    """

    feed_id: str
    cursor: Cursor = field(default_factory=dict)
    baselined: bool = False
    horizon: datetime | None = None
    next_poll_at: datetime | None = None
    last_polled_at: datetime | None = None
    last_success_at: datetime | None = None
    held_until: datetime | None = None
    failures: int = 0
    failing_since: datetime | None = None
    last_error: str = ""
    fault: Fault = ""
    newest_key: str = ""
    newest_at: datetime | None = None
    gap: str = ""
    gap_since: datetime | None = None
    older: str = ""
    sweep: str = ""
    sweep_failures: int = 0
    sweep_at: datetime | None = None
    shortest: int = 0
    too_short: int = 0
    widened_at: datetime | None = None
    rhythm: Rhythm | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """An image or a video of a post. `alt` is the author's description, "" if there is none."""

    kind: Literal["image", "video"]
    url: str
    alt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One post of a thread. `text` is plain text, whole, with "\\n" line breaks and whole links.

    `reply_to`: handles that stand at the start of `text` only because the post answers them.
    `links` holds what the author links to, quoted posts included (those also stand in `quotes`).
    `warning`: the words behind which the author hides the post, "" where it is not hidden.
    """

    id: str
    text: str
    links: tuple[str, ...] = ()
    media: tuple[Media, ...] = ()
    quotes: tuple[str, ...] = ()
    reply_to: tuple[str, ...] = ()
    warning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thread, as far as it was read.

    `key` is the thread's id at its source, `aliases` are other ids it may appear under.
    `whole` is False for what a listing's card shows: the first posts, often cut.
    `post_count` is what the site says, which may exceed `len(posts)` while the entry is not whole.
    `version` counts the forms in which the thread was kept, from 1; `read_at` is when this one was read first.
    `latest`: when its newest post was written, None where the source does not say; it may still be being written.
    `also`: the same thread in other places, as addresses; what is known of it says that (`Known`), not the kept copy.
    """

    feed_id: str
    key: str
    url: str
    author: Author
    title: str = ""
    aliases: tuple[str, ...] = ()
    published: datetime | None = None
    post_count: int | None = None
    posts: tuple[Post, ...] = ()
    whole: bool = False
    version: int = 1
    read_at: datetime | None = None
    latest: datetime | None = None
    also: tuple[str, ...] = ()

    @property
    def ids(self) -> frozenset[str]:
        """Every id this thread may be known by: its key, its aliases."""
        return frozenset((self.key, *self.aliases))

    @property
    def image_urls(self) -> tuple[str, ...]:
        """The addresses of its images, each once, in order."""
        images = (media.url for post in self.posts for media in post.media if media.kind == "image")
        return tuple(dict.fromkeys(images))

    @property
    def content_hash(self) -> str:
        """SHA-256, in hex, of what a reader would call the thread: title and posts. Not of address, date or count."""
        content = [self.title, *map(_read, self.posts)]
        return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


def _read(post: Post) -> dict[str, object]:
    """What a reader sees of a post; what came to `Post` later counts where it says something, so that older hashes
    stay what they were.
    """
    found = asdict(post)
    return found if post.warning else {name: value for name, value in found.items() if name != "warning"}


EntryState = Literal["baseline", "waiting", "announced", "filtered", "duplicate", "dropped"]
"""What became of a thread: there before we came · new, its own page not read yet · queued for its
channels · no channel wanted it · the same thread as one already known under another id · taken out of the outbox by
hand."""

EventKind = Literal["new", "grown", "gone"]
"""What a notice tells of a thread: it is there · its posts changed · its own page is gone."""


Copy = Literal["", "bare", "pruned"]
"""What bounds of the archive left of a kept copy: all · all but its pictures · nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the store remembers of a thread, for longer than it keeps anything else.

    `post_count` is what its page says, or the listing where that is all that was read; `listed` is what the listing
    says where that differs. `page` is the id of the page that has most of it, where that is not its key. `looks` counts
    the failed reads of a `waiting` thread's own page; `look_at` is when the next look is due, of a thread in any state.
    `content_hash` is that of the whole thread, "" while only its card was read. `same_as`: the key of the thread that
    a `duplicate` is, `same_in`: the feed of that one where it is another of the same person's. `also`: where else the
    thread stands, as addresses. `filtered` says of each channel that did not want it why (`mail: …`).

    `version` is the form in which it is kept now, 0 while it is not kept whole; `told` the one last told of. While
    they differ, it has grown, last at `grown_at`, and is told of when it is quiet. `updates` of it were told, the last
    at `updated_at`.
    `read_at`: when its own page was read last. `missing_at`: since when that page is not found; `gone_at`: since when
    that is believed.

    The books, kept by the store in the step that changes the outbox: `queued` are the places (`Delivery.place`) that
    have a delivery of it now, in any state; `pruned` those it was sent to so long ago that the delivery is forgotten.
    Both in order. So is `copy`, of the archive.
    """

    feed_id: str
    key: str
    url: str
    state: EntryState
    first_seen: datetime
    title: str = ""
    aliases: tuple[str, ...] = ()
    published: datetime | None = None
    post_count: int | None = None
    content_hash: str = ""
    looks: int = 0
    look_at: datetime | None = None
    same_as: str = ""
    note: str = ""
    listed: int | None = None
    page: str = ""
    same_in: str = ""
    also: tuple[str, ...] = ()
    filtered: tuple[str, ...] = ()
    version: int = 0
    told: int = 0
    grown_at: datetime | None = None
    updates: int = 0
    updated_at: datetime | None = None
    read_at: datetime | None = None
    missing_at: datetime | None = None
    gone_at: datetime | None = None
    queued: tuple[str, ...] = ()
    pruned: tuple[str, ...] = ()
    copy: Copy = ""

    def as_entry(self, author: Author) -> Entry:
        """The thread without its content: what is known of it."""
        return Entry(
            feed_id=self.feed_id,
            key=self.key,
            url=self.url,
            author=author,
            title=self.title,
            aliases=self.aliases,
            published=self.published,
            post_count=self.post_count,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """What an address names, found without asking the network: an author, or a thread of one.

    `feed_id` is "" where only the site can tell. `sure` is False for what only looks like an address of the source
    (any web page may have a feed): such a one is asked for after all sources that are sure.
    """

    source: str
    feed_id: str = ""
    handle: str = ""
    thread_key: str = ""
    sure: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of several things that an address may mean: an address that means just this one, and its title."""

    address: str
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """An address looked up at its source, with the bookmark that the first fetch starts from.

    `same`: ids of feeds that have the same content, in other formats; whoever follows one of those follows this.
    """

    feed: Feed
    cursor: Cursor = field(default_factory=dict)
    same: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A listing that was read and recognised. `entries` stand in the page's own order and may be empty.

    `older` is the source's token for the next deeper page, "" where there is none.
    `author` carries what the page says of the author, None if it says nothing.
    `partial`: the listing is a stand-in that never shows more than a few threads. `reaches`: how far back it shows
    the author without gaps, single posts counted; None: to its oldest entry. With it, `older` of a look that is not the
    first says that the listing does not reach back to the look before.
    `ordered`: the newest stands first, and dates are not to be trusted: what stands above a known thread is new.
    `moved_to`: the address to ask from now on, where the site says that the old one is given up for good.
    `not_before`: the site asks not to be asked again before (how long its answer is fresh, hours that it skips).
    `shortest`: threads of fewer posts are not listed, by the settings; 0 where those do not count.
    """

    entries: tuple[Entry, ...]
    cursor: Cursor
    older: str = ""
    author: Author | None = None
    partial: bool = False
    reaches: datetime | None = None
    ordered: bool = False
    moved_to: str = ""
    not_before: datetime | None = None
    shortest: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NotModified:
    """The site said that nothing changed since the cursor. `moved_to` and `not_before`: see `Fetched`."""

    cursor: Cursor
    moved_to: str = ""
    not_before: datetime | None = None


Origin = Literal["settings", "follow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Who wants what, where: new threads of `feed_id` go to `channel` (or to `EVERY_CHANNEL`).

    `declared` is the address as the settings file spells it, for subscriptions that come from there.
    """

    feed_id: str
    channel: str
    origin: Origin
    declared: str = ""

    @property
    def id(self) -> str:
        """One subscription per feed, channel and origin."""
        return f"{self.feed_id}>{self.channel}>{self.origin}"


TroubleKind = Literal["failing", "final", "silent", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Something that goes wrong and was told of, kept until it is over.

    `subject`: `source:threadreader`, `feed:threadreader:ann`, `channel:team`, `refusal:team:…` (deliveries that are
    dead for one reason), or `network` (every source). `told_at` is when it was told last, `told` how often. `over_at`,
    of sources only: it is over, but some authors were not asked since; until they are, their failures are its own.
    """

    subject: str
    kind: TroubleKind
    since: datetime
    told_at: datetime
    reason: str = ""
    told: int = 1
    over_at: datetime | None = None

    @property
    def id(self) -> str:
        """One trouble per subject and kind."""
        return f"{self.kind} {self.subject}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What is told of a trouble, or, where `over`, of its end. `lines` are sentences; they may quote a hostile site."""

    title: str
    lines: tuple[str, ...] = ()
    over: bool = False


DeliveryState = Literal["pending", "sending", "sent", "unknown", "dead"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One row of the outbox: one event of one thread for one channel; or one `alert`, then `feed_id` and `entry_key`
    are "".

    `id` follows from thread, channel and event, so the same cannot be queued twice for one channel.
    `batch` is shared by what goes out as one message. `claimed_at` is when the last send began.
    `doubtful`: an earlier try may have arrived, so the next one must say that it may repeat; `doubts` counts those.
    `since` and `version`: of a `grown` thread, the version that was told before, and the one that is told now; of one
    that is `gone`, `since` is the last that was kept; of a `new` one that was sent, `version` is what it told.
    `answers`: the id of the delivery by which the channel was told of the thread first, "" for that one itself.
    What is kept of a notice that was sent: its title in `titled`, the channel's own id of it in `receipt` ("" where it
    gives none), and the reason why the try before failed in `earlier`.
    """

    id: str
    batch: str
    feed_id: str
    entry_key: str
    channel: str
    created_at: datetime
    due_at: datetime
    event: EventKind = "new"
    since: int = 0
    version: int = 0
    answers: str = ""
    state: DeliveryState = "pending"
    attempts: int = 0
    error: str = ""
    earlier: str = ""
    doubtful: bool = False
    doubts: int = 0
    claimed_at: datetime | None = None
    sent_at: datetime | None = None
    titled: str = ""
    receipt: str = ""
    alert: Alert | None = None

    @property
    def place(self) -> str:
        """Which event for which channel, as the books of a thread say it: `mail`, `mail grown 2`, `mail gone 3`."""
        return self.channel if self.event == "new" else f"{self.channel} {self.event} {self.since}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelState:
    """What sending to one channel knows: while `next_try_at` is ahead, its whole queue waits, in order."""

    channel: str
    failures: int = 0
    next_try_at: datetime | None = None
    last_error: str = ""
    last_sent_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One delivery of a batch with what it tells of. `feed` and `entry` are None for an alert.

    `before`: the thread as it was told last, None if that is not known; only for a thread that has grown. `first`: the
    delivery by which the same channel was told of the thread first, None if it was not, or long ago.
    """

    delivery: Delivery
    feed: Feed | None = None
    entry: Entry | None = None
    before: Entry | None = None
    first: Delivery | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one message carries, in order: events of threads, of one author or (a digest) of several; or alerts."""

    id: str
    channel: str
    items: tuple[Item, ...]

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        """The rows of the outbox."""
        return tuple(item.delivery for item in self.items)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The threads."""
        return tuple(item.entry for item in self.items if item.entry is not None)

    @property
    def feeds(self) -> tuple[Feed, ...]:
        """The authors, each once, in order."""
        return tuple({item.feed.id: item.feed for item in self.items if item.feed is not None}.values())

    @property
    def doubtful(self) -> bool:
        """Whether an earlier try may have arrived."""
        return any(delivery.doubtful for delivery in self.deliveries)

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """What a batch of alerts tells; such a batch has no threads."""
        return tuple(delivery.alert for delivery in self.deliveries if delivery.alert is not None)


def message_key(deliveries: Iterable[Delivery]) -> str:
    """What the message that carries these deliveries is known by: the same for the same ones, another one for others.

    What comes to a digest that was sent already is a message of its own; by the digest's own id a homeserver would take
    it for the first one sent again, and drop it.
    """
    names = sorted(f"{delivery.batch} {delivery.id}" for delivery in deliveries)
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """All that one look decided, saved in one commit.

    `known` and `deliveries` are written over what is stored under the same id. `contents` are the threads
    as read, kept before the commit that names them. `withdrawn` are ids of deliveries to remove.
    `state` None leaves the polling state as it is; `author` None and `moved_to` "" leave the author and the feed's
    address as known.
    """

    feed_id: str
    state: FeedState | None = None
    author: Author | None = None
    moved_to: str = ""
    known: tuple[Known, ...] = ()
    contents: tuple[Entry, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    withdrawn: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PollInput:
    """What a poll starts from. `has_known`: some thread of the author is known already. `siblings`: the other feeds of
    the same person.
    """

    feed: Feed
    state: FeedState
    subscriptions: tuple[Subscription, ...]
    has_known: bool
    siblings: tuple[Feed, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NextDue:
    """When there is work again; None = none of that kind. `deliveries` is by channel, holds included."""

    feeds: datetime | None = None
    looks: datetime | None = None
    deliveries: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A kept thread that holds what was searched for. `entry` is without posts; `line` is where it was found."""

    entry: Entry
    posts: int
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What a search came to, the newest thread first. `damaged`: what could not be searched, in words."""

    found: tuple[Found, ...] = ()
    damaged: tuple[str, ...] = ()


Form = Literal["plain", "mail", "matrix", "slack"]
"""What a notice is made for: each has its own template, and its own idea of what a reply is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one message to a channel may hold, in characters (Unicode code points); text and HTML as `form` counts.

    `html` and `markdown` are 0 where the channel takes none. `pings` are words that would ring a whole room there.
    """

    title: int = 250
    text: int = 30_000
    html: int = 0
    markdown: int = 0
    pings: tuple[str, ...] = ()
    form: Form = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Ready for a channel, within its limits and safe for it. `key` is stable for the same content:

    the channel uses it so that a repeated send is recognised (Matrix transaction id, mail header).
    `html` and `markdown` are "" where the channel takes none. `links` are what the text links to, the thread first.
    `thread`: the same for all that is told of one thread, "" for a list; `reply_to`: the receipt of the first notice;
    `event`: what is told of it, None for a list and for alerts.
    """

    key: str
    title: str
    text: str
    html: str = ""
    markdown: str = ""
    links: tuple[str, ...] = ()
    thread: str = ""
    reply_to: str = ""
    event: EventKind | None = None


Backfill = None | int | date
"""Which old threads to send on first sight: none, the newest N, or those since a day."""

Stored = FeedState | Known | Delivery | ChannelState
"""What a store keeps under an id of its own, and may be amended there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One document of a store on its way to another one: of which table, under which id. Plain JSON in `body`."""

    table: str
    id: str
    body: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What putting an export into a store came to; author by author, by feed id.

    `added` are there now; `held` were, with all that the export says of them; `conflicts` were, but not with all of it:
    then nobody is added. The numbers are of what was added; `sending` are ids of deliveries that were on their way when
    the export was made.
    """

    added: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    threads: int = 0
    deliveries: int = 0
    texts: int = 0
    sending: tuple[str, ...] = ()
