"""Pure: which threads of an author stand in rows of the timeline, or in a conversation. Reads no JSON."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.model import Author, Entry
from bot.sources.chains import Chain, Said, Wanted, chain, entry_of, is_wanted
from bot.sources.fxtwitter_pages import Row, Thread, is_handle
from bot.sources.fxtwitter_posts import Status
from bot.sources.x_addresses import time_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Whose threads are looked for, and which of them are wanted."""

    feed_id: str
    author: Author
    posts: Wanted
    min_posts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The threads of some rows, and the posts of which only their conversation tells whether they are of one.

    `unclear` has a post's id and, after a dot, what else was the newest of its row: what was looked into before is to
    be looked into again when there is more.
    """

    entries: tuple[Entry, ...]
    unclear: tuple[str, ...]


def threads_in(rows: Sequence[Row], rules: Rules) -> Found:
    """What these rows, the newest first, show of the author's threads.

    Most threads are a row of their own. Some posts come singly, and a thread that X shows only the end of lacks its
    root: its newest post is `unclear`.
    """
    pool = {one.id: one for row in rows for one in row.statuses if one.is_own(rules.author.key)}
    begun = {one.id: row.conversation for row in rows for one in row.statuses}
    roots: dict[str, list[Status]] = defaultdict(list)
    unclear: dict[str, list[Status]] = defaultdict(list)
    tops: dict[str, str] = {}
    for status in sorted(pool.values(), key=_age):
        top = pool[_top(status, pool, tops)]
        root = pool.get(begun.get(top.id, ""), top) if top.parent else top
        if not root.parent and (root is top or _answers_own(top, rules.author)):
            roots[root.id].append(status)
        elif _answers_own(top, rules.author):
            unclear[top.id].append(status)
    entries = _entries({key: _root_first(pool[key], members) for key, members in roots.items()}, rows, rules)
    mixed = {row.conversation: row for row in rows if not row.is_complete and not _is_all_own(row, rules.author)}
    short = [one.key for one in entries if one.key in mixed and (one.post_count or 0) < rules.min_posts]
    doubtful = (f"{key}.{mixed[key].newest}" for key in short)
    wanted = [one for one in entries if rules.posts == "all" or (one.post_count or 0) >= rules.min_posts]
    return Found(
        entries=tuple(sorted(wanted, key=lambda one: _place(one.latest, one.key), reverse=True)),
        unclear=(
            *(members[-1].id for members in unclear.values()),
            *doubtful,
        ),
    )


def _entries(roots: Mapping[str, Sequence[Status]], rows: Sequence[Row], rules: Rules) -> list[Entry]:
    where: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        for id_ in {row.conversation, *(one.id for one in row.statuses)}:
            where[id_].append(row)
    return [_entry(members, where, rules) for members in roots.values()]


def _root_first(root: Status, members: Iterable[Status]) -> list[Status]:
    """Ids grow with time, so the root comes first by itself, unless an answer makes no sense."""
    return [root, *(one for one in members if one is not root)]


def _entry(members: Sequence[Status], where: Mapping[str, Sequence[Row]], rules: Rules) -> Entry:
    """The thread of these posts, the root first, as far as the rows with any of them show it."""
    seen = {one.id for one in members}
    own = list({id(row): row for id_ in (members[0].id, *seen) for row in where.get(id_, ())}.values())
    of_it = [row for row in own if members[0].id in (row.conversation, row.statuses[0].id)]
    ids = {id_ for row in of_it if _is_all_own(row, rules.author) for id_ in row.ids} | seen
    first = tuple(one.said(rules.author.key) for one in _beginning(members))
    entry = entry_of(first, feed_id=rules.feed_id, author=rules.author, whole=False)
    times = [time for time in (*map(time_of, ids), *(one.at for one in members)) if time is not None]
    return replace(entry, post_count=len(ids), latest=max(times, default=None), whole=_is_whole(members, own, ids))


def _beginning(members: Sequence[Status]) -> Iterator[Status]:
    """Up to where posts are left out: X shows the first post of a long thread and the last ones."""
    ids = {members[0].id}
    for one in members:
        if one.parent and one.parent not in ids:
            return
        ids.add(one.id)
        yield one


def _is_whole(members: Sequence[Status], rows: Sequence[Row], ids: set[str]) -> bool:
    """Whether nothing of a thread is missing: all of it is in one row, which says so, or nobody answered at all."""
    if len(rows) != 1 or len(rows[0].statuses) != len(members) or len(ids) != len(members):
        return False
    return rows[0].is_complete and all(one.is_whole for one in members) and _has_all(members)


def _has_all(members: Sequence[Status]) -> bool:
    """A post that stands alone may have an answer of the author's that is not shown, unless it has none at all."""
    return len(members) > 1 or members[0].replies == 0


def _is_all_own(row: Row, author: Author) -> bool:
    """Whether all that is shown is the author's thread; else the others whose ids are told may be anybody's."""
    return all(one.is_own(author.key) and (not one.parent or _answers_own(one, author)) for one in row.statuses)


def _top(status: Status, pool: Mapping[str, Status], tops: dict[str, str]) -> str:
    """The first of the author's posts that this one hangs on by own posts only."""
    above = tops.get(status.parent, status.parent if status.parent in pool else status.id)
    tops[status.id] = above
    return above


def _answers_own(status: Status, author: Author) -> bool:
    return bool(status.parent) and is_handle(author, status.answers)


def _age(status: Status) -> tuple[int, str]:
    return len(status.id), status.id


def _place(latest: datetime | None, key: str) -> tuple[float, int, str]:
    return latest.timestamp() if latest else 0.0, len(key), key


# -- conversations --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The author's thread in conversations; `missing`: how many of its posts are not shown.

    `above`: the id of the post that its first one answers, "" where the thread begins there. `above_is_own`: that is
    the author's too, but was not sent along.
    """

    chain: Chain
    missing: int = 0
    above: str = ""
    above_is_own: bool = False

    @property
    def ids(self) -> frozenset[str]:
        """The ids of its posts."""
        return frozenset(one.id for one in self.chain)


def told_in(threads: Iterable[Thread], key: str) -> Told:
    """The thread that the post `key` is of, put together from conversations around several of its posts."""
    said: dict[str, Said] = {}
    gone: dict[str, str] = {}
    talks: dict[str, bool] = {}
    whose = ""
    for thread in threads:
        whose = whose or thread.focal.author.key
        statuses = [one for one in (*thread.parts, thread.focal) if isinstance(one, Status)]
        talks |= {one.id: _answers_own(one, one.author) for one in statuses}
        for one in (*_joined(thread, whose, gone), thread.focal.said(whose)):
            said.setdefault(one.id, one)
    root = _root(key, said)
    found = chain(root.id, said.values()) if root else ()
    ids = {one.id for one in found}
    missing = sum(1 for after in gone.values() if after in ids)
    above = root.parent if root else ""
    return Told(chain=found, missing=missing, above=above, above_is_own=bool(above and root and talks.get(root.id)))


def _joined(thread: Thread, whose: str, gone: dict[str, str]) -> Iterator[Said]:
    """Its posts; one that answers a post which is not shown hangs on the own one before that. Fills `gone`."""
    before, holes = "", list[str]()
    for part in thread.parts:
        if isinstance(part, str):
            holes.append(part)
            continue
        if not part.is_own(whose):
            yield part.said(whose)
            before, holes = "", []
            continue
        bridged = part.parent in holes and is_handle(part.author, part.answers)
        parent = before if bridged else part.parent
        if bridged:
            gone |= dict.fromkeys(holes, part.id)
        yield part.said(whose, parent)
        before, holes = part.id, []


def _root(key: str, said: Mapping[str, Said]) -> Said | None:
    """The first of the author's posts that `key` hangs on by own posts only."""
    seen: set[str] = set()
    one = said.get(key)
    while one is not None and one.id not in seen:
        seen.add(one.id)
        above = said.get(one.parent)
        if above is None or not above.own:
            return one
        one = above
    return None


def entry_in(told: Told, rules: Rules, key: str) -> Entry:
    """The thread, whole, under the id `key`; its root is an alias where that is another."""
    entry = entry_of(told.chain, feed_id=rules.feed_id, author=rules.author, whole=True)
    aliases = () if entry.key == key else (entry.key,)
    return replace(entry, key=key, aliases=aliases, post_count=len(told.chain) + told.missing)


def is_thread(told: Told, rules: Rules) -> bool:
    """Whether this is a thread that is wanted; what hangs on somebody else's post belongs to that talk. A thread whose
    beginning is deleted is one still.
    """
    return (not told.above or told.above_is_own) and is_wanted(told.chain, rules.posts, rules.min_posts)
