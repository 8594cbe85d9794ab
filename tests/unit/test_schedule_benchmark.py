"""The learned schedule against others, on a fixed mix of made authors: counts and delays, no times of this machine."""

from __future__ import annotations

from datetime import timedelta

import pytest

benchmark = pytest.importorskip("benchmarks.schedule", reason="benchmarks are not part of the source distribution")
made = pytest.importorskip("benchmarks.made_authors")

TWO_HOURS = timedelta(hours=2)


@pytest.fixture(scope="module")
def authors():
    """A third of the mix: two or three authors of each kind."""
    return made.mix()[::3]


@pytest.fixture(scope="module")
def fixed(authors):
    return benchmark.fixed_at(TWO_HOURS, authors)


@pytest.fixture(scope="module")
def ours(authors, fixed):
    return benchmark.ours_at(fixed.looks, authors)


def test_the_mix_is_always_the_same():
    """Posts of each kind, the first and the last: what was measured can be measured again."""
    posts = [post for author in made.mix() for post in author.posts]

    assert len(posts) == 3351
    assert made.mix() == made.mix() != made.mix(1)
    assert min(posts) >= made.START
    assert max(posts) < made.END


def test_both_cost_the_same(fixed, ours):
    """What is compared is compared at the same number of looks."""
    assert ours.looks == pytest.approx(fixed.looks, rel=0.01)


def test_the_median_delay_is_at_most_half_of_a_fixed_interval_s(fixed, ours):
    """Over all posts of the mix."""
    assert ours.middle() <= fixed.middle() / 2


def test_late_posts_are_no_later_than_with_a_fixed_interval(fixed, ours):
    """95 of 100, over all posts of the mix."""
    assert ours.late() <= fixed.late()


def test_the_median_delay_is_below_that_of_entry_frequency(authors, fixed, ours):
    """What Miniflux does, at the same number of looks."""
    assert ours.middle() < benchmark.frequency_at(fixed.looks, authors).middle()


def test_nobody_s_posts_are_lost_in_the_replay(authors, fixed, ours):
    """Each post has a delay with each schedule."""
    count = sum(len(author.posts) for author in authors)

    assert [len(one._delays("")) for one in (fixed, ours)] == [count, count]


def test_a_budget_is_kept_and_used(authors):
    """No 24 hours have more requests than it, and looks use most of their part."""
    spending = benchmark.budgeted(150, authors)

    assert spending.most <= 150
    assert spending.result.looks / made.DAYS > 0.85 * 150 * 0.8
