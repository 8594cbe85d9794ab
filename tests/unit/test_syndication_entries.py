from datetime import UTC, datetime, timedelta

import pytest

from bot.model import Author, Media
from bot.sources.feeds import Document, Item
from bot.sources.syndication_entries import LONGEST_KEY, author_of, entries_of, identified, plain_id
from bot.sources.syndication_times import Calm, is_newest_first, written

NOW = datetime(2026, 9, 1, 12, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def ids(*items, not_theirs=()):
    return [named for named, _ in identified(items, not_theirs)]


def entries(*items, **of):
    document = Document(kind="rss", title="Blog", url="https://blog.org/", items=items, **of)
    author = Author(handle="", name="Blog", url="https://blog.org/")
    return entries_of(items, document, feed_id="f", author=author, url="https://blog.org/feed", now=NOW)


# -- what an item is known by -------------------------------------------------------------------------


def test_guid_then_link():
    """An item is known by its guid, and by its link, so that it is known still when the feed loses its guids."""
    assert ids(Item(id="tag:1", url="https://blog.org/1")) == [("tag:1", "blog.org/1")]
    assert ids(Item(url="https://blog.org/1")) == [("blog.org/1",)]


def test_hash_of_what_it_says():
    """Without guid and link an item is known by what it says."""
    same, other = Item(title="A", html="b"), Item(title="A", html="c")

    assert ids(same) == ids(same) != ids(other)


def test_move_to_https_changes_nothing():
    """A site that moves to https has the same items as before."""
    assert ids(Item(id="http://blog.org/1", url="https://blog.org/1")) == ids(Item(id="https://blog.org/1"))


def test_shared_guid():
    """A guid of several items is none; their links tell them apart."""
    assert ids(Item(id="x", url="https://b.org/1"), Item(id="x", url="https://b.org/2")) == [("b.org/1",), ("b.org/2",)]


def test_shared_link():
    """A link of several items is nobody's other name."""
    assert ids(Item(id="1", url="https://b.org/"), Item(id="2", url="https://b.org/")) == [("1",), ("2",)]


def test_all_is_shared():
    """Where guid and link are everybody's, what the items say tells them apart."""
    found = ids(Item(id="x", title="A", html="1"), Item(id="x", title="B", html="2"))

    assert len({key for (key,) in found}) == 2


def test_guid_that_is_another_ones_link():
    """An id that two items hold, one as guid and one as link, is neither's."""
    found = ids(Item(id="https://b.org/2", url="https://b.org/1"), Item(id="y", url="https://b.org/2"))

    assert found == [("b.org/1",), ("y",)]


@pytest.mark.parametrize("own", ["https://blog.org/", "https://blog.org/feed"])
def test_the_feeds_own_address_is_no_guid(own):
    """Feeds that put their own address in the place of guid or link have new items still."""
    assert ids(Item(id=own, url="https://b.org/1"), not_theirs=[own]) == [("b.org/1",)]
    assert ids(Item(id="1", url=own), not_theirs=[own]) == [("1",)]


def test_listed_twice():
    """An item that is listed again because it was changed is one item, as it is now."""
    old = Item(id="1", url="https://b.org/1", html="old", updated=NOW - DAY)
    new = Item(id="1", url="https://b.org/1", html="new", updated=NOW)

    assert [item.html for _, item in identified([old, new])] == ["new"]
    assert [item.html for _, item in identified([new, old])] == ["new"]


def test_same_item_on_two_pages():
    """An item that slid from one page to the next while both were read keeps its key."""
    assert ids(Item(id="1"), Item(id="2"), Item(id="2"), Item(id="3")) == [("1",), ("2",), ("3",)]


@pytest.mark.parametrize(
    "odd", ["x" * (LONGEST_KEY + 1), "a b", "a>b", "ü", "a\x00", "\ud800", "a\u202eb", '"', "x" * 10**6]
)
def test_odd_guid(odd):
    """A guid that is long or odd is kept as its hash, another one for any other."""
    assert len(plain_id(odd)) == 40
    assert plain_id(odd) != plain_id(odd + "x")


def test_empty_items_are_nothing():
    """An item that says nothing is not an entry."""
    assert ids(Item(), Item(id="1")) == [("1",)]


def test_order_stays():
    """The listing's own order stays."""
    assert [key for (key,) in ids(*(Item(id=one) for one in "cabd"))] == list("cabd")


# -- what is shown ------------------------------------------------------------------------------------


def test_entry():
    """An item is an entry of one whole post, with its title, link and date."""
    (entry,) = entries(
        Item(id="1", url="https://blog.org/1", title="Hello", html="<p>A <b>word</b>.</p>", published=NOW)
    )

    assert (entry.key, entry.url, entry.title, entry.published) == ("1", "https://blog.org/1", "Hello", NOW)
    assert (entry.whole, entry.post_count, [post.text for post in entry.posts]) == (True, 1, ["A word."])
    assert entry.aliases == ("blog.org/1",)


def test_title_of_an_untitled_item():
    """A microblog's item is called by what it says, a picture's by that it is one, all else by its address."""
    picture = Media(kind="image", url="https://b.org/a.png", alt="A quay")
    found = entries(Item(id="1", html="First words. More."), Item(id="2", media=(picture,)), Item(id="3"))

    assert [entry.title for entry in found] == ["First words.", "Image: A quay", "blog.org/"]


def test_link_that_is_none():
    """Where an item has no link that can be followed, the home page stands for it."""
    assert entries(Item(id="1", url="javascript:x"))[0].url == "https://blog.org/"


def test_title_is_bounded():
    """A title of a megabyte is shortened."""
    assert len(entries(Item(id="1", title="word " * 200_000))[0].title) <= 200


def test_name_of_a_feed():
    """A feed is called by its title, else by its author, else as it was called before, else by its address."""
    url = "https://blog.org/feed"

    assert author_of(Document(kind="rss", title="Blog"), url).name == "Blog"
    assert author_of(Document(kind="rss", author="Ann"), url).name == "Ann"
    assert author_of(Document(kind="rss"), url, "Before").name == "Before"
    assert author_of(Document(kind="rss"), url) == Author(handle="", name="blog.org/feed", url=url)


# -- dates --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "date", [None, NOW + 3 * DAY, datetime(1970, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
)
def test_date_that_cannot_be(date):
    """No date, one far ahead, and the zero of a clock are no date."""
    assert written(Item(published=date), NOW) is None


def test_changed_stands_for_written():
    """Where only the change is dated, or the date is nonsense, the change counts."""
    assert written(Item(published=NOW + 30 * DAY, updated=NOW), NOW) == NOW


@pytest.mark.parametrize(
    ("days", "newest_first"), [((3, 2, 1), True), ((1, 2, 3), False), ((3, 1, 2, 1), True), ((), True)]
)
def test_order_of_the_listing(days, newest_first):
    """A listing whose dates rise has its news at the end."""
    assert is_newest_first(tuple(Item(published=NOW + day * DAY) for day in days)) == newest_first


# -- when to ask again --------------------------------------------------------------------------------


def test_says_nothing():
    """A feed that says nothing of it may be asked at any time."""
    assert Calm().until(None, NOW) is None


@pytest.mark.parametrize(
    ("calm", "fresh", "wanted"),
    [
        (Calm(ttl=timedelta(hours=2)), None, timedelta(hours=2)),
        (Calm(ttl=timedelta(hours=2)), NOW + timedelta(hours=3), timedelta(hours=3)),
        (Calm(), NOW + timedelta(minutes=5), timedelta(minutes=5)),
        (Calm(skip_hours=frozenset((12, 13))), None, timedelta(minutes=90)),
        (Calm(skip_hours=frozenset((14,)), ttl=timedelta(hours=2)), None, timedelta(minutes=150)),
        (Calm(skip_days=frozenset((1,))), None, timedelta(hours=11, minutes=30)),
        (Calm(skip_days=frozenset((1, 2, 3))), None, DAY),
    ],
)
def test_when_to_ask_again(calm, fresh, wanted):
    """The longest of what a feed asks for counts, hours and days that it skips are skipped, for a day at the most."""
    assert calm.until(fresh, NOW) == NOW + wanted


def test_skips_all():
    """A feed that skips every hour is asked as any other."""
    assert Calm(skip_hours=frozenset(range(24))).until(None, NOW) is None


def test_ttl_is_bounded():
    """No ttl holds us off for longer than a day, and none is negative."""
    long = Calm.of(Document(kind="rss", ttl=timedelta.max))

    assert long.until(None, NOW) == NOW + DAY
    assert Calm.of(Document(kind="rss", ttl=-DAY)) == Calm()


@pytest.mark.parametrize("calm", [Calm(), Calm(ttl=DAY, skip_hours=frozenset((0, 23)), skip_days=frozenset((6,)))])
def test_calm_is_kept(calm):
    """What a feed asks for survives being stored."""
    assert Calm.read(calm.json()) == calm


@pytest.mark.parametrize(
    "kept", [None, [], 5, {"ttl": "x", "skip_hours": 5, "skip_days": [99, -1, None, "x"]}, {"ttl": 10**30}]
)
def test_damaged_calm(kept):
    """What is not understood is nothing."""
    assert Calm.read(kept) == Calm()
