import dataclasses
import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from bot.demo.site import SampleThread, UnrollSite, author_page, card, listed_card, samples, thread_page
from bot.errors import FeedGone, ParseError, SourceError, SourceRefused, TemporarySourceError, WrongAuthor
from bot.http import Http
from bot.model import Author, Entry, Feed, Fetched, Located, Media, NotModified
from bot.protocols import Expander, Pager, Skimmer
from bot.sources import html
from bot.sources.threadreader import TRY_AGAIN, Bookmark, ThreadReader
from bot.sources.threadreader_addresses import locate
from bot.sources.threadreader_pages import parse_listing, parse_thread, time_of
from bot.text import title_of, words_of
from tests import pages
from tests.pages import LOUD, PETRA, asked, thread
from tests.shared import shared
from tests.sites import Clock, answer, site

# -- times and ids --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "data_time"),
    [
        ("1214231887964598272", 1578330416),
        ("1214771197952421889", 1578458997),
        ("1215689025735946241", 1578677824),
        ("1215710451343904768", 1578682933),
        ("2089858284660662307", 1787096017),
    ],
)
def test_time_is_in_the_id(key, data_time):
    """An id holds the time that real pages give as `data-time`, to the second."""
    assert int(time_of(key).timestamp()) == data_time


def test_id_wins_over_data_time():
    """Where id and `data-time` disagree, the id is right."""
    assert time_of("1215710451343904768", "1") == time_of("1215710451343904768", "1999999999")


@pytest.mark.parametrize(
    ("key", "data_time", "year"),
    [("26000000000", "1286000000", 2010), ("26000000000", "", None), ("26000000000", "soon", None), ("x", "", None)],
)
def test_ids_before_snowflakes(key, data_time, year):
    """Ids from before November 2010 hold no time: there `data-time` is all there is."""
    found = time_of(key, data_time)

    assert (found and found.year) == year


# -- pages that are known -------------------------------------------------------------------------


@pytest.mark.parametrize("name", pages.cases())
def test_golden(name):
    """Each known markup is read to exactly what a person sees in it."""
    assert pages.read(name) == pages.expected(name)


@pytest.mark.parametrize("name", [name for name in pages.cases() if name.startswith("thread-")])
def test_title_is_the_first_post(name):
    """A thread's title comes from its first post, never from <title>, which is generic since 2026."""
    question = json.loads((pages.DATA / name / "asked.json").read_text("utf-8"))
    entry = parse_thread(pages.page(name), asked(question["handle"]), question["thread"]).entry

    assert entry.title == title_of(words_of(entry.posts[0]))


class Plain(HTMLParser):
    """Reads the recorded page of 2020 by other means: the posts' texts, with whole links."""

    def __init__(self):
        super().__init__()
        self.posts, self.depth, self.silent = {}, 0, False

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "div":
            if re.fullmatch(r"tweet_\d+", attrs.get("id", "")):
                self.depth, self.posts[attrs["data-tweet"]] = 1, ""
            elif self.depth:
                self.depth += 1
        if self.depth and tag == "br":
            self.say("<br>")
        if self.depth and tag == "a" and (attrs.get("class") == "entity-url" or "/status/" in attrs["href"]):
            self.say(attrs["href"])
            self.silent = True

    def handle_endtag(self, tag):
        self.depth -= tag == "div" and self.depth > 0
        self.silent = self.silent and tag != "a"

    def handle_data(self, data):
        if self.depth and not self.silent:
            self.say(data)

    def say(self, text):
        post = next(reversed(self.posts))
        self.posts[post] += text


@pytest.mark.shared
def test_recorded_page_of_2020():
    """The real page of 2020: 102 posts in their order with their exact texts, and no card among them."""
    body = shared("real/threadreader/2020-01_thread_QuinnyPig_1215710451343904768.html").read_bytes()
    plain = Plain()
    plain.feed(body.decode())
    texts = {key: re.sub(r"<br>\n?", "\n", text).strip() for key, text in plain.posts.items()}
    page = parse_thread(body, asked("quinnypig"), "1215710451343904768")

    assert len(page.entry.posts) == page.entry.post_count == 102
    assert [post.id for post in page.entry.posts] == list(texts)
    assert [post.text for post in page.entry.posts] == list(texts.values())
    assert page.entry.author == Author(
        handle="QuinnyPig", name="Corey Quinn", url="https://threadreaderapp.com/user/QuinnyPig"
    )
    assert [one.key for one in page.more] == ["1215689025735946241", "1214771197952421889", "1214231887964598272"]
    assert sum(len(post.media) for post in page.more[2].posts) == 1
    assert sum(len(post.quotes) for post in page.entry.posts) == 3
    assert sum(len(post.reply_to) for post in page.entry.posts) == 28


@pytest.mark.shared
def test_recorded_text_of_2021():
    """The texts of a real thread of 2021 come back from a page made of them as they went in."""
    text = shared("real/threadreader/2021-07_thread_morcos_pierre_1415051905190047746.txt").read_text("utf-8")
    posts = [one.strip() for one in re.split(r"(?<=[.👇”])\n(?=\w)", text.partition("• • •")[0])]
    made = thread(0, *posts)

    assert [post.text for post in parse_thread(thread_page(made).encode(), asked(""), made.key).entry.posts] == posts


@pytest.mark.parametrize(
    "text",
    [
        "one line",
        "two\nlines",
        "a\n\n\nb",
        "Vec<String> & \"quotes\" 'n' <script>alert(1)</script> &amp; &lt;",
        "a  double  blank, and a blank before \na break",
        "👩‍🚀🇫🇷 العربية \u202eabc\u202c \u00a0nbsp",
        "10% #hash @mention https://example.org/a_(b)?c=d&e=f#g",
    ],
)
def test_text_survives(text):
    """What an author wrote comes back unchanged: blanks, breaks, markup, signs of any language."""
    made = thread(0, text)

    assert parse_thread(thread_page(made).encode(), asked(""), made.key).entry.posts[0].text == text


def one_post(markup):
    body = f'<div id="tweet_1" class="content-tweet" data-screenname="PolarPetra" data-tweet="1">{markup}</div>'
    return parse_thread(body.encode(), asked("PolarPetra"), "1").entry.posts[0]


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("a<br>\n   <br/>\r\n\tb", "a\n\nb"),
        ("a <br> b", "a \nb"),
        ("a\n b", "a b"),
        ('x<sup>2</sup><sup class="tw-permalink"><i></i></sup>', "x2"),
        ('<a href="#" class="ad">word</a> stays', "word stays"),
        ('<a href="https://ads.example/x">word</a> stays', "word stays"),
        ('<a class="entity-url" href="https://example.org/path">example…</a>, so', "https://example.org/path, so"),
        ('<a href="https://example.org/long/path">example.org/lo…</a>', "https://example.org/long/path"),
        ('<a class="entity-url" href="javascript:x()">bad.example</a>', "bad.example"),
        ('<a class="entity-cashtag" href="/cashtag/X">$X</a> up', "$X up"),
        ("a<script>b</script><style>c</style><!-- d -->e", "ae"),
        ('<span class="ribbon-content"><a href="https://x.example">Unroll available</a></span>hi', "hi"),
        ('hi<span class="entity-embed">https://nothing</span>', "hi"),
        ('I <img class="emoji" alt="❤" src="https://x.example/h.png"> it', "I ❤ it"),
        ("<b>" * 200 + "deep" + "</b>" * 200, "deep"),
    ],
)  # fmt: skip
def test_markup_of_a_post(markup, text):
    """Each piece of markup gives the text that a person reads."""
    assert one_post(markup).text == text


@pytest.mark.parametrize(
    ("markup", "media"),
    [
        ('<img src="/images/1px.png" data-src="https://p.example/" alt="Image">', ("image", "https://p.example/", "")),
        ('<a href="https://p.example/a.jpg?n=o"><img src="data:image/gif;base64,xx" alt=" A cat "></a>',
         ("image", "https://p.example/a.jpg?n=o", "A cat")),
        ('<a href="#"><img data-src="//pbs.twimg.com/media/a.jpg"></a>',
         ("image", "https://pbs.twimg.com/media/a.jpg", "")),
        ('<img src="/images/1px.png">', None),
        ('<img src="https://threadreaderapp.com/images/1px.png">', None),
        ('<video src="https://v.example/a.mp4"></video>', ("video", "https://v.example/a.mp4", "")),
        ('<video><source src="https://v.example/a.m3u8"></video>', ("video", "https://v.example/a.m3u8", "")),
        ("<video></video>", None),
    ],
)  # fmt: skip
def test_media_of_a_post(markup, media):
    """Pictures and videos are found where they are, never as the placeholder of one pixel."""
    assert one_post(markup).media == ((Media(kind=media[0], url=media[1], alt=media[2]),) if media else ())


FIRST = '<a class="entity-mention entity-mention-first" href="https://twitter.com/{0}">@{0}</a> '


@pytest.mark.parametrize(
    ("markup", "reply_to"),
    [
        (FIRST.format("a") + FIRST.format("b") + "hi", ("a", "b")),
        ("hi " + FIRST.format("a"), ()),
        (FIRST.format("a") + '<a class="entity-mention" href="https://x.com/c">@c</a> ' + FIRST.format("b"), ("a",)),
        ('<a class="entity-mention" href="https://x.com/c">@c</a> hi', ()),
    ],
)
def test_reply_mentions(markup, reply_to):
    """Only mentions that the site marks, at the start, are there because the post answers somebody."""
    assert one_post(markup).reply_to == reply_to


def test_same_words_in_two_posts():
    """Two posts with the same words are two posts."""
    made = thread(0, "7/ again", "8/ again", "8/7 again")

    assert len(parse_thread(thread_page(made).encode(), asked("PolarPetra"), made.key).entry.posts) == 3


def test_first_post_is_an_alias():
    """A page under the second post's id is also known by the first one's."""
    made = thread(0, "one", "two")
    moved = dataclasses.replace(made, id=made.posts[1].id)
    entry = parse_thread(thread_page(moved).encode(), asked("PolarPetra"), moved.key).entry

    assert entry.ids == {made.posts[0].id, made.posts[1].id}


def test_other_peoples_cards():
    """Under a thread stand its author's newest threads and other people's: only the former count."""
    body = thread_page(thread(1), [thread(2), thread(3)], [thread(4, author=LOUD)]).encode()
    page = parse_thread(body, asked("polarPETRA"), thread(1).key)

    assert [one.key for one in page.more] == [thread(2).key, thread(3).key]
    assert [post.text for post in page.entry.posts] == [post.text for post in thread(1).posts]


# -- pages that are not ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", pages.REFUSED)
@pytest.mark.parametrize("deeper", [False, True])
def test_refusals(name, deeper):
    """A login page and challenges are refusals, not pages without threads."""
    with pytest.raises(SourceRefused):
        parse_listing(pages.REFUSED[name], asked("PolarPetra"), deeper=deeper)
    with pytest.raises(SourceRefused):
        parse_thread(pages.REFUSED[name], asked("PolarPetra"), "1")


@pytest.mark.parametrize("name", pages.UNKNOWN)
def test_unknown_pages(name):
    """What does not show that it is the page asked for is an error."""
    with pytest.raises(ParseError):
        parse_listing(pages.UNKNOWN[name], asked("PolarPetra"))
    with pytest.raises(ParseError):
        parse_thread(pages.UNKNOWN[name], asked("PolarPetra"), "1")


@pytest.mark.parametrize("name", ["notice", "placeholder", "parked", "home"])
def test_unknown_deeper_pages(name):
    """A deeper page that is some other page is an error too, not the end."""
    with pytest.raises(ParseError):
        parse_listing(pages.UNKNOWN[name], asked("PolarPetra"), deeper=True)


@pytest.mark.parametrize("body", [b"", b"\n  \n", b'<div class="row"></div>'])
def test_end_of_deeper_pages(body):
    """Past the end there is an empty fragment."""
    assert parse_listing(body, asked("PolarPetra"), deeper=True).entries == ()


def test_author_without_threads():
    """The author's own page without a card is a listing without threads."""
    listing = parse_listing(author_page(PETRA, "").encode(), asked("polarpetra"))

    assert (listing.entries, listing.older, listing.author.handle) == ((), "", "PolarPetra")


@pytest.mark.parametrize(
    "cards",
    [
        '<div class="story"><a href="/thread/1215710451343904768">A new design</a></div>',
        '<div class="thread-card"><div class="card-tweets">No address</div></div>',
        '<div data-link-href="/thread/slug-1">Words instead of ids</div>',
    ],
)
def test_changed_markup(cards):
    """The author's page with threads in a way that is not known is an error, not a listing without threads."""
    with pytest.raises(ParseError):
        parse_listing(author_page(PETRA, cards).encode(), asked("PolarPetra"))


@pytest.mark.parametrize("name", ["Trending Tom", "Related", "Popular Threads"])
def test_name_like_a_heading(name):
    """An author's name that looks like the heading of other people's threads never empties the page."""
    body = author_page(PETRA, f"<h1>{name}</h1>" + listed_card(thread(1))).encode()
    try:
        listing = parse_listing(body, asked("PolarPetra"))
    except ParseError:
        return

    assert listing.entries


@pytest.mark.parametrize("body", [author_page(LOUD, listed_card(thread(1))), author_page(LOUD, "")])
def test_another_authors_page(body):
    """The page of another author is that, not this author's."""
    with pytest.raises(WrongAuthor):
        parse_listing(body.encode(), asked("PolarPetra"))


def test_foreign_cards_on_the_listing():
    """Cards that say that they are another author's are left out, wherever they stand."""
    body = author_page(PETRA, card(thread(1, author=LOUD)) + listed_card(thread(2)) + card(thread(3)))

    assert [one.key for one in parse_listing(body.encode(), asked("PolarPetra")).entries] == [
        thread(2).key,
        thread(3).key,
    ]


def test_all_cards_say_who():
    """A page without a head is recognised by its cards, if all of them are this author's."""
    body = (card(thread(1)) + card(thread(2))).encode()

    assert len(parse_listing(body, asked("PolarPetra")).entries) == 2


def test_handle_taken_over():
    """The same screen name with another lasting id is another author."""
    body = author_page(PETRA, listed_card(thread(1))).encode()

    with pytest.raises(WrongAuthor):
        parse_listing(body, asked("PolarPetra", key="1"))


def test_renamed_author():
    """Another screen name with the same lasting id is the same author."""
    body = author_page(PETRA, listed_card(thread(1))).encode()
    listing = parse_listing(body, asked("OldName", key=PETRA.twitter_id))

    assert (listing.author.handle, len(listing.entries)) == ("PolarPetra", 1)


@pytest.mark.parametrize("handle", ["loudvoice", "Polar", "PolarPetra2"])
def test_thread_of_somebody_else(handle):
    """A thread page whose posts are by another author is not what was asked for."""
    with pytest.raises(WrongAuthor):
        parse_thread(thread_page(thread(1)).encode(), asked(handle), thread(1).key)


def test_thread_cut_by_the_server():
    """A page that says more posts than it has, and has no end, was cut on its way."""
    body = thread_page(thread(1, "a", "b", "c")).encode()

    with pytest.raises(TemporarySourceError):
        parse_thread(body[: body.index(b'<div id="tweet_3"')], asked("PolarPetra"), thread(1).key)


def test_deleted_post():
    """A whole page that says more posts than it has is read: posts vanish."""
    body = thread_page(thread(1, "a", "b")).replace("2 tweets", "3 tweets").encode()
    entry = parse_thread(body, asked("PolarPetra"), thread(1).key).entry

    assert (len(entry.posts), entry.post_count, entry.whole) == (2, 3, True)


@pytest.mark.parametrize("cut", [0.02, 0.1, 0.3, 0.5, 0.7, 0.9], ids=lambda cut: f"{cut:.0%}")
def test_cut_listing_is_never_empty(cut):
    """An author page that stops early is an error or shows what it shows, but is no page without threads."""
    body = author_page(PETRA, "".join(listed_card(thread(n)) for n in range(9))).encode()
    try:
        listing = parse_listing(body[: int(len(body) * cut)], asked("PolarPetra"))
    except SourceError:
        return

    assert listing.entries


# -- monstrous pages ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"<div>" * 50_000,
        b"<ul><li>" * 50_000,
        b"<div><object></div></object>" * 20_000,
        b"<div><!--</div>--><p>" * 20_000,
        b"<a " + b" ".join(b"a%d" % n for n in range(100_000)) + b">",
        b"<a " + b" ".join(b'a%d="<>"' % n for n in range(100_000)) + b">",
        b'<a a-b="x" data-c=">" ' + b" ".join(b'a%d="<>"' % n for n in range(100_000)) + b">",
        b'<a =" b=">" ' + b" ".join(b"a%d" % n for n in range(100_000)) + b">",
        b"".join(b"<p><b a=%d>" % n for n in range(2_900)),
        b"<select>" + b"<option>" * 3_000,
        b"".join(b"<html a%d>" % n for n in range(50)),
        (b"<p " + b" ".join(b"a%d" % n for n in range(290)) + b">") * 2_000,
        b"<" * 500_000,
        b"<a" * 20_000 + b" x=" * 20_000,
        b"x" * (html.MAX_BYTES + 1),
    ],
    ids=["div", "list", "scopes", "comments", "attributes", "quoted", "plain-first", "odd-quotes", "formatting",
         "options", "roots", "all-attributes", "tags", "begun", "bytes"],
)  # fmt: skip
def test_monstrous_pages(body):
    """A page that would take the parser seconds is refused before it."""
    with pytest.raises(html.TooHeavy):
        html.check(body)
    with pytest.raises(ParseError):
        parse_listing(body, asked("PolarPetra"))


@pytest.mark.parametrize(
    "body",
    [
        b"<div>" * 90 + b"</div>" * 90,
        b'<p>a<br>b<li>c<td>d<img src="data:image/png;base64,' + b"A/+=" * 20_000 + b'">' * 3,
        b"<script>" + b"if (a < b) '<div>';" * 9_000 + b"</script>",
        b"<p>" * 20_000,
        b'<div class="a>b" data-action="click->x#y"><b>c</b></div>' * 9_000,
        b"<a href=x>" * 900,
        b"<font>" * 200 + b"<p>" * 200,
        b"<a" * 20_000 + b"a" * 400_000,
    ],
    ids=["deep", "data-url", "script", "unclosed", "many", "links", "few-left-open", "begun"],
)
@pytest.mark.timeout(20)  # the last took minutes
def test_ordinary_pages(body):
    """What sloppy but ordinary pages have is let through."""
    html.check(body)


@pytest.mark.parametrize(
    "extra",
    [
        b"<div>" * 80 + b"<h1>x</h1>" * 7_000,
        b'<p class="thread-card"><a href="/thread/1">x</a></p>' * 1_500,
        b'<div data-link-href="/thread/1.html">' + b"<a href=x>x</a>" * 7_000,
    ],
    ids=["headings", "cards", "links-in-a-card"],
)
def test_pages_with_too_much_to_look_at(extra):
    """What a parser reads quickly may still be too much to be looked at, one element after the other."""
    body = author_page(PETRA, listed_card(thread(1))).encode().replace(b"</body>", extra + b"</body>")
    html.check(body)
    with pytest.raises(ParseError, match="not like any that we know"):
        parse_listing(body, asked("PolarPetra"))


def test_posts_inside_each_other():
    """A post within a post is part of it, not read once for each: ninety of them took minutes."""
    posts = b"<div id=tweet_9 class=content-tweet>" * 50 + b"words " * 100 + b"</div>" * 50
    body = thread_page(thread(1)).encode().replace(b"</article>", posts + b"</article>")
    page = parse_thread(body, asked("PolarPetra"), thread(1).key)

    assert len(page.entry.posts) == 3


def test_long_thread():
    """A thread of 3,000 posts is an ordinary page."""
    made = thread(0, *(f"Post {n}\n\nwith https://example.org/{n} and @somebody" for n in range(3_000)))

    assert len(parse_thread(thread_page(made).encode(), asked("PolarPetra"), made.key).entry.posts) == 3_000


# -- addresses ------------------------------------------------------------------------------------

LOOPBACK = "http://127.0.0.1:8123"


@pytest.mark.parametrize(
    "address",
    [
        "@PolarPetra", "PolarPetra", "polarpetra", " @polarPETRA ", "https://threadreaderapp.com/user/PolarPetra",
        "http://www.threadreaderapp.com/user/PolarPetra/", "threadreaderapp.com/user/PolarPetra?utm_source=x#y",
        "https://staging.threadreaderapp.com/user/PolarPetra", "HTTPS://ThreadReaderApp.com/user/PolarPetra",
        "https://x.com/PolarPetra", "x.com/PolarPetra", "https://twitter.com/PolarPetra?lang=en",
        "twitter.com/@PolarPetra",
        "https://mobile.twitter.com/PolarPetra", "https://www.x.com/PolarPetra/", "https://x.com/PolarPetra/with_replies",
        "//twitter.com/PolarPetra", f"{LOOPBACK}/user/PolarPetra", "127.0.0.1:8123/user/PolarPetra",
        "<https://x.com/PolarPetra>", "https://x.com/%40PolarPetra",
    ],
)  # fmt: skip
def test_addresses_of_an_author(address):
    """However an author is spelled, it is the same feed."""
    found = locate(address, LOOPBACK)

    assert (found.feed_id, found.thread_key) == ("threadreader:polarpetra", "")
    assert found.handle.casefold() == "polarpetra"


@pytest.mark.parametrize(
    "address",
    [
        "https://threadreaderapp.com/thread/1415051905190047746.html", "threadreaderapp.com/thread/1415051905190047746",
        "https://threadreaderapp.com/thread/1415051905190047746.html?utm_campaign=topunroll&utm_source=tldrnewsletter",
        "https://staging.threadreaderapp.com/thread/1415051905190047746.html#tweet_3", "1415051905190047746",
        f"{LOOPBACK}/thread/1415051905190047746.html", "https://x.com/i/status/1415051905190047746",
        "https://twitter.com/i/web/status/1415051905190047746",
    ],
)  # fmt: skip
def test_addresses_of_a_thread(address):
    """A thread is known by its id; whose it is, only its page says."""
    assert locate(address, LOOPBACK) == Located(source="threadreader", thread_key="1415051905190047746")


@pytest.mark.parametrize("suffix", ["", "?s=20", "/photo/1", "/"])
def test_addresses_of_a_post(suffix):
    """The address of a post names its author, and perhaps a thread."""
    found = locate(f"https://x.com/PolarPetra/status/1415051905190047746{suffix}", LOOPBACK)

    assert found == Located(
        source="threadreader",
        feed_id="threadreader:polarpetra",
        handle="PolarPetra",
        thread_key="1415051905190047746",
    )


@pytest.mark.parametrize(
    "address",
    [
        "", "@", "@a b", "@näme", "a" * 21, "me@example.org", "@me@mastodon.example", "example.org",
        "example.org/user/x",
        "https://x.com", "https://x.com/", "https://x.com/home", "https://x.com/search?q=x", "https://x.com/i/lists/1",
        "https://x.com/hashtag/x", "https://x.com/intent/user?screen_name=x", "https://x.com/settings/account",
        "https://x.com/PolarPetra/lists", "https://threadreaderapp.com/", "https://threadreaderapp.com/thread/popular",
        "https://threadreaderapp.com/hashtag/x", "https://threadreaderapp.com/user/", "https://nitter.net/PolarPetra",
        "https://x.com@evil.example/PolarPetra", "https://evilx.com/PolarPetra", "https://x.com.evil.example/PolarPetra",
        "http://127.0.0.1:9999/user/PolarPetra", "ftp://x.com/PolarPetra", "https://x.com:x/PolarPetra", "https://[x/y",
        "did:plc:abc", "https://bsky.app/profile/x.bsky.social", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_other_addresses(address):
    """What is no author and no thread here is left to other sources."""
    assert locate(address, LOOPBACK) is None


def test_site_under_a_path():
    """The site may live under a path."""
    assert locate("http://127.0.0.1/tr/user/x", "http://127.0.0.1/tr/").handle == "x"


# -- the source -----------------------------------------------------------------------------------


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def source(clock):
    """Makes sources that read a site."""
    https = []

    def make(base_url):
        https.append(Http(user_agent="test", host_delay=0, timeout=5, allowed_hosts=["127.0.0.1"], clock=clock))
        return ThreadReader(https[-1], clock=clock, base_url=base_url)

    yield make
    for http in https:
        await http.close()


@pytest.fixture
async def unrolled():
    """A site with twenty threads of Petra and one of somebody else."""
    made = UnrollSite(threads=[thread(n) for n in range(20)] + [thread(3, author=LOUD)], authors=[PETRA, LOUD])
    await made.start()
    yield made
    await made.stop()


FEED = Feed(
    id="threadreader:polarpetra", source="threadreader", address="@PolarPetra", author=Author(handle="PolarPetra")
)


def ok(page, **headers):
    return answer(body=page.encode() if isinstance(page, str) else page, **headers)


def thread_path(number):
    return f"thread/{thread(number).key}.html"


LISTING = author_page(PETRA, "".join(listed_card(thread(n)) for n in (3, 2, 1)))


def test_powers(source):
    """The source can page and expand."""
    made = source(LOOPBACK)

    assert isinstance(made, Pager)
    assert isinstance(made, Expander)
    assert isinstance(made, Skimmer)


async def test_resolve_spells_as_the_page(source, unrolled):
    """An author is resolved to the name and the lasting id that the page gives."""
    feed = (await source(unrolled.base_url).resolve("@polarPETRA")).feed

    assert (feed.id, feed.address, feed.author.name, feed.author.key) == (
        "threadreader:polarpetra", "@PolarPetra", "Petra", PETRA.twitter_id,
    )  # fmt: skip
    assert feed.url == f"{unrolled.base_url}/user/PolarPetra"


async def test_resolve_a_thread(source, unrolled):
    """A thread's address gives its author's feed, with that thread as a second way in."""
    resolved = await source(unrolled.base_url).resolve(f"{unrolled.base_url}/thread/{thread(3).key}")

    assert resolved.feed.id == "threadreader:polarpetra"
    assert resolved.cursor == {"threads": [thread(3).key]}


@pytest.mark.parametrize("refusal", [answer("403 Forbidden"), ok(pages.LOGIN), ok(pages.CHALLENGE)])
async def test_resolve_refused(source, refusal):
    """If the author page is refused, the message says what helps."""
    async with site(refusal) as s:
        with pytest.raises(SourceRefused, match="give the URL of any thread of theirs"):
            await source(s.url).resolve("@PolarPetra")


async def test_resolve_refused_but_post_known(source):
    """If the author page is refused, the address of a post helps where that thread is unrolled."""
    async with site(answer("403 Forbidden"), **{thread_path(1): ok(thread_page(thread(1)))}) as s:
        resolved = await source(s.url).resolve(f"https://x.com/polarpetra/status/{thread(1).key}")

        assert resolved.feed.address == "@PolarPetra"
        assert resolved.cursor == {"threads": [thread(1).key]}


async def test_resolve_refused_and_post_unknown(source):
    """If neither is there, the refusal is what is reported, not that a thread is gone."""
    async with site(**{"user/PolarPetra": answer("403 Forbidden")}) as s:
        with pytest.raises(SourceRefused, match="any thread"):
            await source(s.url).resolve(f"https://x.com/PolarPetra/status/{thread(1).key}")


async def test_resolve_nonsense(source):
    """An address that is none of ours is an error without a request."""
    with pytest.raises(SourceError):
        await source(LOOPBACK).resolve("https://example.org/feed.xml")


async def test_skimmed(source):
    """What is skimmed has all but the posts, and the cursor is the same, so that the next look goes on from there."""
    async with site(**{"user/PolarPetra": ok(LISTING, ETag='"x"')}) as s:
        reader = source(s.url)
        fetched, skimmed = await reader.fetch(FEED, {}), await reader.skim(FEED, {})

        without_posts = tuple(dataclasses.replace(entry, posts=()) for entry in fetched.entries)
        assert skimmed == dataclasses.replace(fetched, entries=without_posts)
        assert all(entry.posts for entry in fetched.entries)


async def test_conditional_requests(source):
    """Validators go back exactly as they came, and a 304 leaves the cursor as it is."""
    async with site(
        **{"user/PolarPetra": ok(LISTING, ETag='W/"x"', Last_Modified="Tue, 1 Sep 2026 00:00:00 GMT")}
    ) as s:
        reader = source(s.url)
        fetched = await reader.fetch(FEED, {})
        s.answers["/user/PolarPetra"] = answer("304 Not Modified")
        again = await reader.fetch(FEED, fetched.cursor)

        assert again == NotModified(cursor=fetched.cursor)
        assert "if-none-match" not in s.requests[0].headers
        assert s.requests[1].headers["if-none-match"] == 'W/"x"'
        assert s.requests[1].headers["if-modified-since"] == "Tue, 1 Sep 2026 00:00:00 GMT"


async def test_validators_grow_old(source, clock):
    """After eight days of 304 the page is read again: some servers answer 304 for ever."""
    async with site(**{"user/PolarPetra": ok(LISTING, ETag='"x"')}) as s:
        reader = source(s.url)
        cursor = (await reader.fetch(FEED, {})).cursor
        s.answers["/user/PolarPetra"] = answer("304 Not Modified")
        clock.passes(days=7)
        cursor = (await reader.fetch(FEED, cursor)).cursor
        s.answers["/user/PolarPetra"] = ok(LISTING, ETag='"x"')
        clock.passes(days=1)

        assert isinstance(await reader.fetch(FEED, cursor), Fetched)
        assert "if-none-match" not in s.requests[-1].headers


async def test_304_that_nobody_asked_for(source):
    """A 304 to a request that was not conditional is no answer."""
    async with site(answer("304 Not Modified")) as s:
        with pytest.raises(ParseError):
            await source(s.url).fetch(FEED, {})


async def test_redirected_to_login(source):
    """A redirect to the login page is a refusal, whatever that page shows."""
    async with site(
        **{"user/PolarPetra": answer("302 Found", Location="/users/sign_in"), "users/sign_in": ok("hi")}
    ) as s:
        with pytest.raises(SourceRefused, match="login"):
            await source(s.url).fetch(FEED, {})


async def test_refused_without_a_thread(source):
    """A refused author page is an error that says what helps, where no thread is known."""
    async with site(answer("403 Forbidden")) as s:
        with pytest.raises(SourceRefused, match="any thread"):
            await source(s.url).fetch(FEED, {})


async def refused_site(s, newest):
    """Makes a site refuse its author page and show a thread with newer ones under it."""
    s.answers["/user/PolarPetra"] = ok(pages.LOGIN)
    s.answers["/" + thread_path(3)] = ok(thread_page(thread(3), [thread(newest)], [thread(9, author=LOUD)]))


async def test_second_way(source):
    """If the author page is refused, a known thread's page shows that thread, whole, and the author's newest."""
    async with site(**{"user/PolarPetra": ok(LISTING)}) as s:
        reader = source(s.url)
        cursor = (await reader.fetch(FEED, {})).cursor
        await refused_site(s, newest=5)
        fetched = await reader.fetch(FEED, cursor)

        assert fetched.partial
        assert fetched.older == ""
        assert fetched.reaches == fetched.entries[1].published
        assert [(one.key, one.whole) for one in fetched.entries] == [(thread(3).key, True), (thread(5).key, False)]
        assert fetched.author.handle == "PolarPetra"


async def test_refusal_is_remembered(source, clock):
    """While the author page is refused it is not asked for at each look, but after some hours again."""
    async with site(**{"user/PolarPetra": ok(LISTING)}) as s:
        reader = source(s.url)
        cursor = (await reader.fetch(FEED, {})).cursor
        await refused_site(s, newest=2)
        cursor = (await reader.fetch(FEED, cursor)).cursor
        cursor = (await reader.fetch(FEED, cursor)).cursor
        clock.passes(seconds=TRY_AGAIN.total_seconds())
        await reader.fetch(FEED, cursor)

        user, page = "/user/PolarPetra", "/" + thread_path(3)
        assert s.paths == [user, user, page, page, user, page]


async def test_second_way_moves_on(source):
    """The newest thread seen becomes the next way in."""
    async with site(**{"user/PolarPetra": ok(LISTING)}) as s:
        reader = source(s.url)
        cursor = (await reader.fetch(FEED, {})).cursor
        await refused_site(s, newest=5)
        fetched = await reader.fetch(FEED, cursor)

        assert Bookmark.read(fetched.cursor).threads == tuple(thread(n).key for n in (5, 3, 2))


async def test_author_page_is_back(source, clock):
    """When the author page is allowed again, all is as before."""
    async with site(**{"user/PolarPetra": ok(LISTING)}) as s:
        reader = source(s.url)
        first = await reader.fetch(FEED, {})
        await refused_site(s, newest=2)
        cursor = (await reader.fetch(FEED, first.cursor)).cursor
        s.answers["/user/PolarPetra"] = ok(LISTING)
        clock.passes(hours=7)
        fetched = await reader.fetch(FEED, cursor)

        assert (fetched.entries, fetched.partial) == (first.entries, False)
        assert {**fetched.cursor, "since": ""} == {**first.cursor, "since": ""}


def with_token(page, token):
    """The page as a site sends it that writes a fresh token into each answer."""
    return ok(page.replace("</head>", f'<meta name="csrf-token" content="{token}"></head>'), ETag=f'"{token}"')


async def twice(source, clock, again, **passes):
    """What a second look finds, some time later, after LISTING, at a site whose answers are never the same."""
    async with site(**{"user/PolarPetra": with_token(LISTING, "first")}) as s:
        reader = source(s.url)
        first = await reader.fetch(FEED, {})
        s.answers["/user/PolarPetra"] = with_token(again, "second")
        clock.passes(**(passes or {"hours": 1}))
        return first, await reader.fetch(FEED, first.cursor)


async def test_a_page_of_which_only_a_token_is_new(source, clock):
    """Its cards are the same, so there is nothing to read; its ETag says nothing, and is not written down again."""
    assert "</head>" in LISTING
    first, again = await twice(source, clock, LISTING)

    assert isinstance(again, NotModified)
    assert again.cursor == {name: value for name, value in first.cursor.items() if name != "validators"}


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(author_page(PETRA, "".join(listed_card(thread(n)) for n in (4, 3, 2, 1))), id="a new thread"),
        pytest.param(author_page(PETRA, "".join(listed_card(thread(n)) for n in (3, 2))), id="one less"),
        pytest.param(LISTING.replace(" tweets", "1 tweets"), id="more posts in each"),
        pytest.param("1 tweets".join(LISTING.rsplit(" tweets", 1)), id="more posts in the last one"),
    ],
)
async def test_a_page_whose_cards_are_others(source, clock, again):
    """It is read."""
    assert again != LISTING

    assert isinstance((await twice(source, clock, again))[1], Fetched)


async def test_a_page_that_is_the_same_for_long_is_read_again(source, clock):
    """What one version of this program did not see in it, the next one may."""
    assert isinstance((await twice(source, clock, LISTING, days=30))[1], Fetched)


async def test_way_in_is_gone(source):
    """A known thread whose page is gone is left for the next one; the author is not gone with it."""
    async with site(**{"user/PolarPetra": ok(LISTING), thread_path(2): ok(thread_page(thread(2)))}) as s:
        reader = source(s.url)
        cursor = (await reader.fetch(FEED, {})).cursor
        s.answers["/user/PolarPetra"] = answer("403 Forbidden")
        fetched = await reader.fetch(FEED, cursor)

        assert [one.key for one in fetched.entries] == [thread(2).key]
        assert thread(3).key not in Bookmark.read(fetched.cursor).threads


async def test_all_ways_are_gone(source):
    """With no thread left it is the refusal that is reported."""
    async with site(**{"user/PolarPetra": answer("403 Forbidden")}) as s:
        with pytest.raises(SourceRefused, match="any thread"):
            await source(s.url).fetch(FEED, {"threads": [thread(1).key]})


async def test_way_in_is_another_authors(source):
    """A thread page by another author is no way in."""
    async with site(
        **{"user/PolarPetra": answer("403 No"), thread_path(1): ok(thread_page(thread(1, author=LOUD)))}
    ) as s:
        with pytest.raises(WrongAuthor):
            await source(s.url).fetch(FEED, {"threads": [thread(1).key]})


@pytest.mark.parametrize(
    "cursor",
    [{"threads": "x"}, {"threads": [1, None, "../x"]}, {"validators": [1], "since": "x"}, {"refused_at": 5},
     {"since": "2026-01-01"}],
)  # fmt: skip
async def test_damaged_cursor(source, unrolled, cursor):
    """A cursor that is not understood counts as none."""
    assert isinstance(await source(unrolled.base_url).fetch(FEED, cursor), Fetched)


async def test_paging(source, unrolled):
    """Deeper pages bring each thread, the one on a border twice, and come to an end."""
    reader = source(unrolled.base_url)
    fetched = await reader.fetch(FEED, {})
    deeper = await reader.older(FEED, fetched.older)
    border = await reader.older(FEED, deeper.older)

    assert fetched.older == str(thread(5).time)
    assert [one.key for one in fetched.entries] == [thread(n).key for n in reversed(range(5, 20))]
    assert [one.key for one in deeper.entries] == [thread(n).key for n in reversed(range(6))]
    assert [one.key for one in border.entries] == [thread(0).key]
    assert await reader.older(FEED, border.older) == Fetched(entries=(), cursor={})


async def test_two_threads_of_one_second_on_a_border(source):
    """The second of them is not hidden below the page: `before=` counts in whole seconds."""
    alike = [dataclasses.replace(thread(5), id=str(int(thread(5).key) + n)) for n in range(2)]
    made = UnrollSite(threads=[*alike, *(thread(n) for n in range(6, 20))], authors=[PETRA])
    await made.start()
    try:
        reader = source(made.base_url)
        page = await reader.fetch(FEED, {})
        keys = {one.key for one in page.entries}
        while page.older:
            page = await reader.older(FEED, page.older)
            keys |= {one.key for one in page.entries}
    finally:
        await made.stop()

    assert len({one.time for one in alike}) == 1
    assert len(keys) == 16


async def test_paging_that_does_not_go_down(source):
    """A site that ignores `before=` is not paged for ever."""
    async with site(ok(LISTING)) as s:
        fetched = await source(s.url).older(FEED, str(thread(1).time))
        again = await source(s.url).older(FEED, fetched.older)

        assert again.older == ""


async def test_expand(source, unrolled):
    """A thread is read whole from its own page, under the key that it was asked by."""
    known = Entry(feed_id=FEED.id, key=thread(3).key, url="", author=FEED.author, aliases=("7",))
    entry = await source(unrolled.base_url).expand(known)

    assert (entry.key, entry.feed_id, entry.whole, entry.post_count) == (thread(3).key, FEED.id, True, 2)
    assert entry.aliases == ("7",)
    assert [post.text for post in entry.posts] == [post.text for post in thread(3).posts]


async def test_expand_follows_a_redirect(source):
    """A page that moved to the root post's id is known by that id too."""
    moved = {
        thread_path(1): answer("301 Moved", Location="/thread/77.html"),
        "thread/77.html": ok(thread_page(thread(1))),
    }
    async with site(**moved) as s:
        entry = await source(s.url).expand(Entry(feed_id="f", key=thread(1).key, url="", author=Author(handle="")))

        assert "77" in entry.ids


async def test_expand_gone(source, unrolled):
    """A thread that was never unrolled, or that is gone, is that."""
    with pytest.raises(FeedGone):
        await source(unrolled.base_url).expand(Entry(feed_id="f", key="1", url="", author=FEED.author))


# -- the sample site ------------------------------------------------------------------------------


@pytest.mark.parametrize("made", [*samples().threads, *samples().upcoming], ids=lambda made: made.key)
def test_samples(made: SampleThread):
    """Each packaged thread comes back from its page as it was written."""
    entry = parse_thread(thread_page(made).encode(), asked(made.author.handle), made.key).entry

    assert [post.text for post in entry.posts] == [post.text for post in made.posts]
    assert [(one.url, one.alt) for post in entry.posts for one in post.media] == [
        (one.url, one.alt) for post in made.posts for one in post.images
    ]


def test_upcoming_is_newest():
    """What is to be published is newer than what is there."""
    made = samples()

    assert max(one.time for one in made.threads) < min(one.time for one in made.upcoming)


async def test_publish_and_withdraw(source, clock):
    """The sample site shows what is published, answers 304 in between, and loses what is withdrawn."""
    packaged = samples()
    made = UnrollSite()
    await made.start()
    reader = source(made.base_url)
    feed = (await reader.resolve(f"@{packaged.author.handle}")).feed
    first = await reader.fetch(feed, {})
    again = await reader.fetch(feed, first.cursor)
    made.publish(packaged.upcoming[0])
    then = await reader.fetch(feed, first.cursor)
    made.withdraw(packaged.upcoming[0].key)
    last = await reader.fetch(feed, then.cursor)
    await made.stop()

    assert isinstance(again, NotModified)
    assert len(first.entries) == len(packaged.threads)
    assert then.entries[0].key == packaged.upcoming[0].key
    assert last.entries == first.entries
    assert then.entries[0].published - timedelta(days=1) < datetime(2026, 9, 14, 7, 30, tzinfo=UTC)
