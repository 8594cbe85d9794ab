"""Bad pages, as data: what a server does, where, and what is to come of it.

Bodies are made when asked for, so that the table costs nothing to import. `FOREIGN` and `PORT` in an answer stand for
the address and the port of a server that must not be asked; `HERE` for the site's own address.
"""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

from bot.errors import FeedGone, ParseError, SourceError, SourceRefused, TemporarySourceError, WrongAuthor
from tests import pages
from tests.sites import Answer, answer, drip

FOREIGN, PORT, HERE = b"FOREIGN", b"PORT", b"HERE"

Place = Literal["listing", "thread", "deeper"]
Make = Callable[[bytes], bytes | Answer]
"""From the page that would be right there to what is served instead."""


@dataclass(frozen=True)
class BadPage:
    """One case. `error` None: the page is read all the same. `heavy`: tried alone, for its time and memory."""

    name: str
    make: Make
    error: type[SourceError] | None
    place: Place = "listing"
    heavy: bool = False

    @property
    def id(self) -> str:
        return f"{self.name}@{self.place}"


# -- ways to serve --------------------------------------------------------------------------------


def plain(change: Callable[[bytes], bytes], **headers: str) -> Make:
    """The right page, changed, under these headers."""
    return lambda page: answer(body=change(page), **headers)


def instead(body: bytes | Callable[[], bytes], status: str = "200 OK", **headers: str) -> Make:
    """Another body, or another status."""
    return lambda _page: answer(status, body() if callable(body) else body, **headers)


def raw(sent: bytes | Callable[[bytes], bytes], *, hang_up: bool = True) -> Make:
    """Just these bytes; then the line is closed, or nothing more comes."""

    def make(page: bytes) -> Answer:
        made = sent(page) if callable(sent) else sent

        async def write(_asked, writer):
            writer.write(made)
            await writer.drain()
            if hang_up:
                writer.close()
            else:
                await asyncio.Event().wait()

        return write

    return make


def dripping(piece: bytes, head: bytes) -> Make:
    return lambda _page: drip(piece, head)


async def _silence(_asked, _writer) -> None:
    await asyncio.Event().wait()


def inside(extra: bytes | Callable[[], bytes]) -> Callable[[bytes], bytes]:
    """The right page with something more at the end of its body."""
    return lambda page: page.replace(b"</body>", (extra() if callable(extra) else extra) + b"</body>")


def in_front(extra: bytes) -> Callable[[bytes], bytes]:
    return lambda page: page.replace(b"<head>", b"<head>" + extra)


def redirect(to: bytes, status: str = "302 Found", **headers: str) -> Make:
    return instead(b"", status, Location=to.decode("latin-1"), **headers)


def brotli_of_zeros(_page: bytes = b"") -> bytes:
    """Stands for a brotli bomb: never decoded, so any bytes do."""
    return b"\x5b\xff\xff\xff\x00" + b"\x24" * 790


def zeros(wbits: int) -> bytes:
    """500 MB of them, squeezed into 500 kB."""
    squeeze = zlib.compressobj(wbits=wbits)
    return b"".join([*(squeeze.compress(bytes(MB)) for _ in range(500)), squeeze.flush()])


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
CLOSES = OK + b"Connection: close\r\n\r\n"
MB = 1024 * 1024

# -- the table ------------------------------------------------------------------------------------


def _encodings() -> Iterator[BadPage]:
    for name, wbits, encoding in (("gzip", 31, "gzip"), ("deflate", 15, "deflate"), ("raw deflate", -15, "deflate")):
        yield BadPage(f"{name} bomb", instead(partial(zeros, wbits), Content_Encoding=encoding), ParseError, heavy=True)
    yield BadPage("gzip bomb", instead(partial(zeros, 31), Content_Encoding="gzip"), ParseError, "thread", True)
    yield BadPage("brotli bomb", instead(brotli_of_zeros, Content_Encoding="br"), ParseError)
    yield BadPage("zstd bomb", instead(b"\x28\xb5\x2f\xfd" + bytes(16_000), Content_Encoding="zstd"), ParseError)
    nested = lambda page: gzip.compress(gzip.compress(page))  # noqa: E731
    yield BadPage("gzip in gzip", plain(nested, Content_Encoding="gzip, gzip"), ParseError)
    yield BadPage("gzip in gzip, said once", plain(nested, Content_Encoding="gzip"), ParseError)
    yield BadPage("forty encodings", plain(gzip.compress, Content_Encoding=", ".join(["gzip"] * 40)), ParseError)
    yield BadPage("says gzip, is plain", plain(lambda p: p, Content_Encoding="gzip"), TemporarySourceError)
    yield BadPage("says br, is plain", plain(lambda p: p, Content_Encoding="br"), ParseError)
    yield BadPage("says nothing, is gzip", plain(gzip.compress), ParseError)
    yield BadPage("says deflate, is gzip", plain(gzip.compress, Content_Encoding="deflate"), TemporarySourceError)
    yield BadPage("encoding of no name", plain(lambda p: p, Content_Encoding=",,identity, ,"), None)
    yield BadPage(
        "thousands of gzip members", instead(lambda: gzip.compress(b"") * 5000, Content_Encoding="gzip"), ParseError
    )
    yield BadPage(
        "empty gzip blocks",
        instead(lambda: b"\x1f\x8b\x08\0\0\0\0\0\0\3" + b"\0\0\0\xff\xff" * 3_000_000, Content_Encoding="gzip"),
        ParseError,
        heavy=True,
    )


def _endless() -> Iterator[BadPage]:
    yield BadPage("silence", lambda _page: _silence, TemporarySourceError)
    yield BadPage("silence", lambda _page: _silence, TemporarySourceError, "thread")
    yield BadPage("silence", lambda _page: _silence, TemporarySourceError, "deeper")
    yield BadPage("dripping body", dripping(b"x", OK + b"Content-Length: 1000000\r\n\r\n"), TemporarySourceError)
    yield BadPage(
        "dripping body", dripping(b"x", OK + b"Content-Length: 1000000\r\n\r\n"), TemporarySourceError, "thread"
    )
    yield BadPage("dripping chunks", dripping(b"1\r\nx\r\n", CHUNKED), TemporarySourceError)
    yield BadPage("dripping headers", dripping(b"X: y\r\n", OK), TemporarySourceError)
    yield BadPage("dripping status line", dripping(b"1", b"HTTP/1."), TemporarySourceError)
    yield BadPage("endless body", dripping(b"<p>" * 40_000, CLOSES), ParseError, heavy=True)
    yield BadPage("endless chunks", dripping(b"10000\r\n" + b"x" * 65_536 + b"\r\n", CHUNKED), ParseError, heavy=True)
    yield BadPage("endless chunk size", dripping(b"0" * 4096, CHUNKED), TemporarySourceError)
    yield BadPage("endless chunk extension", dripping(b"x" * 4096, CHUNKED + b"5;"), TemporarySourceError)
    yield BadPage("endless trailers", dripping(b"X: y\r\n" * 200, CHUNKED + b"0\r\n"), TemporarySourceError)
    yield BadPage("endless 100 Continue", dripping(b"HTTP/1.1 100 Continue\r\n\r\n" * 100, b""), TemporarySourceError)
    yield BadPage("megabyte header", raw(OK + b"X: " + b"y" * MB + b"\r\n\r\n"), TemporarySourceError)
    yield BadPage(
        "9,000 headers", raw(OK + b"".join(b"X-%d: y\r\n" % n for n in range(9_000)) + b"\r\n"), TemporarySourceError
    )
    yield BadPage(
        "9,000 cookies",
        raw(lambda page: OK + b"".join(b"Set-Cookie: a%d=b\r\n" % n for n in range(9_000)) + b"\r\n" + page),
        TemporarySourceError,
    )
    yield BadPage(
        "endless error page",
        dripping(b"x" * 9_999, b"HTTP/1.1 500 No\r\nConnection: close\r\n\r\n"),
        TemporarySourceError,
    )


def _junk() -> Iterator[BadPage]:
    for name, sent in {
        "no status": b"\r\n\r\n",
        "status of letters": b"HTTP/1.1 abc OK\r\n\r\n",
        "status 0": b"HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n",
        "status 99999": b"HTTP/1.1 99999 OK\r\n\r\n",
        "HTTP/9.9": b"HTTP/9.9 200 OK\r\n\r\nhi",
        "an FTP server": b"220 ready\r\n\r\n",
        "TLS in the clear": b"\x15\x03\x01\x00\x02\x02\x46",
        "all bytes": bytes(range(256)) * 40,
        "negative length": OK + b"Content-Length: -1\r\n\r\nx",
        "length of letters": OK + b"Content-Length: many\r\n\r\nx",
        "two lengths": OK + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde",
        "huge length": OK + b"Content-Length: 99999999999999999999999\r\n\r\nx",
        "negative chunk": CHUNKED + b"-5\r\nabcde\r\n0\r\n\r\n",
        "chunk of letters": CHUNKED + b"zz\r\nabcde\r\n0\r\n\r\n",
        "header without a name": OK + b": x\r\n\r\n",
        "NUL in a header": OK + b"X: a\0b\r\n\r\n",
        "LF instead of CRLF": b"HTTP/1.1 200 OK\nX y\n\n",
        "closed at once": b"",
    }.items():
        yield BadPage(name, raw(sent), TemporarySourceError)


def _cut() -> Iterator[BadPage]:
    half = lambda page: page[: len(page) // 2]  # noqa: E731
    for place in ("listing", "thread"):
        yield BadPage(
            "cut by length",
            raw(lambda p: OK + b"Content-Length: %d\r\n\r\n" % len(p) + half(p)),
            TemporarySourceError,
            place,
        )
        yield BadPage(
            "cut in a chunk", raw(lambda p: CHUNKED + b"%x\r\n" % len(p) + half(p)), TemporarySourceError, place
        )
        yield BadPage(
            "cut before the last chunk",
            raw(lambda p: CHUNKED + b"%x\r\n%s\r\n" % (len(p), p)),
            TemporarySourceError,
            place,
        )
        yield BadPage(
            "cut gzip", plain(lambda p: half(gzip.compress(p)), Content_Encoding="gzip"), TemporarySourceError, place
        )
        yield BadPage(
            "cut deflate",
            plain(lambda p: half(zlib.compress(p)), Content_Encoding="deflate"),
            TemporarySourceError,
            place,
        )
        yield BadPage(
            "gzip with a wrong checksum",
            plain(lambda p: gzip.compress(p)[:-8] + bytes(8), Content_Encoding="gzip"),
            TemporarySourceError,
            place,
        )
        yield BadPage("closed in the head", plain(lambda p: p[:150]), SourceError, place)
    yield BadPage("half a thread, properly ended", plain(half), SourceError, "thread")
    yield BadPage(
        "a thread without its last words", plain(lambda p: p[: p.rindex(b"post")]), TemporarySourceError, "thread"
    )
    yield BadPage(
        "half a thread till close", raw(lambda p: CLOSES + p[: p.rindex(b"post")]), TemporarySourceError, "thread"
    )
    yield BadPage(
        "only its length, then silence", raw(OK + b"Content-Length: 500\r\n\r\n", hang_up=False), TemporarySourceError
    )
    yield BadPage(
        "cut deeper page",
        plain(lambda p: half(gzip.compress(p)), Content_Encoding="gzip"),
        TemporarySourceError,
        "deeper",
    )


def _monsters() -> Iterator[BadPage]:
    for name, extra in {
        "nested div": lambda: b"<div>" * 50_000,
        "nested lists": lambda: b"<ul><li>" * 50_000,
        "p and b": lambda: b"<p><b>" * 50_000,
        "nested tables": lambda: b"<table><tr><td>" * 50_000,
        "nested select": lambda: b"<div><select></div>" * 50_000,
        "options": lambda: b"<select>" + b"<option>" * 140_000,
        "nested svg": lambda: b"<svg><g>" * 50_000,
        "nested templates": lambda: b"<template>" * 50_000,
        "formatting": lambda: b"".join(b"<p><b a=%d>" % n for n in range(2_900)),
        "misnested formatting": lambda: b"<b><i><u><a>" * 12_000 + b"</b></i></u></a><p>" * 12_000,
        "fonts": lambda: b"<font size=1>" * 19 + b"<p>x" * 140_000,
        "nested headings": lambda: b"<div>" * 90 + b"<h1>x</h1>" * 45_000,
        "100,000 attributes": lambda: b"<a " + b" ".join(b"a%d" % n for n in range(100_000)) + b">",
        "millions of attributes": lambda: (b"<p " + b" ".join(b"a%d" % n for n in range(290)) + b">") * 5_000,
        "attributes of html": lambda: b"".join(b"<html a%d>" % n for n in range(100_000)),
        "a million cards": lambda: b"<i data-link-href=/thread/1>" * 290_000,
        "45,000 cards": lambda: b"".join(b"<i data-link-href=/thread/%d>x</i>" % n for n in range(1, 45_000)),
        "5,000 cards": lambda: b"".join(b"<div data-link-href=/thread/%d>x</div>" % n for n in range(1, 5_000)),
        "megabytes of tags": lambda: b"<" * 7 * MB,
        "too large": lambda: b"x" * 9 * MB,
    }.items():
        yield BadPage(name, plain(inside(extra)), ParseError, heavy=True)
    yield BadPage("nested div", plain(inside(lambda: b"<div>" * 50_000)), ParseError, "thread", True)
    posts = b"<div id=tweet_9 class=content-tweet>" * 90 + b"<a href=x>y</a>" * 45_000
    yield BadPage(
        "posts inside each other",
        plain(lambda p: p.replace(b"</article>", b"</article>" + posts)),
        None,
        "thread",
        True,
    )
    for name, extra in {
        "8 MB of text": lambda: b"<p>" + b"words of no end " * (7 * MB // 16),
        "huge attribute": lambda: b'<p title="' + b"x" * 7 * MB + b'">',
        "huge tag name": lambda: b"<" + b"x" * 7 * MB + b">",
        "comment never closed": lambda: b"<!--" + b" -- > " * 300_000,
        "thousands of comments": lambda: b"<!--x--><!>" * 40_000,
        "CDATA": lambda: b"<![CDATA[" * 70_000 + b"]]>",
        "script never closed": lambda: b"<script>" + b"</ script <div>" * 40_000,
        "entities": lambda: b"&amp;&#x26;&notit;" * 300_000,
        "NULs": lambda: bytes(3 * MB),
        "ordinary, 3 MB": lambda: (
            b'<p class="a"><a href="/help">some words</a> and more, until it is a text as long as people write it</p>'
            * 22_000
        ),
    }.items():
        yield BadPage(name, plain(inside(extra)), None, heavy=True)


def _charsets() -> Iterator[BadPage]:
    for charset in ("utf-16", "utf-7", "rot13", "idna", "base64", "undefined", "\"'x", "no-such", "x" * 4000):
        yield BadPage(f"charset {charset[:20]}", plain(lambda p: p, Content_Type=f"text/html; charset={charset}"), None)
    yield BadPage("really utf-16", plain(lambda p: p.decode().encode("utf-16")), SourceError)
    yield BadPage("really utf-7", plain(lambda p: p.decode().encode("utf-7")), None)
    yield BadPage("really latin-1", plain(inside("Grüße".encode("latin-1"))), None)
    yield BadPage("byte order mark", plain(lambda p: b"\xef\xbb\xbf" + p), None)
    yield BadPage("lone surrogates", plain(lambda p: p.replace(b"post.", b"&#xD800;&#55296;\xed\xa0\x80 post.")), None)
    yield BadPage(
        "lone surrogates", plain(lambda p: p.replace(b"post.", b"&#xD800;&#55296;\xed\xa0\x80 post.")), None, "thread"
    )
    yield BadPage(
        "odd entities", plain(lambda p: p.replace(b"post.", b"&#0;&#1114112;&#99999999999;&#x; post.")), None, "thread"
    )
    yield BadPage("NUL in the words", plain(lambda p: p.replace(b"post.", b"\0\x1b[31m\x07 post.")), None, "thread")
    yield BadPage("content type of an image", plain(lambda p: p, Content_Type="image/png"), None)
    yield BadPage("a PDF", instead(b"%PDF-1.7\n" + bytes(range(256)) * 99, Content_Type="application/pdf"), ParseError)


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><html><body><h1>&j;</h1></body></html>"
)
EXTERNAL = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd"><!ENTITY h SYSTEM "http://FOREIGN:PORT/x">'
    b'<!ENTITY % p SYSTEM "http://FOREIGN:PORT/dtd"> %p;]>'
)


def _xml() -> Iterator[BadPage]:
    yield BadPage("billion laughs", instead(BOMB, Content_Type="application/xml"), ParseError)
    yield BadPage(
        "quadratic blow-up",
        instead(
            lambda: b'<!DOCTYPE x [<!ENTITY a "' + b"x" * 99_999 + b'">]><x>' + b"&a;" * 9_999 + b"</x>",
            Content_Type="application/xml",
        ),
        ParseError,
    )
    yield BadPage(
        "external entities", plain(lambda p: EXTERNAL + p + b"&f;&h;", Content_Type="application/xhtml+xml"), None
    )
    yield BadPage(
        "an RSS feed",
        instead(
            b'<?xml version="1.0"?><rss><channel><item><link>http://FOREIGN:PORT/thread/1</link>'
            b"</item></channel></rss>",
            Content_Type="application/rss+xml",
        ),
        ParseError,
    )
    yield BadPage("XInclude", plain(inside(b'<xi:include href="http://FOREIGN:PORT/x" parse="text"/>')), None)


SPELLINGS = [
    b"127.0.0.2",
    b"2130706434",
    b"0x7f000002",
    b"0x7f.2",
    b"017700000002",
    b"0177.0.0.2",
    b"127.2",
    b"127.0.2",
    b"127.0.0.2.",
    b"[::ffff:127.0.0.2]",
    b"[::ffff:7f00:2]",
    b"[::127.0.0.2]",
    b"[64:ff9b::7f00:2]",
    b"[2002:7f00:2::]",
    b"[::1]",
    b"[::]",
    b"[fe80::1%25lo]",
    b"[fe80::1%lo]",
    b"[fc00::1]",
    b"%31%32%37.0.0.2",
    b"127%2E0.0.2",
    b"localhost",
    b"\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.2",
    b"127\xe3\x80\x820\xe3\x80\x820\xe3\x80\x822",
    b"\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.2",
    b"0",
    b"0.0.0.0",
    b"10.0.0.1",
    b"172.16.0.1",
    b"192.168.1.1",
    b"169.254.169.254",
    b"100.64.0.1",
    b"224.0.0.1",
    b"255.255.255.255",
    b"[::ffff:169.254.169.254]",
    b"metadata.google.internal",
    b"a@127.0.0.2",
    b"1.2.3.4@127.0.0.2",
    b"127.0.0.1\\@127.0.0.2",
    b"127.0.0.2#@example.org",
    b"127.0.0.2\t",
    b"rebinds.example",
    b"mixed.example",
    b"private.example",
]
"""Hosts that are no open ones, spelled so that each has deceived some program. The last three are names whose
addresses are private."""


def _redirects() -> Iterator[BadPage]:
    for host in SPELLINGS:
        name = host.decode("utf-8", "replace").replace("\t", "TAB")
        yield BadPage(f"to {name}", redirect(b"http://" + host + b":PORT/secret"), SourceError)
    for to in (
        b"file:///etc/passwd",
        b"ftp://FOREIGN:PORT/",
        b"data:text/html,<h1>hi</h1>",
        b"javascript:alert(1)",
        b"gopher://FOREIGN:PORT/",
        b"ws://FOREIGN:PORT/",
        b"unix:///run/docker.sock",
        b"http://",
        b"http:///x",
        b"http://[",
        b"http://FOREIGN:99999/",
        b"\\\\FOREIGN\\x",
    ):
        yield BadPage(f"to {to.decode()}", redirect(to), SourceError)
    yield BadPage("to //foreign", redirect(b"//FOREIGN:PORT/x"), SourceError)
    yield BadPage("to a foreign host, for a thread", redirect(b"http://FOREIGN:PORT/x"), SourceError, "thread")
    yield BadPage("to a foreign host, for a deeper page", redirect(b"http://FOREIGN:PORT/x"), SourceError, "deeper")
    yield BadPage("with credentials", redirect(b"http://me:s3cret@FOREIGN:PORT/x"), SourceError)
    yield BadPage("with a cookie", redirect(b"http://HERE/elsewhere", Set_Cookie="sid=s3cret; Path=/"), FeedGone)
    yield BadPage("loop", redirect(b"/user/PolarPetra"), TemporarySourceError)
    yield BadPage("to itself", redirect(b""), ParseError)
    yield BadPage("chain without end", lambda _p: chain, TemporarySourceError)
    yield BadPage("moved for good, to nothing", redirect(b"http://HERE/gone", "301 Moved Permanently"), FeedGone)
    yield BadPage(
        "moved for good, to the page of another",
        redirect(b"http://HERE/user/loudvoice", "308 Permanent Redirect"),
        WrongAuthor,
    )
    yield BadPage("to the login page", redirect(b"http://HERE/login", "303 See Other"), SourceRefused)
    yield BadPage(
        "dripping redirect",
        dripping(b"x", b"HTTP/1.1 302 Found\r\nLocation: /silence\r\nContent-Length: 9999\r\n\r\n"),
        TemporarySourceError,
    )
    yield BadPage("megabyte redirect", redirect(b"http://HERE/" + b"x" * MB), TemporarySourceError)
    yield BadPage("3xx without Location", instead(b"", "302 Found"), ParseError)
    yield BadPage("300", instead(b"", "300 Multiple Choices", Location="http://FOREIGN:PORT/"), ParseError)
    yield BadPage(
        "refresh header",
        plain(lambda p: p, Refresh="0; url=http://FOREIGN:PORT/", Link="<http://FOREIGN:PORT/>; rel=preload"),
        None,
    )


async def chain(asked, writer) -> None:
    writer.write(answer("302 Found", Location=f"/chain/{len(asked.path)}"))


def _pointers() -> Iterator[BadPage]:
    links = (
        b'<base href="http://FOREIGN:PORT/"><link rel="canonical" href="http://FOREIGN:PORT/c"><link rel="alternate"'
        b' type="application/rss+xml" href="http://FOREIGN:PORT/feed"><link rel="stylesheet" href="http://FOREIGN:PORT/s">'
        b'<meta http-equiv="refresh" content="0; url=http://FOREIGN:PORT/"><link rel="next" href="file:///etc/passwd">'
    )
    shown = (
        b'<iframe src="http://FOREIGN:PORT/i"></iframe><img src="http://FOREIGN:PORT/b.png"><object data="file:///etc/passwd">'
        b'</object><script src="http://FOREIGN:PORT/s.js"></script><video src="http://FOREIGN:PORT/v"></video>'
    )
    for place in ("listing", "thread"):
        yield BadPage("base and links to a foreign host", plain(in_front(links)), None, place)
        yield BadPage("frames and images of a foreign host", plain(inside(shown)), None, place)
        yield BadPage("cookies", plain(lambda p: p, Set_Cookie="sid=s3cret; Path=/; Max-Age=999999"), None, place)
    yield BadPage(
        "og:url of a foreign host",
        plain(in_front(b'<meta property="og:url" content="http://FOREIGN:PORT/thread/1">')),
        None,
        "thread",
    )
    yield BadPage(
        "asks for a password", instead(b"", "401 Unauthorized", WWW_Authenticate="Basic realm=x"), SourceRefused
    )
    yield BadPage("asks for a proxy password", instead(b"", "407 Proxy Authentication Required"), ParseError)


def _lies() -> Iterator[BadPage]:
    for name, body in pages.REFUSED.items():
        yield BadPage(f"200: {name}", instead(body), SourceRefused)
        yield BadPage(f"200: {name}", instead(body), SourceRefused, "thread")
    for name, body in pages.UNKNOWN.items():
        yield BadPage(f"200: {name}", instead(body), ParseError)
        yield BadPage(f"200: {name}", instead(body), ParseError, "thread")
    yield BadPage("200: nothing", instead(b""), ParseError)
    yield BadPage(
        "200: the head of the page only", plain(lambda p: p[: p.index(b'<div class="row"')]), TemporarySourceError
    )
    yield BadPage("200: no cards", plain(lambda p: p[: p.index(b'<div class="row"')] + b"</body></html>"), ParseError)
    yield BadPage(
        "200: another author",
        plain(lambda p: p.replace(b"PolarPetra", b"loudvoice").replace(b"799000000000000001", b"5")),
        WrongAuthor,
    )
    yield BadPage(
        "200: another author",
        plain(lambda p: p.replace(b"PolarPetra", b"loudvoice").replace(b"799000000000000001", b"5")),
        WrongAuthor,
        "thread",
    )
    yield BadPage(
        "200: the handle is somebody else's now",
        plain(lambda p: p.replace(b"799000000000000001", b"31337")),
        WrongAuthor,
    )
    yield BadPage("200: cards of others among the author's", plain(inside(pages.HOME)), None)
    for status, error in {
        "206 Partial Content": TemporarySourceError,
        "204 No Content": ParseError,
        "205 Reset Content": ParseError,
        "304 Not Modified": ParseError,
        "400 Bad Request": ParseError,
        "403 Forbidden": SourceRefused,
        "404 Not Found": FeedGone,
        "410 Gone": FeedGone,
        "429 Slow Down": TemporarySourceError,
        "451 Unavailable": SourceRefused,
        "418 Teapot": ParseError,
        "500 Oops": TemporarySourceError,
        "502 Bad Gateway": TemporarySourceError,
        "503 No": TemporarySourceError,
        "504 Late": TemporarySourceError,
        "520 Odd": TemporarySourceError,
        "999 No": TemporarySourceError,
    }.items():
        yield BadPage(status, instead(b"", status), error)
    for status in ("404 Not Found", "503 No", "204 No Content", "304 Not Modified"):
        yield BadPage(status, instead(b"", status), SourceError, "thread")
        yield BadPage(status, instead(b"", status), SourceError, "deeper")
    yield BadPage(
        "Retry-After of a million years", instead(b"", "429 No", Retry_After="31536000000000"), TemporarySourceError
    )
    yield BadPage("junk Retry-After", instead(b"", "503 No", Retry_After="Infinity; -5"), TemporarySourceError)


def bad_pages() -> list[BadPage]:
    """The whole table."""
    makers = (_encodings, _endless, _junk, _cut, _monsters, _charsets, _xml, _redirects, _pointers, _lies)
    return [one for make in makers for one in make()]
