"""Values as documents: what comes out equals what went in."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.stores.codec import EPOCH, from_ms, to_ms


@pytest.mark.parametrize(
    "when",
    [
        EPOCH,
        datetime(2026, 11, 25, 12, 30, 15, 123456, tzinfo=UTC),
        datetime(2026, 11, 25, 12, 30, 15, 1, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
        EPOCH - timedelta(microseconds=1),
    ],
)
def test_a_time_comes_back_as_it_was(when):
    """To the microsecond; in far centuries, which only a broken page names, to the millisecond."""
    assert from_ms(to_ms(when)) == when
