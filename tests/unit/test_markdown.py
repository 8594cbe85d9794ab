"""Text as Markdown."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings

from bot import markdown
from bot.text import clean
from tests.hostile.readers import in_one_line, read_markdown
from tests.unit.test_text import NASTY


@settings(deadline=None, max_examples=300)
@given(NASTY)
def test_prose_is_read_as_it_was_written(text: str) -> None:
    """By CommonMark with tables and strike-through: words, line breaks and bare links, nothing else."""
    seen = read_markdown(f"# Title\n\nx {markdown.prose(clean(text))}")

    assert seen.live == ()
    assert in_one_line(f"x {clean(text)}") in in_one_line(seen.words)


@pytest.mark.parametrize(
    "line", ["1. one", "2) two", "===", "- x", "+ x", "> x", "# x", "    code", "---", "| a |", "```", "[x]: y"]
)
def test_a_line_starts_nothing(line: str) -> None:
    """No list, heading, quote, code, rule or table."""
    assert (
        read_markdown(f"# Title\n\nwords\n\n{markdown.literal(line)}\n\n{markdown.prose(f'words{chr(10)}{line}')}").live
        == ()
    )


@pytest.mark.parametrize("url", ["javascript:x", "https://a@b.example/", "https://a.example/<x>"])
def test_what_may_not_be_linked_is_words(url: str) -> None:
    """Anything but a plain web address."""
    assert read_markdown(f"# Title\n\n{markdown.link(url)}").live == ()


@pytest.mark.parametrize("text", ["*" * 1_000_000, "1" * 1_000_000, "https://" * 125_000, "\n" * 1_000_000])
def test_a_huge_text_does_not_stall(text: str) -> None:
    """A megabyte takes less than two seconds."""
    start = time.perf_counter()
    markdown.prose(text)

    assert time.perf_counter() - start < 2
