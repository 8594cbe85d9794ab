import json
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.errors import FeedGone, ParseError, SourceError, SourceRefused, TemporarySourceError, WrongAuthor
from bot.sources.bluesky_embeds import read_embed
from bot.sources.bluesky_pages import read_page, read_profile, read_tree
from bot.sources.bluesky_posts import read_author, read_post
from bot.sources.bluesky_text import read_words, web_link
from bot.sources.chains import Said, chain, chains
from tests import bluesky
from tests.bluesky import ADA, FEED, answer
from tests.shared import shared

# -- payloads that are known ----------------------------------------------------------------------


@pytest.mark.parametrize("name", bluesky.cases())
def test_golden(name):
    """Each known shape is read to exactly what a person sees in it."""
    assert bluesky.read(name) == bluesky.expected(name)


def recorded(name):
    return json.loads(shared(f"real/{name}").read_bytes())


def threads(page):
    return [[one.id for one in found] for found in chains(seen.said for seen in page.posts)]


@pytest.mark.shared
def test_recorded_feed_of_2023():
    """25 places: two reposts, 23 posts in their order, of which three answer nobody and none goes on."""
    did = "did:plc:iijrtk7ocored6zuziwmqq3c"
    raw = recorded("bluesky/2023-04_getAuthorFeed_shinyakato.json")
    page = read_page(FEED, raw, did)

    assert Counter(item.kind for item in page.items) == {"post": 23, "repost": 2}
    assert [item.seen.said.url.rpartition("/")[2] for item in page.items] == [
        one["post"]["uri"].rpartition("/")[2] for one in raw["feed"]
    ]
    assert threads(page) == [["3jukoxegkhw2s"], ["3jukdwsblqu2l"], ["3jukamqbf2c2q"]]
    assert (page.author.handle, page.author.key) == ("shinyakato.dev", did)
    assert page.reaches == datetime(2023, 4, 29, 22, 59, 32, 466000, UTC)
    assert [item.placed for item in page.items] == sorted((item.placed for item in page.items), reverse=True)
    assert page.below.startswith("1682809172466::")
    linked = next(seen for seen in page.posts if seen.id == "3jukdwsblqu2l").said.post
    assert linked.links == ("https://psky.app/profile/why.bsky.team/post/3juk5phzpf62w",)
    assert linked.text.count(linked.links[0]) == 2
    treasure = next(seen for seen in page.posts if seen.id == "3jukoxegkhw2s").said.post
    assert [one.kind for one in treasure.media] == ["image", "image"]


@pytest.mark.shared
def test_recorded_thread_of_2023():
    """One post deep inside a talk of others: nothing above or below it is its author's."""
    tree = read_tree(FEED, recorded("bluesky/2023-04_getPostThread_deep.json"), "did:plc:iuk433sj23ncu2oo2pfnw7fw")

    assert [seen.id for seen in tree.posts] == ["3jujgsslyxt2h"]
    assert tree.root.said.post.text == "hellthread hellthread hellthread\n\ndid it work?"
    assert tree.root.said.parent.startswith("at://did:plc:mf5dzzqkp7fnmby6blfeljwj/")
    assert (tree.root.author.handle, tree.root.replies, tree.cut) == ("skeet.computer", 4, ())


@pytest.mark.shared
def test_recorded_feed_of_several_authors():
    """A page of many authors: those of one stand in their order, the others' are nobody's."""
    raw = recorded("bluesky/2023_getFeed.json")
    dids = dict.fromkeys(one["post"]["author"]["did"] for one in raw["feed"])
    found = {did: threads(read_page(FEED, raw, did)) for did in dids}

    assert [len(found[did]) for did in dids] == [1, 1, 1, 1, 1, 2]
    assert found["did:plc:2z6stlhmp7g3ldo2bqmmex4f"] == [["3jvtu2opkd32j"], ["3jvt4xc24wk2o"]]


@pytest.mark.shared
def test_recorded_posts():
    """A post alone."""
    raw = recorded("bluesky/2023_getPosts.json")
    seen = read_post(raw["posts"][0], "did:plc:d3zpokjdspr22chfrc427eis")

    assert (seen.id, seen.replies, seen.author.handle) == ("3ju4p6u2i3a2g", 8, "luy.gay")
    assert seen.said.post.text == raw["posts"][0]["record"]["text"]
    with pytest.raises(ParseError):
        read_page(FEED, raw, "did:plc:d3zpokjdspr22chfrc427eis")


@pytest.mark.shared
def test_recorded_shapes_of_2026():
    """An author's page with a repost, a thread among answers of five others, pictures, a profile."""
    did = "did:plc:test111"
    page = read_page(FEED, recorded("bluesky/fxembed_author-feed.json"), did)
    talk = read_tree(FEED, recorded("bluesky/fxembed_conversation-thread.json"), did)
    pictures = read_tree(FEED, recorded("bluesky/fxembed_thread-multi-image.json"), did)
    profile = read_profile(FEED, recorded("bluesky/fxembed_profile-detail.json"))

    assert [(item.kind, item.seen.id) for item in page.items] == [
        ("post", "rkeymain"), ("repost", "at://did:plc:other/rkeyreposted"),
    ]  # fmt: skip
    assert page.below == "opaque-next-cursor"
    assert [one.id for one in chain("rkeyconv", [seen.said for seen in talk.posts])] == ["rkeyconv", "rkeyself1"]
    assert [(one.url, one.alt) for one in pictures.root.said.post.media] == [
        ("https://cdn.bsky.app/full1", "a"), ("https://cdn.bsky.app/full2", "b"),
    ]  # fmt: skip
    assert (profile.handle, profile.name, profile.key) == (
        "test.bsky.social", "Fixture User", "did:plc:abc123fixture",
    )  # fmt: skip


@pytest.mark.shared
def test_recorded_conversions():
    """What another program makes of posts: a comment, a quote, a link behind a word after emoji, and no posts."""
    comment = read_post(recorded("granary/comment_inreplyto_id.bsky.json")["post"], "did:plc:asdf")
    quote = read_post(recorded("granary/quote_with_image.bsky.json")["post"], "did:plc:user")
    note = recorded("granary/note_with_article_tag_indices.bsky.json")

    assert (comment.id, comment.said.post.text) == ("tid", "foo bar baz")
    assert comment.said.parent == "at://did:plc:123/parent-tid"
    assert quote.said.post.quotes == ("https://bsky.app/profile/did:plc:user/post/orig-post-tid",)
    assert (quote.said.post.text, quote.said.post.media) == ("I hereby quote", ())
    assert read_words(note["text"], note["facets"]).text == "hello 👩‍👩‍👦‍👦✋🏽 foo (http://xyz/foo)"
    for name in ("actor", "like", "repost"):
        raw = recorded(f"granary/{name}.bsky.json")
        assert read_post(raw.get("post", raw), "did:web:alice.example.com") is None
    with pytest.raises(ParseError):
        read_page(FEED, recorded("bluesky/post_record.json"), ADA)
    assert read_author(recorded("bluesky/resolve_handle.json")).key == "did:plc:z72i7hdynmk6r22z27h6tvur"


# -- words ----------------------------------------------------------------------------------------


def link(start, end, uri="https://example.org/whole/address"):
    features = [{"$type": "app.bsky.richtext.facet#link", "uri": uri}]
    return {"index": {"byteStart": start, "byteEnd": end}, "features": features}


@pytest.mark.parametrize(
    ("text", "facets", "said"),
    [
        ("see example.org/who…", [link(4, 22)], "see https://example.org/whole/address"),
        ("see example.org/who...", [link(4, 22)], "see https://example.org/whole/address"),
        ("see https://example.org", [link(4, 23)], "see https://example.org/whole/address"),
        ("see www.EXAMPLE.org", [link(4, 19)], "see https://example.org/whole/address"),
        ("see here", [link(4, 8)], "see here (https://example.org/whole/address)"),
        ("bank.example", [link(0, 12)], "bank.example (https://example.org/whole/address)"),
        ("ü here", [link(3, 7)], "ü here (https://example.org/whole/address)"),
        ("👍🏽 x", [link(9, 10)], "👍🏽 x (https://example.org/whole/address)"),
        ("ab", [link(1, 2, "https://b.example/"), link(0, 1, "https://a.example/")],
         "a (https://a.example/)b (https://b.example/)"),
        ("here", [link(0, 4), link(2, 4, "https://b.example/")], "here (https://example.org/whole/address)"),
        ("ü", [link(1, 2)], "ü"),
        ("ü", [link(0, 1)], "ü"),
        ("x", [link(0, 2)], "x"),
        ("x", [link(-1, 1)], "x"),
        ("x", [link(1, 1)], "x"),
        ("x", [link(0.0, 1)], "x"),
        ("x", [link(False, True)], "x"),
        ("x", [link(0, 10**30)], "x"),
        ("x", [link(0, 1, "javascript:alert(1)"), link(0, 1, 7), link(0, 1, "")], "x"),
        ("x", [None, {}, {"index": 7}, {"index": {}, "features": {}}, {"features": [None]}], "x"),
        ("x", 7, "x"),
        (7, [link(0, 1)], ""),
        ("a\ud800b here", [link(6, 10)], "a\ufffdb here (https://example.org/whole/address)"),
        ("one\r\ntwo\x07\u202e", None, "one\ntwo"),
    ],
)  # fmt: skip
def test_words(text, facets, said):
    """Links stand whole where they are, counted in bytes; what cannot be right changes nothing."""
    assert read_words(text, facets).text == said


def test_links_of_browsers():
    """An address that would break a form is written as browsers write it; what is none is none."""
    assert web_link('https://example.org/a|b"c d') == "https://example.org/a%7Cb%22c%20d"
    assert [web_link(odd) for odd in ("at://x/y", "mailto:a@example.org", "https://", None, "https://a\ud800.org")] == (
        ["", "", "", "", ""]
    )


def test_a_card_is_said_only_where_nothing_else_is():
    """A post that is nothing but a card has its address for words."""
    card = {"external": {"uri": "https://example.org/a", "title": "not the author's words"}}
    view = {"uri": f"at://{ADA}/app.bsky.feed.post/3m", "record": {"text": "", "embed": card}}

    assert read_post(view, ADA).said.post.text == "https://example.org/a"
    assert read_post({**view, "record": {"text": "x", "embed": card}}, ADA).said.post.text == "x"


def test_quotes_that_are_gone_are_quotes():
    """Not found, blocked, taken back by their author: the address is still what was quoted."""
    quoted = {"uri": "at://did:plc:b/app.bsky.feed.post/3q", "notFound": True}
    found = ("https://bsky.app/profile/did:plc:b/post/3q",)

    assert read_embed({"record": quoted}, None).quotes == found
    assert read_embed({"record": {"record": quoted}, "media": {"images": []}}, None).quotes == found
    assert read_embed(None, {"record": quoted}).quotes == found


# -- times and order ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("created", "indexed", "day"),
    [
        ("2026-08-18T10:00:00Z", "2026-08-18T10:00:05Z", 18),
        ("2026-09-30T10:00:00Z", "2026-08-18T10:00:05Z", 18),  # a clock that is ahead
        ("2026-08-17T11:00:00Z", "2026-08-18T10:00:05Z", 18),  # a clock that is late
        ("2026-08-02T10:00:00Z", "2026-08-18T10:00:05Z", 2),  # brought from elsewhere
        ("2026-08-18T23:30:00-02:00", None, 19),
        (None, "2026-08-18T10:00:05", 18),
        ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", None),
        ("x" * 1000, 7, None),
    ],
)
def test_when_a_post_was_written(created, indexed, day):
    """By the server's clock; what says that it is from an archive is old."""
    view = {"uri": f"at://{ADA}/app.bsky.feed.post/3m", "record": {"createdAt": created}, "indexedAt": indexed}
    at = read_post(view, ADA).said.at

    assert (at and at.day) == day


def test_an_answer_never_stands_before_what_it_answers():
    """Posts that were sent together come with times in any order; their chain is what counts."""
    at = datetime(2026, 8, 18, tzinfo=UTC)
    post = read_post({"uri": f"at://{ADA}/app.bsky.feed.post/x", "record": {}}, ADA).said.post

    def said(id_, parent, second):
        return Said(post=replace(post, id=id_), parent=parent, at=at.replace(second=second))

    posts = [said("d", "c", 1), said("b", "a", 9), said("c", "b", 3), said("a", "", 5), said("e", "a", 10)]

    assert [one.id for one in chain("a", posts)] == ["a", "b", "c", "d", "e"]


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "message", "kind", "words"),
    [
        ("InvalidRequest", "Profile not found", FeedGone, "no such author"),
        ("InvalidRequest", "Unable to resolve handle", FeedGone, "no such author"),
        ("InvalidRequest", "actor Not Found", FeedGone, "no such author"),
        ("NotFound", "Post not found: at://x", FeedGone, "no such post"),
        ("InvalidRequest", "Post not found: at://x", FeedGone, "no such post"),
        ("AccountTakedown", "Account has been suspended", FeedGone, "suspended"),
        ("AccountDeactivated", "Account is deactivated", FeedGone, "deactivated"),
        ("BlockedByActor", "x", SourceRefused, "block"),
        ("AuthMissing", "x", SourceRefused, "login"),
        ("UpstreamFailure", "x", TemporarySourceError, "does not answer"),
        ("InvalidRequest", "Error: limit must\n be \x1b[31mred", ParseError, "limit must be"),
        ("x" * 10_000, None, ParseError, "xxx"),
    ],
)
def test_errors(error, message, kind, words):
    """An error is what it says, whatever status it comes with."""
    for status in (200, 400, 404):
        with pytest.raises(SourceError, match=words) as caught:
            answer(json.dumps({"error": error, "message": message}).encode(), status)
        assert (type(caught.value), len(caught.value.reason) < 400) == (kind, True)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"<html>", b"7", b"[]", b"null", b'"feed"', b"\xff\xfe{", b"{}", b'{"feed": {}}', b'{"feed": [7]}'],
)
def test_no_answer_of_the_api(body):
    """Nothing but the shape that is known is a page; least of all an empty one."""
    with pytest.raises(ParseError):
        read_page(FEED, answer(body), ADA)


def test_numbers_without_end_are_no_answer():
    """Python refuses to read numbers of more than 4,300 digits."""
    with pytest.raises(ParseError):
        answer(b'{"feed": ' + b"9" * 10_000 + b"}")


@pytest.mark.parametrize("depth", [2_000, 100_000, 3_000_000])
@pytest.mark.parametrize("piece", [b"[", b'{"replies":', b'{"thread":[{"replies":['])
def test_deep_nesting_is_no_answer(depth, piece):
    """However deep an answer is nested, it is refused quickly and not with a crash."""
    started = time.perf_counter()
    with pytest.raises(ParseError):
        answer(piece * (depth // len(piece) + 1_000))

    assert time.perf_counter() - started < 2


def test_a_page_of_somebody_else():
    """A page on which nothing is the author's is another's; nobody's posts are taken for theirs."""
    raw = json.loads((bluesky.DATA / "feed-2026" / "feed.json").read_bytes())

    with pytest.raises(WrongAuthor, match=r"ada\.example\.com"):
        read_page(FEED, raw, "did:plc:other")


def test_where_a_tree_was_cut():
    """Only at its deepest level: an answer that is counted and not shown further up is hidden or deleted."""
    raw = json.loads((bluesky.DATA / "thread-2026" / "thread.json").read_bytes())
    postscript = next(one for one in raw["thread"]["replies"] if one.get("post", {}).get("uri", "").endswith("3mps"))
    postscript["post"]["replyCount"] = 3

    assert read_tree(FEED, raw, ADA).cut == ("3mt5",)


def test_a_thread_of_somebody_else():
    """So is a thread."""
    raw = json.loads((bluesky.DATA / "thread-2026" / "thread.json").read_bytes())

    with pytest.raises(WrongAuthor, match=r"ada\.example\.com"):
        read_tree(FEED, raw, "did:plc:other")


@pytest.mark.parametrize(
    ("top", "kind"),
    [
        ({"$type": "app.bsky.feed.defs#notFoundPost", "notFound": True}, FeedGone),
        ({"notFound": True}, FeedGone),
        ({"$type": "app.bsky.feed.defs#blockedPost"}, SourceRefused),
        ({"$type": ["x"] * 1000}, ParseError),
        ({"post": 7}, ParseError),
        (7, ParseError),
    ],
)
def test_a_thread_that_is_not_shown(top, kind):
    """Gone, blocked, or no thread at all."""
    with pytest.raises(kind):
        read_tree(FEED, {"thread": top}, ADA)


def test_an_author_who_is_for_members_only():
    """Who asks not to be shown to the public is not read, though the server would show them."""
    label = {"src": ADA, "val": "!no-unauthenticated"}
    profile = {"did": ADA, "handle": "ada.example.com", "labels": [label]}
    post = {"uri": f"at://{ADA}/app.bsky.feed.post/3m", "record": {"text": "x"}, "author": profile}
    by = {"$type": "app.bsky.feed.defs#reasonRepost", "by": profile}
    theirs = {"uri": "at://did:plc:b/app.bsky.feed.post/3m", "record": {"text": "x"}}

    with pytest.raises(SourceRefused, match="logged in"):
        read_profile(FEED, profile)
    with pytest.raises(SourceRefused, match="logged in"):
        read_page(FEED, {"feed": [{"post": post}]}, ADA)
    with pytest.raises(SourceRefused, match="logged in"):
        read_page(FEED, {"feed": [{"post": theirs, "reason": by}]}, ADA)
    with pytest.raises(SourceRefused, match="logged in"):
        read_tree(FEED, {"thread": {"post": post}}, ADA)
    assert read_profile(FEED, {**profile, "labels": [{**label, "neg": True}]}).key == ADA


# -- hostile --------------------------------------------------------------------------------------

HUGE = "long 👩‍👩‍👦‍👦 <b>\u202e" * 50_000


@pytest.mark.parametrize(
    "fill", [HUGE, "http://" * 150_000, "@" * 1_000_000, "\ud800" * 300_000, "1." * 500_000, "(" * 1_000_000]
)
def test_a_megabyte_of_text(fill):
    """Text without end is read in moments, links and all."""
    facets = [link(at, at + 3, "https://example.org/" + "x" * 3_000) for at in range(0, 100_000, 5)]
    facets[3] = link(0, 1, fill)
    view = {
        "uri": f"at://{ADA}/app.bsky.feed.post/3m",
        "author": {"did": ADA, "handle": fill, "displayName": fill, "labels": [{"val": fill}] * 100},
        "record": {"text": fill, "facets": facets, "labels": {"values": [{"val": fill}] * 100}, "createdAt": fill},
        "embed": {"images": [{"fullsize": fill, "alt": fill}] * 200, "external": {"uri": fill, "description": fill}},
    }
    started = time.perf_counter()
    page = read_page(FEED, {"feed": [{"post": view}], "cursor": fill}, ADA)

    assert time.perf_counter() - started < 3
    assert page.below == ""
    assert len(page.author.name) <= 200


def test_pages_without_end():
    """A page of a million posts is none; a tree of as many is read as far as anybody could read."""
    post = {"uri": f"at://{ADA}/app.bsky.feed.post/3m", "record": {"text": "x"}}
    with pytest.raises(ParseError, match="longer page"):
        read_page(FEED, {"feed": [{"post": post}] * 1_000_000}, ADA)

    started = time.perf_counter()
    tree = read_tree(FEED, {"thread": {"post": post, "replies": [{"post": post}] * 200_000}}, ADA)

    assert time.perf_counter() - started < 5
    assert len(tree.posts) == 50_000


SEEDS = [
    (next(one for one in sorted((bluesky.DATA / name).iterdir()) if one.name != "expected.json"), name)
    for name in bluesky.cases()
]
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.just(10**400), st.floats(), st.text(max_size=20),
    st.sampled_from(["", "\ud800", "at://", ADA, "\x00", "9" * 5000]), st.just([]), st.just({}),
    st.just([[]] * 3), st.just({"$type": "app.bsky.feed.defs#reasonPin", "uri": 7}),
)  # fmt: skip


def places(value, path=()):
    """Every place in a value."""
    yield path
    within = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in within:
        yield from places(inner, (*path, name))


def put(value, path, new):
    """The value with something else in one place."""
    if not path:
        return new
    made = dict(value) if isinstance(value, dict) else list(value)
    made[path[0]] = put(value[path[0]], path[1:], new)
    return made


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(SEEDS), st.data())
def test_fuzz(seed, data):
    """A good payload with anything in some places of it: a value that can be stored, or an error that says why."""
    raw = json.loads(seed[0].read_text("utf-8"))
    for _ in range(data.draw(st.integers(1, 4))):
        path = data.draw(st.sampled_from(list(places(raw))))
        raw = put(raw, path, data.draw(ODD))
    try:
        found = bluesky.shown(seed[0].stem, json.dumps(raw).encode())
    except SourceError as error:
        assert error.feed_id == FEED
        error.reason.encode()
    else:
        json.dumps(found, ensure_ascii=False).encode()


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(SEEDS), st.binary(max_size=8), st.floats(0, 1), st.integers(0, 40))
def test_fuzz_of_bytes(seed, piece, where, cut):
    """The same for damaged bytes."""
    body = seed[0].read_bytes()
    at = int(len(body) * where)
    try:
        bluesky.shown(seed[0].stem, body[:at] + piece + body[at + cut :])
    except SourceError as error:
        assert error.feed_id == FEED
