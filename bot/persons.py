"""The feeds of one person: which of them is read while another one fails. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from bot.model import Feed, FeedState

Followed = tuple[Feed, FeedState]


def stand_ins(feeds: Iterable[Followed]) -> dict[str, Feed]:
    """For each feed that fails: another one of the same person that is read meanwhile, the first by id."""
    followed = [(feed, state) for feed, state in feeds if feed.person]
    well: dict[str, Feed] = {}
    for feed, state in followed:
        if state.baselined and not state.failures and not feed.paused:
            well.setdefault(feed.person, feed)
    return {feed.id: well[feed.person] for feed, state in followed if state.failures and feed.person in well}
