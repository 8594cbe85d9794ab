"""A batch of deliveries becomes one message within a channel's limits. Pure: no clock, no randomness, no network.

`told` is what happened, `view` what is said of it, `fit` how much there is room for, `forms` how it looks. Author text
stays text in every form: HTML and Markdown are escaped, only http and https are linked, words that would ring a whole
room are broken. Knows no channel's own escapes (that is the channel's business) and decides nothing about sending.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import tzinfo

from bot.compose.fit import fit, fit_line
from bot.compose.forms import Kind, rendering, size_of
from bot.compose.hidden import covered
from bot.compose.titles import alert_title, title_of
from bot.compose.told import told_of
from bot.compose.view import MAY_REPEAT, ONLY_BEGINNING, Frame, View, links_shown, most_told, most_weight, view_of
from bot.compose.wording import Tamer
from bot.model import Batch, Delivery, Item, Limits, Message, message_key
from bot.policy import Policy

__all__ = ["MAY_REPEAT", "ONLY_BEGINNING", "alert_title", "bare", "compose"]


def compose(batch: Batch, limits: Limits, *, zone: tzinfo, policies: Sequence[Policy] = ()) -> Message:
    """What to send for `batch`. Never over `limits`, never empty where they leave room for a word.

    `policies[i]` is for `batch.items[i]`; where there is none, notices are as they are by default.
    """
    batch = covered(batch)
    told = told_of(batch, policies)
    alone = told[0] if len(told) == 1 else None
    tame = Tamer(limits.pings)
    title = title_of(batch, told, tame, limits)
    most = max(limits.text, limits.html, limits.markdown)
    frame = Frame(
        tame=tame, zone=zone, form=limits.form, headline=title, most=most_told(told, most), weight=most_weight(told)
    )
    view = view_of(batch, told, frame)
    text, shown = _fitting(view, "text", limits, limits.text)
    return Message(
        key=message_key(batch.deliveries),
        title=title,
        text=text or fit_line(title, size_of(limits.form), limits.text),
        html=_fitting(view, "html", limits, limits.html)[0],
        markdown=_fitting(view, "markdown", limits, limits.markdown)[0],
        links=tuple(links_shown(shown)),
        thread=alone.thread if alone else "",
        event=alone.event if alone else None,
        reply_to=alone.first.receipt if alone and alone.first and alone.event != "new" else "",
    )


def bare(batch: Batch) -> Batch:
    """The batch without what tells one channel's rows from another's. The message is the same but for its key."""
    return replace(batch, id="", channel="", items=tuple(map(_bare_item, batch.items)))


def _bare_item(item: Item) -> Item:
    return replace(item, delivery=_bare_row(item.delivery), first=_bare_row(item.first) if item.first else None)


def _bare_row(row: Delivery) -> Delivery:
    return Delivery(
        id="",
        batch="",
        feed_id=row.feed_id,
        entry_key=row.entry_key,
        channel="",
        created_at=row.created_at,
        due_at=row.created_at,
        event=row.event,
        since=row.since,
        version=row.version,
        doubtful=row.doubtful,
        sent_at=row.sent_at,
        titled=row.titled,
        receipt=row.receipt,
        alert=row.alert,
    )


def _fitting(view: View, kind: Kind, limits: Limits, limit: int) -> tuple[str, View]:
    """The longest form that `limit` allows, and what it shows."""
    if limit <= 0:
        return "", View()
    return fit(view, rendering(kind, limits.form), size_of(limits.form), limit)
