import pytest

from bot.model import Located
from bot.sources.syndication_addresses import LONGEST, address_of, feed_id_of, locate, parsed, web_url

ID = "syndication:example.org/feed.xml"


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/feed.xml",
        "http://example.org/feed.xml",
        "HTTPS://EXAMPLE.ORG:443/feed.xml#top",
        "http://example.org:80/feed.xml/",
        "example.org/feed.xml",
        " <https://example.org/feed.xml> ",
        "https://example.org./feed.xml",
        "feed:https://example.org/feed.xml",
        "feed://example.org/feed.xml",
        "syndication:https://example.org/feed.xml",
        "syndication:example.org/feed.xml",
    ],
)
def test_one_feed(address):
    """However a feed's address is spelled, it is one feed."""
    assert locate(address) == Located(source="syndication", feed_id=ID)


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/blog/feed/",
        "https://example.org/index.xml",
        "https://example.org/feed.json",
        "https://nitter.example/ann/rss",
        "https://mastodon.example/@ann.rss",
        "https://bsky.app/profile/did:plc:abc/rss",
        "https://example.org/?feed=rss2",
        "https://example.org/a.rdf",
        "https://youtube.example/feeds/videos.xml?channel_id=UC1",
        "syndication:https://x.com/ann",
        "localhost:8000/feed.xml",
        "127.0.0.1/feed.xml",
        "127.0.0.1:8000/blog/rss",
        "[::1]:8000/feed.xml",
        "blog.example:8443/feed/",
        "syndication:localhost:8000/blog",
        "syndication:[::1]:8000/blog",
    ],
)
def test_sure(address):
    """What says that it is a feed's address, or ends like one, is ours; its id is an address of it again."""
    located = locate(address)

    assert located.sure
    assert locate(located.feed_id).feed_id == located.feed_id


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org",
        "example.org/blog",
        "http://127.0.0.1:8000/",
        "https://nitter.example/ann",
        "bücher.example",
        "blog.example:8080",
        "myhost:8080/blog",
        "127.0.0.1:8000/blog",
        "127.0.0.1",
        "[::1]:8000/blog",
    ],
)
def test_perhaps(address):
    """Any web page may have a feed, which only the site can tell."""
    assert locate(address) == Located(source="syndication", sure=False)


@pytest.mark.parametrize(
    "address",
    [
        *("", " ", "ann", "@ann", "@ann@example.org", "ann@example.org", "mailto:ann@example.org", "two words"),
        *("https://x.com/ann", "https://mobile.twitter.com/ann/status/1", "https://threadreaderapp.com/user/ann"),
        *("https://bsky.app/profile/ann.example", "ftp://example.org/feed.xml", "https://", "http://[::1", "1.5"),
        *("myhost:8080", "fxtwitter:12345", "1.2.3", "[ann]", "myhost:123456/feed.xml"),
        *(
            "file:///etc/feed.xml",
            "javascript:alert(1)//feed.xml",
            "https://example.org/\n/feed.xml",
            "https://e\u202e.org",
        ),
        *(
            f"https://example.org/{'x' * LONGEST}.xml",
            "https://example.org:99999/feed.xml",
            "syndication:",
            "\ud800.org",
        ),
        *("https://example.org:0/feed.xml", "syndication:feed:https://example.org/feed.xml"),
    ],
)
def test_not_ours(address):
    """People, other sites' pages, and what is no address at all are left to others."""
    assert locate(address) is None


def test_what_matters():
    """Path and query tell feeds apart; letters in them count."""
    urls = ["https://h.org/a.xml", "https://h.org/A.xml", "https://h.org/a.xml?n=1", "https://h.org:8443/a.xml"]

    assert len({feed_id_of(web_url(url)) for url in urls}) == len(urls)


def test_id_is_plain():
    """No id holds a blank, a control character, or what parts the parts of a subscription's id."""
    assert (
        feed_id_of(web_url("https://h.org/a b>c/ü.xml?q=x>y z")) == "syndication:h.org/a%20b%3Ec/%C3%BC.xml?q=x%3Ey+z"
    )


def test_long_address_is_quick():
    """A megabyte is no address, and takes no time."""
    assert locate("syndication:" + "a." * 500_000) is None


@pytest.mark.parametrize("url", ["https://example.org/feed.xml", "https://example.org/blog", "http://localhost/x"])
def test_address_leads_back(url):
    """What a person is told to give means this feed, surely."""
    assert locate(address_of(web_url(url))).feed_id == feed_id_of(web_url(url))


def test_secrets_are_in_no_id():
    """A password is not part of what a feed is known by."""
    assert locate("https://ann:secret@example.org/feed.xml").feed_id == ID


def test_parsed_adds_a_scheme():
    """People leave the scheme out."""
    assert str(parsed("example.org/a?b=c#d")) == "https://example.org/a?b=c"
