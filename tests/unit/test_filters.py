"""Filters: which threads are wanted, why one is not, and that no text and no pattern stalls them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.filters import MOST_PATTERNS, SEARCHED, checked, found_everywhere, judge
from bot.model import Author, Entry, Post
from bot.policy import Policy

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def thread(*texts: str, title: str = "", days: float = 1) -> Entry:
    return Entry(
        feed_id="threadreader:ann",
        key="1",
        url="https://threadreaderapp.com/thread/1.html",
        author=Author(handle="ann"),
        title=title,
        published=NOW - timedelta(days=days),
        posts=tuple(Post(id=str(number), text=text) for number, text in enumerate(texts)),
        whole=True,
    )


def reason(policy: Policy, entry: Entry, event: str = "new", language: str = "en", **how: bool) -> str:
    verdict = judge(policy, event, entry, language=language, now=NOW, **how)
    assert verdict.doubt == ""
    return verdict.reason


def holds(pattern: str, *texts: str) -> bool:
    return reason(Policy(exclude=(checked(pattern),)), thread(*texts)) != ""


def hostile(policy: Policy, text: str) -> tuple[str, str, float]:
    """The verdict, and the processor's time that it took: other programs take theirs of the wall's."""
    entry = thread(text)
    for pattern in (*policy.include, *policy.exclude):
        checked(pattern)
    start = time.thread_time()
    verdict = judge(policy, "new", entry, language="", now=NOW)
    return verdict.reason, verdict.doubt, time.thread_time() - start


# -- what is judged -----------------------------------------------------------------------------------------


def test_without_a_policy_everything_is_wanted():
    """Also a thread of which nothing is known."""
    empty = Entry(feed_id="a:b", key="1", url="", author=Author(handle=""))

    for event in ("new", "grown", "gone"):
        assert reason(Policy(), empty, event, language="") == ""


@pytest.mark.parametrize(
    ("policy", "event", "told"),
    [
        (Policy(events=frozenset(["new"])), "grown", "events: grown is not wanted"),
        (Policy(events=frozenset(["new"])), "gone", "events: gone is not wanted"),
        (Policy(events=frozenset(["new"])), "new", ""),
        (Policy(updates="off"), "grown", 'updates = "off": growth is not wanted'),
        (Policy(updates="off"), "new", ""),
        (Policy(updates="digest"), "grown", ""),
        (Policy(min_posts=3), "new", "2 posts, fewer than min_posts = 3"),
        (Policy(min_posts=3), "gone", "2 posts, fewer than min_posts = 3"),
        (Policy(min_posts=2), "new", ""),
        (Policy(languages=("fr", "de")), "new", "is in en, not in fr, de"),
        (Policy(languages=("fr", "en")), "grown", ""),
        (Policy(max_age=timedelta(days=30)), "new", "was written 40 d ago, before max_age = 30d"),
        (Policy(max_age=timedelta(days=30)), "grown", ""),
        (Policy(max_age=timedelta(hours=36)), "gone", ""),
        (Policy(max_age=timedelta(days=40)), "new", ""),
        (Policy(max_age=timedelta(minutes=90)), "new", "was written 40 d ago, before max_age = 90m"),
        (Policy(exclude=("sponsored", "ad")), "new", 'holds "sponsored" (exclude)'),
        (Policy(exclude=("/spons/",)), "gone", "holds /spons/ (exclude)"),
        (Policy(include=("cyber", "/x{2}/")), "grown", 'holds none of "cyber", /x{2}/ (include)'),
        (Policy(include=("cyber", "post")), "new", ""),
        (Policy(include=("post",), exclude=("sponsored",)), "new", 'holds "sponsored" (exclude)'),
    ],
)
def test_each_reason_is_told_in_words(policy, event, told):
    """A thread of two posts, in English, 40 days old."""
    assert reason(policy, thread("Sponsored post", "More", days=40), event) == told


def test_one_post_is_one_post():
    """Not "1 posts"."""
    assert reason(Policy(min_posts=2), thread("a")) == "1 post, fewer than min_posts = 2"


def test_what_is_not_known_is_not_held_against_a_thread():
    """A language that is unsure, a date that is not there."""
    policy = Policy(languages=("fr",), max_age=timedelta(days=1))
    undated = Entry(feed_id="a:b", key="1", url="", author=Author(handle=""), posts=(Post(id="1", text="x"),))

    assert reason(policy, undated, language="") == ""


STRICT = Policy(include=("cyber",), min_posts=3, languages=("fr",))


def test_of_a_card_only_what_it_shows_is_judged():
    """It may be the beginning of anything; but what is excluded is on it."""
    card = thread("sponsored")

    assert reason(STRICT, card, whole=False) == ""
    assert reason(Policy(exclude=("sponsored",)), card, whole=False) == 'holds "sponsored" (exclude)'


def test_a_thread_that_is_gone_without_a_copy_passes():
    """There is nothing that could hold the word."""
    assert reason(STRICT, thread(), "gone") == ""


def test_the_title_and_all_posts_are_searched():
    """Together, so that an expression may go over several lines."""
    entry = thread("first", "second", title="Heading")

    for pattern in ("heading", "second", "/heading.first/", "/^second$/", "/first\\nsecond/"):
        told = reason(Policy(exclude=(pattern,)), entry)
        assert bool(told) == (pattern != "/heading.first/"), pattern


# -- words --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("cyber", "A CYBER attack", True),
        ("cyber", "cybersecurity", False),
        ("cyber", "pre-cyber, (cyber)", True),
        ("ad", "ads and adverts", False),
        ("STRASSE", "in der Straße", True),
        ("élection", "l’élection", True),
        ("l'élection", "L’ÉLECTION", True),
        ("election", "élection", False),
        ("cafe\u0301", "un café", True),
        ("cafe", "cafe\u0301s", False),
        ("data  protection", "data\nprotection law", True),
        ("data protection", "data protections", False),
        ("C++", "I like C++, you?", True),
        ("#ai", "about #AI", True),
        ("#ai", "about AI", False),
        ("#ai", "#aid", False),
        ("@bob", "thanks @Bob!", True),
        ("👇", "a thread👇", True),
        ("spon\u00adsored", "sponsored", True),
        ("sponsored", "spon\u200bsored", True),
        ("日本", "これは日本語です", True),
        ("AI", "生成AIの話", True),
        ("AI", "生成AIRの話", False),
        ("정부", "정부는 오늘", True),
        ("ไทย", "ภาษาไทยง่าย", True),
        ("हिन्दी", "यह हिन्दी है", True),
        ("हिन्द", "यह हिन्दी है", False),
        ("سلام", "قال: سلام!", True),
        ("a.c", "abc", False),
        ("(", "a (b)", True),
        ("_", "snake_case", False),
        ("İstanbul", "İSTANBUL", True),
    ],
)
def test_a_word_is_found_as_a_word(pattern, text, found):
    """Whole, whatever its case and form; in scripts without spaces, anywhere."""
    assert holds(pattern, text) == found


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("/cyber/", "CYBERsecurity", True),
        ("/\\bécole\\b/", "À l'École!", True),
        ("/^\\d+ reasons/", "Hello\n12 reasons why", True),
        ("/nis ?2/", "NIS2 and NIS 2", True),
        ("/a(?!b)/", "ab", False),
        ("/(\\w+) \\1/", "the the", True),
    ],
)
def test_an_expression_is_searched(pattern, text, found):
    """Whatever the case, with ^ and $ at each line, and with letters of all scripts as letters."""
    assert holds(pattern, text) == found


@given(st.text(max_size=30), st.text(max_size=200))
def test_no_text_breaks_a_word(word, text):
    """What is taken as a word can be searched in anything, and is found where it stands alone."""
    try:
        pattern = checked(word)
    except ValueError:
        return

    judge(Policy(exclude=(pattern,), include=(pattern,)), "new", thread(text), language="", now=NOW)
    assert found_everywhere(pattern) or pattern.startswith("/") or holds(pattern, f"x {pattern} x")


# -- what is wrong with a pattern ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("//", "is empty"),
        ("\u200b", "is empty"),
        ("x" * 501, "longer than 500 characters"),
        ("/a/i", '"/a/i": write nothing behind the last /'),
        ("/(a/", '"/(a/" is no regular expression: missing ) at position 2'),
        ("/[a/", '"/[a/" is no regular expression: unterminated character set at position 2'),
        ("/" + "(" * 240 + "a" + ")" * 240 + "/", "holds more than 100 groups"),
        ("/(?:\\b{9999}){9999}/", "asks for more than 10,000 repeats in repeats"),
        ("/a{99999999999999999999}/", "repeats"),
    ],
)
def test_a_pattern_that_cannot_work_is_named_with_its_place(pattern, told):
    """Before it is searched for, where the settings are read."""
    with pytest.raises(ValueError, match=r"\w") as caught:
        checked(pattern)

    assert told in str(caught.value)
    assert len(str(caught.value)) < 250


def test_a_pattern_is_taken_without_the_blanks_round_it():
    """So that a list with blanks after its commas means what it looks like."""
    assert [checked(" cyber "), checked(" /a b/\n"), checked("/r/python")] == ["cyber", "/a b/", "/r/python"]


def test_an_expression_that_is_found_everywhere_is_known():
    """The mend is to be said before it excludes everything."""
    assert [found_everywhere(pattern) for pattern in ("/a*/", "/a|/", "/a+/", "a*")] == [True, True, False, False]


# -- what would stall ---------------------------------------------------------------------------------------

CATASTROPHIC = ("/(a+)+$/", "/(a|aa)+$/", "/(a|a)*z$/", "/(.*a){12}c/", "/(\\w+\\s?)*$!/", "/\\s+$/", "/(\\w+)\\s+\\1/")
CATASTROPHIC += ("/(?=.*z)(?=.*y)./", "/(?<=a.*)z$/", "/((?:a|b)(?1)?)z/", "/(?:aaaa){e<=3}z/", "/^(([a-z])+.)+[A-Z]/")
BIG = 1_000_000
TEXTS = {
    "a": "a" * BIG + "!",
    "a!": "a" * (SEARCHED - 1) + "!",
    "ab": "ab" * (BIG // 2),
    "blanks": " " * BIG + "x",
    "words": "the quick brown fox " * (BIG // 20),
    "mixed": "aé日 " * (BIG // 4),
    "marks": "a" + "\u0301\u0327" * (BIG // 2),
    "kana": "日本語テキスト" * (BIG // 7),
}
WITHIN = 0.25


@pytest.mark.parametrize("name", TEXTS)
def test_no_pattern_stalls_on_a_megabyte(name):
    """A dozen catastrophic expressions together take a quarter of a second, and are in doubt then, not lost."""
    for pattern in CATASTROPHIC:
        assert min(hostile(Policy(exclude=(pattern,)), TEXTS[name])[2] for _ in range(3)) < WITHIN, pattern
    both = Policy(exclude=CATASTROPHIC[:6], include=CATASTROPHIC[6:])

    assert min(hostile(both, TEXTS[name])[2] for _ in range(3)) < WITHIN


def test_many_words_do_not_stall_on_a_megabyte():
    """As many as there may be, each found nowhere."""
    words = Policy(exclude=tuple(f"a{n}" for n in range(MOST_PATTERNS)), include=("nowhere",) * MOST_PATTERNS)

    for text in TEXTS.values():
        assert min(hostile(words, text)[2] for _ in range(3)) < WITHIN


def test_many_expressions_do_not_stall_on_a_megabyte():
    """The first that takes too long is the last that is searched for: each goes on for a while after its time."""
    slow = Policy(exclude=tuple(f"/(\\w+)\\s+\\1{{{n}}}/" for n in range(1, MOST_PATTERNS)))

    assert min(hostile(slow, TEXTS["a!"])[2] for _ in range(3)) < WITHIN


def test_what_ran_out_of_time_is_sent_in_doubt():
    """It counts as found for include and as not found for exclude."""
    for policy in (Policy(exclude=("/(a|aa)+$/",)), Policy(include=("/(a|aa)+$/",))):
        told, doubt, _ = hostile(policy, "a" * 1000 + "!")

        assert (told, doubt) == ("", "/(a|aa)+$/ took too long on this thread")


def test_a_word_is_found_beside_an_expression_that_takes_too_long():
    """Words come first: what is surely excluded stays out."""
    told, _, _ = hostile(Policy(exclude=("/(a|aa)+$/", "spam")), "spam " + TEXTS["a"])

    assert told == 'holds "spam" (exclude)'


def test_what_was_not_searched_is_sent_in_doubt():
    """Of a very long thread only the beginning is searched, and the end is not held against it."""
    for policy in (Policy(include=("end",)), Policy(exclude=("end",))):
        assert hostile(policy, "a " * SEARCHED + "end")[:2] == ("", "only the first 150,000 characters were searched")
    assert hostile(Policy(include=("begin",)), "begin " + "a " * SEARCHED)[:2] == ("", "")
