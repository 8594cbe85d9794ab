"""Single values of a stored cursor."""

from datetime import UTC, datetime

import pytest

from bot.sources import stored

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)


def test_a_time_comes_back():
    """What `isoformat` wrote is the same moment again."""
    assert stored.time_in(NOW.isoformat()) == NOW


@pytest.mark.parametrize("value", [None, True, 5, [], {}, "", "soon", "2026-09-01T12:00:00", "9" * 1_000_000])
def test_no_time(value):
    """What is no moment counts as absent, one without its zone too."""
    assert stored.time_in(value) is None


@pytest.mark.parametrize("value", [None, "ab", 5, {"a": "b"}, [5, None, "", ["a"]]])
def test_no_texts(value):
    """What is no list of what is looked for is none."""
    assert stored.texts_in(value, bool) == ()


def test_texts_that_are_meant():
    """Only what is as it should be is taken, in its order."""
    assert stored.texts_in(["2", "x", 3, "1"], str.isdigit) == ("2", "1")


def test_nothing_empty_is_kept():
    """A cursor has no empty values."""
    assert stored.filled({"a": "", "b": [], "c": {}, "d": False, "e": None, "f": "x"}) == {"f": "x"}
