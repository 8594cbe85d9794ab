"""What is told of trouble, when, and to whom: the rules alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot import alerts
from bot.alerts import Rules, Seen, decide
from bot.model import Alert, Author, ChannelState, Delivery, Feed, FeedState, Known, Trouble
from bot.stores.rules import dates
from tests.fakes import START

RULES = Rules(channels=("me",), after=3)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def author(name="ann", source="fake", *, failures=0, asked=0.0, answered=1.0, paused=False, **more):
    """An author who was asked and answered so many hours ago."""
    feed = Feed(id=f"{source}:{name}", source=source, address=f"@{name}", author=Author(handle=name), paused=paused)
    state = FeedState(
        feed_id=feed.id,
        baselined=True,
        failures=failures,
        last_error="timed out" if failures else "",
        failing_since=START - (answered or 9) * HOUR + HOUR / 2 if failures else None,
        last_polled_at=START - asked * HOUR,
        last_success_at=None if answered is None else START - answered * HOUR,
        **more,
    )
    return feed, state


def fine(name, source="fake", **more):
    return author(name, source, **{"asked": 0.5, "answered": 0.5, **more})


def row(channel="me", state="pending", **more):
    base = {"batch": "b", "feed_id": "f", "entry_key": "k", "created_at": START - HOUR, "due_at": START}
    return Delivery(**{"id": f"{channel}{len(more)}", "channel": channel, "state": state, **base, **more})


def told(*feeds, now=START, rules=RULES, **more):
    return decide(Seen(feeds=feeds, **more), rules, now)


def titles(decision):
    return [telling.alert.title for telling in decision.tellings]


# -- authors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("failures", "is_told"), [(0, False), (2, False), (3, True), (9, True)])
def test_an_author_is_told_after_so_many_failures(failures, is_told):
    """Not before the third in a row."""
    assert titles(told(author(failures=failures), fine("bob"))) == ["@ann cannot be read"] * is_told


def test_what_was_told_is_not_told_again():
    """The same trouble an inspection later is no news."""
    feed = author(failures=3)
    first = told(feed)

    assert not told(feed, troubles=first.troubles, now=START + HOUR)


def test_the_alert_says_why_since_when_how_often_and_what_to_do():
    """All that a person needs stands in its lines."""
    (telling,) = told(author(failures=5, answered=30)).tellings

    assert telling.alert.lines == (
        "The reason: timed out.",
        "5 looks in a row failed; the last answer came 2026-10-31 06:00.",
        "It is tried again, later and later. `keepcurrent authors` tells more; `keepcurrent pause` keeps it quiet.",
    )


def test_a_page_that_is_not_known_may_be_a_changed_site():
    """Only where the page was not understood, not where nobody answered."""
    for fault, said in (("page", True), ("", False), ("unreachable", False)):
        (telling,) = told(author(failures=3, fault=fault)).tellings

        assert any("the site may have changed" in line for line in telling.alert.lines) == said


def test_recovery_is_told_once_and_only_after_trouble():
    """Who is answered again is told of if their trouble was."""
    trouble = told(author(failures=3)).troubles
    back = told(author(answered=0), troubles=trouble)

    assert titles(back) == ["@ann can be read again"]
    assert (back.over, back.troubles) == (("failing feed:fake:ann",), ())
    assert not told(author(answered=0))


def test_a_look_that_was_never_made_is_no_recovery():
    """An author who was followed afresh has no failures, and was not answered either."""
    trouble = told(author(failures=3)).troubles

    assert not told(author(answered=None), troubles=trouble)


def test_reminders_come_at_growing_distance():
    """After a day, a week, a month and each month; nothing between."""
    feed = author(failures=3)
    troubles = told(feed).troubles
    days = []
    for day in range(1, 120):
        later = told(feed, troubles=troubles, now=START + day * DAY)
        troubles = later.troubles or troubles
        days += [day] * len(titles(later))

    assert days == [1, 8, 38, 68, 98]


def test_a_reminder_says_still_and_keeps_the_beginning():
    """It is no new trouble."""
    first = told(author(failures=3)).troubles[0]
    later = told(author(failures=9, answered=None), troubles=[first], now=START + DAY)

    assert titles(later) == ["@ann still cannot be read"]
    assert (later.troubles[0].since, later.troubles[0].told) == (first.since, 2)


def test_a_paused_author_never_alarms():
    """Neither trouble nor reminder nor silence, while paused; and no second alert after."""
    feed, state = author(failures=3)
    trouble = told((feed, state)).troubles
    paused = replace(feed, paused=True)

    assert not told((paused, state))
    assert not told((paused, state), troubles=trouble, now=START + 9 * DAY)
    assert not told((feed, state), troubles=trouble)


def test_an_author_who_is_not_followed_any_more_is_forgotten_without_a_word():
    """Nothing is told of who is gone."""
    trouble = told(author(failures=3), fine("bob")).troubles
    after = told(fine("bob"), troubles=trouble)

    assert (titles(after), after.over) == ([], ("failing feed:fake:ann",))


def test_a_clock_that_was_ahead_does_not_silence_reminders():
    """A trouble that was told in 2036 by mistake is told again a day after the clock is right."""
    feed = author(failures=3)
    ahead = replace(told(feed).troubles[0], told_at=START + 3650 * DAY)
    mended = told(feed, troubles=[ahead])

    assert (titles(mended), mended.troubles[0].told_at) == ([], START)
    assert titles(told(feed, troubles=mended.troubles, now=START + DAY)) == ["@ann still cannot be read"]


# -- sources ------------------------------------------------------------------------------------------


def down(many, source="fake", **more):
    return [author(f"{source}{n}", source, **{"failures": 3, "answered": 2, **more}) for n in range(many)]


def test_a_source_that_is_down_is_one_alert():
    """Forty authors who fail together are one trouble, not forty."""
    decision = told(*down(40))

    assert titles(decision) == ["fake cannot be read"]
    assert [trouble.subject for trouble in decision.troubles] == ["source:fake"]


@pytest.mark.parametrize(("failing", "well", "alone"), [(2, 0, True), (2, 2, True), (3, 3, False), (3, 4, True)])
def test_half_of_the_authors_and_at_least_three_make_a_source(failing, well, alone):
    """Fewer are told by name."""
    decision = told(*down(failing), *(fine(f"w{n}", asked=3, answered=3) for n in range(well)))

    assert ("fake cannot be read" not in titles(decision)) == alone
    assert len(decision.tellings) == (failing if alone else 1)


def test_a_source_that_answered_somebody_is_not_down():
    """Many dead authors are many troubles, as long as others are answered."""
    assert len(told(*down(5), fine("well")).tellings) == 5


def test_who_failed_for_long_does_not_count_when_the_rest_fails():
    """Thirty dead authors do not hide that the ten others cannot be read any more, nor make it so by themselves."""
    dead = [author(f"dead{n}", failures=50, asked=1, answered=999) for n in range(30)]
    alive = [f"alive{n}" for n in range(10)]
    troubles = told(*dead, *map(fine, alive)).troubles
    down_too = told(*dead, *(author(name, failures=3, answered=2) for name in alive), troubles=troubles)

    assert len(troubles) == 30
    assert titles(down_too) == ["fake cannot be read"]


def test_a_paused_author_does_not_count_for_the_source():
    """Half is half of those who are looked at."""
    decision = told(*down(3), *(fine(f"p{n}", asked=3, answered=3, paused=True) for n in range(9)))

    assert titles(decision) == ["fake cannot be read"]


def test_ten_in_a_row_are_enough_however_many_there_are():
    """While a host is on hold hardly anybody is asked: that others were not is no sign of health."""
    asked = down(10, failures=1)
    others = [author(f"o{n}", asked=3, answered=2) for n in range(500)]

    assert titles(told(*asked, *others)) == ["fake cannot be read"]
    assert titles(told(*asked[:9], *others)) == []


def test_a_short_outage_of_a_source_is_not_told():
    """Failures once each are told only when they last."""
    assert titles(told(*down(5, failures=1, answered=1))) == []
    assert titles(told(*down(5, failures=1, answered=1.5))) == ["fake cannot be read"]


def test_while_a_source_is_down_no_author_of_it_is_told():
    """Whoever joins the failing later is covered."""
    trouble = told(*down(3)).troubles
    later = told(*down(3), author("late", failures=3, answered=2), troubles=trouble)

    assert not later


def test_a_source_is_back_when_three_were_answered_in_a_row():
    """One answer is none yet; and the recovery is told once."""
    trouble = told(*down(6)).troubles
    back = [author(f"fake{n}", asked=-0.5, answered=-0.5) for n in range(6)]
    now = START + HOUR
    one = told(*back[:1], *down(6)[1:], troubles=trouble, now=now)
    three = told(*back[:3], *down(6)[3:], troubles=trouble, now=now)

    assert not one
    assert titles(three) == ["fake can be read again"]
    assert not told(*back[:3], *down(6)[3:], troubles=three.troubles, now=now)


def test_who_was_not_asked_since_the_source_is_back_is_no_trouble():
    """An author bears the failures of the source until asked again; then they count."""
    trouble = told(*down(6)).troubles
    now = START + HOUR
    back = [author(f"fake{n}", asked=-0.5, answered=-0.5) for n in range(3)]
    after = told(*back, *down(6)[3:], troubles=trouble, now=now)
    asked_again = author("fake5", failures=4, answered=2, asked=-1.5)
    later = told(*back, *down(6)[3:5], asked_again, troubles=after.troubles, now=now + HOUR)

    assert titles(later) == ["@fake5 cannot be read"]


def test_a_source_s_end_is_forgotten_when_all_were_asked_again():
    """Nothing is kept for ever."""
    trouble = told(*down(3)).troubles
    back = [author(f"fake{n}", asked=-0.5, answered=-0.5) for n in range(3)]

    assert told(*back, troubles=trouble, now=START + HOUR).over == ("failing source:fake",)


def test_every_source_at_once_is_one_alert():
    """Often it is our own network: told once, not for each source, also where each has few authors."""
    feeds = [*down(2, "a", fault="unreachable"), *down(2, "b", fault="unreachable")]
    decision = told(*feeds)

    assert titles(decision) == ["every source cannot be read"]
    assert any("this machine has no network" in line for line in decision.tellings[0].alert.lines)


def test_while_every_source_is_down_none_is_told_by_name():
    """Nor is it later; when all are back, that is told once."""
    feeds = [*down(4, "a"), *down(4, "b")]
    first = told(*feeds)
    back = [author(f"{s}{n}", s, asked=-0.5, answered=-0.5) for s in "ab" for n in range(4)]

    assert titles(first) == ["every source cannot be read"]
    assert not told(*feeds, troubles=first.troubles)
    assert titles(told(*back, troubles=first.troubles, now=START + HOUR)) == ["all sources can be read again"]


def test_a_source_that_fails_again_is_told_again():
    """Also while some of its authors were not asked since the first time."""
    trouble = told(*down(6)).troubles
    back = [author(f"fake{n}", asked=-0.5, answered=-0.5) for n in range(3)]
    after = told(*back, *down(6)[3:], troubles=trouble, now=START + HOUR)
    again = [author(f"fake{n}", failures=3, asked=-4, answered=-0.5) for n in range(3)]
    later = told(*again, *down(6)[3:], troubles=after.troubles, now=START + 5 * HOUR)

    assert titles(later) == ["fake cannot be read"]
    assert later.troubles[0].over_at is None


def test_one_of_two_sources_is_told_by_name():
    """The other one is answered."""
    decision = told(*down(4, "a"), *(fine(f"w{n}", "b", answered=0.1) for n in range(4)))

    assert titles(decision) == ["a cannot be read"]


def test_a_look_in_a_wrong_future_hides_no_outage():
    """An answer that bears a time ahead of now is no sign of health."""
    ahead = author("ahead", failures=0, asked=-9999, answered=-9999)

    assert titles(told(*down(5), ahead)) == ["fake cannot be read"]


# -- silence ------------------------------------------------------------------------------------------


def thread(n, days, first_seen=None, **more):
    at = START - timedelta(days=days)
    base = {"feed_id": "fake:ann", "key": f"t{n}", "url": "", "state": "announced"}
    return Known(**{**base, "published": at, "first_seen": first_seen or at, **more})


def test_patience_is_four_usual_gaps_and_never_less_than_the_setting():
    """The gap is the median of the latest ten threads."""
    weekly = [thread(n, 7 * n) for n in range(12)]
    daily = [thread(n, n) for n in range(12)]
    weekly_now_daily_once = [*weekly[:10], *(thread(99 + n, 70 + n) for n in range(40))]

    assert alerts.patience(dates(weekly_now_daily_once), 7 * DAY) == 28 * DAY
    assert alerts.patience(dates(weekly), 7 * DAY) == 28 * DAY
    assert alerts.patience(dates(daily), 7 * DAY) == 7 * DAY


def test_with_few_threads_nothing_is_usual():
    """Four threads, or duplicates, or threads without a time, tell nothing."""
    four = [thread(n, n) for n in range(4)]

    assert alerts.patience(dates(four), 7 * DAY) is None
    assert alerts.patience(dates([*four, thread(5, 5, state="duplicate")]), 7 * DAY) is None
    assert alerts.patience(dates([*four, replace(thread(5, 5), published=None)]), 7 * DAY) is None


def test_who_was_silent_when_we_came_is_not_told():
    """Following somebody who stopped years ago is no alarm."""
    old = [thread(n, 900 + n, first_seen=START) for n in range(9)]

    assert alerts.patience(dates(old), 7 * DAY) is None


def silent(days=10.0, *, answered=0.0, **more):
    return author(newest_at=START - timedelta(days=days), answered=answered, **more)


def test_unusual_silence_is_told_once():
    """And never again while it lasts."""
    patience = {"fake:ann": 7 * DAY}
    first = told(silent(), patience=patience)

    assert titles(first) == ["@ann is unusually silent"]
    assert not told(silent(), patience=patience, troubles=first.troubles, now=START + 99 * DAY)


def test_a_new_thread_ends_the_silence_without_a_word():
    """Its own notice says it."""
    trouble = told(silent(), patience={"fake:ann": 7 * DAY}).troubles
    after = told(silent(0), troubles=trouble)

    assert (titles(after), after.over) == ([], ("silent feed:fake:ann",))


@pytest.mark.parametrize(
    "feed", [silent(6.9), silent(failures=1), silent(paused=True), silent(answered=90 * 24), silent(answered=None)]
)
def test_what_is_no_silence(feed):
    """Not long enough, failing, paused, not looked at since, or never."""
    assert not told(feed, patience={"fake:ann": 7 * DAY})


def test_no_silence_is_told_where_the_setting_is_0():
    """`silence = "0s"` is never."""
    assert not alerts.may_be_silent(*silent(999), replace(RULES, silence=timedelta(0)))


# -- channels -----------------------------------------------------------------------------------------

BOTH = Rules(channels=("me", "team"), after=3)
DEAD = ChannelState(channel="team", failures=3, last_error="503")


def test_a_channel_s_trouble_goes_to_the_others():
    """Never to itself; where there is no other, nobody is told."""
    decision = told(rules=BOTH, channels=[DEAD], unsent=[row("team")])

    assert titles(decision) == ["channel team cannot be reached"]
    assert [d.channel for d in alerts.queued(decision.tellings, ("me", "team"), START)] == ["me"]
    assert alerts.queued(decision.tellings, ("team",), START) == ()


def test_a_channel_where_nothing_waits_is_no_trouble():
    """Its failures are of the past."""
    trouble = told(channels=[DEAD], unsent=[row("team")]).troubles
    after = told(channels=[DEAD], troubles=trouble)

    assert not told(channels=[DEAD])
    assert (titles(after), after.over) == ([], ("failing channel:team",))


def test_a_channel_is_back_when_it_took_something():
    """Not when a person only said that it should be tried again."""
    trouble = told(channels=[DEAD], unsent=[row("team")]).troubles
    by_hand = ChannelState(channel="team")
    back = ChannelState(channel="team", last_sent_at=START + HOUR)

    assert not told(channels=[by_hand], unsent=[row("team")], troubles=trouble)
    assert titles(told(channels=[back], troubles=trouble)) == ["channel team is reached again"]


def test_a_channel_that_left_the_settings_is_forgotten():
    """What is not there is not in trouble."""
    trouble = told(channels=[DEAD], unsent=[row("team")]).troubles

    assert told(troubles=trouble).over == ("failing channel:team",)


WELL = ChannelState(channel="team")


def dead(n, error="bad token", **more):
    return row("team", "dead", id=f"d{n}", batch=f"d{n}", error=error, claimed_at=START - HOUR, **more)


def test_a_wrong_token_is_one_alert_however_much_it_kills():
    """Once per channel and reason."""
    decision = told(channels=[WELL], unsent=[dead(n) for n in range(50)])

    assert titles(decision) == ["notices to channel team fail for good"]
    assert "Given up: 50, the first 2026-11-01 11:00." in decision.tellings[0].alert.lines
    assert not told(channels=[WELL], unsent=[dead(n) for n in range(60)], troubles=decision.troubles)


def test_numbers_in_a_reason_do_not_make_it_another():
    """`request 17 refused` and `request 18 refused` are one trouble; another reason is another."""
    rows = [dead(1, "request 17 refused"), dead(2, "request 18 refused"), dead(3, "no such room")]

    assert len(told(channels=[WELL], unsent=rows).tellings) == 2


def test_reasons_without_end_make_no_alerts_without_end():
    """After five reasons all further ones share one."""
    rows = [dead(n, f"reason {'x' * n}") for n in range(100)]

    assert len(told(channels=[WELL], unsent=rows).tellings) == 6


def test_alerts_about_alerts_end():
    """Dead alerts are one trouble per channel, whatever their reasons."""
    alert = Alert(title="x")
    first = told(channels=[WELL], unsent=[dead(1, "a", alert=alert)])

    assert len(first.tellings) == 1
    assert not told(channels=[WELL], unsent=[dead(n, "b" * n, alert=alert) for n in range(9)], troubles=first.troubles)


def test_dead_deliveries_are_reminded_of_only_when_more_died():
    """What a person chose to leave there is left alone."""
    trouble = told(channels=[WELL], unsent=[dead(1)]).troubles
    later = START + 2 * DAY
    newer = replace(dead(2), claimed_at=later - HOUR)

    assert not told(channels=[WELL], unsent=[dead(1)], troubles=trouble, now=later)
    assert titles(told(channels=[WELL], unsent=[dead(1), newer], troubles=trouble, now=later)) == [
        "notices to channel team still fail for good"
    ]


def test_dead_deliveries_that_were_seen_to_are_forgotten():
    """Retried or dropped by hand: over without a word."""
    trouble = told(channels=[WELL], unsent=[dead(1)]).troubles
    after = told(channels=[WELL], troubles=trouble)

    assert (titles(after), len(after.over)) == ([], 1)


# -- what is queued -----------------------------------------------------------------------------------


def test_what_a_channel_hears_at_once_is_one_message():
    """All alerts of one inspection share a batch per channel."""
    decision = told(author("ann", failures=3), author("bob", failures=3), fine("eve"), fine("joe"))
    rows = alerts.queued(decision.tellings, ("me", "team"), START)

    assert len({r.id for r in rows}) == 4
    assert [len({r.batch for r in rows if r.channel == name}) for name in ("me", "team")] == [1, 1]
    assert {(r.feed_id, r.entry_key) for r in rows} == {("", "")}


def test_a_reason_is_kept_short():
    """A megabyte of a hostile site's words does not go into the store."""
    feed, state = author(failures=3)
    decision = told((feed, replace(state, last_error="x" * 10**6)))

    assert len(decision.troubles[0].reason) < 1000
    assert len(decision.tellings[0].alert.lines[0]) < 1000


def test_every_trouble_has_an_id_of_its_own():
    """An author may be silent first and fail then."""
    assert Trouble(subject="a", kind="silent", since=START, told_at=START).id == "silent a"


def blog(host: str, **more):
    return Feed(
        id=f"syndication:{host}", source="syndication", address=host, author=Author(handle=""), url=f"https://{host}/feed"
    ), FeedState(feed_id=f"syndication:{host}", baselined=True, **more)


def test_blogs_on_many_hosts_are_no_one_site():
    """Three of four that are dead have nothing in common: each is told by itself."""
    dead = {"failures": 5, "last_error": "no answer", "failing_since": START}
    feeds = [blog("a.example", **dead), blog("b.example", **dead), blog("c.example", **dead)]
    feeds.append(blog("d.example", last_success_at=START, last_polled_at=START))
    told = decide(Seen(feeds=feeds), Rules(channels=("me",)), START)

    assert sorted(telling.subject for telling in told.tellings) == [
        "failing feed:syndication:a.example",
        "failing feed:syndication:b.example",
        "failing feed:syndication:c.example",
    ]
