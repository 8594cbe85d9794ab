"""The JSON and the HTML of Mastodon's API: what a post says, odd and hostile answers, recorded ones."""

from __future__ import annotations

import copy
import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.errors import SourceError
from bot.model import Author, Entry, Media
from bot.sources import mastodon_text
from bot.sources.chains import chains
from bot.sources.mastodon import Mastodon
from bot.sources.mastodon_posts import SENSITIVE, read_profile, read_toot, read_toots
from bot.text import clean
from tests import mastodon
from tests.canned import Canned
from tests.shared import shared
from tests.sites import Clock

ORIGIN = "https://a.example"
ANN = {"id": "1", "username": "ann", "acct": "ann", "display_name": "Ann", "url": f"{ORIGIN}/@ann"}


def status(content: Any = "<p>One.</p>", **more: Any) -> dict[str, Any]:
    return {"id": "5", "account": ANN, "content": content, "created_at": "2026-08-01T08:00:00.000Z", **more}


def post(content: Any = "<p>One.</p>", **more: Any):
    return read_toot(status(content, **more), by="1", origin=ORIGIN).said.post


# -- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", ""),
        (None, ""),
        ("plain & simple", "plain & simple"),
        ("a &lt;b&gt; &amp; c&#39;s", "a <b> & c's"),
        ("<p>a</p><p>b</p>", "a\n\nb"),
        ("<p>a<br>b<br />c</p>", "a\nb\nc"),
        ("<p>a<br><br><br><br>b</p>", "a\n\nb"),
        ("<p> a \n b </p>\n<p></p><p>c</p>", "a b\n\nc"),
        ("<p>a<strong>b</strong> <em>c</em>d</p>", "ab cd"),
        ("<ul><li>a</li><li>b<ol><li>c</li><li>d</li></ol></li></ul>", "- a\n- b\n\n1. c\n2. d"),
        ("<blockquote><p>a</p><p>b</p></blockquote><p>c</p>", "> a\n\n> b\n\nc"),
        ("<pre><code>a\n  b</code></pre>", "a\n  b"),
        ("<script>x</script><style>y</style><!-- z -->a", "a"),
        ("<p>a :blob: <img class='emojione' alt=':cat:' src='x'></p>", "a :blob: :cat:"),
        ("<p>a</p></div></p><p>b", "a\n\nb"),
        ("a\x00\x1b[31mb\u202ec", "a[31mbc"),
        ("<p>a &#x202e;b&#0;&#xd800;</p>", "a b\ufffd\ufffd"),
        ("<p>a\ud800b</p>", "a\ufffdb"),
    ],
)
def test_text(content, text):
    """Text is what a person sees, with breaks, and without what would act where it is shown."""
    assert post(content).text == text


SHORTENED = (
    '<a href="https://b.example/x?y=1&amp;z=2"><span class="invisible">https://</span>'
    '<span class="ellipsis">b.example/x?y</span><span class="invisible">=1&amp;z=2</span></a>'
)


@pytest.mark.parametrize(
    ("anchor", "text", "links"),
    [
        (
            SHORTENED,
            "https://b.example/x?y=1&z=2",
            ("https://b.example/x?y=1&z=2",),
        ),
        ('<a href="https://b.example/long/path">b.example/long/…</a>', "https://b.example/long/path", None),
        ('<a href="https://b.example/x">words</a>', "words (https://b.example/x)", None),
        ('<a href="https://evil.example/x">b.example</a>', "b.example (https://evil.example/x)", None),
        ('<a href="https://b.example/x"></a>', "https://b.example/x", None),
        ('<a href="javascript:alert(1)">x</a>', "x", ()),
        ('<a href="https://a@evil.example">x</a>', "x", ()),
        ('<a href="/local">x</a>', "x", ()),
        ('<a class="mention hashtag" rel="tag" href="https://a.example/tags/x">#<span>x</span></a>', "#x", ()),
        ('<a class="hashtag" href="https://a.example/tag/x">#x</a>', "#x", ()),
    ],
)
def test_links(anchor, text, links):
    """Links are whole, named ones keep their words, none leads elsewhere than it says; hashtags are words."""
    said = post(f"<p>See {anchor}.</p>")

    assert said.text == f"See {text}."
    assert said.links == (("https://" + text.split("https://")[1].rstrip(")"),) if links is None else links)


def test_link_once():
    """A link that stands twice is listed once."""
    anchor = '<a href="https://b.example/">b.example</a>'

    assert post(f"{anchor} {anchor}").links == ("https://b.example/",)


OTTO = {"id": "2", "username": "otto", "acct": "otto@b.example", "url": "https://b.example/@otto"}
NILS = {"id": "3", "username": "nils", "acct": "nils", "url": f"{ORIGIN}/@nils"}


def mention(who):
    return (
        f'<span class="h-card"><a class="u-url mention" href="{who["url"]}">@<span>{who["username"]}</span></a></span>'
    )


def test_mentions():
    """People of other servers are named with theirs."""
    said = post(f"<p>{mention(OTTO)}{mention(NILS)} hello {mention(OTTO)}!</p>", mentions=[OTTO, NILS])

    assert said.text == "@otto@b.example @nils hello @otto@b.example!"


@pytest.mark.parametrize(("answers", "reply_to"), [("2", ("otto@b.example", "nils")), ("1", ()), (None, ())])
def test_reply_to(answers, reply_to):
    """Mentions lead a post for the sake of the answer only where it answers somebody else."""
    said = post(
        f"<p>{mention(OTTO)} {mention(NILS)} no {mention(OTTO)}</p>",
        mentions=[OTTO, NILS],
        in_reply_to_id="4" if answers else None,
        in_reply_to_account_id=answers,
    )

    assert said.reply_to == reply_to


def test_two_of_one_name():
    """A short name that two people share says which only by its address."""
    other = {**OTTO, "acct": "otto@c.example", "url": "https://c.example/@otto"}
    said = post(f"<p>{mention(OTTO)} {mention(other)} @otto</p>", mentions=[OTTO, other])

    assert said.text == "@otto@b.example @otto@c.example @otto"


@pytest.mark.parametrize(
    ("raw", "warning"),
    [
        ({}, ""),
        ({"spoiler_text": " Food \n and drink "}, "Food and drink"),
        ({"spoiler_text": "", "sensitive": True}, ""),
        ({"sensitive": True, "media_attachments": [{"type": "image", "url": "https://a.example/1.png"}]}, SENSITIVE),
        ({"spoiler_text": "\x1b[2J\u202eFood"}, "[2JFood"),
        ({"spoiler_text": 5}, ""),
    ],
)
def test_warning(raw, warning):
    """A content warning is kept, and so is that pictures are not for everybody's eyes."""
    assert post(**raw).warning == warning


def test_media():
    """Pictures and videos each once, with their descriptions; sounds and files not fetched are links."""
    files = [
        {"type": "image", "url": "https://a.example/1.png", "description": " A \u202ecat.\n"},
        {"type": "image", "url": "https://a.example/1.png"},
        {"type": "gifv", "url": "https://a.example/2.mp4", "description": None},
        {"type": "audio", "url": "https://a.example/3.mp3"},
        {"type": "unknown", "url": None, "remote_url": "https://b.example/4.bin"},
        {"type": "image", "url": "javascript:alert(1)"},
        {"type": ["image"], "url": 5},
        "odd",
    ]
    said = post(media_attachments=files)

    assert said.media == (
        Media(kind="image", url="https://a.example/1.png", alt="A cat."),
        Media(kind="video", url="https://a.example/2.mp4"),
    )
    assert said.links == ("https://a.example/3.mp3", "https://b.example/4.bin")


def test_poll():
    """A poll is its choices; votes change without anybody writing, and do not count."""
    options = [{"title": "Yes", "votes_count": 4}, {"title": "No\nway", "votes_count": 0}, {"title": None}]

    assert post(poll={"options": options}).text == "One.\n\n- Yes\n- No way"


@pytest.mark.parametrize(
    "raw",
    [
        {"quote": {"state": "accepted", "quoted_status": {"id": "7", "url": "https://b.example/7"}}},
        {"quote": {"id": "7", "url": "https://b.example/7", "content": "theirs"}},
        {"quote": None, "pleroma": {"quote_url": "https://b.example/7"}},
        {"quote": {"state": "accepted", "quoted_status": {"url": None, "uri": "https://b.example/7"}}},
    ],
)
def test_quotes(raw):
    """What is quoted is a link, in the words of four kinds of servers; the quoted words are others'."""
    said = post(**raw)

    assert (said.text, said.quotes, said.links) == ("One.", ("https://b.example/7",), ("https://b.example/7",))


def test_quote_by_number():
    """A quote of which only the id is given leads to its page at this server."""
    assert post(quote={"state": "accepted", "quoted_status_id": "7"}).quotes == (f"{ORIGIN}/web/statuses/7",)
    assert post(quote_id="7", akkoma={}).quotes == (f"{ORIGIN}/notice/7",)


def test_quote_that_is_not_shown():
    """Of a quote that is not approved, only the line for old servers names the post."""
    line = '<p class="quote-inline">RE: <a href="https://b.example/7">b.example/7</a></p><p>So true.</p>'
    said = post(line, quote={"state": "pending", "quoted_status": None})

    assert (said.text, said.quotes) == ("So true.", ("https://b.example/7",))


# -- what a post is -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "own"),
    [
        ({}, True),
        ({"visibility": "unlisted"}, True),
        ({"visibility": "private"}, False),
        ({"visibility": "direct"}, False),
        ({"reblog": {"id": "9"}}, False),
        ({"account": OTTO}, False),
    ],
)
def test_own(raw, own):
    """The author's own posts are those that they wrote for everybody; boosts are nobody's."""
    assert read_toot(status(**raw), by="1", origin=ORIGIN).said.own is own


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("https://a.example/@ann/5", "https://a.example/@ann/5"),
        ("https://evil.example/@ann/5", "https://a.example/@ann/5"),
        ("javascript:alert(1)", "https://a.example/@ann/5"),
        (None, "https://a.example/@ann/5"),
    ],
)
def test_page(url, page):
    """A post's page is at its server; an address that leads elsewhere is not believed."""
    assert read_toot(status(url=url), by="1", origin=ORIGIN).said.url == page


@pytest.mark.parametrize("at", [None, 5, "", "soon", "2026-99-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9" * 5000])
def test_odd_times(at):
    """A post without a time that can be read is a post all the same."""
    assert read_toot(status(created_at=at), by="1", origin=ORIGIN).said.at is None


@pytest.mark.parametrize("id_", [None, "", "a b", "../x", "1>2", True, -1, 1.5, float("nan"), 10**40, [], {}, "a" * 65])
def test_odd_ids(id_):
    """A post without an id that can be one is none; a number is one."""
    assert read_toot(status(id=id_), by="1", origin=ORIGIN) is None
    assert read_toot(status(id=7), by="1", origin=ORIGIN).id == "7"


def test_one_odd_post():
    """One odd post among good ones costs itself only."""
    toots = read_toots(
        [None, 5, status(id="6"), status(account=None), status(content=5), status()], by="1", origin=ORIGIN
    )

    assert [toot.id for toot in toots] == ["6", "5"]


@pytest.mark.parametrize(
    ("moved", "where"),
    [
        ({"acct": "ann@b.example"}, "ann@b.example"),
        ({"acct": "anna", "url": f"{ORIGIN}/@anna"}, "anna@a.example"),
        ({"acct": "a\x1b[2J"}, ""),
        (None, ""),
        ("x", ""),
    ],
)
def test_moved(moved, where):
    """Where an account moved to is a whole address."""
    assert read_profile({**ANN, "moved": moved}).moved == where


# -- hostile --------------------------------------------------------------------------------------

BIG = 1_000_000
HEAVY = {
    "long": "a" * BIG,
    "blanks": "<p>" + " " * BIG + "a</p>",
    "breaks": "<br>" * (BIG // 4),
    "nested": "<b>" * (BIG // 3),
    "nested div": "<div>" * (BIG // 5) + "a",
    "paragraphs": "<p>a" * (BIG // 4),
    "links": '<a href="https://b.example/x">b.example/x</a> ' * (BIG // 48),
    "mentions": mention(OTTO) * (BIG // 100),
    "brackets": "<" * BIG,
    "entities": "&amp;" * (BIG // 5),
    "entity begun": "&" * BIG,
    "attributes": "<a " + "x=1 " * (BIG // 4) + ">a</a>",
    "quotes": "<blockquote>" * (BIG // 12) + "a",
    "lists": "<ol><li>" * (BIG // 8) + "a",
    "marks": "<p>a" + "\u0301" * BIG + "</p>",
    "comment": "<!--" + "-" * BIG,
}


@pytest.mark.parametrize("content", HEAVY.values(), ids=HEAVY)
def test_heavy(content):
    """A megabyte of anything is read within seconds, and what it says is clean."""
    started = time.perf_counter()
    said = post(content)
    took = time.perf_counter() - started

    assert took < 3
    assert said.text == clean(said.text)


class Asks:
    """A source whose server gives these bytes for everything that is asked of the author `key`."""

    def __init__(self, body: bytes, key: str = "1") -> None:
        statuses = f"accounts/{key}/statuses?exclude_reblogs=true&limit=40"
        paths = (statuses, f"{statuses}&max_id=9", f"accounts/{key}", "accounts/lookup?acct=ann")
        paths += ("statuses/5", "statuses/5/context")
        http: Any = Canned({f"{ORIGIN}/api/v1/{path}": body for path in paths})
        self.source = Mastodon(http, clock=Clock())
        self.feed = mastodon.feed_of({"id": "mastodon:ann@a.example", "key": key, "url": f"{ORIGIN}/@ann"})

    async def everything(self) -> int:
        """Do all that can be done; give how often something came of it."""
        entry = Entry(feed_id=self.feed.id, key="5", url="", author=Author(handle=""))
        found = 0
        for asking in (
            lambda: self.source.fetch(self.feed, {}),
            lambda: self.source.expand(entry),
            lambda: self.source.resolve("@ann@a.example"),
            lambda: self.source.older(self.feed, "9"),
        ):
            try:
                await asking()
                found += 1
            except SourceError:
                continue
        return found


NO_ANSWERS = {
    "empty": b"",
    "null": b"null",
    "number": b"5",
    "text": b'"x"',
    "nan": b"NaN",
    "empty object": b"{}",
    "list of null": b"[null]",
    "list of lists": b"[[[]]]",
    "cut": b'[{"id": "5", "content": "<p>',
    "deep": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "huge number": b'[{"id": ' + b"9" * 100_000 + b"}]",
    "latin": b'[{"id": "\xe9"}]',
    "nul": b"\x00" * 1000,
    "utf-16": '[{"id": "5"}]'.encode("utf-16"),
    "error": b'{"error": "\\u001b[2J This method requires an authenticated user"}',
    "html": b"<!DOCTYPE html><html><body>not here</body></html>",
    "gzip": b"\x1f\x8b\x08\x00",
}


@pytest.mark.parametrize("body", NO_ANSWERS.values(), ids=NO_ANSWERS)
async def test_no_answer(body):
    """What is no answer of the API is an error, whatever was asked; never a listing without threads."""
    assert await Asks(body).everything() == 0


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**400),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["\ud800", "\x1b[2J", "1", "5", "<p>x", "https://a.example/x", "2026-08-01T08:00:00Z", "\u202e"]),
    st.just([]),
    st.just({}),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.sampled_from(["id", "acct", "url", "content"]), st.text(max_size=5), max_size=3),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, one in inner for found in places(one, (*path, key)))]


def put(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    if not path:
        return odd
    value = copy.copy(value)
    value[path[0]] = put(value[path[0]], path[1:], odd)
    return value


PAGES = [
    (mastodon.asked(name)["feed"]["key"], page) for name in mastodon.cases() for page in mastodon.answers(name).values()
]


async def test_unharmed():
    """The answers that are mutated below are read, as long as they are not."""
    listings = [Asks(json.dumps(page).encode(), key) for key, page in PAGES if isinstance(page, list)]

    assert [await asks.everything() for asks in listings] == [2] * len(listings)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
@given(data=st.data())
async def test_mutated(data):
    """Of a good answer with odd values anywhere comes a value or a `SourceError`."""
    key, page = data.draw(st.sampled_from(PAGES))
    for _ in range(data.draw(st.integers(1, 4))):
        page = put(page, data.draw(st.sampled_from(places(page))), data.draw(ODD))
    await Asks(json.dumps(page).encode(), key).everything()
    for raw in page if isinstance(page, list) else [page]:
        read_toot(raw, by="", origin=ORIGIN)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
@given(data=st.data())
async def test_mutated_threads(data):
    """The same for a thread, which is read by several answers."""
    name = data.draw(st.sampled_from([name for name in mastodon.cases() if name.startswith("thread-")]))
    given = mastodon.answers(name)
    for _ in range(data.draw(st.integers(1, 3))):
        url = data.draw(st.sampled_from(sorted(given)))
        given[url] = put(given[url], data.draw(st.sampled_from(places(given[url]))), data.draw(ODD))
    with suppress(SourceError):
        await mastodon.read(name, given)


PIECES = [
    *("<p>", "</p>", "<br>", "<a href='https://b.example/'>", "</a>", "<ul>", "<li>", "<ol>", "</ol>", "<pre>"),
    *("<blockquote>", "</blockquote>", "&lt;", "@otto", "#x", " ", "\n", "a", "<!--", "-->", "<a class=mention>"),
    *("<svg>", "<table><tr><td>", "<template>", "\u202e", "&#xd800;", "<script>", "<p class=quote-inline>"),
]


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=30).map("".join))
def test_mutated_html(content):
    """Any HTML gives clean words."""
    words = mastodon_text.read(content, {"otto": "otto@b.example"})

    assert words.text == clean(words.text)


# -- recorded -------------------------------------------------------------------------------------

RECORDED = {
    "2026_account_statuses_page_1.json": [f"Toot number {n}!" for n in (9, 8, 7, 6, 5)],
    "2026_account_statuses_page_2.json": [f"Toot number {n}!" for n in (4, 3, 2, 1, 0)],
    "2026_account_statuses_page_3.json": [f"Toot number {n}!" for n in (9, 8, 7, 6, 5)],
}


@pytest.mark.parametrize("name", RECORDED)
async def test_recorded_page(name):
    """A recorded page gives its author's posts in its order; each is a thread of one, and the next page is below."""
    page = json.loads(shared(f"real/mastodon/{name}").read_text("utf-8"))
    head = json.loads(shared(f"real/mastodon/{name.replace('.json', '.headers.json')}").read_text("utf-8"))["headers"]
    key = page[0]["account"]["id"]
    feed = mastodon.feed_of({"id": "mastodon:mastodonpy_test@localhost:3000", "key": key, "url": ""})
    url = f"http://localhost:3000/api/v1/accounts/{key}/statuses?exclude_reblogs=true&limit=40"
    http: Any = Canned({url: page}, headers=head)
    found = await Mastodon(http, clock=Clock(), posts="all").fetch(feed, {})

    assert [entry.posts[0].text for entry in found.entries] == RECORDED[name]
    assert found.older.startswith(f"{page[-1]['id']} ")
    assert found.cursor["validators"] == {"etag": head["etag"]}
    assert (await Mastodon(http, clock=Clock()).fetch(feed, {})).entries == ()


def recorded(name: str) -> Any:
    return json.loads(shared(f"real/mastodon/{name}").read_text("utf-8"))


@pytest.mark.parametrize(
    ("name", "by", "own", "roots"),
    [
        ("2023-05_mastodon.social_context_1.json", "43", [], []),  # recorded by a member: both are for followers only
        ("bigbone_context.json", "28497", ["6884492"], ["6884492"]),
        ("bigbone_context.json", "3361", ["6884692", "6886129"], []),
        ("bigbone_tag_timeline.json", "1645", ["707791", "706494"], ["707791", "706494"]),
        ("bigbone_tag_timeline.json", "16986", ["700974", "700396"], ["700974", "700396"]),
        ("bigbone_tag_timeline.json", "19315", ["712356", "703683"], []),
        ("bigbone_tag_timeline.json", "14660", ["693714"], ["693714"]),
    ],
)
def test_recorded_posts(name, by, own, roots):
    """Of a recorded answer the author's own posts are found, in order, and which of them begin something."""
    raw = recorded(name)
    toots = read_toots(raw if isinstance(raw, list) else raw["ancestors"] + raw["descendants"], by=by, origin=ORIGIN)

    assert [toot.id for toot in toots if toot.said.own] == own
    assert [found[0].id for found in chains(toot.said for toot in toots)] == roots


def test_recorded_timeline():
    """All twenty recorded statuses of 2017 are read, with whole links and without a tag or an entity left."""
    toots = read_toots(recorded("bigbone_tag_timeline.json"), by="", origin=ORIGIN)

    assert len(toots) == 20
    for toot in toots:
        assert toot.said.post.text == clean(toot.said.post.text) != ""
        assert not any(piece in toot.said.post.text for piece in ("<a", "<span", "</", "&amp;", "&quot;", "…/"))
    by_id = {toot.id: toot.said.post for toot in toots}
    assert by_id["706494"].links == ("http://takulog.info/mastodon-famous-accounts/",)
    assert by_id["701594"].text.startswith("@Con@mastodon.xyz I think it had a few mentions")


@pytest.mark.parametrize(
    ("name", "text", "more"),
    [
        (
            "tootsdk_post_edited.json",
            "listening to #UB40\n\nhttps://example.com/albums/8513",
            {"links": ("https://example.com/albums/8513",)},
        ),
        (
            "tootsdk_post_with_emojis_and_attachments.json",
            "I just #love #coffee :heart_cup: There is no better way to start the day.",
            {"warning": "Coffee, Star Trek"},
        ),
    ],
)
def test_recorded_post(name, text, more):
    """Recorded single posts: an edited one of Mastodon, one with emoji and a warning of Pleroma."""
    said = read_toot(recorded(name), by="", origin=ORIGIN).said.post

    assert (said.text, {key: getattr(said, key) for key in more}) == (text, more)


def test_recorded_quote():
    """The recorded quote of Mastodon 4.5, in a post of ours."""
    quote = recorded("tootsdk_quote.json")

    assert post(quote=quote).quotes == (quote["quoted_status"]["url"],)


def test_recorded_accounts():
    """Recorded accounts, moved and not."""
    assert read_profile(recorded("tootsdk_account.json")).moved == ""
    moved = read_profile(recorded("tootsdk_account_moved.json"))
    assert (moved.id, moved.acct, moved.moved) == ("23634", "noiob@awoo.space", "noiob@awoo.space")


@pytest.mark.parametrize(
    "name", ["2026_error_unauthenticated_1", "tootsdk_pleroma", "tootsdk_quote", "bigbone_accounts_webfinger_success"]
)
async def test_recorded_other_answers(name):
    """Recorded answers to other questions are no listing, no thread and no account of ours."""
    assert await Asks(shared(f"real/mastodon/{name}.json").read_bytes()).everything() == 0


def test_recorded_history():
    """An edit history has no ids: no post of it is taken for one."""
    assert read_toots(recorded("bigbone_status_edit_history.json"), by="14715", origin=ORIGIN) == ()
