"""Pure: the JSON of Mastodon's API to values: who somebody is, what a post says, what a page of posts holds.

Does not say what is a thread (`chains`), and asks nothing. What is odd in one post costs that post only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bot.model import Author, Media, Post
from bot.sources import mastodon_text
from bot.sources.chains import Said
from bot.sources.json_answers import time_of
from bot.sources.mastodon_addresses import is_id, origin_of_url
from bot.sources.mastodon_text import web_link
from bot.text import clean, one_line, shorten

ORPHAN: Final = "?"
"""The parent of a post whose parent is deleted: no id, so it hangs on nothing and begins no thread."""
SENSITIVE: Final = "Sensitive media"

_NOT_PUBLIC: Final = frozenset(("private", "direct", "limited", "list", "mutuals_only"))
_KINDS: Final = {"image": "image", "video": "video", "gifv": "video"}
_LONGEST_NAME: Final = 200
_MANY: Final = 100
"""So many pictures, mentions, choices of one post are read."""

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """An account. `acct`: `user` at its own server, `user@host` elsewhere. `moved`: where it moved to, likewise."""

    id: str
    username: str
    acct: str
    name: str = ""
    url: str = ""
    moved: str = ""
    suspended: bool = False

    def author(self, host: str, origin: str) -> Author:
        """This account as that of an author whose address ends in `host`, at the server `origin`."""
        url = self.url if origin_of_url(self.url) == origin else f"{origin}/@{self.username}"
        return Author(handle=f"{self.username}@{host}", name=self.name, url=url, key=self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Toot:
    """One post: `said`, its writer, the id of the account that it answers, and how many answers it has."""

    said: Said
    profile: Profile
    answers: str = ""
    replies: int = 1

    @property
    def id(self) -> str:
        """The post's id."""
        return self.said.id

    @property
    def goes_on(self) -> bool:
        """Whether the author answers a post of their own, which is there."""
        said = self.said
        return said.own and said.parent not in ("", ORPHAN) and self.answers == self.profile.id


def read_profile(raw: object) -> Profile | None:
    """An account; None for what is none."""
    if not isinstance(raw, Mapping):
        return None
    id_, acct = _id(raw.get("id")), _word(raw.get("acct"))
    username = _word(raw.get("username")) or acct.partition("@")[0]
    if not id_ or not username:
        return None
    return Profile(
        id=id_,
        username=username,
        acct=acct or username,
        name=shorten(one_line(_text(raw.get("display_name"))[: 10 * _LONGEST_NAME]), _LONGEST_NAME),
        url=web_link(raw.get("url")),
        moved=_moved(raw.get("moved")),
        suspended=raw.get("suspended") is True,
    )


def read_toots(raw: Iterable[object], *, by: str, origin: str) -> tuple[Toot, ...]:
    """The posts among these, each once, in their order. `by`: whose posts are the author's own, an account's id."""
    found = {toot.id: toot for one in raw if (toot := read_toot(one, by=by, origin=origin)) is not None}
    return tuple(found.values())


def read_toot(raw: object, *, by: str, origin: str) -> Toot | None:
    """One post; None for what is none. `by` as above; "" = whoever wrote it."""
    if not isinstance(raw, Mapping):
        return None
    id_, profile = _id(raw.get("id")), read_profile(raw.get("account"))
    if not id_ or profile is None or not isinstance(raw.get("content", 0), str | None):
        return None
    answers = _id(raw.get("in_reply_to_account_id"))
    parent = _id(raw.get("in_reply_to_id")) or (ORPHAN if answers else "")
    is_own = by in ("", profile.id) and not raw.get("reblog") and _text(raw.get("visibility")) not in _NOT_PUBLIC
    said = Said(
        post=_post(id_, raw, origin, answers="" if answers == profile.id else answers) if is_own else _nobodys(id_),
        at=time_of(raw.get("created_at")),
        parent=parent,
        own=is_own,
        url=_page(id_, raw, profile, origin),
    )
    return Toot(said=said, profile=profile, answers=answers, replies=_count(raw.get("replies_count")))


# -- what a post says -----------------------------------------------------------------------------


def _nobodys(id_: str) -> Post:
    """A post of which only its place matters; its words are others'."""
    return Post(id=id_, text="")


def _post(id_: str, raw: Object, origin: str, *, answers: str) -> Post:
    """What a post says. `answers`: the other account that it answers; who goes on writing greets nobody by rule."""
    words = mastodon_text.read(raw["content"] or "", _mentions(raw.get("mentions")))
    media = tuple(_media(raw.get("media_attachments")))
    quotes = _once((*_quotes(raw, origin), *words.quotes))
    attached = _objects(raw.get("media_attachments"))
    heard = (_file(one) for one in attached if not _kind(one))
    warning = one_line(_text(raw.get("spoiler_text")))
    return Post(
        id=id_,
        text="\n\n".join(filter(None, (words.text, _choices(raw.get("poll"))))),
        links=_once((*words.links, *quotes, *heard)),
        media=media,
        quotes=quotes,
        reply_to=tuple(words.leading) if answers else (),
        warning=warning or (SENSITIVE if raw.get("sensitive") is True and media else ""),
    )


def _mentions(raw: object) -> dict[str, str]:
    """How people are written, by the address and by the short name of each; a name that two have says neither."""
    found: dict[str, str] = {}
    twice = set()
    for one in _objects(raw):
        acct = _word(one.get("acct"))
        name = (_word(one.get("username")) or acct.partition("@")[0]).casefold()
        if not acct:
            continue
        if found.setdefault(name, acct) != acct:
            twice.add(name)
        if url := web_link(one.get("url")):
            found[url] = acct
    return {name: acct for name, acct in found.items() if name not in twice}


def _media(raw: object) -> Iterator[Media]:
    seen = set()
    for one in _objects(raw):
        kind, url = _kind(one), _file(one)
        if kind and url and url not in seen:
            seen.add(url)
            alt = clean(_text(one.get("description"))).strip()
            yield Media(kind="image" if kind == "image" else "video", url=url, alt=alt)


def _kind(one: Object) -> str:
    """`image` or `video`; "" for sounds, and for what the server has not fetched."""
    return _KINDS.get(_text(one.get("type")), "")


def _file(one: Object) -> str:
    return web_link(one.get("url")) or web_link(one.get("remote_url"))


def _choices(raw: object) -> str:
    """A poll's choices as lines; not its votes, which change without anybody writing."""
    options = _objects(raw.get("options")) if isinstance(raw, Mapping) else ()
    titles = (one_line(_text(one.get("title"))) for one in options)
    return "\n".join(f"- {title}" for title in titles if title)


def _quotes(raw: Object, origin: str) -> Iterator[str]:
    """The pages of what the post quotes: Mastodon since 4.4, Fedibird, Akkoma, Pleroma."""
    quote, pleroma = raw.get("quote"), raw.get("pleroma")
    inner = quote.get("quoted_status", quote) if isinstance(quote, Mapping) else None
    found = web_link(inner.get("url")) or web_link(inner.get("uri")) if isinstance(inner, Mapping) else ""
    if not found and isinstance(pleroma, Mapping):
        found = web_link(pleroma.get("quote_url"))
    quoted = quote.get("quoted_status_id") if isinstance(quote, Mapping) else raw.get("quote_id")
    if not found and (id_ := _id(quoted)):
        found = f"{origin}/{_PAGES[_is_pleroma(raw)]}/{id_}"
    if found:
        yield found


_PAGES: Final = {True: "notice", False: "web/statuses"}


def _page(id_: str, raw: Object, profile: Profile, origin: str) -> str:
    """The post's own page at its server; what names another host is not believed."""
    url = web_link(raw.get("url"))
    if url and origin_of_url(url) == origin:
        return url
    return f"{origin}/notice/{id_}" if _is_pleroma(raw) else f"{origin}/@{profile.acct}/{id_}"


def _is_pleroma(raw: Object) -> bool:
    return isinstance(raw.get("pleroma"), Mapping) or isinstance(raw.get("akkoma"), Mapping)


# -- small readings -------------------------------------------------------------------------------


def _moved(raw: object) -> str:
    """Where an account moved to, as `user@host`."""
    if not isinstance(raw, Mapping):
        return ""
    acct = _word(raw.get("acct")) or _word(raw.get("username"))
    host = origin_of_url(web_link(raw.get("url"))).partition("://")[2]
    return acct if "@" in acct or not acct else f"{acct}@{host}".rstrip("@")


def _objects(raw: object) -> list[Object]:
    return [one for one in raw[:_MANY] if isinstance(one, Mapping)] if isinstance(raw, list) else []


def _id(value: object) -> str:
    """An id; ours are words, some servers write numbers."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**30:
        return str(value)
    return value if isinstance(value, str) and is_id(value) else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _word(value: object) -> str:
    """A name as it may stand in a handle: short, and without anything that would act."""
    word = _text(value).strip()
    return word if len(word) <= 2 * _LONGEST_NAME and word.isprintable() and not set(word) & set(" <>/\\\"'&?#") else ""


def _count(value: object) -> int:
    """How many answers; at least one is assumed where the server does not say."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 1


def _once(urls: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, urls)))
