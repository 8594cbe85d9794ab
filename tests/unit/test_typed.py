"""Addresses as people type them."""

import pytest

from bot.sources import typed


@pytest.mark.parametrize("address", ["a.example/b", "//a.example/b", "https://a.example/b"])
def test_the_scheme_may_be_left_out(address):
    """A web address is one without its scheme too."""
    assert typed.split(address).geturl() == "https://a.example/b"


@pytest.mark.parametrize("extra", [" ", "\n", "\x00", "\x1b", "\x7f", "\u2028"])
def test_blanks_and_controls(extra):
    """An address with white space or a control character in it is none."""
    assert typed.split(f"https://a.example/{extra}b") is None


@pytest.mark.parametrize(
    "address", ["ftp://a.example", "javascript://a", "https://a.example:x", "https://[a", "at://a"]
)
def test_no_web_address(address):
    """Another scheme, and what is no host or port, is no address of the web."""
    assert typed.split(address) is None


def test_brackets_come_along():
    """The brackets of a mail, and white space, are taken off."""
    assert typed.bare(" <https://a.example/> \n") == "https://a.example/"


def test_a_site_below_a_path():
    """The path that a site lives under is none of the words."""
    assert typed.words("/site/user/%40ann/", "/site/") == ["user", "@ann"]
