import json

import pytest

from bot.errors import FeedGone, ParseError, SourceRefused, TemporarySourceError, WrongAuthor
from bot.http import Http
from bot.model import Author, Entry, Feed, Fetched, NotModified
from bot.protocols import Expander, Pager
from bot.sources.bluesky import MOST_ASKED, MOST_PAGES, Bluesky
from bot.sources.bluesky_api import DEPTH
from tests.servers.bluesky import EPOCH, Refusal, appview
from tests.sites import Clock, answer, site


@pytest.fixture
async def http():
    made = Http(user_agent="test", host_delay=0, timeout=10, allowed_hosts=["127.0.0.1"], clock=Clock())
    yield made
    await made.close()


@pytest.fixture
async def view():
    async with appview() as made:
        yield made


@pytest.fixture
def ada(view):
    return view.join("ada.example.com")


@pytest.fixture
def bob(view):
    return view.join("bob.bsky.social")


@pytest.fixture
def source(http, view):
    return Bluesky(http, clock=Clock(), base_url=view.url)


def feed_of(did, handle="ada.example.com"):
    author = Author(handle=handle, key=did)
    return Feed(id=f"bluesky:{did}", source="bluesky", address=did, author=author)


def key(uri):
    return uri.rpartition("/")[2]


def keys(found):
    return [entry.key for entry in found.entries]


def entry_at(did, id_, **author):
    return Entry(feed_id=f"bluesky:{did}", key=id_, url="", author=Author(**{"handle": "", **author}))


def test_powers(source):
    """It pages and reads threads whole."""
    assert isinstance(source, Pager) and isinstance(source, Expander)


# -- who ------------------------------------------------------------------------------------------


async def test_resolve(source, view, ada):
    """A handle becomes a feed that is the author's for good, by the DID."""
    feed = (await source.resolve("@Ada.example.com")).feed

    assert (feed.id, feed.address) == (f"bluesky:{ada}", ada)
    assert feed.url == f"https://bsky.app/profile/{ada}"
    assert feed.author == Author(handle="ada.example.com", name="Ada", url=feed.url, key=ada)
    assert (await source.resolve(feed.address)).feed == feed
    assert len(view.requests) == 2


async def test_resolve_of_a_handle_that_leads_elsewhere(source, view, ada):
    """A handle whose profile says another one is not followed without a word."""
    for handle in ("new.example.com", "handle.invalid"):
        view.fails = {"getProfile": Refusal("x")}
        view.fails["getProfile"].body, view.fails["getProfile"].status = {"did": ada, "handle": handle}, 200
        with pytest.raises(WrongAuthor, match=r"@old\.example\.com leads to"):
            await source.resolve("@old.example.com")


async def test_resolve_of_a_did_without_a_proven_handle(source, view, ada):
    """Who has no handle that is proven to be theirs is called by the DID."""
    view.accounts[ada]["handle"] = "handle.invalid"

    assert (await source.resolve(ada)).feed.author.handle == ada


@pytest.mark.parametrize(
    ("state", "words"),
    [("AccountTakedown", "suspended"), ("AccountDeactivated", "deactivated"), ("", "no such author")],
)
async def test_gone(source, view, ada, state, words):
    """Suspended, switched off, deleted: the reason says which, though the feed itself only says "not found"."""
    if state:
        view.states[ada] = state
    else:
        del view.accounts[ada]
    with pytest.raises(FeedGone, match=words):
        await source.resolve(ada)
    with pytest.raises(FeedGone, match=words):
        await source.fetch(feed_of(ada), {})


async def test_for_members_only(source, view, ada):
    """Who asks not to be shown to the public is refused at every door."""
    uri = view.thread(ada, "One.", "Two.")[0]
    view.accounts[ada]["labels"] = [{"src": ada, "val": "!no-unauthenticated"}]
    for ask in (source.resolve(ada), source.fetch(feed_of(ada), {}), source.expand(entry_at(ada, key(uri)))):
        with pytest.raises(SourceRefused, match="logged in"):
            await ask


async def test_renamed(source, view, ada):
    """A new handle is the same author, and shows; one that is not proven does not take the place of the old one."""
    uri = view.thread(ada, "One.", "Two.")[0]
    first = await source.fetch(feed_of(ada), {})
    view.accounts[ada]["handle"] = "lovelace.example.com"
    renamed = await source.fetch(feed_of(ada), first.cursor)
    view.accounts[ada]["handle"] = "handle.invalid"
    unproven = await source.fetch(feed_of(ada, "lovelace.example.com"), renamed.cursor)

    assert (keys(renamed), renamed.author.handle) == ([key(uri)], "lovelace.example.com")
    assert unproven.author.handle == "lovelace.example.com"


async def test_a_handle_that_somebody_else_has_now(source, view, ada, bob):
    """Followed by the DID, an author stays who they are."""
    view.thread(ada, "Ada one.", "Ada two.")
    view.thread(bob, "Bob one.", "Bob two.")
    view.accounts[ada]["handle"], view.accounts[bob]["handle"] = "new.example.com", "ada.example.com"

    assert [entry.title for entry in (await source.fetch(feed_of(ada), {})).entries] == ["Ada one."]


async def test_a_feed_that_is_nobodys(source):
    """An id without a DID, or another author's key, is an error and not a question to the server."""
    with pytest.raises(ParseError):
        await source.fetch(Feed(id="bluesky:x", source="bluesky", address="x", author=Author(handle="x")), {})
    with pytest.raises(WrongAuthor):
        feed = Feed(id="bluesky:did:plc:a", source="bluesky", address="x", author=Author(handle="x", key="did:plc:b"))
        await source.fetch(feed, {})


# -- what is a thread -----------------------------------------------------------------------------


async def test_only_threads(source, http, view, ada, bob):
    """Threads are told; single posts, reposts and talks with others only where they are asked for, or never."""
    thread = view.thread(ada, "One.", "Two.")
    single = view.say(ada, "Alone.")
    theirs = view.thread(bob, "Bob.", "Bob again.")
    view.say(ada, "Right.", theirs[0])
    view.repost(ada, theirs[0])
    view.say(bob, "Why?", thread[0])
    everything = Bluesky(http, clock=Clock(), base_url=view.url, posts="all")
    long_ones = Bluesky(http, clock=Clock(), base_url=view.url, min_posts=3)

    found = await source.fetch(feed_of(ada), {})
    assert keys(found) == [key(thread[0])]
    assert [(post.id, post.text) for post in found.entries[0].posts] == [
        (key(thread[0]), "One."), (key(thread[1]), "Two."),
    ]  # fmt: skip
    assert found.entries[0].url == f"https://bsky.app/profile/{ada}/post/{key(thread[0])}"
    assert (found.entries[0].published, found.entries[0].latest) == (EPOCH, EPOCH + view.tick)
    assert found.reaches == EPOCH
    assert keys(await everything.fetch(feed_of(ada), {})) == [key(single), key(thread[0])]
    assert keys(await long_ones.fetch(feed_of(ada), {})) == []


async def test_growth_is_seen(source, view, ada, bob):
    """A thread that goes on is listed with more posts; likes and answers of others change nothing."""
    uris = view.thread(ada, "One.", "Two.")
    first = await source.fetch(feed_of(ada), {})
    view.say(bob, "Why?", uris[1])
    view.posts[uris[0]]["likeCount"] = 99
    nothing = await source.fetch(feed_of(ada), first.cursor)
    view.say(ada, "Three.", uris[1])
    grown = await source.fetch(feed_of(ada), nothing.cursor)

    assert isinstance(nothing, NotModified)
    assert [(entry.key, entry.post_count) for entry in grown.entries] == [(key(uris[0]), 3)]


async def test_single_posts_are_nothing_to_tell(source, view, ada):
    """A page without a thread says nothing of the threads below it: that is no empty listing."""
    view.thread(ada, "One.", "Two.")
    first = await source.fetch(feed_of(ada), {})
    for _ in range(2):
        for n in range(60):
            view.say(ada, f"Alone {n}.")
        later = first = await source.fetch(feed_of(ada), first.cursor)
    new = view.thread(ada, "New.", "And more.")[0]

    assert isinstance(later, NotModified)
    assert keys(await source.fetch(feed_of(ada), later.cursor)) == [key(new)]


async def test_what_comes_from_an_archive_is_old(source, view, ada):
    """Posts brought here with the dates they had elsewhere are no news: they stand below, and say so."""
    view.thread(ada, "One.", "Two.")
    root = view.say(ada, "Long ago.", created="2019-05-05T08:00:00.000Z")
    view.say(ada, "Longer ago.", root, created="2019-05-05T08:01:00.000Z")
    found = await source.fetch(feed_of(ada), {})

    assert [entry.published.year for entry in found.entries] == [2026, 2019]


async def test_only_reposts(source, view, ada, bob):
    """Who only reposts has no threads, and is there."""
    view.repost(ada, view.thread(bob, "Bob.", "Bob again.")[0])
    found = await source.fetch(feed_of(ada), {})

    assert (found.entries, found.author.handle) == ((), "ada.example.com")
    assert len(view.requests) == 1


async def test_nothing_at_all(source, view, ada):
    """An author without a post is asked for by their profile; the next look needs no more than the page."""
    found = await source.fetch(feed_of(ada), {})
    nothing = await source.fetch(feed_of(ada), found.cursor)
    new = view.thread(ada, "One.", "Two.")[0]

    assert (found.entries, found.older, found.author.name) == ((), "", "Ada")
    assert isinstance(nothing, NotModified)
    assert (len(view.asked("getProfile")), len(view.asked("getAuthorFeed"))) == (1, 2)
    assert keys(await source.fetch(feed_of(ada), nothing.cursor)) == [key(new)]


# -- no gap ---------------------------------------------------------------------------------------


async def test_what_was_written_since_is_read_page_by_page(source, view, ada):
    """However much was written since: as many pages as it takes, each thread once, and no page more."""
    view.thread(ada, "Old.", "Old too.")
    first = await source.fetch(feed_of(ada), {})
    new = [view.thread(ada, f"New {n}.", "More.")[0] for n in range(160)]
    before = len(view.asked("getAuthorFeed"))
    found = await source.fetch(feed_of(ada), first.cursor)

    assert set(map(key, new)) <= set(keys(found))
    assert len(keys(found)) == len(set(keys(found)))
    assert found.older == ""
    assert len(view.asked("getAuthorFeed")) - before == 4


@pytest.mark.parametrize("above", [98, 99, 100, 197, 198, 199, 230])
async def test_a_thread_across_a_border_of_pages(source, view, ada, above):
    """The server shows neither half of such a thread as one: its first post is asked for, and it is whole."""
    view.thread(ada, "Old.", "Old too.")
    first = await source.fetch(feed_of(ada), {})
    thread = view.thread(ada, "One.", "Two.", "Three.")
    for n in range(above):
        view.say(ada, f"Alone {n}.")
    found = await source.fetch(feed_of(ada), first.cursor)
    entry = next(one for one in found.entries if one.key == key(thread[0]))
    whole = entry if entry.whole else await source.expand(entry)

    assert [post.text for post in whole.posts] == ["One.", "Two.", "Three."]


@pytest.mark.parametrize("between", [97, 98, 99, 100])
async def test_a_post_of_before_that_goes_on_much_later(source, view, ada, between):
    """A post that was single at the last look is a thread now, with a page of posts between the two."""
    root = view.say(ada, "One.")
    view.say(ada, "Between.")
    first = await source.fetch(feed_of(ada), {})
    for n in range(between):
        view.say(ada, f"Alone {n}.")
    view.say(ada, "Two.", root)
    found = await source.fetch(feed_of(ada), first.cursor)

    assert keys(found) == [key(root)]


async def test_a_post_below_a_page_of_reposts_that_goes_on(source, view, ada, bob):
    """So is one that stood below a page full of reposts at the last look."""
    root = view.say(ada, "One.")
    first = await source.fetch(feed_of(ada), {})
    for n in range(120):
        view.repost(ada, view.say(bob, f"Bob {n}."))
    view.say(ada, "Alone.")
    later = await source.fetch(feed_of(ada), first.cursor)
    view.say(ada, "Two.", root)
    found = await source.fetch(feed_of(ada), later.cursor)

    assert keys(found) == [key(root)]


async def test_a_page_that_shows_as_little_as_before_is_another(source, view, ada):
    """Two looks find a newest page of which nothing is shown, each time because of another long thread."""
    view.say(ada, "Old.")
    cursor = (await source.fetch(feed_of(ada), {})).cursor
    for _ in range(2):
        thread = view.thread(ada, *(f"Part {n}." for n in range(130)))
        found = await source.fetch(feed_of(ada), cursor)
        cursor = found.cursor

        assert key(thread[0]) in keys(found)


async def test_few_threads_are_asked_for_at_once(source, view, ada, bob):
    """Of many posts that may begin a thread a few are asked for in each look, the others in the next ones."""
    view.thread(ada, "Old.", "Old too.")
    cursor = (await source.fetch(feed_of(ada), {})).cursor
    roots = [view.say(ada, f"Root {n}.") for n in range(25)]
    for root in roots[1:]:
        view.say(bob, "Why?", root)
    for n in range(99):
        view.say(ada, f"Alone {n}.")
    view.say(ada, "Two.", roots[0])
    looks, found = 0, set()
    while looks == 0 or (cursor.get("left") and looks < 9):
        look = await source.fetch(feed_of(ada), cursor)
        looks, cursor = looks + 1, look.cursor
        found |= set(keys(look)) if isinstance(look, Fetched) else set()

    assert key(roots[0]) in found
    assert looks == 3
    assert len(view.asked("getPostThread")) == 25
    assert MOST_ASKED == 10


async def test_trouble_while_asking_loses_nothing(source, view, ada):
    """What could not be asked for now is asked for by the next look, which is none of "not modified"."""
    view.thread(ada, "Old.", "Old too.")
    first = await source.fetch(feed_of(ada), {})
    thread = view.thread(ada, "One.", "Two.")
    for n in range(99):
        view.say(ada, f"Alone {n}.")
    view.fails["getPostThread"] = 502
    troubled = await source.fetch(feed_of(ada), first.cursor)
    view.fails.clear()
    found = await source.fetch(feed_of(ada), troubled.cursor)

    assert key(thread[0]) in keys(found)
    assert isinstance(await source.fetch(feed_of(ada), found.cursor), NotModified)


async def test_posts_that_were_remembered_may_go(source, view, ada):
    """That some of the posts known are deleted costs no page and no thread."""
    known = [view.say(ada, f"Old {n}.") for n in range(5)]
    first = await source.fetch(feed_of(ada), {})
    for uri in known[1:]:
        view.delete(uri)
    new = view.thread(ada, "One.", "Two.")[0]
    found = await source.fetch(feed_of(ada), first.cursor)

    assert keys(found) == [key(new)]
    assert len(view.asked("getAuthorFeed")) == 2


async def test_all_that_was_remembered_is_gone(source, view, ada):
    """Where nothing known is left, all that there is counts as new."""
    known = [view.say(ada, f"Old {n}.") for n in range(5)]
    first = await source.fetch(feed_of(ada), {})
    for uri in known:
        view.delete(uri)
    new = view.thread(ada, "One.", "Two.")[0]

    assert keys(await source.fetch(feed_of(ada), first.cursor)) == [key(new)]


async def test_too_much_for_one_look(source, view, ada):
    """What does not fit into one look is named, and reached below."""
    view.thread(ada, "Old.", "Old too.")
    first = await source.fetch(feed_of(ada), {})
    new = [view.thread(ada, f"New {n}.", "More.")[0] for n in range(400)]
    page = await source.fetch(feed_of(ada), first.cursor)
    found, pages = set(keys(page)), 0
    while page.older:
        page = await source.older(feed_of(ada), page.older)
        found, pages = found | set(keys(page)), pages + 1

    assert set(map(key, new)) <= found
    assert (pages, MOST_PAGES) == (5, 5)


async def test_a_first_look_gives_what_is_below(source, view, ada):
    """The first look reads one page, says how far it reaches, and names the next."""
    for n in range(130):
        view.thread(ada, f"Thread {n}.", "More.")
    page = await source.fetch(feed_of(ada), {})

    assert len(view.requests) == 1
    assert page.reaches == page.entries[-1].published
    assert page.older
    assert len((await source.older(feed_of(ada), page.older)).entries) == 50


async def test_a_page_that_shows_nothing_is_no_end(source, view, ada, bob):
    """A hundred answers in talks leave a page empty, and the threads are below."""
    thread = view.thread(ada, "One.", "Two.")[0]
    talk = view.say(bob, "Ada?", thread)
    for n in range(150):
        view.say(ada, f"Answer {n}.", talk)
    found = await source.fetch(feed_of(ada), {})

    assert keys(found) == [key(thread)]
    assert found.reaches == EPOCH


async def test_nothing_seen_at_first_makes_nothing_old_new(source, view, ada, bob):
    """Where a first look sees nothing though there is more, what was before now is not news later."""
    talk = view.say(bob, "Ada?", view.thread(ada, "One.", "Two.")[0])
    for n in range(500):
        view.say(ada, f"Answer {n}.", talk)
    found = await source.fetch(feed_of(ada), {})

    assert (found.entries, found.reaches) == ((), Clock().now)
    assert found.older


async def test_a_server_that_goes_round_in_a_circle(source, view, ada):
    """A server that answers every cursor with its first page is left soon."""
    for n in range(130):
        view.thread(ada, f"Thread {n}.", "More.")
    first = await source.fetch(feed_of(ada), {})
    view.ignores_cursor = True
    assert (await source.older(feed_of(ada), first.older)).older == ""

    for n in range(300):
        view.say(ada, f"Alone {n}.")
    await source.fetch(feed_of(ada), first.cursor)
    assert len(view.asked("getAuthorFeed")) == 4


@pytest.mark.parametrize(
    "cursor",
    [{"seen": 7, "since": 7, "page": 7, "left": "x"}, {"seen": [None, "..", 7], "since": "soon", "left": [[]]}],
)
async def test_a_cursor_that_is_not_understood(source, view, ada, cursor):
    """What is not understood in a stored cursor counts as absent."""
    thread = view.thread(ada, "One.", "Two.")[0]

    assert keys(await source.fetch(feed_of(ada), cursor)) == [key(thread)]


# -- one thread -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("depth", "requests"), [(1000, 3), (80, 6)])
async def test_a_long_thread(source, view, ada, bob, depth, requests):
    """A thread deeper than one answer is read on from where it was cut, whatever the server's own depth is."""
    view.depth = depth
    uris = view.thread(ada, *(f"Part {n}." for n in range(450)))
    for uri in uris[::50]:
        view.say(bob, "Why?", uri)
    whole = await source.expand(entry_at(ada, key(uris[0])))

    assert [post.id for post in whole.posts] == [key(uri) for uri in uris]
    assert (whole.post_count, whole.whole) == (450, True)
    assert len(view.requests) == requests
    assert DEPTH == 200


async def test_a_tree_as_deep_as_it_is_asked_for(source, view, ada, bob):
    """Two hundred levels of answers are read inside a running program."""
    uri = root = view.say(ada, "One.")
    for _ in range(1200):
        uri = view.say(bob, "And?", uri)

    assert [post.text for post in (await source.expand(entry_at(ada, key(root)))).posts] == ["One."]


async def test_whose_posts_make_a_thread(source, view, ada, bob):
    """The author's own chain, also where it branches; not what they say in talks with others."""
    uris = view.thread(ada, "One.", "Two.")
    view.say(ada, "In a talk.", view.say(bob, "Why?", uris[0]))
    three = view.say(ada, "Three.", uris[1])
    view.say(ada, "P.S.", uris[0])
    view.hidden = {view.say(ada, "Gone.", three): "notFound", view.say(bob, "Blocked.", three): "blocked"}
    whole = await source.expand(entry_at(ada, key(uris[0])))

    assert [post.text for post in whole.posts] == ["One.", "Two.", "Three.", "P.S."]
    assert whole.author == Author(
        handle="ada.example.com", name="Ada", url=f"https://bsky.app/profile/{ada}", key=ada
    )


async def test_a_post_inside_of_a_thread(source, view, ada):
    """Of a post in the middle the whole thread is read, known by the post's id too."""
    uris = view.thread(ada, "One.", "Two.", "Three.")
    whole = await source.expand(entry_at(ada, key(uris[1])))

    assert (whole.key, whole.aliases) == (key(uris[0]), (key(uris[1]),))
    assert [post.text for post in whole.posts] == ["One.", "Two.", "Three."]


async def test_an_answer_to_somebody(source, view, ada, bob):
    """Of an answer in somebody else's talk only what the author says from there on is read."""
    one = view.say(ada, "Right.", view.say(bob, "Bob."))
    view.say(ada, "Very.", one)

    assert [post.text for post in (await source.expand(entry_at(ada, key(one)))).posts] == ["Right.", "Very."]


async def test_a_thread_that_is_not_there(source, view, ada):
    """Gone is gone, blocked is refused, and what cannot be an id is asked of nobody."""
    uri = view.thread(ada, "One.", "Two.")[0]
    for state, kind in (("notFound", FeedGone), ("blocked", SourceRefused)):
        view.hidden = {uri: state}
        with pytest.raises(kind):
            await source.expand(entry_at(ada, key(uri)))
    view.delete(uri)
    with pytest.raises(FeedGone):
        await source.expand(entry_at(ada, key(uri)))
    asked = len(view.requests)
    for odd in ("", "a/b", "..", "x" * 1000):
        with pytest.raises(ParseError):
            await source.expand(entry_at(ada, odd))
    assert len(view.requests) == asked


async def test_a_thread_of_another(source, view, ada):
    """By the key where it is known, else by the name."""
    uri = view.thread(ada, "One.", "Two.")[0]
    with pytest.raises(WrongAuthor):
        await source.expand(entry_at(ada, key(uri), handle="ada.example.com", key="did:plc:other"))
    with pytest.raises(WrongAuthor):
        await source.expand(entry_at(ada, key(uri), handle="bob.bsky.social"))
    assert (await source.expand(entry_at(ada, key(uri), handle="old.example.com", key=ada))).key == key(uri)


async def test_expand_by_the_handle(source, view, ada):
    """A page's address may name the author by the handle alone: whose that is, is asked first."""
    uris = view.thread(ada, "One.", "Two.")
    stub = Entry(
        feed_id="",
        key=key(uris[0]),
        url=f"https://bsky.app/profile/ada.example.com/post/{key(uris[0])}",
        author=Author(handle=""),
    )
    whole = await source.expand(stub)

    assert (whole.feed_id, [post.text for post in whole.posts]) == (f"bluesky:{ada}", ["One.", "Two."])


# -- trouble --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (answer(body=b"<html>Welcome</html>"), ParseError),
        (answer("404 Not Found", b"<html>no such page</html>"), ParseError),
        (answer("404 Not Found", b'{"error":"XRPCNotSupported","message":"XRPCNotSupported"}'), ParseError),
        (answer("400 Bad Request", b"?"), ParseError),
        (answer("400 Bad Request", b'{"feed":[]}'), ParseError),
        (answer(body=b'{"error":"UpstreamFailure","message":"x"}'), TemporarySourceError),
        (answer("502 Bad Gateway", b'{"error":"UpstreamFailure","message":"x"}'), TemporarySourceError),
        (answer(body=b'{"feed":[],"cursor":"' + b"x" * 5_000_000 + b'"}'), ParseError),
        (answer(body=b'{"feed":' + b"[" * 100_000), ParseError),
        (answer("304 Not Modified"), ParseError),
    ],
)
async def test_answers_that_are_none(http, sent, kind):
    """Whatever comes in the place of a page is an error that says what it is."""
    async with site(sent) as broken:
        with pytest.raises(kind) as caught:
            await Bluesky(http, clock=Clock(), base_url=broken.url).fetch(feed_of("did:plc:ada"), {})

    assert (type(caught.value), caught.value.feed_id) == (kind, "bluesky:did:plc:ada")


async def test_the_thread_that_comes_is_another(http):
    """A tree that begins with another post than the one asked for is not taken."""
    post = {"uri": "at://did:plc:ada/app.bsky.feed.post/3other", "record": {"text": "x"}}
    async with site(answer(body=json.dumps({"thread": {"post": post}}).encode())) as broken:
        with pytest.raises(ParseError, match="another"):
            await Bluesky(http, clock=Clock(), base_url=broken.url).expand(entry_at("did:plc:ada", "3one"))


async def test_check(source, view):
    """A server that answers is there, whatever it knows; one that does not speak the API is not."""
    await source.check()
    view.fails["resolveHandle"] = 503
    with pytest.raises(TemporarySourceError):
        await source.check()
