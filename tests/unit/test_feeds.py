from __future__ import annotations

import dataclasses
import gzip
import json
import re
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.model import Media
from bot.sources.feeds import MAX_BYTES, MAX_ITEMS, Document, Item, NotAFeed, parse
from bot.sources.feeds_dates import moment
from bot.sources.feeds_links import absolute, kind_of
from bot.sources.feeds_text import as_post
from tests.feed_corpus import documents, expected, is_met, lacks, ours, theirs
from tests.shared import shared

DATA = Path(__file__).parents[1] / "data" / "feeds"
CASES = sorted(path.name for path in DATA.iterdir())
URL = "https://example.org/feed.xml"


CHANNEL = '<rss version="2.0"><channel><title>t</title>'


def read(body: str | bytes, content_type: str = "", url: str = URL) -> Document:
    return parse(body.encode() if isinstance(body, str) else body, content_type=content_type, url=url)


def rss(items: str, channel: str = "<link>https://example.org/</link>", declared: str = "") -> str:
    names = (
        'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:media="http://search.yahoo.com/mrss/"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'
    )
    return f'{declared}<rss version="2.0" {names}><channel><title>t</title>{channel}{items}</channel></rss>'


def atom(entries: str) -> str:
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title>{entries}</feed>'


def only(document: Document) -> Item:
    (item,) = document.items
    return item


# -- golden pairs -------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """A value as JSON, without what is as it is by default."""
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return {f.name: plain(getattr(value, f.name)) for f in fields if getattr(value, f.name) != f.default}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, frozenset):
        return sorted(value)
    return [plain(one) for one in value] if isinstance(value, tuple) else value


@pytest.mark.parametrize("case", CASES)
def test_golden_pair(case):
    """A document in the shape of what a real service sends gives what it should, text and all."""
    served = json.loads((DATA / case / "served.json").read_text(encoding="utf-8"))
    (path,) = (DATA / case).glob("feed.*")
    document = parse(path.read_bytes(), **served)
    found = plain(document)
    found["posts"] = [plain(as_post(item, str(at))) for at, item in enumerate(document.items)]
    for item in found["items"]:
        item.pop("html", None)

    assert json.loads((DATA / case / "expected.json").read_text(encoding="utf-8")) == found


# -- what is no feed ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "it is empty"),
        (b" \n\t", "it is empty"),
        (b"\x00" * 100, "it is empty"),
        (b"<!DOCTYPE html><html><body>Hi</body></html>", "it is a web page"),
        (
            b'\xef\xbb\xbf<?xml version="1.0"?><!-- x --><!DOCTYPE HTML PUBLIC "-//W3C//DTD XHTML 1.0"><html>',
            "it is a web page",
        ),
        (b"<html><head><title>Just a moment...</title>", "it is a web page"),
        (b"<opml version='2.0'><body/></opml>", "it is neither RSS nor Atom"),
        (b"<sitemapindex/>", "it is neither RSS nor Atom"),
        (CHANNEL.encode(), "it is ill-formed before its first entry, or cut off there"),
        (b"not found", "it is neither RSS nor Atom"),
        (b'{"error": "not found"}', "it is JSON, but no JSON Feed"),
        (b'{"items": []}', "it is JSON, but no JSON Feed"),
        (b"[1, 2]", "it is JSON, but no JSON Feed"),
        (
            b'{"version": "https://jsonfeed.org/version/1", "items": [',
            "it begins like JSON, but is none, or is cut off",
        ),
    ],
)
def test_what_is_no_feed_is_said_to_be_none(body, why):
    """A login page, an error in a 200 and an empty answer are never a feed without entries."""
    with pytest.raises(NotAFeed, match=re.escape(why)):
        read(body)


def test_a_feed_without_entries_is_one():
    """An author who wrote nothing yet."""
    assert (read(rss("")).kind, read(atom("")).kind, read('{"version": "https://jsonfeed.org/version/1"}').kind) == (
        *("rss", "atom", "json"),
    )


# -- identity -------------------------------------------------------------------------------------------


def test_an_id_is_kept_as_it_is_given():
    """A relative id is not made absolute: it would change with the feed's address."""
    item = only(read(rss("<item><guid> 17 </guid><link>/17</link></item>")))

    assert (item.id, item.url) == ("17", "https://example.org/17")


def test_an_atom_id_is_not_resolved():
    """Not against xml:base either."""
    entry = '<entry xml:base="https://other.example/"><id>/a</id><link href="/a"/></entry>'

    assert [(i.id, i.url) for i in read(atom(entry)).items] == [("/a", "https://other.example/a")]


def test_a_base_ends_with_its_element():
    """What an entry names as its base says nothing of the next one."""
    entries = '<entry xml:base="https://other.example/x/"><link href="a"/></entry><entry><link href="b"/></entry>'

    assert [item.url for item in read(atom(entries)).items] == ["https://other.example/x/a", "https://example.org/b"]


@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "http://", "https://a@b.example/", "x" * 9_000],
)
def test_a_link_that_cannot_be_opened_is_none(link):
    """No script, no file, no user in the address, nothing endless."""
    assert only(read(rss(f"<item><link>{link}</link><title>t</title></item>"))).url in (
        "",
        URL.replace("feed.xml", link),
    )


def test_controls_in_an_id_do_not_stay():
    """An id is a key: nothing in it may act where it is shown or stored."""
    assert only(read(rss("<item><guid>a&#27;[2J&#10;b &nbsp;</guid></item>"))).id == "a[2J b"


def test_an_id_of_json_may_be_a_number():
    """JSON Feed 1.1: numbers are read as text. True is no id."""
    items = [{"id": 17}, {"id": 1.5}, {"id": True, "url": "https://example.org/3"}, {"id": "\ud800"}]
    feed = json.dumps({"version": "https://jsonfeed.org/version/1", "items": items})

    assert [item.id for item in read(feed).items] == ["17", "1.5", "https://example.org/3", "\ufffd"]


SHOWN = (
    "<media:content url='http://a.example/a.png'>"
    "<media:description>what the picture shows, at length</media:description></media:content>"
)

# -- content ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inner", "text"),
    [
        ("<description>short</description><content:encoded>&lt;p&gt;whole&lt;/p&gt;</content:encoded>", "whole"),
        ("<content:encoded> </content:encoded><description>short</description>", "short"),
        ("<description>short</description><itunes:summary>longer than short</itunes:summary>", "longer than short"),
        (f"<description>what it says</description>{SHOWN}", "what it says"),
        ("<media:group><media:description>all there is</media:description></media:group>", "all there is"),
        ("<description>longer than short</description><itunes:summary>short</itunes:summary>", "longer than short"),
        ("<content:encoded>...</content:encoded><description>short</description>", "short"),
        ("<description>one\ntwo</description>", "one\ntwo"),
        ("<description>&lt;p&gt;one\ntwo&lt;/p&gt;</description>", "one two"),
        ("<description>AT&amp;amp;T</description>", "AT&T"),
        ("<description>AT&amp;T</description>", "AT&T"),
        ("<description>1 &lt; 2</description>", "1 < 2"),
    ],
)  # fmt: skip
def test_the_fullest_text_is_taken(inner, text):
    """The content before the summary, never a picture's description, entities decoded once."""
    assert as_post(only(read(rss(f"<item>{inner}</item>"))), "1").text == text


def test_a_break_of_xhtml_is_one():
    """feedparser writes `<br></br>`, which browsers take for two."""
    content = '<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">one<br/>two</div></content>'

    assert as_post(only(read(atom(f"<entry>{content}</entry>"))), "1").text == "one\ntwo"


def test_half_characters_of_json_do_not_stay():
    """Nothing could store or hash them."""
    feed = '{"version": "https://jsonfeed.org/version/1", "items": [{"id": "1", "content_html": "a\\ud83db"}]}'

    assert only(read(feed)).html == "a\ufffdb"


def test_the_description_of_a_picture_belongs_to_it():
    """Mastodon's feeds carry alt texts so."""
    inner = (
        "<media:content url='/a.png' type='image/png'><media:description>One</media:description></media:content>"
        "<media:content url='/b.mp4' medium='video'/><enclosure url='/c.mp3' type='audio/mpeg'/>"
        "<enclosure url='/a.png' type='image/png'/>"
    )

    assert only(read(rss(f"<item>{inner}</item>"))).media == (
        Media(kind="image", url="https://example.org/a.png", alt="One"),
        Media(kind="video", url="https://example.org/b.mp4"),
    )


@pytest.mark.parametrize(
    ("title", "line"),
    [
        ("<title>a\n  b</title>", "a b"),
        ("<title>&lt;b&gt;a&lt;/b&gt; &amp;amp; b</title>", "a & b"),
        ("<title><![CDATA[Q&A: 1 < 2]]></title>", "Q&A: 1 < 2"),
        ("<title>a\u202eb\x85</title>", "ab"),
        ("<title/>", ""),
    ],
)
def test_a_title_is_one_line_of_plain_text(title, line):
    """No markup, no breaks, no tricks with its direction."""
    assert only(read(rss(f"<item>{title}<link>https://a.example/</link></item>"))).title == line


@pytest.mark.parametrize(
    ("mime", "url", "medium", "kind"),
    [
        ("image/png", "https://a.example/x", "", "image"),
        ("", "https://a.example/x.JPG?w=1", "", "image"),
        ("", "https://a.example/x", "video", "video"),
        ("audio/mpeg", "https://a.example/x.mp4", "", ""),
        ("application/pdf", "https://a.example/x.pdf", "document", ""),
    ],
)
def test_kinds_of_media(mime, url, medium, kind):
    """The type decides; the name where there is none."""
    assert kind_of(mime, url, medium) == kind


WEEKLY = '<u:updatePeriod xmlns:u="http://purl.org/rss/1.0/modules/syndication/">weekly</u:updatePeriod>'

# -- when to ask again ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "ttl"),
    [
        ("<ttl>90</ttl>", timedelta(minutes=90)),
        ("<ttl>0</ttl>", None),
        ("<ttl>soon</ttl>", None),
        ("<ttl>999999</ttl>", timedelta(days=31)),
        (WEEKLY, timedelta(days=7)),
    ],
)
def test_how_long_a_feed_stays_as_it_is(channel, ttl):
    """In minutes, or by the module that WordPress uses; never for ever."""
    assert read(rss("", channel)).ttl == ttl


def test_when_a_feed_is_not_to_be_asked():
    """All of the hours and days that it names, hour 24 being 0, and nothing that is none."""
    hours = "<skipHours><hour>1</hour><hour>24</hour><hour>99</hour></skipHours>"
    document = read(rss("", hours + "<skipDays><day>Monday</day><day>x</day></skipDays>"))

    assert (document.skip_hours, document.skip_days) == (frozenset({0, 1}), frozenset({0}))


def test_a_json_feed_says_that_it_is_over():
    """Only by `true`."""
    feeds = [{"version": "https://jsonfeed.org/version/1", "expired": said} for said in (True, "true", 1, None)]

    assert [read(json.dumps(feed)).expired for feed in feeds] == [True, False, False, False]


# -- dates ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("2026-01-14T16:33:00Z", 16),
        ("2026-01-14t16:33:00.123456789z", 16),
        ("2026-01-14 16:33:00 -0500", 21),
        ("Wed, 14 Jan 2026 16:33:00 EST", 21),
        ("14 January 2026, 16:33 UTC", 16),
        ("Jan 14, 2026 4:33 pm", 16),
        ("Wed,14 Jan 26 16:33:00 GMT+02:00", 14),
        ("mercredi 14 janv. 2026 16:33 CEST", 14),
    ],
)
def test_a_date_in_many_forms(text, hour):
    """All are the fourteenth of January, 33 minutes after some hour."""
    found = moment(text)

    assert found is not None
    assert (found.replace(second=0)) == datetime(2026, 1, 14, hour, 33, tzinfo=UTC)


NONSENSE = [
    *("", "soon", "1970-01-01", "Thu, 01 Jan 1970 00:00:00 GMT", "2026-13-01", "01/02/2026", "9" * 9_000),
    *("2026-01-14T99:00:00Z", "2026-01-14T10:00:00+99:99", "9999-12-31T23:59:59-12:00"),
]


@pytest.mark.parametrize("text", NONSENSE)
def test_nonsense_is_no_date(text):
    """What is missing, impossible or older than feeds is None, not a wrong time."""
    assert moment(text) is None


def test_the_time_of_change_stands_in_for_the_time_of_writing():
    """Many Atom feeds have only that."""
    item = only(read(atom("<entry><updated>2026-01-14T16:33:00Z</updated></entry>")))

    assert (item.published, item.updated) == (datetime(2026, 1, 14, 16, 33, tzinfo=UTC),) * 2


# -- charsets ---------------------------------------------------------------------------------------------

CAFE = rss("<item><title>Café “€” &#8212;</title></item>")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (CAFE.encode(), ""),
        (b"\xef\xbb\xbf" + CAFE.encode(), "text/xml"),
        (CAFE.encode(), "text/xml; charset=iso-8859-1"),
        (('<?xml version="1.0" encoding="ISO-8859-1"?>' + CAFE).encode(), ""),
        (CAFE.encode("cp1252"), ""),
        (CAFE.encode("cp1252"), "text/xml; charset=utf-8"),
        (('<?xml version="1.0" encoding="windows-1252"?>' + CAFE).encode("cp1252"), "text/xml"),
        (('<?xml version="1.0" encoding="UTF-16"?>' + CAFE).encode("utf-16"), ""),
        (('<?xml version="1.0" encoding="UTF-16"?>' + CAFE).encode("utf-16-le"), ""),
        (('<?xml version="1.0" encoding="punycode"?>' + CAFE).encode(), "text/xml; charset=base64"),
        (gzip.compress(CAFE.encode()), ""),
        (b"\r\n \n<?xml version='1.0' encoding='utf-8'?>" + CAFE.encode(), ""),
    ],
)
def test_the_charset_is_found(body, content_type):
    """Whatever the server and the document say of it."""
    assert only(read(body, content_type)).title == "Café “€” —"


def test_two_bytes_a_character_would_be_seen():
    """Some documents say that they are UTF-16, and are not."""
    assert [only(read('<?xml version="1.0" encoding="utf-16"?>' + rss("<item/>") + blank)) for blank in ("", " ")]


def test_json_has_its_charsets_too():
    """With a mark of its byte order, and with bytes that are wrong."""
    feed = '{"version": "https://jsonfeed.org/version/1", "title": "Café"}'
    bodies = [b"\xef\xbb\xbf" + feed.encode(), feed.encode("utf-16"), feed.encode("latin-1")]

    assert [read(body).title for body in bodies] == ["Café", "Café", "Caf\ufffd"]


# -- hostile documents --------------------------------------------------------------------------------------

LAUGHS = "".join(f'<!ENTITY a{n} "&a{n - 1};&a{n - 1};&a{n - 1};">\n' for n in range(1, 40))


def test_an_entity_bomb_does_not_go_off():
    """Entities that name others are not resolved."""
    body = f'<!DOCTYPE rss [<!ENTITY a0 "ha">\n{LAUGHS}]>' + rss("<item><title>&a39;</title></item>")

    assert len(only(read(body)).title) < 100


def test_a_long_entity_is_not_repeated():
    """10 kB, named 10,000 times, would be 100 MB."""
    body = f'<!DOCTYPE rss [\n<!ENTITY a "{"x" * 10_000}">\n]>' + rss(
        f"<item><description>{'&a;' * 10_000}</description></item>"
    )

    assert len(only(read(body)).html) < 100_000


def test_a_short_entity_is_meant():
    """Some feeds declare the characters that they need."""
    body = '<!DOCTYPE rss [\n<!ENTITY copy "&#169;">\n]>' + rss("<item><title>&copy; Ann</title></item>")

    assert only(read(body)).title == "© Ann"


def test_no_file_is_read_for_an_entity(tmp_path):
    """Nor an address asked."""
    (tmp_path / "secret").write_text("secret")
    declared = f'<!DOCTYPE rss [\n<!ENTITY a SYSTEM "file://{tmp_path}/secret">\n]>'

    assert "secret" not in repr(read(declared + rss("<item><title>x &a;</title></item>")))


def test_a_body_that_is_an_address_is_not_opened(tmp_path):
    """feedparser would open what looks like a file or a page."""
    (tmp_path / "feed.xml").write_text(rss("<item/>"))
    with pytest.raises(NotAFeed):
        read(str(tmp_path / "feed.xml"))


def test_no_more_items_than_are_bounded():
    """The first ones of a document are read."""
    assert len(read(CHANNEL + "<item/>" * (MAX_ITEMS + 1) + "</channel></rss>").items) == MAX_ITEMS


SIZE = 300_000
HOSTILE = {
    "nested": CHANNEL + "<a>" * (SIZE // 3),
    "nested items": CHANNEL + "<item>" * (SIZE // 6),
    "attributes": CHANNEL + "<item " + " ".join(f'a{n}="1"' for n in range(SIZE // 9)) + "/>",
    "a long attribute": CHANNEL + f'<item a="{"x" * SIZE}"/></channel></rss>',
    "namespaces": CHANNEL + "".join(f'<x{n}:a xmlns:x{n}="urn:{n}"/>' for n in range(SIZE // 30)) + "</channel></rss>",
    "quotes": CHANNEL + '<a "<" ' * (SIZE // 7),
    "crossed quotes": CHANNEL + "<a b=\"<a b='" * (SIZE // 11),
    "open tags": CHANNEL + "<a " * (SIZE // 3),
    "brackets": CHANNEL + "<" * SIZE,
    "ampersands": CHANNEL + "<item><title>" + "&" * SIZE,
    "numbers of no character": CHANNEL + "<item><title>&x;" + "&#99999999999;" * (SIZE // 14) + "</title></item>",
    "named entities": '<!DOCTYPE rss [\n<!ENTITY a "aa">\n]>' + rss("&a;" * (SIZE // 2)),
    "open CDATA": CHANNEL + "<item><title>&x;" + "<![CDATA[" * (SIZE // 9),
    "open comments": CHANNEL + "&x;" + "<!--" * (SIZE // 4),
    "declarations": "<!DOCTYPE a [" * (SIZE // 13) + CHANNEL,
    "blanks before it begins": '<?xml version="1.0"?>' + "\n" * SIZE + rss(""),
    "blanks before everything": "\n" * SIZE + rss(""),
    "blanks within": rss(f"<item><title>{' ' * SIZE}</title></item>"),
    "blanks below a comment": "<!-- -->" + "\n" * 49_000 + rss(""),
    "encodings": "<?xml " + 'encoding="' * (SIZE // 10),
    "blank pieces": atom('<entry><content type="xhtml">&x;' + "\n<!-- -->" * SIZE + "a</content></entry>"),
    "an author without end": CHANNEL + f"<item><author>{'a.' * (SIZE // 2)}</author></item></channel></rss>",
    "categories": rss("<item>" + "".join(f"<category>{n}</category>" for n in range(SIZE // 12)) + "</item>"),
    "a date without end": rss(f"<item><pubDate>2026-{'-' * SIZE}</pubDate></item>"),
    "a link without end": rss(f"<item><link>http://{'a&amp;' * (SIZE // 6)}</link></item>"),
    "JSON nested": '{"a":' * (SIZE // 5),
    "JSON lists": "[" * SIZE,
    "a number without end": '{"version": "https://jsonfeed.org/version/1", "items": [{"id": ' + "9" * 9_999 + "}]}",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_takes_no_time(name):
    """What made feedparser take minutes, or would with a few more bytes, is read or refused at once."""
    began = time.process_time()
    with suppress(NotAFeed):
        read(HOSTILE[name])

    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "name", ["nested", "attributes", "namespaces", "quotes", "crossed quotes", "open tags", "named entities"]
)
def test_what_is_made_to_take_long_is_refused(name):
    """Not read in part: nobody writes so."""
    with pytest.raises(NotAFeed, match="too long to read"):
        read(HOSTILE[name])


def test_an_endless_document_is_refused():
    """Packed, too."""
    for body in (b"<" * (MAX_BYTES + 1), gzip.compress(b"<" * (MAX_BYTES + 1))):
        with pytest.raises(NotAFeed, match="more than 8 MB"):
            read(body)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = (
    "id",
    "url",
    "title",
    "content_html",
    "content_text",
    "date_published",
    "authors",
    "author",
    "attachments",
    "image",
)


@given(
    item=st.dictionaries(st.sampled_from(KEYS), ANYTHING),
    top=st.dictionaries(st.sampled_from(("title", "authors", "next_url")), ANYTHING),
)
@settings(max_examples=100, deadline=None)
def test_json_of_any_shape_is_read(item, top):
    """Wrong types everywhere cost what they stand for, never the feed."""
    feed = read(json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": [item, {"id": "2"}], **top}))

    assert feed.items[1].id == "2"


@given(
    case=st.sampled_from(CASES),
    cuts=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 30), st.binary(max_size=12)), min_size=1, max_size=6),
)
@settings(max_examples=150, deadline=None)
def test_a_damaged_document_is_read_or_refused(case, cuts):
    """Bytes lost, changed and put in: a value or `NotAFeed`, never anything else."""
    (path,) = (DATA / case).glob("feed.*")
    body = path.read_bytes()
    for at, length, instead in cuts:
        start = int(at * len(body))
        body = body[:start] + instead + body[start + length :]
    try:
        document = read(body)
    except NotAFeed:
        return
    for item in document.items:
        as_post(item, "1").text.encode()
        item.id.encode()


# -- links ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("/a b", "https://example.org/a%20b"),
        ("//cdn.example/x", "https://cdn.example/x"),
        ("https:///host.example/x", "https://host.example/x"),
        ("http://[::1", ""),
        ("https://a.example/x?", "https://a.example/x?"),
        ("https://a.example/\nx", "https://a.example/x"),
        ("mailto:a@b.example", ""),
        ("", ""),
    ],
)
def test_links_are_made_absolute(link, url):
    """As browsers do; "" for what no browser would ask for."""
    assert absolute(link, "https://example.org/feed.xml") == url


# -- recorded documents ---------------------------------------------------------------------------------------

# Where feedparser is wrong, or takes something else for what we mean, each with its reason.
OTHERWISE = {
    # Relative links, in RSS, of which no rule says to what: we take the channel's link, feedparser the document.
    "feed-rs/rss_1.0_example_1.xml": ("link",),
    # `<![CDATA[` in HTML is a comment up to the next ">" for browsers, and for us; feedparser shows it.
    "feedparser/wellformed/sanitize/item_content_encoded_script_nested_cdata.xml": ("text",),
}


@pytest.mark.shared
def test_nothing_that_feedparser_finds_is_lost():
    """Of every recorded document: as many entries, and of each its id, link, title, date and text."""
    lost = {}
    for document in documents(shared("real/feeds")):
        found, reference = ours(document), theirs(document)
        if not reference.entries:
            continue
        if found is None or len(found.items) != len(reference.entries):
            lost[document.name] = ("entries",)
            continue
        pairs = zip(found.items, reference.entries, strict=True)
        missing = tuple(
            sorted(
                {
                    name
                    for item, entry in pairs
                    for name in lacks(item, entry, document.url, is_atom=found.kind == "atom")
                }
            )
        )
        if missing and (found.ill_formed is False or "id" in missing):
            lost[document.name] = missing

    assert lost == OTHERWISE


@pytest.mark.shared
def test_what_feedparser_s_corpus_says_of_entries():
    """Its documents state what a right parser gives."""
    checked, wrong = 0, []
    for document in documents(shared("real/feeds/feedparser")):
        found = ours(document)
        for at, name, value in expected(document):
            checked += 1
            if found is None or not is_met(found.items[at], name, value, document.url):
                wrong.append((document.name, name, value))

    assert wrong == [
        ("wellformed/sanitize/item_content_encoded_script_nested_cdata.xml", "content", "&lt;![CDATA[]]&gt;")
    ]
    assert checked > 50


@pytest.mark.shared
def test_recorded_documents_make_posts():
    """Each entry of each, without a crash and without markup left over."""
    for document in documents(shared("real/feeds")):
        for at, item in enumerate((ours(document) or Document(kind="rss")).items):
            post = as_post(item, str(at))

            # One document escapes its markup twice, and shows it to everybody.
            assert "&lt;" in item.html or not re.search(r"</(?:p|div|a|span|li)>", post.text), document.name
