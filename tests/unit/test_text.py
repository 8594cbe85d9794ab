"""Cleaning, titles and cutting."""

from __future__ import annotations

import json
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model import Media, Post
from bot.text import (  # the parts of a title too: what it is found with
    _lines,
    _says_something,
    clean,
    is_hook,
    is_web_link,
    json_document,
    one_line,
    quotations,
    reading_minutes,
    sentence_spans,
    shorten,
    split_links,
    title_of,
    title_of_posts,
)

FAMILY = "👨‍👩‍👧‍👦"
FRANCE = "🇫🇷"
SCOTLAND = "🏴󠁧󠁢󠁳󠁣󠁴󠁿"
NASTY = st.text(
    alphabet=st.one_of(
        st.characters(),
        st.sampled_from(
            "\ud800\udfff\x00\x1b\x85\u2028\u202e\u202d\u202c\u2066\u2069\u200d\ufe0f\u0301\r\n\t👩🇫🇷🏽 .!?"
        ),
    ),
    max_size=300,
)


@pytest.mark.parametrize(
    "harmless",
    [
        "a < b && c",
        "snake_case and Vec<String>",
        f"{FAMILY} 👩🏽‍🔬 {FRANCE}{SCOTLAND} ❤️ 1️⃣",
        "שלום, עולם",
        "مَرْحَبًا بِكُمْ",
        "สวัสดีชาวโลก",
        "क्षत्रिय",
        "tab\tand\nlines\n\n",
        "café, Ǖ, Ṩ",
        "a \u2067ישראל\u2069 b and \u202bשלום\u202c c",
    ],
)
def test_harmless_text_is_unchanged(harmless: str) -> None:
    """What people write in any language stays as it is."""
    assert clean(harmless) == harmless


@pytest.mark.parametrize(
    ("dirty", "cleaned"),
    [
        ("a\x00b\x1b[31mc\x7f\x9b", "ab[31mc"),
        ("a\r\nb\rc\x85d\u2028e\u2029f", "a\nb\nc\nd\ne\nf"),
        ("a\ud800b\udc00", "a\ufffdb\ufffd"),
        ("pay \u202eeman\nnext", "pay eman\nnext"),
        ("stray \u202c end \u2069", "stray  end "),
        ("\u2067\u202epaired outside only\u2069", "\u2067paired outside only\u2069"),
    ],
)
def test_what_does_harm_goes(dirty: str, cleaned: str) -> None:
    """Controls, lone surrogates and direction changes without an end are taken out."""
    assert clean(dirty) == cleaned


def test_marks_do_not_pile_up() -> None:
    """A letter keeps a few combining marks, not hundreds."""
    assert clean("z" + "\u0301" * 500 + "!") == "z" + "\u0301" * 10 + "!"


@given(NASTY)
def test_clean_text_can_be_encoded_and_stays_clean(text: str) -> None:
    """Clean text is valid UTF-8 without controls, and cleaning it again changes nothing."""
    cleaned = clean(text)
    cleaned.encode()

    assert clean(cleaned) == cleaned
    assert not [char for char in cleaned if unicodedata.category(char) == "Cc" and char not in "\n\t"]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("NATO is 75 years old. What now?", "NATO is 75 years old."),
        ("A thread 👇\n\nWhy bridges hum, and what helps.", "Why bridges hum, and what helps."),
        ("1/ Bridges hum. Why?", "Bridges hum."),
        ("🧵 1/12 Bridges hum in the wind\nMore follows", "Bridges hum in the wind"),
        ("(2/n) Bridges hum", "Bridges hum"),
        ("THREAD: Why do bridges hum?", "THREAD: Why do bridges hum?"),
        ("Un hilo 🧵\nPor qué zumban los puentes", "Por qué zumban los puentes"),
        ("A thread", "A thread"),
        (
            "The U.S. Army and Dr. Who met at 3.14 p.m. in Oslo. Then left.",
            "The U.S. Army and Dr. Who met at 3.14 p.m. in Oslo.",
        ),
        ("See https://a.example/x?y=1.2! Now", "See https://a.example/x?y=1.2!"),
        ("橋はなぜ鳴るのか。風のためである。", "橋はなぜ鳴るのか。"),
        ("“Why?” she asked. Nobody knew.", "“Why?” she asked."),
        ("no end", "no end"),
        (
            "'We were told in 2019 that the wall would hold until 2060. It will not.' Here is why.",
            "'We were told in 2019 that the wall would hold until 2060. It will not.'",
        ),
        (
            "She said: “The wall holds. I promise.” and left at once. Nobody laughed.",
            "She said: “The wall holds. I promise.” and left at once.",
        ),
        ("He wrote: „Es hält. Sicher.“ Dann ging er.", "He wrote: „Es hält. Sicher.“"),
        ("『壁は持つ。約束する。』と彼は言った。終わり。", "『壁は持つ。約束する。』"),
        ('It is 6" wide and 7" tall. That is much.', 'It is 6" wide and 7" tall.'),
        ("It's the dogs' wall and it fell. It wasn't ours.", "It's the dogs' wall and it fell."),
        ('A quotation "without an end is no quotation. Really.', 'A quotation "without an end is no quotation.'),
        (
            f"“A quotation goes on. {'It goes on. ' * 20}It ends.” Then more.",
            f"“A quotation goes on. {'It goes on. ' * 6}It…",
        ),
        ("https://a.example/x\nReal words follow", "Real words follow"),
        ("youtu.be/abc. 🎬 👇\n1️⃣\nReal words follow", "Real words follow"),
        ("https://a.example/x", "https://a.example/x"),
        ("👇👇👇\nReal words", "Real words"),
        ("👇", "👇"),
        ("", ""),
        (" \n ", ""),
    ],
)
def test_a_title_is_the_first_sentence(text: str, title: str) -> None:
    """Hooks, numbering and abbreviations do not mislead it."""
    assert title_of(text) == title


def pictured(*alts: str, kind: str = "image", text: str = "") -> Post:
    """A post with such media."""
    media = tuple(Media(kind=kind, url=f"https://i.example/{n}", alt=alt) for n, alt in enumerate(alts))  # type: ignore[arg-type]
    return Post(id="1", text=text, media=media)


@pytest.mark.parametrize(
    ("posts", "title"),
    [
        ((pictured("two people on a quay", "fog"),), "Image: two people on a quay"),
        ((pictured(""),), "Image"),
        ((pictured(""), pictured("", "")), "3 images"),
        ((pictured("", kind="video"),), "Video"),
        ((pictured("", "", kind="video"), pictured("a quay")), "Image: a quay"),
        ((pictured("a quay", text="👇"),), "Image: a quay"),
        ((pictured("a quay", text="https://t.example/x"), Post(id="2", text="Words here.")), "Words here."),
        ((Post(id="1", text="👇"), Post(id="2", text="🙂")), "👇"),
        ((Post(id="1", text="@bob Words here.", reply_to=("bob",)),), "Words here."),
        ((), ""),
    ],
)
def test_a_thread_without_a_title_is_named_after_its_words_or_pictures(posts: tuple[Post, ...], title: str) -> None:
    """Words first, then what the first picture that is described shows, then how many there are."""
    assert title_of_posts(posts) == title


def test_a_title_of_hostile_posts_comes_soon_and_on_one_line() -> None:
    """Megabytes of quotes and of descriptions, and thousands of posts."""
    posts = [pictured("a\n\u202e" * 500_000, text="“'\"« " * 200_000)] * 10_000
    started = time.monotonic()
    title = title_of_posts(posts)

    assert time.monotonic() - started < 1
    assert title == one_line(title) and len(title) <= 100


@given(NASTY, st.integers(min_value=1, max_value=120))
def test_a_title_is_one_line_within_its_limit(text: str, limit: int) -> None:
    """Whatever is thrown at it."""
    title = title_of(text, limit)

    assert len(title) <= limit
    assert title == one_line(title)


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("short enough", 12, "short enough"),
        ("one two three", 9, "one two…"),
        ("one two three", 8, "one two…"),
        ("one two three", 7, "one…"),
        ("read https://a.example/long/way now", 30, "read…"),
        ("https://a.example/long/way", 10, "…"),
        ("unbreakableword", 8, "unbreak…"),
        (FRANCE * 3, 4, FRANCE + "…"),
        (FAMILY * 2, 9, FAMILY[:0] + FAMILY[:7] + "…" if len(FAMILY) == 7 else "…"),
        (f"hi {SCOTLAND}{SCOTLAND}", 12, "hi…"),
        ("橋はなぜ鳴るのか風のため", 6, "橋はなぜ鳴…"),
        ("e\u0301" * 5, 4, "e\u0301…"),
        ("क्षत्रियक्षत्रिय", 4, "क्ष…"),
        ("日本語https://a.example/b です", 8, "日本語…"),
        ("anything", 1, "…"),
        ("anything", 0, ""),
    ],
)
def test_cuts_are_between_what_people_see(text: str, limit: int, short: str) -> None:
    """Between words, else between characters; never in a link, a flag, an emoji, a syllable."""
    assert shorten(text, limit) == short


@given(NASTY, st.integers(min_value=0, max_value=120))
def test_a_cut_is_within_its_limit_and_clean(text: str, limit: int) -> None:
    """A cut never makes text longer, nor leaves half a direction change."""
    cleaned = clean(text)
    short = shorten(cleaned, limit)

    assert len(short) <= limit
    assert clean(short) == short


@given(NASTY, st.sampled_from(["https://a.example/x", "http://b.example/(y)", "https://", "javascript:x", ""]))
def test_pieces_are_the_whole(text: str, link: str) -> None:
    """Splitting at links loses nothing, and only web links count as such."""
    pieces = list(split_links(text + link + text))

    assert "".join(piece for piece, _ in pieces) == text + link + text
    assert [piece for piece, is_link in pieces if is_link and not is_web_link(piece)] == []


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("see (https://en.example/wiki/A_(b)).", ["https://en.example/wiki/A_(b)"]),
        ("https://a.example/x, https://b.example?", ["https://a.example/x", "https://b.example"]),
        ("日本https://a.example/b。次", ["https://a.example/b"]),
        ('<a href="https://a.example/">', ["https://a.example/"]),
        ("ftp://a.example javascript:alert(1)", []),
    ],
)
def test_links_end_where_people_end_them(text: str, links: list[str]) -> None:
    """Brackets that belong to a link stay with it, a sentence's punctuation does not."""
    assert [piece for piece, is_link in split_links(text) if is_link] == links


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "https://",
        "https://a b",
        'https://a.example/"x',
        "//a.example",
        "https://[x",
        "",
    ],
)
def test_only_web_links_are_links(url: str) -> None:
    """Other schemes and broken addresses are not linked."""
    assert not is_web_link(url)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("", 1), ("word " * 230, 1), ("word " * 460, 2), ("字" * 1500, 3), ("https://a.example/" + "x/" * 5000, 1)],
)
def test_reading_time(text: str, minutes: int) -> None:
    """By words, and by characters where words are not spaced; never none."""
    assert reading_minutes(text) == minutes


def test_a_title_is_found_at_once_in_a_text_without_end():
    """450 kB of short sentences: looking back over the whole line at each would take half an hour."""
    assert title_of("A. B! " * 75_000) == title_of("A. B! " * 200)


def test_a_link_is_trimmed_at_once_of_brackets_without_end():
    """Counting them anew for each took minutes of half a million."""
    assert next(split_links("https://a.example" + ")" * 500_000)) == ("https://a.example", True)


def test_a_link_says_where_it_leads() -> None:
    """One with a user in it reads like another host, so it is not made a link."""
    assert not is_web_link("https://good.example@evil.example/")
    assert not is_web_link("https://a:b@evil.example")
    assert is_web_link("https://good.example/@evil.example")


def test_letters_that_nobody_sees_go_and_flags_stay() -> None:
    """Tag characters spell text for machines alone; Scotland's flag is made of them."""
    hidden = "".join(chr(0xE0000 + ord(char)) for char in "obey")

    assert clean(f"a{hidden}b {SCOTLAND}{hidden}") == f"ab {SCOTLAND}"


def test_a_title_stays_one_line_when_its_isolates_are_cut_off() -> None:
    """Found by fuzzing: the blanks round a direction change that lost its end stood side by side."""
    title = title_of("\u2066\u2067\u2068 no end \u2069\u2069\u2069\u2069 \u202c\u202c" * 7)

    assert title == one_line(title)


def test_a_document_is_exact_and_does_nothing_on_a_terminal() -> None:
    """What a terminal acts on is escaped, what is no character replaced."""
    written = json_document({"a": "\x9b31m\u202ex\U000e0041\ud800"})

    assert json.loads(written) == {"a": "\x9b31m\u202ex\U000e0041\ufffd"}
    assert not set("\x9b\u202e\U000e0041\ud800") & set(written)


def test_marks_do_not_pile_up_where_isolates_are_cut_off() -> None:
    """Found by fuzzing: isolates stood between the marks, and went with their ends."""
    text = ("\u2066" + "\u0301" * 10) * 5 + "word " * 50 + "\u2069" * 5

    assert shorten(clean(text), 80).count("\u0301") == 10


def test_a_link_is_made_of_clean_text() -> None:
    """Found by fuzzing: an address that stands for itself brought marks without end into a notice."""
    assert not is_web_link("https://z" + "\u0301" * 50 + ".example")
    assert is_web_link("https://bücher.example/ở")


_WORDS = ("Okay. ", "So. ", "a thread ", "1/ ", "https://example.org/long/path ", "Mr. ", "👇 ", "日本語。", "word ")
PIECES = st.sampled_from([*"ab.!?…“”’\"«»\n ", *_WORDS])


@given(st.lists(PIECES, max_size=200).map("".join))
def test_a_title_is_what_reading_all_of_the_text_would_find(text):
    """It is looked for sentence by sentence, and ends where it is found; a quotation or a short word has it read on."""
    assert title_of(text) == (_found_in(text, 100) or shorten(" ".join(_lines(text)), 100))


def _found_in(text, limit):
    """The first sentence that says something, of all sentences of the text."""
    lines = list(_lines(text))
    whole, spans = " ".join(lines), []
    for at, line in enumerate(lines):
        offset = sum(len(before) + 1 for before in lines[:at])
        spans += [(offset + start, offset + end) for start, end in sentence_spans(line)]
    for at, (start, end) in enumerate(spans):
        if _says_something(whole[start:end]) and not is_hook(whole[start:end]):
            opened = [closed for begun, closed in quotations(whole[start:]) if begun < end - start < closed]
            least = start + (opened[0] if opened else end - start)
            stop = next((stop for _, stop in spans[at:] if stop >= least), end)
            return shorten(whole[start : stop if stop - start >= 8 else len(whole)], limit)
    return ""
