"""A host that does not answer: when it is left alone, for how long, and who may ask all the same."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.hosts import DOWN_PAUSE, LONGEST_DOWN, Holds

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def failing(*feeds: str) -> Holds:
    """A host that did not answer these feeds, one after the other."""
    made = Holds(probe=timedelta(seconds=30))
    for feed in feeds:
        made.failed("h", feed, NOW)
    return made


def test_several_failures_of_several_feeds_hold_the_host():
    """Five failures in a row, of two feeds: nobody asks for half a minute."""
    made = failing("a", "b", "a", "a", "a")

    assert made.ask("h", NOW).until == NOW + timedelta(seconds=30)
    assert not made.ask("h", NOW).asked_for


@pytest.mark.parametrize("feeds", [["a"] * 50, ["a", "b", "a", "b"]], ids=["one feed", "four failures"])
def test_too_little_to_hold_the_host(feeds):
    """One author's bad page, however often it fails, is that author's matter; so are few failures."""
    assert failing(*feeds).ask("h", NOW) is None


def test_an_answer_in_between_counts_the_failures_anew():
    """Only failures in a row count."""
    made = failing("a", "b", "c", "d")
    made.answered("h", NOW)
    made.failed("h", "e", NOW)

    assert made.ask("h", NOW) is None


def test_a_refusal_is_an_answer_too():
    """A host that says 429 is not dead."""
    made = failing("a", "b", "c", "d")
    made.refused("h", "a", NOW, None)
    made.failed("h", "e", NOW)

    assert made.ask("h", NOW) is None


def test_other_hosts_are_asked():
    """One dead host delays no other."""
    assert failing("a", "b", "c", "d", "e").ask("other", NOW) is None


def test_probes_in_vain_double_the_pause():
    """One probe at a time, half a minute after the last at first, a quarter of an hour in the end."""
    made, now, pauses = failing("a", "b", "c", "d", "e"), NOW, []
    for _ in range(7):
        until = made.held("h", now).until
        pauses.append(until - now)
        now = until
        assert made.ask("h", now) is None
        assert made.ask("h", now) is not None
        made.failed("h", "a", now)

    assert pauses[:3] == [DOWN_PAUSE, DOWN_PAUSE * 2, DOWN_PAUSE * 4]
    assert pauses[-1] == LONGEST_DOWN


def test_a_probe_that_is_answered_opens_the_host():
    """After one success everybody may ask again."""
    made, over = failing("a", "b", "c", "d", "e"), NOW + DOWN_PAUSE
    made.ask("h", over)
    made.answered("h", over)

    assert [made.ask("h", over) for _ in range(3)] == [None] * 3


def test_a_person_waits_half_a_minute_at_the_most():
    """Who asks by hand may probe a host that has been dead for long, one at a time and not without pause."""
    made, now = failing("a", "b", "c", "d", "e"), NOW
    for _ in range(6):
        now = made.held("h", now).until
        made.ask("h", now)
        made.failed("h", "a", now)

    assert made.ask("h", now + DOWN_PAUSE - SECOND, by_hand=True) is not None
    assert made.ask("h", now + DOWN_PAUSE) is not None
    assert made.ask("h", now + DOWN_PAUSE, by_hand=True) is None
    assert made.ask("h", now + DOWN_PAUSE, by_hand=True) is not None


def test_a_person_does_not_override_what_the_host_asked_for():
    """A pause that the host named itself is kept by hand too."""
    made = Holds(probe=timedelta(seconds=30))
    made.refused("h", "a", NOW, NOW + timedelta(hours=1))
    made.refused("h", "b", NOW, NOW + timedelta(hours=1))

    assert made.ask("h", NOW + timedelta(minutes=30), by_hand=True).asked_for


def test_hosts_of_redirects_are_forgotten():
    """A site that sends us to ever other dead hosts does not fill the memory."""
    made = failing()
    for number in range(5000):
        made.failed(f"h{number}", "a", NOW)

    assert len(made._failing) <= 1001




@pytest.mark.parametrize("asked_for", [False, True])
def test_a_clock_that_is_set_back_does_not_make_a_hold_longer(asked_for):
    """A hold of a year that a wrong clock saw ahead would leave the site unread until a restart."""
    made = Holds(probe=timedelta(seconds=30))
    ahead = NOW + timedelta(days=365)
    for feed in "abcab":
        made.refused("h", feed, ahead, ahead + 60 * SECOND) if asked_for else made.failed("h", feed, ahead)

    assert made.ask("h", NOW).until <= NOW + 60 * SECOND
    assert made.ask("h", NOW + 61 * SECOND) is None


def test_a_refusal_seen_by_a_clock_ahead_does_not_hold_the_host_for_long():
    """One author's refusal of next year, then another's of today."""
    made = Holds(probe=timedelta(seconds=30))
    made.refused("h", "a", NOW + timedelta(days=365), None)
    made.refused("h", "b", NOW, None)

    assert made.ask("h", NOW).until <= NOW + timedelta(days=1)
