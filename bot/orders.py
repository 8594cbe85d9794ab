"""What may be asked of whoever works on the store, and what is answered: frozen orders and answers.

An order means the same whether the command performs it by itself or a running bot does; so an answer holds all that a
command prints and all that its exit status follows from. Everything here can be written as JSON and read again.
Performs nothing (`perform`), prints nothing (the commands), and knows no socket (`door`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.model import Backfill


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """Look up whom addresses mean; changes nothing. `source` "" = whichever knows them."""

    kind: Literal["find"] = "find"
    addresses: tuple[str, ...]
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow:
    """Subscribe to authors. `channels` empty = every channel, now and later. `found`: what a `Find` said of each
    address (`Whereabouts.found`); empty: they are looked up.
    """

    kind: Literal["follow"] = "follow"
    addresses: tuple[str, ...]
    channels: tuple[str, ...] = ()
    backfill: Backfill = None
    found: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfollow:
    """End the subscriptions that `follow` made."""

    kind: Literal["unfollow"] = "unfollow"
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Stop looking at authors."""

    kind: Literal["pause"] = "pause"
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Look at paused authors again."""

    kind: Literal["resume"] = "resume"
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Make messages of the outbox due now."""

    kind: Literal["retry"] = "retry"
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Take messages out of the outbox."""

    kind: Literal["drop"] = "drop"
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """One round: over `authors`, or over every one with `everyone`, or over those that are due."""

    kind: Literal["poll"] = "poll"
    authors: tuple[str, ...] = ()
    everyone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """Look at threads again, now. `threads` are ids or URLs."""

    kind: Literal["refresh"] = "refresh"
    threads: tuple[str, ...]


# Of `import`; performed by `importing`.


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """Subscribe to one author of a list, unless followed already. Without `look` the first poll sets the baseline.

    `channels` empty = every channel; they are added to an author who is followed already only where they are named.
    """

    kind: Literal["import"] = "import"
    address: str
    channels: tuple[str, ...] = ()
    look: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Take in what another store has exported to the file at `path`, which is absolute; or only say what would be."""

    kind: Literal["restore"] = "restore"
    path: str
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """Take a request to a host out of its budget, for a command that asks the host itself."""

    kind: Literal["take"] = "take"
    host: str


Order = Find | Follow | Unfollow | Pause | Resume | Retry | Drop | Poll | Refresh | Import | Restore | Take


# -- answers ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A thread, as far as a line about it tells. `called`: the author as people are shown it, "" as the address."""

    id: str
    author: str
    title: str
    url: str
    posts: int | None = None
    published: datetime | None = None
    called: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message that went out, or did not: `error` is in words, "" if the channel took it."""

    channel: str
    outcome: str
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One of several things that an address may mean: an address that means just this one, and its title."""

    address: str
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """One address of a `Find`. `problems` say why nothing was found there; with `options`, that there is a choice.

    `author`, `source` and `url` are for people; `found` is for a `Follow`.
    """

    address: str
    problems: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    source: str = ""
    author: str = ""
    url: str = ""
    found: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a `Find` came to, address by address."""

    kind: Literal["findings"] = "findings"
    places: tuple[Whereabouts, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduced:
    """One address of a `Follow`. `problems` say why nobody is followed; without any, the rest says who is.

    `channels` are all that the author's threads go to now, `threads` those that are there (the newest few of `there`).
    """

    address: str
    problems: tuple[str, ...] = ()
    author: str = ""
    already: bool = False
    paused: bool = False
    channels: tuple[str, ...] = ()
    there: int = 0
    threads: tuple[Shown, ...] = ()
    sent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Followings:
    """What a `Follow` came to, address by address, and what was sent meanwhile."""

    kind: Literal["followings"] = "followings"
    authors: tuple[Introduced, ...]
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Whom an address names: `author` is "" where nobody of that address is followed.

    Of an `Unfollow`: `declared` = the settings file still wants the author; `unsent` notices were given up.
    """

    address: str
    author: str = ""
    declared: bool = False
    unsent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What an `Unfollow`, `Pause` or `Resume` came to, address by address."""

    kind: Literal["names"] = "names"
    authors: tuple[Named, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The messages that a `Retry` or `Drop` changed."""

    kind: Literal["rows"] = "rows"
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """An author (address) and what is the matter: a look that failed, or why there was none. `called`: see `Shown`."""

    author: str
    why: str
    called: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What another look at a thread's own page came to: `outcome` is one of `relook.Outcome`, `error` is in words.

    `version` is the form in which it is kept now, 0 for none; `told` that which the channels know. `next_look` None:
    there is none.
    """

    thread: Shown
    outcome: str
    error: str = ""
    version: int = 0
    told: int = 0
    next_look: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """What a `Refresh` came to, thread by thread, and what was sent then."""

    kind: Literal["refreshed"] = "refreshed"
    threads: tuple[Looked, ...]
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundUp:
    """What a `Poll` came to. `changed` are the known threads that have grown or are gone.

    `pending` and `dead` count the messages that are left in the outbox; `stranded` are channels that something is meant
    for, but that the settings do not have.
    """

    kind: Literal["round"] = "round"
    polled: int
    not_modified: int
    failed: tuple[Remark, ...] = ()
    new: tuple[Shown, ...] = ()
    changed: tuple[Looked, ...] = ()
    notices: tuple[Notice, ...] = ()
    pending: int = 0
    dead: int = 0
    skipped: tuple[Remark, ...] = ()
    stranded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an `Import` came to: `problems` say why the author is not followed, `author` is who is."""

    kind: Literal["imported"] = "imported"
    address: str
    author: str = ""
    already: bool = False
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What a `Restore` came to: whom (addresses) it added, who was there with all of it, and who with something else:
    then nothing was added. `stranded`: channels that something is meant for, but that the settings do not have;
    `undeclared`: added authors who stood in the other settings file and do not stand in this one.
    """

    kind: Literal["moved"] = "moved"
    added: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    threads: int = 0
    deliveries: int = 0
    texts: int = 0
    stranded: tuple[str, ...] = ()
    undeclared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What a `Take` came to: the request may not be sent before `until`; None: it may be, and counts."""

    kind: Literal["granted"] = "granted"
    until: datetime | None = None


Answer = Findings | Followings | Names | Rows | Refreshed | RoundUp | Imported | Moved | Granted
