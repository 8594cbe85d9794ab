"""The body of an answer, decoded in bounded steps: whole, or an error; never half a page, never a bomb.

aiohttp 3.14 reads 500 MB out of 500 kB, and takes a cut gzip for a whole page. Does not know what a body means.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

import aiohttp

_STEP: Final = 64 * 1024
_MAX_MEMBERS: Final = 100


class TooLarge(Exception):
    """The body is longer than we read."""


class Undecodable(Exception):
    """The body is in an encoding that was not asked for."""


class CutShort(Exception):
    """The compressed body stops before its end."""


async def read_bounded(answer: aiohttp.ClientResponse, limit: int) -> bytes:
    """The decoded body, whole, or an error: never more than `limit`, never half a page."""
    decoder = _decoder(answer)
    body = bytearray()
    received = 0
    async for chunk in answer.content.iter_any():
        received += len(chunk)
        for piece in decoder.feed(chunk):
            body += piece
            if len(body) > limit:
                raise TooLarge
        if received > limit + _STEP:  # a stream of empty gzip blocks
            raise TooLarge
    decoder.finish()
    return bytes(body)


class _Plain:
    """A body that is not compressed."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data

    def finish(self) -> None:
        """Content-Length and chunks are checked by aiohttp."""


class _Deflate(_Plain):
    """A body in deflate: with zlib's header, as the standard says, or raw, as some servers send it."""

    _inflater: zlib._Decompress | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._inflater is None:
            has_header = data[0] & 0x0F == 8 and data[0] >> 4 <= 7
            self._inflater = zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
        yield from _inflated(self._inflater, data)

    def finish(self) -> None:
        if self._inflater is None or not self._inflater.eof:
            raise CutShort


class _Gzip(_Plain):
    """A body in gzip, which may consist of several members; what follows the last one is padding."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._members = 1

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._inflater.eof:
                if data[0] != 0x1F:
                    return
                self._members += 1
                if self._members > _MAX_MEMBERS:
                    raise TooLarge
                self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
            yield from _inflated(self._inflater, data)
            data = self._inflater.unused_data

    def finish(self) -> None:
        if not self._inflater.eof:
            raise CutShort


def _inflated(inflater: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    """What `data` holds, at most `_STEP` bytes at a time: 500 kB can hold 500 MB."""
    while True:
        piece = inflater.decompress(data, _STEP)
        if piece:
            yield piece
        data = inflater.unconsumed_tail
        if inflater.eof or (not data and len(piece) < _STEP):
            return


def _decoder(answer: aiohttp.ClientResponse) -> _Plain:
    named = ",".join(answer.headers.getall("Content-Encoding", []))
    encodings = [name.strip().casefold() for name in named.split(",")]
    match [name for name in encodings if name not in ("", "identity")]:
        case []:
            return _Plain()
        case ["gzip" | "x-gzip"]:
            return _Gzip()
        case ["deflate"]:
            return _Deflate()
        case _:
            raise Undecodable
