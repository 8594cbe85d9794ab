"""What can go wrong, drawn as a tree.

::

    BotError
      SettingsError                 names the file and the key; exit status 2
      NotFound                      who is not followed, what is not in the outbox
      SourceError(feed_id)          failures + 1, back-off; never changes what is known
        TemporarySourceError          time-out, 5xx, 429, refused connection; may carry `not_before`
          SourceUnreachable           no name, no connection: often our own network
          HostHeld                    we did not even ask: the host told us to wait
            HostDown                    … or did not answer others; carries `until`
          OutOfTime                   the look's time was used up by other requests before this one had its share
        SourceRefused                 login, challenge, 401, 403, 451: a second way in may work
        FeedGone                      404: no such author, or no such thread
          FeedEnded                   410, "expired": there will never be anything again
        SeveralFeeds                  the address leads to several; carries the `choices`
        ParseError                    the page is not what we know
          WrongAuthor                 the page belongs to somebody else now
      ChannelError(channel)         temporary: attempts + 1, the channel's queue waits; may carry `retry_after`
        ChannelDown                   whatever the message: not reached, busy, wants a pause; the queue keeps its order
        ChannelRejected               refused for ever (bad token, unknown room): dead at once
        DeliveryInDoubt               may have arrived: time-out, answer lost
      NoPdf                         no PDF can be made here, or of so much; says the mend
      Unreadable                    a file that is to be imported is not what it should be; says where
      OrderRefused                  the running bot does not do, or did not finish, what it was asked
      StoreError                    the store cannot be read or written; says where and how to go on
        StoreLocked                   another process holds it; carries its `pid`; exit status 3
        SchemaTooNew                  written by a newer version
        StoreReadOnly                 opened for reading only

Messages are for people: they name the thing and, where there is one, the mend. They never hold a secret.
"""

from __future__ import annotations

from datetime import datetime

from bot.model import Choice


class BotError(Exception):
    """Anything that this program raises on purpose."""


class SettingsError(BotError):
    """The settings file, the environment or the command line is wrong. One line for each thing wrong."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class NotFound(BotError):
    """What was asked for is not there: an author who is not followed, a delivery that is not in the outbox."""


class NoPdf(BotError):
    """A PDF cannot be made: something that it needs is not installed, or the thread is too long for one."""


class Unreadable(BotError):
    """A file that is to be imported is not what it should be. Nothing of it was taken."""


class OrderRefused(BotError):
    """The running bot does not do what it was asked, or was stopped before it had done it."""


class SourceError(BotError):
    """A look at a source failed."""

    def __init__(self, feed_id: str, reason: str, *, not_before: datetime | None = None) -> None:
        super().__init__(reason)
        self.feed_id = feed_id
        self.reason = reason
        self.not_before = not_before


class TemporarySourceError(SourceError):
    """The source may well answer next time."""


class SourceUnreachable(TemporarySourceError):
    """Nobody was reached: the name is not found, or nothing answers there. Often it is our own network."""


class HostHeld(TemporarySourceError):
    """The host asked for a pause that is still in force; no request was sent."""


class HostDown(HostHeld):
    """The host did not answer several others just now; no request was sent. `until` is our own choice, not its word."""

    def __init__(self, feed_id: str, reason: str, *, until: datetime) -> None:
        super().__init__(feed_id, reason)
        self.until = until


class OutOfTime(TemporarySourceError):
    """The requests before this one used up the time of the look; this one was not made, or cut short."""


class SourceRefused(SourceError):
    """The source wants a login, a challenge solved, or refuses us outright."""


class FeedGone(SourceError):
    """There is no such author or thread at the source."""


class FeedEnded(FeedGone):
    """The site says that the page is gone for good, or that the feed is finished."""


class SeveralFeeds(SourceError):
    """An address leads to several feeds, and none is the better answer."""

    def __init__(self, feed_id: str, reason: str, choices: tuple[Choice, ...]) -> None:
        super().__init__(feed_id, reason)
        self.choices = choices


class ParseError(SourceError):
    """The page is not one that this program knows."""


class WrongAuthor(ParseError):
    """The page is well formed, but belongs to another author than the one followed."""


class ChannelError(BotError):
    """A send failed for now. `retry_after` is in seconds, None if the channel did not say."""

    def __init__(self, channel: str, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.channel = channel
        self.reason = reason
        self.retry_after = retry_after


class ChannelDown(ChannelError):
    """Nothing can be sent to the channel now, whatever the message: it is not reached, is busy, or wants a pause."""


class ChannelRejected(ChannelError):
    """The channel refuses this message, or all of ours, for ever."""


class DeliveryInDoubt(ChannelError):
    """The message may have arrived: the send timed out, or its answer was lost."""


class StoreError(BotError):
    """The store cannot be read or written."""


class StoreLocked(StoreError):
    """Another process works on the store."""

    def __init__(self, message: str, *, pid: int | None) -> None:
        super().__init__(message)
        self.pid = pid


class SchemaTooNew(StoreError):
    """The store was written by a newer version of this program."""


class StoreReadOnly(StoreError):
    """A write was asked of a store that was opened for reading."""
