import pytest

from bot.model import Located
from bot.sources.bluesky_addresses import did_of, is_did, is_handle, locate, split_uri

DID = "did:plc:z72i7hdynmk6r22z27h6tvur"


def author(handle, *, sure=True, key=""):
    return Located(source="bluesky", handle=handle, thread_key=key, sure=sure)


def lasting(did=DID, key=""):
    return Located(source="bluesky", feed_id=f"bluesky:{did}", thread_key=key)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("name.bsky.social", author("name.bsky.social")),
        (" @Name.BSKY.social ", author("name.bsky.social")),
        ("@example.com", author("example.com")),
        ("example.com", author("example.com", sure=False)),
        ("bsky.app", author("bsky.app", sure=False)),
        ("@xn--bcher-kva.example.co.uk", author("xn--bcher-kva.example.co.uk")),
        ("\u202a@a.bsky.social\u202c", author("a.bsky.social")),
        (DID, lasting()),
        (DID.upper(), lasting()),
        ("did:web:example.com", lasting("did:web:example.com")),
        (f"bluesky:{DID}", lasting()),
        ("bluesky:@example.com", author("example.com")),
        (f"at://{DID}", lasting()),
        (f"at://{DID}/app.bsky.feed.post/3kAbC", lasting(key="3kAbC")),
        ("at://example.com/app.bsky.feed.post/3k", author("example.com", key="3k")),
        (f"https://bsky.app/profile/{DID}", lasting()),
        (f"https://bsky.app/profile/{DID}/rss", lasting()),
        ("http://www.bsky.app/profile/@A.example.com/?q=1#x", author("a.example.com")),
        ("bsky.app/profile/a.example.com/post/3k/liked-by", author("a.example.com", key="3k")),
        ("https://bsky.app/profile/did%3Aplc%3Aabc", lasting("did:plc:abc")),
        ("<https://a.bsky.social>", author("a.bsky.social")),
    ],
)
def test_located(address, expected):
    """Every spelling that people use names the author, and a bare domain may be anybody's."""
    assert locate(address) == expected


@pytest.mark.parametrize(
    "address",
    [
        *("", " ", "@", "name", "@name", "@user@example.com", "me@example.com", "a b.com", "x.com/a", "@x..com"),
        *("@-a.com", "@a.local", "@a.onion", "@1.2.3.4", "1.2.3.4", "did:key:zQ3", "did:plc:", "did:plc:a>b"),
        *("did:web:example.com:path", "bluesky:", "bluesky:name", "at://", "at://name", f"at://{DID}/app.bsky.feed.like/3k"),
        *(f"https://bsky.app/profile/{DID}/lists/3k", "https://bsky.app/profile/a.com/post/", "https://bsky.app/profile/"),
        *("https://staging.bsky.app/profile/a.com", "https://deer.social/profile/a.com", "https://bsky.app:x/profile/a.com"),
        *("ftp://bsky.app/profile/a.com", "https://bsky.app/profile/a.com/post/..", "https://[bsky.app/profile/a.com"),
        *("@" + "a" * 64 + ".com", "a." * 200 + "com", "@" + "a." * 1_000_000, "https://a.bsky.social/x", "\ud800.com"),
    ],
)
def test_not_located(address):
    """What is no author and no post of Bluesky's is left to others."""
    assert locate(address) is None


def test_ids_of_feeds_are_plain():
    """No id of a feed has a ">", a blank or a control character in it."""
    assert [did_of(f"bluesky:{one}") for one in ("did:plc:a", "did:plc:a b", "did:plc:a>", "did:plc:a\n", "x")] == [
        "did:plc:a", "", "", "", "",
    ]  # fmt: skip
    assert did_of("threadreader:did:plc:a") == ""


def test_odd_values_are_no_ids():
    """Whatever the API sends in the place of an id."""
    for odd in (None, 7, [], {}, "", "did:plc:" + "a" * 1000, "a" * 100_000, True):
        assert (is_did(odd), is_handle(odd), split_uri(odd)) == (False, False, None)
