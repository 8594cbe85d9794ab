"""What an address names where Mastodon's API is spoken, and where it is asked."""

import pytest

from bot.sources.mastodon_addresses import host_of, locate, of_feed, origin_of, origin_of_url

ANN = "mastodon:ann@a.example"


@pytest.mark.parametrize(
    ("address", "key", "sure"),
    [
        ("@ann@a.example", "", True),
        ("@Ann@A.Example", "", True),
        (" @ann@a.example. ", "", True),
        ("ann@a.example", "", False),
        ("acct:ann@a.example", "", True),
        ("acct:@ann@a.example", "", True),
        ("mastodon:ann@a.example", "", True),
        ("https://a.example/@ann", "", False),
        ("https://a.example/@ANN/", "", False),
        ("http://a.example/@ann?lang=de#top", "", False),
        ("a.example/@ann", "", False),
        ("//a.example/@ann", "", False),
        ("https://a.example/%40ann", "", False),
        ("https://a.example/@ann/with_replies", "", False),
        ("https://a.example/@ann/tagged/ice", "", False),
        ("https://a.example/web/@ann", "", False),
        ("https://a.example/deck/@ann/117", "117", False),
        ("https://a.example/@ann/117020580518794573", "117020580518794573", False),
        ("https://a.example/@ann/statuses/01HXR0000000000000000000A1", "01HXR0000000000000000000A1", False),
        ("https://a.example/users/ann", "", False),
        ("https://a.example/users/ann/statuses/117", "117", False),
        ("https://a.example/users/ann/statuses/117/activity", "117", False),
        ("https://a.example/p/ann/600", "600", False),
        ("https://b.example/@ann@a.example", "", True),
        ("https://b.example/@ann@a.example/117", "", True),
    ],
)
def test_author(address, key, sure):
    """However it is spelled, it is one author; a post's id counts at its author's own server only."""
    located = locate(address)

    assert (located.feed_id, located.thread_key, located.sure) == (ANN, key, sure)
    assert located.handle.casefold() == "ann@a.example"


@pytest.mark.parametrize(
    "address",
    ["https://mastodon.social/@ann", "https://mstdn.jp/@ann/1", "fosstodon.org/users/ann", "pixelfed.b.example/@ann"],
)
def test_names_that_say_what_they_are(address):
    """A host that is known, or is named after what it runs, is no guess."""
    assert locate(address).sure


@pytest.mark.parametrize(
    "address",
    ["https://www.youtube.com/@ann", "https://www.threads.net/@ann", "https://medium.com/@ann", "www.tiktok.com/@ann"],
)
def test_others_with_such_addresses(address):
    """Others write their authors so, too: nothing is sure before they have been asked."""
    assert not locate(address).sure


def test_post_alone():
    """Pleroma's address of a post does not say whose it is."""
    located = locate("https://a.example/notice/AQetOIEp6Z2GZ4UiI4")

    assert (located.feed_id, located.thread_key, located.sure) == ("", "AQetOIEp6Z2GZ4UiI4", False)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "@",
        "@@",
        "@ann",
        "ann",
        "@ann@",
        "@ann@nohost",
        "@ann@a..example",
        "@ann@a.example/x",
        "@ann@a.example@b.example",
        "@an n@a.example",
        "ann+tag@a.example",
        "mailto:ann@a.example",
        "https://ann@a.example/",
        "https://a.example/",
        "https://a.example/@",
        "https://a.example/@ann.rss",
        "https://a.example/@ann/../x/y/z",
        "https://a.example/users",
        "ftp://a.example/@ann",
        "https://a.example:99999/@ann",
        "https://[::1/@ann",
        "threadreader:ann",
        "@ann@a.example>mail",
        "@ann@a.exa\u202emple",
        "@ann\x00@a.example",
        "@" + "a" * 200 + "@a.example",
        "@ann@" + "a" * 5000,
        "https://a.example/@ann/" + "1" * 100,
        "https://" + "a." * 100_000 + "example/@ann",
    ],
)
def test_not_ours(address):
    """What names no account is left to others."""
    assert locate(address) is None


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("A.Example", "a.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("a.example:8443", "a.example:8443"),
        ("127.0.0.1:80", "127.0.0.1:80"),
        ("[::1]:80", "[::1]:80"),
        ("localhost", "localhost"),
        ("a_b.example", "a_b.example"),
        ("user:pass@a.example", ""),
        ("a.example/x", ""),
        ("a b.example", ""),
        ("-a.example", ""),
        ("", ""),
        (".", ""),
        ("%31%32%37.0.0.1", ""),
    ],
)
def test_hosts(written, host):
    """Hosts are compared in lower case and in ASCII; what is none is none."""
    assert host_of(written) == host


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("a.example", "https://a.example"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("[::1]", "http://[::1]"),
        ("localhost", "http://localhost"),
        ("abcdef.onion", "http://abcdef.onion"),
    ],
)
def test_origins(host, origin):
    """A server is asked by HTTPS, except where nobody can have a certificate; whatever a person typed."""
    assert origin_of(host) == origin == origin_of_url(f"http://{host}/@ann")


def test_feed_ids():
    """Only a feed id of ours names an account."""
    assert of_feed(ANN).handle == "ann@a.example"
    assert of_feed("bluesky:ann@a.example") is None
    assert of_feed("mastodon:ann") is None
