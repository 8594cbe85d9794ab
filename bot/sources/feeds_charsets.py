"""Pure: the bytes of an XML document as text, whatever they say of themselves.

Neither parses the XML nor mends it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Final

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
)
_STARTS: Final = (
    (b"\x00\x00\x00<", "utf-32-be"),
    (b"<\x00\x00\x00", "utf-32-le"),
    (b"\x00<", "utf-16-be"),
    (b"<\x00", "utf-16-le"),
    (b"\x4c\x6f\xa7\x94", "cp037"),
)
_DECLARATION = re.compile(r"\s*+<\?xml\b[^<>]{0,1000}+>")
_DECLARED = re.compile(rb"\s*+<\?xml\b[^<>]{0,300}?encoding\s{0,9}=\s{0,9}[\"']([\w.:-]{1,40})[\"']")
_CHARSET = re.compile(r"charset\s{0,9}=\s{0,9}[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_WIDER: Final = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-sjis": "cp932",
    "shift_jis": "cp932",
    "ks_c_5601-1987": "cp949",
}
"""What is written under these names has characters that only the wider ones have."""
_NO_CHARSETS: Final = ("punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem", "utf-7")
"""Codecs of Python that no document is in; the first two take time with the square of the length."""


def decoded(body: bytes, *, content_type: str) -> tuple[str, bool]:
    """The document as text, without its XML declaration; and whether it is in a charset that it did not name.

    What can be read as UTF-8 is UTF-8, whatever anybody says of it: other charsets do not look like it by chance.
    Then the server is believed, then the document. A server that names no charset said nothing: RFC 3023 would have
    `text/xml` be ASCII, which nobody means.
    """
    for mark, charset in _MARKS:
        if body.startswith(mark):
            text, exact = _read(body[len(mark) :], charset)
            return _undeclared(text), not exact
    named = list(_named(body, content_type))
    for charset in _candidates(body, named):
        text, exact = _read(body, charset)
        if exact:
            wrong = bool(named) and not _same(charset, named[0]) and not body.isascii()
            return _undeclared(text), wrong
    return _undeclared(body.decode("cp1252", errors="replace")), True


def _candidates(body: bytes, named: list[str]) -> Iterator[str]:
    start = next((charset for start, charset in _STARTS if body.startswith(start)), "")
    if start:
        yield start
    if not body.isascii():
        yield "utf-8"
    for charset in named:
        # Two bytes a character would be seen at the start.
        if not charset.startswith(("utf-16", "utf-32", "ucs", "iso-10646")):
            yield charset
    yield from ("utf-8", "cp1252")


def _named(body: bytes, content_type: str) -> Iterator[str]:
    """The charsets that the server and the document name."""
    if by_server := _CHARSET.search(content_type[:1_000]):
        yield by_server[1].casefold()
    if by_itself := _DECLARED.match(body):
        yield by_itself[1].decode("ascii", errors="replace").casefold()


def _read(body: bytes, charset: str) -> tuple[str, bool]:
    charset = _WIDER.get(charset, charset)
    try:
        if codecs.lookup(charset).name.replace("-", "_") in (name.replace("-", "_") for name in _NO_CHARSETS):
            return "", False
        return body.decode(charset), True
    except UnicodeDecodeError:
        return body.decode(charset, errors="replace") if charset.startswith("utf") else "", False
    except (LookupError, ValueError):
        return "", False


def _same(charset: str, other: str) -> bool:
    try:
        return codecs.lookup(charset) == codecs.lookup(other)
    except (LookupError, ValueError):
        return False


def _undeclared(text: str) -> str:
    text = text.removeprefix("\ufeff")
    declaration = _DECLARATION.match(text)
    return text[declaration.end() if declaration else 0 :].lstrip()
