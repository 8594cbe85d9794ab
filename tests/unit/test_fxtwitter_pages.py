import contextlib
import copy
import itertools
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import SourceError
from bot.model import Author
from bot.sources.fxtwitter_pages import read_page, read_profile, read_thread
from bot.sources.fxtwitter_posts import read_status
from bot.sources.fxtwitter_threads import Rules, entry_in, is_thread, threads_in, told_in
from tests.pages import plain
from tests.servers.fxtwitter import PETRA, module, post_id, tombstone
from tests.servers.fxtwitter import status as post
from tests.servers.fxtwitter import thread as made_thread
from tests.shared import shared

DATA = Path(__file__).parents[1] / "data" / "fxtwitter"
CASES = sorted(one.name for one in DATA.iterdir())
AUTHOR = Author(handle="polarpetra", key=PETRA.key)


def rules(author=AUTHOR, posts="threads"):
    return Rules(feed_id="fxtwitter:polarpetra", author=author, posts=posts, min_posts=2)


def read(body, kind, key="", posts="threads") -> Any:
    """All that is read of an answer."""
    if kind == "profile":
        return read_profile(body, "fxtwitter:polarpetra")
    if kind == "thread":
        told = told_in([read_thread(body, "fxtwitter:polarpetra", key)], key)
        return {"is_thread": is_thread(told, rules()), "entry": entry_in(told, rules(), key) if told.chain else None}
    page = read_page(body, "fxtwitter:polarpetra", AUTHOR)
    found = threads_in(page.rows, rules(page.author or AUTHOR, posts))
    return {"author": page.author, "below": page.below, "found": found}


def as_json(value):
    """What was read, as JSON has it, without what is empty."""
    if isinstance(value, dict):
        return plain({name: as_json(one) for name, one in value.items()})
    return plain(asdict(value)) if hasattr(value, "__dataclass_fields__") else value


# -- golden pairs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_golden(name):
    """Each answer is read to exactly what a person sees in it."""
    asked = json.loads((DATA / name / "asked.json").read_text("utf-8"))
    expected = json.loads((DATA / name / "expected.json").read_text("utf-8"))

    assert as_json(read((DATA / name / "answer.json").read_bytes(), **asked)) == expected


# -- words ----------------------------------------------------------------------------------------


def words(text, *facets, **more):
    """A post that says this."""
    span = more.pop("span", [0, len(text)])
    raw = {"text": text, "display_text_range": span, "facets": list(facets)}
    return read_status(post(post_id(1), "", raw_text=raw, **more)).post


def link(short, whole):
    return {"type": "url", "indices": [0, 23], "original": short, "replacement": whole}


def test_entities_are_decoded_once():
    """What an author wrote as "&lt;" comes as "&amp;lt;"; other entities X never makes."""
    assert words("a &amp;lt; b &lt; c &copy; &amp;amp;").text == "a &lt; b < c &copy; &amp;"


def test_a_link_with_a_query_keeps_it():
    """The whole address stands in the text as it is, also where it holds what looks like an entity."""
    found = words("See https://t.co/a.", link("https://t.co/a", "https://a.example/?a=1&lt;=2"))

    assert (found.text, found.links) == ("See https://a.example/?a=1&lt;=2.", ("https://a.example/?a=1&lt;=2",))


@pytest.mark.parametrize(
    "whole", ["javascript:alert(1)", "", "https://a.example/\u202e", "https://good.example@evil.example/"]
)
def test_a_bad_address_is_not_put_in(whole):
    """What is no web address does not come in the place of the short one."""
    assert words("See https://t.co/a", link("https://t.co/a", whole)).links == ("https://t.co/a",)


def test_short_links_that_begin_alike():
    """A short link is not taken for the beginning of another."""
    found = words(
        "https://t.co/a https://t.co/ab",
        link("https://t.co/a", "https://1.example"),
        link("https://t.co/ab", "https://2.example"),
    )

    assert found.text == "https://1.example https://2.example"


def test_a_mention_that_is_meant_is_no_address():
    """A post that begins with a mention of its own, and answers nobody by it, has no `reply_to`."""
    parent = post(post_id(0), "")

    assert words("@loudvoice says", parent=parent).reply_to == ()
    assert words("@loudvoice says", span=[11, 15]).reply_to == ()
    assert words("@loudvoice says", span=[11, 15], parent=parent).reply_to == ("loudvoice",)


def test_text_where_the_raw_one_is_missing():
    """The plain text serves where there is no raw one; its links are whole already."""
    found = read_status(post(post_id(1), "See https://a.example/x & more", raw_text=None)).post

    assert (found.text, found.links) == ("See https://a.example/x & more", ("https://a.example/x",))


def test_words_of_others_are_not_the_authors():
    """A card, a community note, a translation, a quoted post: nothing of their words is the author's."""
    others = "OTHERS"
    found = read_status(
        post(
            post_id(1),
            "Mine.",
            card={"url": "https://a.example/", "title": others, "description": others},
            community_note={"text": others, "facets": []},
            translation={"text": others},
            community={"name": others, "description": others},
            quote=post(post_id(0), others),
        )
    ).post

    assert found.text == f"Mine.\n\nhttps://x.com/PolarPetra/status/{post_id(0)}\n\nhttps://a.example/"
    assert found.quotes == (f"https://x.com/PolarPetra/status/{post_id(0)}",)


def test_what_would_act_is_removed():
    """Control characters, unpaired direction changes and lone surrogates of a text are made harmless."""
    assert words("a\x1b[31mb\u202ec\ud800d\x00").text == "a[31mbc\ufffdd"


# -- hostile --------------------------------------------------------------------------------------

SLOW = 5.0


def took(body, kind, **asked):
    start = time.perf_counter()
    with contextlib.suppress(SourceError):
        read(body, kind, **asked)
    return time.perf_counter() - start


def says(text, *facets, **more):
    """A timeline of one post that says this."""
    raw = {"text": text, "display_text_range": [10**9, 1], "facets": list(facets)}
    return [post(post_id(1), "", parent=post(post_id(0), ""), raw_text=raw, **more)]


def places_of_markdown():
    """An article that shows a long piece in a thousand places."""
    blocks = [{"text": " ", "entityRanges": [{"key": 0}] * 50} for _ in range(1_000)]
    entities = [{"key": "0", "value": {"data": {"markdown": "m" * 2_000_000}}}]
    return {"title": "t", "content": {"blocks": blocks, "entityMap": entities}}


BIG = {
    "text": lambda: says("word " * 1_500_000),
    "mentions": lambda: says("@a " * 2_000_000),
    "short links": lambda: says(" ".join(f"https://t.co/{n}" for n in range(300_000))),
    "entities": lambda: says("&amp;" * 1_500_000),
    "blanks": lambda: says(" " * 7_000_000),
    "combining": lambda: says("\u0301" * 1_000_000),
    "facets": lambda: says("https://t.co/a", *[link("https://t.co/a", "https://a.example")] * 60_000),
    "name": lambda: says("a", author={"id": PETRA.key, "screen_name": "PolarPetra", "name": "n" * 7_000_000}),
    "markdown": lambda: says("a", article=places_of_markdown()),
    "media": lambda: says(
        "a", media={"all": [{"type": "photo", "url": f"https://a.example/{n}"} for n in range(90_000)]}
    ),
    "poll": lambda: says("a", poll={"choices": [{"label": f"{n}"} for n in range(200_000)]}),
    "rows": lambda: [post(post_id(n), "a") for n in range(900)],
    "one row": lambda: [module(*(small(n) for n in range(20_000)))],
    "one chain": lambda: [module(*chained(20_000))],
    "ids": lambda: [module(*made_thread(1, "1", "2"), ids=[post_id(n) for n in range(200_000)])],
}


def small(number):
    """A post with nothing but what it must have."""
    return {
        "type": "status",
        "id": post_id(number),
        "author": {"id": PETRA.key, "screen_name": "PolarPetra"},
        "text": "a",
    }


def chained(count):
    made = [small(number) for number in range(count)]
    for before, one in itertools.pairwise(made):
        one["replying_to"] = {"screen_name": "PolarPetra", "status": before["id"]}
    return made


@pytest.mark.parametrize("name", BIG)
def test_big_answers_do_not_stall(name):
    """Whatever is huge in an answer, it is read in a bounded time."""
    rows = BIG[name]()
    timeline = json.dumps({"code": 200, "results": rows, "cursor": {}}).encode()
    statuses = rows[0].get("statuses", rows)
    conversation = json.dumps({"code": 200, "status": statuses[0], "thread": statuses}).encode()

    assert took(timeline, "timeline", posts="all") < SLOW
    assert took(conversation, "thread", key=statuses[0]["id"]) < SLOW


# -- mutated --------------------------------------------------------------------------------------

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        ["", "0", "9" * 25, "-1", "\ud800", "\u202e\x00", "a" * 3000, "https://[", "１２３", "tombstone", "thread"]
    ),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.sampled_from(["id", "type", "text", "url"]), st.integers() | st.text(max_size=3), max_size=3),
)
GOOD = [[(DATA / name / file).read_text("utf-8") for file in ("asked.json", "answer.json")] for name in CASES]


def places(value, above=()):
    """Where something stands in a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in items:
        yield (*above, name)
        yield from places(one, (*above, name))


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(GOOD), st.lists(st.tuples(st.integers(0, 10**6), JUNK), min_size=1, max_size=4))
def test_mutated_answers(good, changes):
    """Whatever is in the place of what should be there, it is read or refused, never anything else."""
    asked, text = json.loads(good[0]), good[1]
    document = copy.deepcopy(json.loads(text))
    for number, junk in changes:
        found = list(places(document))
        *path, last = found[number % len(found)]
        target = document
        for name in path:
            target = target[name]
        target[last] = junk
    body = json.dumps(document).encode()
    try:
        read(body, **asked)
    except SourceError as error:
        assert error.reason


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(GOOD), st.integers(0, 10_000), st.binary(max_size=6))
def test_damaged_answers(good, at, junk):
    """An answer that is cut, or damaged on its way, is read or refused."""
    asked, text = json.loads(good[0]), good[1]
    body = text.encode()
    for damaged in (body[: at % len(body)], body[: at % len(body)] + junk + body[at % len(body) :]):
        try:
            read(damaged, **asked)
        except SourceError as error:
            assert error.reason


# -- the description of the API -------------------------------------------------------------------


def example(schema, schemas, depth=0):
    """A value as a schema describes it, with every field that it may have."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return example(schemas[name], schemas, depth + 1)
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return example(schema[choice][0], schemas, depth)
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        wanted = schema.get("properties", {}) if depth < 12 else {}
        return {name: example(one, schemas, depth + 1) for name, one in wanted.items()}
    if schema.get("type") == "array":
        return [example(schema["items"], schemas, depth + 1)]
    return {"string": "1", "number": 200, "integer": 1, "boolean": True}.get(schema.get("type"))


@pytest.fixture
def schemas():
    """The schemas of the recorded description."""
    document = json.loads(shared("real/fxtwitter/fxtwitter-openapi.json").read_text("utf-8"))
    return document["components"]["schemas"]


@pytest.mark.shared
def test_every_field_of_the_description_is_met(schemas):
    """A grouped page, a thread and a profile with every field that the description has are read."""
    author = Author(handle="1", key="1")
    grouped = {"code": 200, "cursor": example(schemas["APIGroupedSearchResults"], schemas)["cursor"]}
    grouped["results"] = [example(one, schemas) for one in schemas["TimelineEntryTwitter"]["oneOf"]]
    for row in grouped["results"]:
        for one in row.get("statuses", [row]):
            one["reposted_by"] = None
    page = read_page(json.dumps(grouped).encode(), "x", author)
    conversation = read_thread(json.dumps(example(schemas["SocialThread"], schemas)).encode(), "x", "1")
    profile = read_profile(json.dumps(example(schemas["UserAPIResponse"], schemas)).encode(), "x")

    assert [[one.id for one in row.statuses] for row in page.rows] == [["1"], ["1"]]
    assert (conversation.focal.id, len(conversation.parts)) == ("1", 1)
    assert profile.author == Author(handle="1", name="1", url="https://x.com/1", key="1")


@pytest.mark.shared
def test_our_own_answers_have_what_the_description_requires(schemas):
    """The posts of our own tests have every field that the description requires of one."""
    made = [post(post_id(1), "a"), tombstone("1")]
    for one, name in zip(made, ("APITwitterStatus", "APIStatusTombstone"), strict=True):
        assert set(schemas[name]["required"]) - set(one) == set()
