"""Pictures are known by their first bytes; what is none is not taken for one."""

from __future__ import annotations

import pytest

from bot.pictures import ENDINGS, TYPES, mime_of


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "image/avif"),
        (b"\0\0\0\x1cftypisom\0\0\0\0", "video/mp4"),
    ],
)
def test_a_picture_is_known(data: bytes, expected: str) -> None:
    """By how it begins."""
    assert mime_of(data) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<?xml version='1.0'?><svg/>",
        b"<!DOCTYPE html><title>404</title>",
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"\0\0\0\x1cftypheic",
        b"%PDF-1.7",
        b"\x89PNG\n\n\x1a\n",
    ],
)
def test_what_is_no_picture_that_is_kept(data: bytes) -> None:
    """Documents with scripts, pages, sounds, half a mark."""
    assert mime_of(data) == ""


def test_each_kind_has_an_ending_of_its_own() -> None:
    """So that a file's kind is known by its name."""
    assert {TYPES[ending] for ending in ENDINGS.values()} == set(ENDINGS)
