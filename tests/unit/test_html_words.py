"""What readers of a post's HTML have in common."""

import pytest
from selectolax.lexbor import LexborHTMLParser

from bot.sources.html_words import Walker, attribute, classes, is_own_address


class Written(Walker):
    """Writes down every text, and every element's tag."""

    def __init__(self):
        self.found = []

    def say(self, words):
        self.found.append(words)

    def element(self, node, depth):
        self.found.append(f"<{node.tag}>")
        self.children(node, depth)


def walked(markup):
    """What a walk through it meets."""
    written = Written()
    written.children(LexborHTMLParser(markup).body, 0)
    return written.found


def test_all_in_order():
    """A walk meets every text and element where it stands."""
    assert walked("a<b>c<i>d</i></b>e") == ["a", "<b>", "c", "<i>", "d", "e"]


def test_what_is_deep_is_read_as_text():
    """Nothing that is nested is lost, and it does not break the walk."""
    found = walked("<div>" * 200 + "deep<b>est</b>")

    assert (len(found) < 100, found[-1]) == (True, "deepest")


@pytest.mark.parametrize(
    ("words", "url", "own"),
    [
        ("a.example/path", "https://a.example/path", True),
        ("https://www.a.example/pa…", "https://a.example/path", True),
        (" A.example/pa... ", "https://a.example/path", True),
        ("here", "https://here.example/", False),
        ("a.example and more", "https://a.example/", False),
        ("b.example", "https://a.example/", False),
        ("", "https://a.example/", False),
    ],
)
def test_own_address(words, url, own):
    """Words that are the start of their own link say no more than the link does."""
    assert is_own_address(words, url) is own


def test_attributes():
    """An attribute without a value, and one that is missing, are empty."""
    node = LexborHTMLParser('<p class=" a  b " title lang=" en ">x').css_first("p")

    assert (classes(node), attribute(node, "title"), attribute(node, "lang"), attribute(node, "id")) == (
        {"a", "b"},
        "",
        "en",
        "",
    )
