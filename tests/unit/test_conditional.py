from datetime import UTC, datetime, timedelta

import pytest

from bot.conditional import (
    VALIDATORS_LAST,
    fresh_until,
    may_be_sent,
    rate_limited_until,
    request_headers,
    retry_after,
    validators,
)

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)


def test_sent_back_exactly():
    """ETag and Last-Modified go back exactly as they came, weak marks, quotes and odd dates included."""
    remembered = validators({"ETag": 'W/"a b"', "Last-Modified": "Tue, 01 Sep 2026 09:00:00 +0200", "X": "y"})

    assert request_headers(remembered) == {
        "If-None-Match": 'W/"a b"',
        "If-Modified-Since": "Tue, 01 Sep 2026 09:00:00 +0200",
    }


@pytest.mark.parametrize("value", ["", "a\r\nX-Evil: 1", "a\x00", "\udc80", "x" * 5000])
def test_unsendable_is_not_kept(value):
    """A validator that no request header can hold is not remembered."""
    assert validators({"ETag": value}) == {}


@pytest.mark.parametrize(
    ("age", "sent"),
    [
        (timedelta(0), True),
        (VALIDATORS_LAST - timedelta(seconds=1), True),
        (VALIDATORS_LAST, False),
        (-timedelta(seconds=1), False),
    ],
)
def test_old_validators_are_not_sent(age, sent):
    """Nor those that come from a time ahead."""
    assert may_be_sent(NOW - age, NOW) is sent


def test_validators_of_an_unknown_age_are_not_sent():
    """Nobody knows how long they were sent for."""
    assert not may_be_sent(None, NOW)


@pytest.mark.parametrize("value", [None, 5, [], {"a": "b"}, "", "a\nb"])
def test_damaged_cursor(value):
    """What a cursor should not hold is not sent."""
    assert request_headers({"etag": value, "last_modified": value}) == {}


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("86401", 86400),
        ("9" * 40, 86400),
        ("Tue, 01 Sep 2026 12:30:00 GMT", 1800),
        ("Tue, 01 Sep 2026 14:30:00 +0200", 1800),
        ("Tue, 01 Sep 2026 12:30:00 -0000", 1800),
        ("Fri, 01 Sep 2056 12:30:00 GMT", 86400),
    ],
)
def test_retry_after(value, seconds):
    """Seconds and HTTP dates are understood, and none holds for more than a day."""
    assert retry_after(value, NOW) == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "0",
        "-5",
        "1.5",
        "1e3",
        "soon",
        "١٢٠",
        "Mon, 31 Aug 2026 12:00:00 GMT",
        "Tue, 99 Sep 2026",
        "\x00",
        ",",
    ],
)
def test_retry_after_junk(value):
    """Junk, negatives and the past hold nothing."""
    assert retry_after(value, NOW) is None


RESETS = [
    ("2026-09-01T12:05:00.796213Z", 300.796213),
    ("2026-09-01T14:05:00+02:00", 300),
    ("2026-09-01T12:05:00", 300),
    (str(int(NOW.timestamp()) + 90), 90),
    ("45", 45),
    (" 45 ", 45),
    ("0.5", 0.5),
    ("999999999", 86400),
    ("2056-09-01T12:05:00Z", 86400),
    ("9999999999", 86400),
]


@pytest.mark.parametrize("prefix", ["X-RateLimit", "RateLimit"])
@pytest.mark.parametrize(("reset", "seconds"), RESETS)
def test_rate_limited(prefix, reset, seconds):
    """With no request left the Reset holds, as a moment or as seconds, and never for more than a day."""
    headers = {f"{prefix}-Remaining": "0", f"{prefix}-Reset": reset}

    assert rate_limited_until(headers, NOW) == NOW + timedelta(seconds=seconds)


def test_requests_left():
    """While requests are left nothing holds."""
    assert rate_limited_until({"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "60"}, NOW) is None
    assert rate_limited_until({"X-RateLimit-Reset": "60"}, NOW) is None


@pytest.mark.parametrize(
    "reset",
    ["", "0", "-5", "soon", "2026-08-31T12:00:00Z", "1000000000", "9" * 400, "١٢٠", "2026-99-99T00:00:00Z", "1e9"],
)
def test_rate_limit_junk(reset):
    """A Reset that is junk or past holds nothing."""
    assert rate_limited_until({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}, NOW) is None


FRESH = [
    ({"Cache-Control": "public, max-age=600"}, 600),
    ({"cache-control": "x", "Cache-Control": 'max-age = "600"'}, 600),
    ({"Cache-Control": "max-age=600", "Age": "90"}, 510),
    ({"Cache-Control": "MAX-AGE=600, must-revalidate"}, 600),
    ({"Cache-Control": "max-age=600", "Expires": "Tue, 01 Sep 2026 15:00:00 GMT"}, 600),
    ({"Cache-Control": "max-age=31536000"}, 86400),
    ({"Cache-Control": f"max-age={'9' * 500}"}, 86400),
    ({"Expires": "Tue, 01 Sep 2026 12:30:00 GMT"}, 1800),
    ({"Expires": "Tue, 01 Sep 2026 13:30:00 GMT", "Date": "Tue, 01 Sep 2026 13:00:00 GMT"}, 1800),
]


@pytest.mark.parametrize(("headers", "seconds"), FRESH)
def test_fresh(headers, seconds):
    """An answer is fresh for as long as it says, less its age, by its own clock, and for a day at the most."""
    assert fresh_until(headers, NOW) == NOW + timedelta(seconds=seconds)


STALE = [
    {},
    {"Cache-Control": "no-cache, max-age=600"},
    {"Cache-Control": "private, no-store"},
    {"Cache-Control": "max-age=0"},
    {"Cache-Control": "s-maxage=600"},
    {"Cache-Control": "max-age=soon"},
    {"Cache-Control": "max-age=60", "Age": "61"},
    {"Expires": "0"},
    {"Expires": "3600"},
    {"Expires": "-1"},
    {"Expires": "Tue, 01 Sep 2026 11:00:00 GMT"},
    {"Expires": "Thu, 01 Jan 1970 00:00:00 GMT", "Date": "Tue, 01 Sep 2026 12:00:00 GMT"},
]


@pytest.mark.parametrize("headers", STALE)
def test_not_fresh(headers):
    """What says nothing of the time to come, or nothing that can be read, is not fresh."""
    assert fresh_until(headers, NOW) is None
