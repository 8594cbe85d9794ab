"""What a site answers where JSON is expected."""

import time
from datetime import UTC, datetime

import pytest

from bot.sources.json_answers import instead_of_json, read_json, time_of


def test_json():
    """JSON is what it holds."""
    assert read_json(b' {"a": [1, "\xc3\xa9"]} ') == {"a": [1, "é"]}


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b'{"a":', b"\xff\xfe\x00", b'["\xe9"]', b"[" * 1_000_000, b'{"a":' * 200_000, b"9" * 1_000_000],
    ids=["empty", "page", "cut", "utf-16", "latin", "deep", "deep objects", "huge number"],
)
def test_no_json(body):
    """Whatever cannot be read is one error, which everybody expects."""
    with pytest.raises(ValueError, match=r"."):
        read_json(body)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html><title>Just a moment...</title>", "challenge"),
        (b'<title>Just a moment...</title><input type="password">', "challenge"),
        (b'<form><input name="p" type="password">', "login"),
        (b"<form><INPUT name=p TYPE=password>", "login"),
        (b"<form><input\ntype='password'>", "login"),
        (b"<p>Forgot your password?</p><input type=text>", "unknown"),
        (b"", "unknown"),
        (b"\x00\xff", "unknown"),
    ],
)
def test_what_it_is_instead(body, kind):
    """A page for browsers, a page that wants a login, and everything else."""
    assert instead_of_json(body) == kind


@pytest.mark.parametrize("piece", [b"<input ", b"<input type=", b"<", b"type="])
def test_a_megabyte_takes_no_time(piece):
    """A page made to be slow is not."""
    began = time.process_time()
    instead_of_json(piece * (1_000_000 // len(piece)))

    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    "value", ["2026-09-01T12:00:00Z", "2026-09-01T12:00:00.000", "2026-09-01T14:00:00+02:00", "2026-09-01T12:00"]
)
def test_a_time(value):
    """A time is in UTC, and so meant where it names no zone."""
    assert time_of(value) == datetime(2026, 9, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "value", [None, 5, [], "", "soon", "0001-01-01T00:00:00+14:00", "2026-09-01T12:00:00." + "0" * 99]
)
def test_no_time(value):
    """What is none is none, a time before all times too."""
    assert time_of(value) is None
