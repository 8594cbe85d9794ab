import asyncio
import gzip
import socket
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp.abc import AbstractResolver

from bot.addresses import Addresses, literal
from bot.errors import (
    FeedEnded,
    FeedGone,
    HostDown,
    HostHeld,
    ParseError,
    SourceError,
    SourceRefused,
    SourceUnreachable,
    TemporarySourceError,
)
from bot.hosts import FIRST_PAUSE, LONGEST_PAUSE, Holds
from bot.http import Http
from tests.sites import Clock, answer, drip, site

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
PAGE = ("<p>Grüße</p>" * 2000).encode()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def client(clock):
    """Makes clients that may ask 127.0.0.1."""
    made = []

    def make(**changes):
        settings = {"timeout": 10.0, "host_delay": 0.0, "allowed_hosts": ["127.0.0.1"], "chance": lambda: 0.0}
        settings |= {"clock": clock, "sleep": clock.sleep}
        made.append(Http(user_agent="keepcurrent-test (+mailto:me@example.org)", **settings | changes))
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def failure(asking):
    with pytest.raises(SourceError) as caught:
        await asking
    return caught.value


# -- asking ---------------------------------------------------------------------------------------


async def test_honest_request(client):
    """A request says who asks, and asks for no encoding that cannot be read in steps."""
    async with site(page=answer(body=b"ok")) as s:
        got = await client().get(f"{s.url}/page", feed_id="f")

        assert (got.status, got.body, got.url) == (200, b"ok", f"{s.url}/page")
        assert s.requests[0].headers["user-agent"] == "keepcurrent-test (+mailto:me@example.org)"
        assert s.requests[0].headers["accept-encoding"] == "gzip, deflate"


async def test_connections_are_kept(client):
    """Requests to one host, one after the other, share a connection."""
    async with site(page=answer(body=b"ok")) as s:
        http = client()
        for _ in range(3):
            await http.get(f"{s.url}/page", feed_id="f")

        assert [one.connection for one in s.requests] == [1, 1, 1]


async def test_no_cookies(client):
    """A cookie that a site sets is not sent back."""
    async with site(page=answer(body=b"ok", Set_Cookie="who=me; Path=/")) as s:
        http = client()
        await http.get(f"{s.url}/page", feed_id="f")
        await http.get(f"{s.url}/page", feed_id="f")

        assert "cookie" not in s.requests[1].headers


async def test_not_modified_is_returned(client):
    """304 is an answer for the caller, even with the headers of a compressed page."""
    async with site(page=b"HTTP/1.1 304 Not Modified\r\nETag: x\r\nContent-Encoding: gzip\r\n\r\n") as s:
        got = await client().get(f"{s.url}/page", feed_id="f", headers={"If-None-Match": "x"})

        assert (got.status, got.body, got.headers["etag"]) == (304, b"", "x")
        assert s.requests[0].headers["if-none-match"] == "x"


async def test_unknown_charset(client):
    """A charset that nobody knows does not matter: bodies are bytes."""
    async with site(page=answer(body=b"ok", Content_Type="text/html; charset=rot13")) as s:
        assert (await client().get(f"{s.url}/page", feed_id="f")).body == b"ok"


async def test_close_twice(client):
    """Closing twice is as good as once, and closing an unused client too."""
    http = client()
    await http.close()
    await http.close()


# -- bodies ---------------------------------------------------------------------------------------


def raw_deflate(data):
    squeeze = zlib.compressobj(wbits=-15)
    return squeeze.compress(data) + squeeze.flush()


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        answer(body=PAGE),
        answer(body=PAGE, Content_Encoding="identity"),
        answer(body=gzip.compress(PAGE), Content_Encoding="gzip"),
        answer(body=gzip.compress(PAGE), Content_Encoding="X-GZIP"),
        answer(body=gzip.compress(PAGE[:99]) + gzip.compress(PAGE[99:]), Content_Encoding="gzip"),
        answer(body=gzip.compress(PAGE) + b"\0" * 8, Content_Encoding="gzip"),
        answer(body=zlib.compress(PAGE), Content_Encoding="deflate"),
        answer(body=raw_deflate(PAGE), Content_Encoding="deflate"),
        CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (len(PAGE), PAGE),
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + PAGE,
    ],
    ids=["plain", "identity", "gzip", "x-gzip", "members", "padded", "deflate", "raw-deflate", "chunked", "till-close"],
)
async def test_bodies(client, sent):
    """A body arrives whole, however it is packed."""
    async with site(page=sent) as s:
        assert (await client().get(f"{s.url}/page", feed_id="f")).body == PAGE


@pytest.mark.parametrize(
    "sent",
    [
        answer(body=gzip.compress(PAGE)[:-20], Content_Encoding="gzip"),
        answer(body=gzip.compress(PAGE)[:5], Content_Encoding="gzip"),
        answer(body=b"", Content_Encoding="gzip"),
        answer(body=gzip.compress(PAGE) + gzip.compress(PAGE)[:20], Content_Encoding="gzip"),
        answer(body=zlib.compress(PAGE)[:-6], Content_Encoding="deflate"),
        answer(body=raw_deflate(PAGE)[:-3], Content_Encoding="deflate"),
        answer(body=PAGE, Content_Encoding="gzip"),
        answer(body=gzip.compress(PAGE)[:-8] + b"\0" * 8, Content_Encoding="gzip"),
        answer(body=PAGE, length=len(PAGE) + 9, Connection="close"),
        CHUNKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + b"%x\r\n%s" % (len(PAGE) + 9, PAGE),
        CHUNKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + b"%x\r\n%s\r\n" % (len(PAGE), PAGE),
        b"HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\n\r\nha",
    ],
    ids=[
        "gzip-cut", "gzip-head", "gzip-empty", "second-member-cut", "deflate-cut", "raw-cut", "not-gzip",
        "bad-checksum", "short-length", "chunk-cut", "no-last-chunk", "partial",
    ],
)  # fmt: skip
async def test_half_a_page(client, sent):
    """A body that is cut or damaged is a temporary fault, never half a page."""
    async with site(page=sent) as s:
        error = await failure(client(timeout=5).get(f"{s.url}/page", feed_id="f"))

        assert type(error) is TemporarySourceError


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "deflate, gzip", "compress", "rot13"])
async def test_other_encodings(client, encoding):
    """Encodings that were not asked for, and one inside another, are refused."""
    async with site(page=answer(body=gzip.compress(PAGE), Content_Encoding=encoding)) as s:
        error = await failure(client().get(f"{s.url}/page", feed_id="f"))

        assert type(error) is ParseError


async def test_a_limit_of_its_own(client):
    """What is no page may be larger, or must be smaller, than a page may."""
    async with site(page=answer(body=b"x" * 2000)) as s:
        got = await client(max_body=1000).get(f"{s.url}/page", feed_id="f", max_body=2000)
        error = await failure(client().get(f"{s.url}/page", feed_id="f", max_body=1999))

    assert (len(got.body), "larger" in error.reason) == (2000, True)


@pytest.mark.parametrize(
    "sent",
    [
        answer(body=b"x" * 100_001),
        answer(body=gzip.compress(bytes(50_000_000), 1), Content_Encoding="gzip"),
        answer(body=zlib.compress(bytes(50_000_000), 1), Content_Encoding="deflate"),
        answer(body=gzip.compress(b"") * 500, Content_Encoding="gzip"),
        drip(b"x" * 10_000, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"),
    ],
    ids=["long", "gzip-bomb", "deflate-bomb", "many-members", "endless"],
)
async def test_too_large(client, sent):
    """Nothing is read beyond the limit, whatever it unpacks to."""
    async with site(page=sent) as s:
        error = await failure(client(max_body=100_000).get(f"{s.url}/page", feed_id="f"))

        assert type(error) is ParseError
        assert "larger" in error.reason


# -- what goes wrong ------------------------------------------------------------------------------


async def silence(_asked, writer):
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    "sent",
    [
        silence,
        drip(b"x"),
        drip(b"X: y\r\n", b"HTTP/1.1 200 OK\r\n"),
    ],
    ids=["silence", "slow-body", "slow-headers"],
)
async def test_timeout(client, sent):
    """One look has a limit as a whole: a server that keeps dripping does not keep us."""
    async with site(page=sent) as s:
        error = await failure(client(timeout=0.2).get(f"{s.url}/page", feed_id="f"))

        assert type(error) is TemporarySourceError
        assert error.reason == "127.0.0.1 did not answer within 0.2 s"


async def test_timeout_counts_redirects(client):
    """The limit is for all redirects together, not for each."""

    async def slowly(asked, writer):
        await asyncio.sleep(0.15)
        writer.write(answer("302 Found", Location="/again" + asked.path))

    async with site(slowly) as s:
        error = await failure(client(timeout=0.4).get(f"{s.url}/page", feed_id="f"))

        assert "did not answer" in error.reason
        assert len(s.requests) <= 4


@pytest.mark.parametrize(
    "sent",
    [
        b"220 mail.example.org ESMTP\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00" * 20,
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
    ],
    ids=["smtp", "tls", "long-header", "bad-length", "bad-status"],
)
async def test_not_http(client, sent):
    """What is no HTTP is a temporary fault with a short reason."""

    async def write(_asked, writer):
        writer.write(sent)
        writer.close()

    async with site(write) as s:
        error = await failure(client().get(f"{s.url}/page", feed_id="f"))

        assert isinstance(error, TemporarySourceError)
        assert error.reason.startswith("127.0.0.1: ")
        assert len(error.reason) < 80


async def test_closed_without_answer(client):
    """A server that hangs up is a temporary fault."""

    async def hang_up(_asked, writer):
        writer.close()

    async with site(hang_up) as s:
        error = await failure(client().get(f"{s.url}/page", feed_id="f"))

        assert error.reason == "127.0.0.1: closed the connection without an answer"


async def test_nobody_listens(client):
    """A port where nobody listens is a temporary fault."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = await failure(client().get(f"http://127.0.0.1:{taken.getsockname()[1]}/", feed_id="f"))

    assert type(error) is SourceUnreachable
    assert error.reason == "127.0.0.1: cannot connect"


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "ftp://example.org/", "file:///etc/passwd", "http://", "http://[::1", "http://a b/", "http://x:99999/",
     "javascript:alert(1)", "http://\udc80/"],
)  # fmt: skip
async def test_bad_address(client, url):
    """What cannot be asked is said so, without a request."""
    assert isinstance(await failure(client().get(url, feed_id="f")), ParseError)


async def test_no_secret_in_reason(client):
    """A name and password in an address stand in no error."""
    error = await failure(client(timeout=1).get("http://me:s3cret@127.0.0.1:9/?token=t0ken", feed_id="f"))

    assert "s3cret" not in str(error)
    assert "t0ken" not in str(error)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (205, ParseError),
        (400, ParseError), (401, SourceRefused), (403, SourceRefused), (404, FeedGone), (405, ParseError),
        (406, ParseError), (408, TemporarySourceError), (410, FeedEnded), (418, ParseError),
        (425, TemporarySourceError),
        (429, TemporarySourceError), (451, SourceRefused), (500, TemporarySourceError), (502, TemporarySourceError),
        (503, TemporarySourceError), (520, TemporarySourceError), (599, TemporarySourceError), (300, ParseError),
        (305, ParseError),
    ],
)  # fmt: skip
async def test_statuses(client, status, kind):
    """Each status has its error, which names host and status."""
    async with site(page=answer(f"{status} Whatever", b"<p>no</p>")) as s:
        error = await failure(client().get(f"{s.url}/page", feed_id="the-feed"))

        assert type(error) is kind
        assert error.feed_id == "the-feed"
        assert error.reason.startswith("127.0.0.1 ")
        assert error.reason.endswith(f"({status})")


@pytest.mark.parametrize("status", [403, 503])
async def test_challenge(client, status):
    """A challenge is a refusal, also when it comes with 503: a second way in may work."""
    body = b"<html><title>Just a moment...</title><script>window._cf_chl_opt={}</script>"
    async with site(page=answer(f"{status} No", gzip.compress(body), Content_Encoding="gzip")) as s:
        error = await failure(client().get(f"{s.url}/page", feed_id="f"))

        assert type(error) is SourceRefused
        assert "challenge" in error.reason


@pytest.mark.parametrize("status", [429, 503, 500])
async def test_retry_after(client, clock, status):
    """A Retry-After is passed on as a time."""
    async with site(page=answer(f"{status} No", Retry_After="90")) as s:
        error = await failure(client().get(f"{s.url}/page", feed_id="f"))

        assert error.not_before == clock.now + timedelta(seconds=90)


async def test_error_with_a_broken_body(client):
    """The status says enough: a broken body of an error page changes nothing."""
    async with site(page=answer("404 Not Found", b"not gzip", Content_Encoding="gzip")) as s:
        assert isinstance(await failure(client().get(f"{s.url}/page", feed_id="f")), FeedGone)


# -- redirects ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_redirect(client, status):
    """Redirects are followed, and the answer says where they led."""
    async with site(page=answer(status, Location="../other?x=1"), **{"other?x=1": answer(body=b"there")}) as s:
        got = await client().get(f"{s.url}/page", feed_id="f")

        assert (got.body, got.url) == (b"there", f"{s.url}/other?x=1")


async def test_redirect_keeps_validators_at_the_same_host(client):
    """What makes a request conditional goes on to the same host."""
    async with site(page=answer("301 Moved", Location="/other"), other=answer(body=b"there")) as s:
        await client().get(f"{s.url}/page", feed_id="f", headers={"If-None-Match": "x"})

        assert s.requests[1].headers["if-none-match"] == "x"


async def test_redirect_to_another_host(client):
    """Another host gets neither the caller's headers nor a name and password."""
    async with site(other=answer(body=b"there")) as there:
        onward = answer("302 Found", Location=f"http://mallory:x@127.0.0.1:{there.port}/other")
        async with site(page=onward) as here:
            url = f"http://me:s3cret@127.0.0.1:{here.port}/page"
            await client().get(url, feed_id="f", headers={"X-Token": "t", "If-None-Match": "x"})

        assert here.requests[0].headers["authorization"].startswith("Basic ")
        assert not {"authorization", "x-token", "if-none-match"} & there.requests[0].headers.keys()
        assert there.requests[0].headers["user-agent"].startswith("keepcurrent")


async def test_redirect_loop(client):
    """After five redirects it is enough."""
    async with site(page=answer("302 Found", Location="/page")) as s:
        error = await failure(client().get(f"{s.url}/page", feed_id="f"))

        assert "redirects" in error.reason
        assert len(s.requests) == 6


@pytest.mark.parametrize(
    "to", ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://x", "javascript:1", "", "http://[x/", "http://a%20b/"]
)
async def test_redirect_to_nowhere(client, to):
    """Redirects lead to http and https only."""
    async with site(page=answer("302 Found", Location=to)) as s:
        error = await failure(client().get(f"{s.url}/page", feed_id="f"))

        assert type(error) is ParseError
        assert error.reason == "127.0.0.1 redirects to where no page can be"


async def test_redirect_to_a_private_address(client):
    """A redirect does not lead to a private address, though the address that redirects is allowed."""
    async with site(page=b"") as s:
        s.answers["/page"] = answer("302 Found", Location=f"http://127.0.0.2:{s.port}/secret")
        error = await failure(client().get(f"{s.url}/page", feed_id="f"))

        assert error.reason.startswith("127.0.0.2 is a private address")
        assert s.paths == ["/page"]


# -- addresses ------------------------------------------------------------------------------------

PRIVATE = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "0177.0.0.1", "0", "0.0.0.0",
    "127.0.0.1.", "%31%32%37.0.0.1", "１２７.０.０.１", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "224.0.0.1", "255.255.255.255", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[0:0:0:0:0:0:0:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1]", "[fc00::1]", "[fec0::1]", "[ff0e::1]",
    "localhost",
]  # fmt: skip


@pytest.mark.parametrize("host", PRIVATE)
async def test_private_addresses(client, host):
    """A private address is not asked, however it is spelled."""
    async with site(answer(body=b"secret")) as s:
        error = await failure(client(allowed_hosts=[]).get(f"http://{host}:{s.port}/", feed_id="f"))

        assert type(error) in (SourceError, ParseError)
        assert s.requests == []


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_open_addresses(address):
    """Addresses on the open internet may be asked, also those that stand for one."""
    assert Addresses([]).allows("example.org", literal(address))


@pytest.mark.parametrize(
    ("allowed", "host"),
    [(["LocalHost"], "localhost"), (["127.0.0.0/8"], "127.0.0.1"), (["127.0.0.0/8"], "localhost"),
     (["::ffff:127.0.0.1"], "[::ffff:7f00:1]")],
)  # fmt: skip
async def test_named_hosts(client, allowed, host):
    """A host that the operator named may be asked, wherever it is."""
    async with site(answer(body=b"ok")) as s:
        try:
            got = await client(allowed_hosts=allowed).get(f"http://{host}:{s.port}/", feed_id="f")
        except SourceError as error:
            assert "private" not in error.reason  # no IPv6 on this machine
        else:
            assert got.body == b"ok"


class Names(AbstractResolver):
    """Answers each question with the next of some addresses."""

    def __init__(self, *answers):
        self.answers = list(answers)

    async def resolve(self, host, port=0, family=socket.AF_INET):
        found = self.answers.pop(0)
        return [
            {"hostname": host, "host": one, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            for one in found
        ]

    async def close(self):
        pass


async def test_name_of_a_private_address(client):
    """A name that resolves to a private address is refused, even where that address itself is named."""
    async with site(answer(body=b"secret")) as s:
        http = client(resolver=Names(["127.0.0.1"]))
        error = await failure(http.get(f"http://rebind.example:{s.port}/", feed_id="f"))

        assert error.reason.startswith("rebind.example is a private address")
        assert s.requests == []


async def test_name_of_both(client):
    """Of a name's addresses only the open ones are connected to (192.0.2.0/24 is no open one either)."""
    guard = client(resolver=Names(["8.8.8.8", "10.0.0.1", "192.0.2.1"]))._open().connector._resolver

    assert [one["host"] for one in await guard.resolve("both.example", 80)] == ["8.8.8.8"]


async def test_rebinding(client):
    """A name that turns private between two requests is refused then: the check is at the connection."""
    async with site(page=answer("302 Found", Location="http://turns.example/"), **{"": answer(body=b"secret")}) as s:
        http = client(resolver=Names(["127.0.0.1"]), allowed_hosts=["127.0.0.1"])
        error = await failure(http.get(f"{s.url}/page", feed_id="f"))

        assert "private" in error.reason


# -- turns ----------------------------------------------------------------------------------------


async def test_pause_between_starts(client, clock):
    """Two requests to one host start a pause apart, with a little chance in it."""
    async with site(answer(body=b"ok")) as s:
        http = client(host_delay=2.0, chance=lambda: 0.5)
        for _ in range(3):
            await http.get(f"{s.url}/", feed_id="f")

        assert clock.slept == [2.25, 2.25]


async def test_pause_is_for_each_host(client, clock):
    """Another host does not wait."""
    async with site(answer(body=b"ok")) as one, site(answer(body=b"ok")) as other:
        http = client(host_delay=2.0)
        await http.get(f"{one.url}/", feed_id="f")
        await http.get(f"{other.url}/", feed_id="f")

        assert clock.slept == []


async def test_no_pause_after_a_while(client, clock):
    """Who comes late enough does not wait."""
    async with site(answer(body=b"ok")) as s:
        http = client(host_delay=2.0)
        await http.get(f"{s.url}/", feed_id="f")
        clock.passes(seconds=3)
        await http.get(f"{s.url}/", feed_id="f")

        assert clock.slept == []


async def test_clock_set_back(client, clock):
    """A clock that is set back does not make a pause of hours."""
    async with site(answer(body=b"ok")) as s:
        http = client(host_delay=2.0)
        await http.get(f"{s.url}/", feed_id="f")
        clock.passes(hours=-5)
        await http.get(f"{s.url}/", feed_id="f")

        assert clock.slept == [2.5]


@pytest.mark.parametrize("per_host", [1, 3])
async def test_requests_in_flight(client, per_host):
    """No more requests than `per_host` are in flight at one host."""

    async def slowly(_asked, writer):
        await asyncio.sleep(0.02)
        writer.write(answer(body=b"ok"))

    async with site(slowly) as s:
        http = client(per_host=per_host)
        await asyncio.gather(*(http.get(f"{s.url}/{n}", feed_id=f"f{n}") for n in range(9)))

        assert s.most_in_flight == per_host


async def test_pages_come_one_in_a_turn_of_the_loop(client):
    """However many pages come at once, each is read in a turn of the event loop of its own."""
    gate, turns, turn = asyncio.Barrier(8), [], 0

    async def together(_asked, writer):
        await gate.wait()
        writer.write(answer(body=PAGE))

    async def read(http, url):
        await http.get(url, feed_id=url)
        turns.append(turn)

    async with site(together) as s:
        http = client(per_host=8)
        reads = asyncio.gather(*(read(http, f"{s.url}/{n}") for n in range(8)))
        while not reads.done():
            turn += 1
            await asyncio.sleep(0)

        assert len(set(turns)) == 8


async def test_waiting_is_not_timed(client):
    """Waiting for one's turn does not count against the limit of the look."""

    async def slowly(_asked, writer):
        await asyncio.sleep(0.15)
        writer.write(answer(body=b"ok"))

    async with site(slowly) as s:
        http = client(timeout=0.4)
        got = await asyncio.gather(*(http.get(f"{s.url}/{n}", feed_id=f"f{n}") for n in range(5)))

        assert [one.status for one in got] == [200] * 5


async def test_cancelled_look_frees_its_turn(client):
    """A look that is cancelled leaves its turn to the next."""
    async with site(slow=silence, page=answer(body=b"ok")) as s:
        http = client()
        look = asyncio.create_task(http.get(f"{s.url}/slow", feed_id="f"))
        while not s.requests:
            await asyncio.sleep(0)
        look.cancel()
        await asyncio.gather(look, return_exceptions=True)

        assert (await http.get(f"{s.url}/page", feed_id="f")).body == b"ok"


# -- holds ----------------------------------------------------------------------------------------


async def test_host_is_held_by_the_second_feed(client, clock):
    """One refused feed holds nobody else; a second one holds the host: nobody asks until the later time."""
    async with site(answer("429 No", Retry_After="60"), third=answer(body=b"ok")) as s:
        http = client()
        await failure(http.get(f"{s.url}/first", feed_id="first"))
        assert (await http.get(f"{s.url}/third", feed_id="third")).body == b"ok"
        clock.passes(seconds=30)
        await failure(http.get(f"{s.url}/second", feed_id="second"))
        error = await failure(http.get(f"{s.url}/third", feed_id="third"))

        assert type(error) is HostHeld
        assert error.not_before == clock.now + timedelta(seconds=60)
        assert s.paths == ["/first", "/third", "/second"]


async def test_no_request_left(client, clock):
    """An answer that says "no request left" is read, and nobody asks the host again before the limit counts anew."""
    spent = answer(body=b"ok", X_RateLimit_Remaining="0", X_RateLimit_Reset="2026-09-01T12:05:00Z")
    async with site(spent, after=answer(body=b"again")) as s:
        http = client()
        assert (await http.get(f"{s.url}/last", feed_id="first")).body == b"ok"
        error = await failure(http.get(f"{s.url}/after", feed_id="second"))
        assert (type(error), error.not_before) == (HostHeld, NOW + timedelta(minutes=5))
        clock.passes(minutes=5)

        assert (await http.get(f"{s.url}/after", feed_id="second")).body == b"again"
        assert (await http.get(f"{s.url}/after", feed_id="third")).body == b"again"


async def test_slow_down_without_retry_after(client):
    """Mastodon's 429 names its time by the limit's headers only."""
    slow = answer("429 No", X_RateLimit_Remaining="0", X_RateLimit_Reset="2026-09-01T12:05:00Z")
    async with site(slow) as s:
        error = await failure(client().get(f"{s.url}/page", feed_id="f"))

    assert error.not_before == NOW + timedelta(minutes=5)


async def test_probe_reopens_the_host(client, clock):
    """After the hold one request goes; while it is under way the others wait; its success lets all through."""
    gate = asyncio.Event()

    async def probed(_asked, writer):
        await gate.wait()
        writer.write(answer(body=b"ok"))

    async with site(answer("503 No"), probe=probed, page=answer(body=b"ok")) as s:
        http = client()
        await failure(http.get(f"{s.url}/a", feed_id="a"))
        await failure(http.get(f"{s.url}/b", feed_id="b"))
        clock.passes(seconds=FIRST_PAUSE.total_seconds())
        probe = asyncio.create_task(http.get(f"{s.url}/probe", feed_id="a"))
        while s.paths[-1] != "/probe":
            await asyncio.sleep(0)
        assert type(await failure(http.get(f"{s.url}/page", feed_id="b"))) is HostHeld
        gate.set()
        await probe

        assert (await http.get(f"{s.url}/page", feed_id="b")).body == b"ok"


async def test_a_page_that_is_too_large_is_an_answer(client):
    """A host that sends too much is not dead: failures before it do not count on."""
    async with site(answer("502 No"), large=answer(body=b"x" * 2000), page=answer(body=b"ok")) as s:
        http = client(max_body=1000)
        for feed in "abcd":
            await failure(http.get(f"{s.url}/{feed}", feed_id=feed))
        await failure(http.get(f"{s.url}/large", feed_id="e"))
        await failure(http.get(f"{s.url}/f", feed_id="f"))

        assert (await http.get(f"{s.url}/page", feed_id="a")).body == b"ok"


async def test_a_host_that_fails_several_feeds_is_left_alone(client, clock):
    """After the fifth failure in a row nobody asks, and the error says why; half a minute later one may."""
    async with site(answer("502 No"), page=answer(body=b"ok")) as s:
        http = client()
        for feed in "abcde":
            await failure(http.get(f"{s.url}/{feed}", feed_id=feed))
        error = await failure(http.get(f"{s.url}/page", feed_id="f"))
        clock.passes(seconds=30)

        assert type(error) is HostDown
        assert error.until == clock.now
        assert error.reason == "127.0.0.1 did not answer others just now; it is asked again at 2026-09-01 12:00:30 UTC"
        assert (await http.get(f"{s.url}/page", feed_id="f")).body == b"ok"


def holds():
    return Holds(probe=timedelta(seconds=30))


def held(**changes):
    """A host that two feeds were refused at just now."""
    made = holds()
    made.refused("h", "a", NOW, None)
    made.refused("h", "b", NOW, None)
    return made


def test_same_feed_twice():
    """The same feed refused twice is still one feed."""
    made = holds()
    made.refused("h", "a", NOW, None)
    made.refused("h", "a", NOW + timedelta(seconds=1), None)

    assert made.ask("h", NOW + timedelta(seconds=2)) is None


def test_first_refusal_is_over():
    """A second feed refused after the first refusal is over is a first one again."""
    made = holds()
    made.refused("h", "a", NOW, NOW + timedelta(seconds=10))
    made.refused("h", "b", NOW + timedelta(seconds=11), None)

    assert made.ask("h", NOW + timedelta(seconds=12)) is None


@pytest.mark.parametrize(("first", "second"), [(600, 60), (60, 600)])
def test_later_time_holds(first, second):
    """The host is held until the later of the two times."""
    made = holds()
    made.refused("h", "a", NOW, NOW + timedelta(seconds=first))
    made.refused("h", "b", NOW, NOW + timedelta(seconds=second))

    assert made.ask("h", NOW).until == NOW + timedelta(seconds=600)


def test_other_hosts_are_open():
    """A hold is for its host."""
    assert held().ask("other", NOW) is None


def test_one_probe():
    """After the hold one may ask, the next must wait for that probe, and not for ever: a probe can be lost."""
    made, over = held(), NOW + FIRST_PAUSE

    assert made.ask("h", over) is None
    assert made.ask("h", over).until == over + timedelta(seconds=30)
    assert made.ask("h", over + timedelta(seconds=30)) is None


@pytest.mark.parametrize("outcome", ["failed", "refused"])
def test_failed_probe_extends(outcome):
    """A probe that fails, or is refused without a time, extends the hold, twice as long each time, up to a limit."""
    made, now = held(), NOW
    pauses = []
    for _ in range(6):
        now = made.held("h", now).until
        assert made.ask("h", now) is None
        made.failed("h", "c", now) if outcome == "failed" else made.refused("h", "c", now, None)
        pauses.append(made.held("h", now).until - now)

    assert pauses[:2] == [FIRST_PAUSE * 2, FIRST_PAUSE * 4]
    assert pauses[-1] == LONGEST_PAUSE


def test_refused_probe_names_a_time():
    """A probe that is refused with a Retry-After holds the host until then."""
    made, over = held(), NOW + FIRST_PAUSE
    made.ask("h", over)
    made.refused("h", "a", over, over + timedelta(hours=9))

    assert made.ask("h", over).until == over + timedelta(hours=9)


def test_a_limit_never_shortens_a_hold():
    """A host that asked for hours is not asked earlier because its limit counts anew."""
    made = held()
    made.used_up("h", NOW, NOW + timedelta(seconds=1))
    assert made.ask("h", NOW).until == NOW + FIRST_PAUSE
    made.used_up("h", NOW, NOW + timedelta(hours=2))

    assert made.ask("h", NOW).until == NOW + timedelta(hours=2)


def test_old_answers_change_nothing():
    """An answer to a request from before the hold does not reopen the host."""
    made = held()
    made.answered("h", NOW + timedelta(seconds=1))
    made.failed("h", "c", NOW + timedelta(seconds=1))

    assert made.ask("h", NOW + timedelta(seconds=2)).until == NOW + FIRST_PAUSE


def test_late_refusal_lengthens():
    """A refusal that was on its way when the hold began may lengthen it."""
    made = held()
    made.refused("h", "c", NOW, NOW + timedelta(hours=1))

    assert made.ask("h", NOW).until == NOW + timedelta(hours=1)
