"""Which source an address belongs to: sure ones first, in order; and what several of them said, as one answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from bot.errors import (
    FeedGone,
    NotFound,
    ParseError,
    SettingsError,
    SeveralFeeds,
    SourceError,
    SourceRefused,
    TemporarySourceError,
)
from bot.finding import Finder, matching, read, same_author, told, written
from bot.model import Author, Feed, Located, Resolved


@dataclass
class Place:
    """A source that knows the names it is given; those that begin with "?" it is not sure of."""

    kind: str
    names: tuple[str, ...]
    fault: SourceError | None = None
    asked: list[str] = field(default_factory=list)

    def locate(self, address: str) -> Located | None:
        name = address.removeprefix("@")
        if name in self.names:
            return Located(source=self.kind, feed_id=f"{self.kind}:{name}", handle=name)
        if f"?{name}" in self.names:
            return Located(source=self.kind, sure=False)
        return None

    async def resolve(self, address: str) -> Resolved:
        self.asked.append(address)
        if self.fault is not None:
            raise self.fault
        name = address.removeprefix("@")
        author = Author(handle=name, key="1")
        return Resolved(feed=Feed(id=f"{self.kind}:{name}", source=self.kind, address=address, author=author))


def finder(*places: Place) -> Finder:
    return Finder(sources={place.kind: place for place in places})  # type: ignore[dict-item]


def found(*places: Place, address: str = "ann", source: str = "") -> str:
    return asyncio.run(finder(*places).resolve(address, source)).feed.id


def test_the_first_that_is_sure_is_asked_first():
    """However early one stands that only supposes so."""
    assert found(Place("a", ("?ann",)), Place("b", ("ann",)), Place("c", ("ann",))) == "b:ann"


@pytest.mark.parametrize("fault", [FeedGone("", "nobody"), SourceRefused("", "login"), ParseError("", "odd")])
def test_where_one_has_nothing_the_next_is_asked(fault):
    assert found(Place("a", ("ann",), fault), Place("b", ("ann",))) == "b:ann"


def test_while_the_first_fails_for_now_no_other_is_taken():
    """What it would have said is not known."""
    with pytest.raises(TemporarySourceError, match="503"):
        found(Place("a", ("ann",), TemporarySourceError("", "503")), Place("b", ("ann",)))


def test_a_choice_ends_the_search():
    """A person decides."""
    with pytest.raises(SeveralFeeds):
        found(Place("a", ("ann",), SeveralFeeds("", "two feeds", ())), Place("b", ("?ann",)))


def test_all_that_was_said_is_said():
    """… as a refusal where one was: another kind of address may help then."""
    with pytest.raises(SourceRefused, match="a: nobody; b: login"):
        found(Place("a", ("ann",), FeedGone("", "nobody")), Place("b", ("ann",), SourceRefused("", "login")))


def test_what_one_alone_said_is_left_as_it_is():
    with pytest.raises(FeedGone, match=r"^nobody$"):
        found(Place("a", ("ann",), FeedGone("", "nobody")))


@pytest.mark.parametrize(("address", "source"), [("ann", "b"), ("b:ann", ""), ("b:ann", "b")])
def test_a_source_may_be_named(address, source):
    """By itself, or before the address."""
    first = Place("a", ("ann",))

    assert (found(first, Place("b", ("ann",)), address=address, source=source), first.asked) == ("b:ann", [])


def test_an_address_that_only_looks_like_one_with_a_source_is_left_whole():
    """`https:` is no source."""
    assert found(Place("a", ("https://a",)), address="https://a") == "a:https://a"


@pytest.mark.parametrize(
    ("address", "source", "words"),
    [("eve", "", '"eve" names no author:'), ("ann", "x", 'no source "x"; there are a, b'), ("b:ann", "a", "names no")],
)
def test_what_no_source_knows_is_named(address, source, words):
    with pytest.raises(SettingsError, match=words):
        finder(Place("a", ("ann",)), Place("b", ())).candidates(address, source)


def test_an_author_whom_the_address_tells_needs_no_asking():
    """The address leads there again: by itself, or with its source before it."""
    both = finder(Place("a", ("ann",)), Place("b", ("ann", "bob")))
    first, second, third = (both.feed_of(both.candidates(one)[0]) for one in ("@ann", "b:ann", "@bob"))

    assert first and second and third
    assert (first.address, second.address, third.address) == ("@ann", "b:ann", "@bob")
    assert [both.candidates(one.address)[0].located.feed_id for one in (first, second, third)] == [
        "a:ann", "b:ann", "b:bob",
    ]  # fmt: skip


def test_who_is_not_sure_is_asked():
    unsure = finder(Place("a", ("?ann",)))

    assert unsure.feed_of(unsure.candidates("ann")[0]) is None


def feed(id_: str, **more) -> Feed:
    return Feed(id=id_, source=id_.partition(":")[0], address="@x", **{"author": Author(handle="x"), **more})


@pytest.mark.parametrize("address", ["b:ann", "@ann", "@ANN", "https://b.example/ANN/", "the Ann"])
def test_a_followed_author_is_found_by_any_name(address):
    """Id, address, name, web address, or what an address means."""
    ann = Feed(
        id="b:ann",
        source="b",
        address="@ann",
        author=Author(handle="ann", name="the Ann"),
        url="https://b.example/ann",
    )

    assert matching([feed("a:x"), ann], address, finder(Place("a", ("ann",)), Place("b", ("ann",)))) == ann


def called(id_: str, name: str = "", handle: str = "", **more) -> Feed:
    author = Author(handle=handle or id_.partition(":")[2], name=name)
    return Feed(id=id_, source=id_.partition(":")[0], author=author, **{"address": id_, **more})


@pytest.mark.parametrize("address", ["@ann", "ann", "a:ann", "https://a.example/ann"])
@pytest.mark.parametrize("with_finder", [True, False])
def test_a_display_name_never_stands_before_what_its_owner_did_not_choose(address, with_finder):
    """Whoever calls himself by another's address, handle, id or page is not that one."""
    ann = called("a:ann", address="@ann", url="https://a.example/ann")
    eve = called("a:eve", name=address, address="@eve")
    eve = replace(eve, author=replace(eve.author, url="https://a.example/ann"))

    assert matching([eve, ann], address, finder(Place("a", ("ann", "eve"))) if with_finder else None) == ann


def test_an_address_on_a_profile_names_nobody():
    """`author.url` is what the author wrote there."""
    eve = called("a:eve")
    eve = replace(eve, author=replace(eve.author, url="https://a.example/ann"))

    assert matching([eve], "https://a.example/ann") is None


def test_several_alike_are_named_and_none_is_taken():
    """By what may be given instead."""
    with pytest.raises(NotFound, match="Ann may be any of a:one, b:two: give one of these"):
        matching([called("a:one", name="Ann"), called("b:two", name="ann")], "Ann")


def test_several_of_one_person_are_that_person():
    first, second = called("a:one", name="Ann", person="a:one"), called("b:two", name="Ann", person="a:one")

    assert matching([first, second], "Ann") == first


@pytest.mark.parametrize(
    ("address", "handle"),
    [("https://x.example/Ann", "ann"), ("https://social.example/@ann", "ann@social.example"), ("@Ann", "ann")],
)
def test_a_handle_is_seen_in_a_profile_s_address(address, handle):
    """Without a source to ask what it means; at Mastodon a name is one only with its host."""
    assert matching([called("m:1", handle=handle)], address) == called("m:1", handle=handle)
    assert matching([called("m:1", handle="other")], address) is None


def test_an_address_of_another_site_is_no_handle():
    """A blog's page that ends with a word is nobody who is called by that word."""
    assert matching([called("a:ann")], "https://blog.example/ann", finder(Place("a", ("ann",)))) is None


@pytest.mark.parametrize(
    ("address", "reason", "expected"),
    [
        ("dead.example", "dead.example: its name cannot be found", "dead.example: its name cannot be found"),
        ("https://dead.example/f", "dead.example: no", "https://dead.example/f: no"),
        ("@ann", "a.example: no", "@ann: a.example: no"),
        ("ann", "ann: no", "ann: ann: no"),
        ("ann", "no", "ann: no"),
    ],
)
def test_a_host_is_told_once(address, reason, expected):
    assert told(address, reason) == expected


def test_a_feed_that_is_followed_in_another_format_is_that_feed():
    """A page names one feed in several formats; the one that is followed stays it."""
    rss, atom = feed("a:rss"), feed("a:atom")

    assert same_author([rss], Resolved(feed=atom, same=("a:rss",))) == rss
    assert same_author([rss, atom], Resolved(feed=atom, same=("a:rss",))) == atom
    assert same_author([rss], Resolved(feed=atom)) is None


def test_a_source_says_what_it_takes():
    """Where it is asked alone, its own addresses are named, not everybody's."""
    place = Place("a", ())
    place.takes = "the URL of a feed"  # type: ignore[attr-defined]
    with pytest.raises(SettingsError, match=r'^"@ann" names no author at a: give the URL of a feed$'):
        finder(place, Place("b", ())).candidates("@ann", "a")


def test_an_author_with_another_name_is_the_same_by_the_key():
    old = feed("a:old", author=Author(handle="old", key="7"))
    new = Resolved(feed=feed("a:new", author=Author(handle="new", key="7")))
    elsewhere = Resolved(feed=feed("b:new", author=Author(handle="new", key="7")))
    without = Resolved(feed=feed("a:new", author=Author(handle="new")))

    assert same_author([old], new) == old
    assert same_author([old], elsewhere) is None
    assert same_author([feed("a:old")], without) is None


def test_what_was_found_passes_as_text():
    """A cursor is JSON, whatever is in it."""
    cursor = {"threads": ["1"], "n": {"deep": [None, 1.5]}}
    resolved = Resolved(feed=feed("a:x", url="https://a"), cursor=cursor, same=("a:y",))

    assert read(written(resolved)) == resolved


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"feed": {}, "cursor": {}}', "null", "[" * 100_000])
def test_what_is_none_is_refused(text):
    with pytest.raises(ValueError, match=r"\w"):
        read(text)
