"""Highlights and previews of every kind of thread."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model import Entry, Post
from bot.summary import BUDGET, Passage, Summary, highlights, preview
from bot.text import clean, is_web_link, joined, split_links, words_of
from tests.made_threads import ANNOUNCED, FAMILY, FRANCE, MADE, SCOTLAND, thread
from tests.shared import shared

BUDGETS = (0, 1, 2, 15, 60, 120, 250, 400, BUDGET, 1_000, 3_000)
BIG = BUDGETS[5:]
"""From here on no word, however long, has to be cut."""
NASTY = st.lists(
    st.text(
        alphabet=st.one_of(
            st.characters(),
            st.sampled_from("\ud800\x00\u2028\u202e\u2069\u200d\ufe0f\u0301\n\t🇫🇷👩🏽 .!?。:/()12一•-#@"),
        ),
        max_size=120,
    ),
    max_size=12,
)


def length(summary: Summary) -> int:
    return sum(len(passage.text) + 2 for passage in summary.passages) - 2 if summary.passages else 0


def said(summary: Summary) -> str:
    return " ".join(" ".join(passage.text.split()) for passage in summary.passages)


def texts(entry: Entry, budget: int = BUDGET) -> list[str]:
    return [passage.text for passage in highlights(entry.posts, budget=budget).passages]


@pytest.fixture(params=[highlights, preview], ids=lambda made: made.__name__)
def made(request):
    return request.param


@pytest.mark.parametrize("name", MADE)
def test_the_budget_is_kept(made, name: str) -> None:
    """By every kind of thread, whatever the budget."""
    assert [b for b in BUDGETS if length(made(MADE[name].posts, budget=b)) > b] == []


@pytest.mark.parametrize("name", MADE)
def test_order_is_kept(made, name: str) -> None:
    """Passages stand in the thread's order, and within a post in the post's."""
    for budget in BUDGETS:
        found = places(MADE[name], made(MADE[name].posts, budget=budget))

        assert found == sorted(found)
        assert [at for _, _, at in found if at < 0] == [], "the author's own words"


def places(entry: Entry, summary: Summary) -> list[tuple[int, int, int]]:
    """Of each passage its post, its number there, and where in the post's words it stands (-1: nowhere)."""
    found: list[tuple[int, int, int]] = []
    for passage in summary.passages:
        words = " ".join(words_of(entry.posts[passage.post]).split())
        kept = unmarked(" ".join(passage.text.split()))
        before = [at for post, _, at in found if post == passage.post]
        found.append((passage.post, len(before), words.find(kept, max(before, default=-1) + 1)))
    return found


def unmarked(text: str) -> str:
    """A passage without what says that something is left out."""
    return text.removesuffix("…").removesuffix(" ").removeprefix("… ")


def cuts(entry: Entry, summary: Summary) -> list[tuple[str, int]]:
    """Where passages begin and end in the words of their posts."""
    found = []
    for passage in summary.passages:
        words = re.sub(r"\s+", " ", words_of(entry.posts[passage.post]))
        kept = unmarked(re.sub(r"\s+", " ", passage.text))
        start = words.find(kept)
        found += [(words, start), (words, start + len(kept))]
    return found


@pytest.mark.parametrize("name", MADE)
def test_no_cut_goes_through_what_people_see_as_one(made, name: str) -> None:
    """No emoji, no flag, no letter with its marks is torn."""
    entry = MADE[name]
    found = [cut for budget in BUDGETS[3:] for cut in cuts(entry, made(entry.posts, budget=budget))]

    assert [words[at - 3 : at + 3] for words, at in found if joined(words, at)] == []


@pytest.mark.parametrize("name", [name for name in MADE if name not in ("japanese", "chinese", "emoji heavy")])
def test_no_cut_goes_through_a_word(made, name: str) -> None:
    """In scripts that have spaces."""
    entry = MADE[name]
    found = [cut for budget in BIG for cut in cuts(entry, made(entry.posts, budget=budget))]

    assert [
        words[at - 5 : at + 5] for words, at in found if words[at - 1 : at + 1].isalnum() and 0 < at < len(words)
    ] == []


@pytest.mark.parametrize("name", MADE)
def test_links_are_whole(made, name: str) -> None:
    """A link is said whole or not at all."""
    entry = MADE[name]
    whole = {link for post in entry.posts for link, is_link in split_links(post.text) if is_link}
    passages = [passage for b in BUDGETS for passage in made(entry.posts, budget=b).passages]

    assert {link for passage in passages for link, is_link in split_links(passage.text) if is_link} <= whole


@pytest.mark.parametrize("name", ANNOUNCED)
def test_every_announced_point_is_told(name: str) -> None:
    """Where the points fit, none is left out."""
    summary = said(highlights(MADE[name].posts))

    assert [point for point in ANNOUNCED[name] if point not in summary] == []


@pytest.mark.parametrize("name", [name for name in MADE if name not in ("images only", "empty")])
def test_the_claim_comes_first(name: str) -> None:
    """A summary begins where the author does."""
    assert highlights(MADE[name].posts).passages[0].post == 0


@pytest.mark.parametrize("name", MADE)
def test_shown_posts_are_shown(made, name: str) -> None:
    """A post that counts as said is said to the last word; one that is said whole counts."""
    entry = MADE[name]
    for budget in BUDGETS:
        summary = made(entry.posts, budget=budget)
        whole = {p.post for p in summary.passages if p.text.split() == words_of(entry.posts[p.post]).split()}

        assert summary.shown == whole


def test_passages_of_a_thread_that_fits_are_all_of_it() -> None:
    """Then nothing is left out, whatever it is."""
    assert texts(MADE["arabic"]) == [post.text for post in MADE["arabic"].posts]


@pytest.mark.parametrize("name", ["announced list", "plea at the end", "arabic", "hindi", "unmarked"])
def test_pleas_are_left_out(name: str) -> None:
    """What asks for a share or names a newsletter is no highlight, in any language."""
    entry = MADE[name]
    room = sum(len(post.text) + 2 for post in entry.posts) - 3
    last = len(entry.posts) - 1

    assert last not in [passage.post for passage in highlights(entry.posts, budget=room).passages]


def test_what_only_announces_the_thread_is_left_out() -> None:
    """ "A thread 👇" tells nothing that the notice does not."""
    assert "A thread" not in said(highlights(MADE["announced list"].posts))
    assert "Let's dive in" not in said(highlights(thread("5", "Bridges hum. Let's dive in:", "They do. " * 90).posts))


def test_what_the_thread_comes_back_to_is_told() -> None:
    """And its end; not what it says by the way."""
    posts = [f"The handrail of bridge {n} hums since the wind finds a gap under that handrail." for n in range(9)]
    posts[4] = "My lunch was a sandwich with cheese from a kiosk, which nobody should eat."
    told = said(
        highlights(thread("5", "Why do they hum?", *posts, "So close every gap, and it is quiet.").posts, budget=200)
    )

    assert "handrail" in told
    assert "sandwich" not in told
    assert "So close every gap" in told


@pytest.mark.parametrize("name", ["ordinals", "story", "chinese", "contents"])
def test_no_budget_is_passed_by_a_character(made, name: str) -> None:
    """Every one of them, as the last characters are where it would be."""
    assert [b for b in range(700) if length(made(MADE[name].posts, budget=b)) > b] == []


def test_a_post_that_is_read_in_part_is_not_shown_whole(made) -> None:
    """However large the budget."""
    posts = (Post(id="1", text="Bridges hum in the wind. " * 1_000),)

    assert made(posts, budget=100_000).shown == frozenset()


def test_an_opening_may_plead() -> None:
    """What the thread is about may be a share: "For every retweet …"."""
    tips = (f"Tip on voices: {n} {'word ' * 30}" for n in range(9))
    entry = thread("5", "For every retweet this gets I'll add a tip on speaking.", *tips)

    assert texts(entry)[0] == "For every retweet this gets I'll add a tip on speaking."


def test_a_question_comes_with_its_answer() -> None:
    """No answer stands there without what was asked."""
    for budget in range(100, 700, 25):
        told = texts(MADE["questions"], budget)

        assert [text for text in told if text.startswith("A:")] == []


def test_words_of_nothing_but_signs_are_no_highlights() -> None:
    """Rows of emoji, links, hashtags."""
    signs = ("🔥🔥🔥🔥", "https://a.example/b", "#wind #bridges")
    entry = thread("5", "Bridges hum in the wind, and I know why.", *signs, "It is the handrail. " * 60)

    assert [passage.post for passage in highlights(entry.posts).passages] == [0, 4]


def test_the_mentions_of_an_answer_are_left_out() -> None:
    """They stand there only because the post answers somebody."""
    assert "@tom_rail" not in said(highlights(MADE["answers"].posts))
    assert "@tom_rail" not in said(preview(MADE["answers"].posts))


def test_points_that_are_too_many_are_told_whole() -> None:
    """Thirty points cut to ten characters each would say nothing."""
    points = (
        f"{n}/ Point number {n} is about a thing that I saw in {1980 + n} in our town. More." for n in range(1, 31)
    )
    told = texts(thread("5", "Thirty things I saw: 30 of them, one a year.", *points))

    assert len(told) > 6
    assert [text for text in told if text.endswith("…")] == []


def test_points_are_cut_alike_where_all_fit() -> None:
    """Better all five in short than three in full."""
    points = (f"{n}. Point {'abcde'[n - 1]} is long since it says {'this and that and ' * 9}more." for n in range(1, 6))
    told = texts(thread("5", "Five points on writing.", *points))

    assert [text[:7] for text in told[1:]] == ["1. Poin", "2. Poin", "3. Poin", "4. Poin", "5. Poin"]
    assert all(text.endswith("…") for text in told[1:])


def test_three_long_points_are_told_though_nobody_announced_them() -> None:
    """In languages whose numbers are not known, a list of few is told all the same."""
    points = (f"{n}. วัดก่อนวาดสะพานแรกของเรา {'ส่งเสียงเพราะไม่มีใครไปยืนริมฝั่ง ' * 9}" for n in range(1, 4))
    told = texts(thread("5", "ทำไมสะพานถึงส่งเสียงในสายลม", *points))

    assert [text[:2] for text in told[1:]] == ["1.", "2.", "3."]


def test_a_list_within_a_sentence_is_not_what_was_announced() -> None:
    """The six habits are the posts, whatever one of them counts."""
    verbs = ("read", "cut", "ask", "sing", "burn", "keep")
    habits = [f"They {verb} what they wrote {'again and once more ' * 6}until it is done." for verb in verbs]
    habits[2] += " Two things help: a door, and a watch."
    told = said(highlights(thread("5", "Six habits make better writers.", *habits).posts))

    assert [verb for verb in verbs if f"They {verb}" not in told] == []


REST = "The rest of it is about other things, of which there are many in our town. " * 12
QUALIFIED = (
    ("The state must repay the money, with interest.", "But only to those who sued."),
    ("The law is void.", "Except for section 4, which stands."),
    ("Cllr Moore moves to delay the vote to March.", "Defeated 18–23."),
    ("'We were told in 2019 that the wall would hold until 2060.", "It will not.'"),
    ("“We were told in 2019 that the wall would hold.", "Our children were told so.”"),
    ("La loi est nulle dans son ensemble.", "Sauf pour les écoles."),
    ("Das Gesetz gilt von heute an für alle.", "Aber nur für zwei Jahre."),
    ("La ley es nula desde hoy.", "Pero no para todos."),
    ("La legge è nulla da oggi.", "Tranne che per le scuole."),
    ("A lei é nula a partir de hoje.", "Exceto para as escolas."),
    ("De wet is nietig vanaf vandaag.", "Behalve voor de scholen."),
)


@pytest.mark.parametrize(("claim", "qualifier"), QUALIFIED)
def test_a_qualifier_stays_with_what_it_qualifies(claim: str, qualifier: str) -> None:
    """Both are told, or neither: one alone turns the meaning round. A cut within them is seen."""
    entry = thread("5", f"Here is what I heard today in the town hall. {claim} {qualifier} {REST}", REST)
    for budget in range(60, 700, 7):
        told = said(highlights(entry.posts, budget=budget))

        assert (f"{claim} {qualifier[:3]}" in told) == (claim in told)
        assert (f"{claim} {qualifier}" in told) == (qualifier in told)


@pytest.mark.parametrize(("claim", "qualifier"), QUALIFIED)
def test_a_claim_comes_with_its_qualifier(claim: str, qualifier: str) -> None:
    """Also where the thread begins with it."""
    assert texts(thread("5", f"{claim} {qualifier} {REST}"), 300)[0].startswith(f"{claim} {qualifier}")


def test_a_post_that_takes_back_comes_with_the_one_before() -> None:
    """ "But …" at the start of the next post is needed as much."""
    posts = (
        "The town is loud at night. " + REST,
        "The court has annulled the whole law.",
        "But only for our town.",
        REST,
    )
    for budget in range(150, 600, 50):
        told = said(highlights(thread("5", *posts).posts, budget=budget))

        assert ("annulled" in told) == ("only for our town" in told)


def test_what_is_left_out_of_a_post_is_marked() -> None:
    """At its beginning, in its middle, at its end; nothing where it is told whole."""
    entry = thread("5", "One bridge hums. A cat sat there. The bridge hums at night.", "All is well now.")
    sentences = ("One bridge hums.", "A cat sat there.", "The bridge hums at night.")
    for budget in range(30, 80):
        told = " ".join(p.text for p in highlights(entry.posts, budget=budget).passages if p.post == 0)
        marked = " ".join(sentence if sentence in told else "…" for sentence in sentences)

        assert told == marked.replace("… …", "…")


def test_a_beginning_left_out_is_marked() -> None:
    """The second sentence of a post does not look like its first."""
    told = texts(MADE["story"])

    assert MADE["story"].posts[1].text.startswith("He was no clockmaker. He was a tram driver")
    assert [text[:21] for text in told if text.startswith("…")] == ["… He was a tram drive"]


@pytest.mark.parametrize("budget", range(40, 400, 12))
def test_no_quotation_is_cut_open(made, budget: int) -> None:
    """It is told to its end, or not at all."""
    quoted = "“The wall will hold until 2060, as long as nobody digs. Many will dig.”"
    entry = thread("5", f"The engineer came to our meeting and said {quoted} Then he left. {REST}", REST)
    told = said(made(entry.posts, budget=budget))

    assert "“" not in told or quoted in told


def test_a_point_left_out_of_a_list_is_marked() -> None:
    """One to six, eight to thirteen: the reader sees that the seventh is missing."""
    points = [f"{n}. Bridge {n} hums {'at noon and at night ' * (9 if n == 7 else 1)}so." for n in range(1, 14)]
    told = texts(thread("5", "Thirteen bridges of our town, and how they hum: 13 of them.", *points), 500)

    assert told[7] == "…"
    assert [text[:2] for text in told[6:9:2]] == ["6.", "8."]


def test_posts_that_are_alike_use_the_budget() -> None:
    """A diary says much the same each day; that is no reason to say nothing of it."""
    posts = tuple(Post(id=str(n), text=f"Day {n}: the bridge hums in the wind again.") for n in range(60))

    assert length(highlights(posts)) >= length(preview(posts)) - 60
    assert length(highlights(posts)) > 500


def test_sentences_that_are_alike_use_the_budget() -> None:
    """Also in one post."""
    posts = (Post(id="1", text="The mayor lied. " * 60), Post(id="2", text="The mayor lied again. " * 60))

    assert length(highlights(posts)) > 500


def test_a_short_sentence_that_comes_back_is_told_once() -> None:
    """ "Why is that?" at the end of each post is no highlight twenty times."""
    posts = (
        f"Bridge {n} of {'abcdefghij'[n]}-town hums in {1900 + n} for its handrail. Why is that?" for n in range(9)
    )
    told = said(highlights(thread("5", *posts, "Nobody here can tell. " * 3, REST).posts, budget=300))

    assert told.count("Why is that? …") <= 1


def test_a_cut_is_no_full_stop_before_a_qualifier() -> None:
    """Where a cut falls right between the two, one word less is told."""
    law = "The law on the bridges is void. Except for section 4, which stands as it is."
    told = {said(preview((Post(id="1", text=law),), budget=budget)) for budget in range(20, 60)}

    assert [text for text in told if text.endswith("void.…")] == []


def test_a_preview_is_the_beginning() -> None:
    """Whole posts, then one that is cut between words."""
    entry = thread("5", "One two three.", "", "Four five six.", "Seven eight nine. " * 20)

    assert preview(entry.posts, budget=120) == Summary(
        passages=(
            Passage(text="One two three.", post=0),
            Passage(text="Four five six.", post=2),
            Passage(text=f"{'Seven eight nine. ' * 4}Seven eight…", post=3),
        ),
        shown=frozenset((0, 2)),
    )


def test_a_budget_for_nothing_gives_a_beginning() -> None:
    """Cut as any text is."""
    entry = thread("5", "Bridges hum in the wind. They do.", "More of it.")

    assert texts(entry, 14) == ["Bridges hum…"]
    assert texts(entry, 0) == []


def test_nothing_comes_of_nothing(made) -> None:
    """No posts, no words, no passages."""
    assert made(()) == Summary()
    assert made(MADE["images only"].posts) == Summary()


@given(NASTY, st.integers(min_value=0, max_value=400))
def test_hostile_words_do_no_harm(posts: list[str], budget: int) -> None:
    """Whatever is thrown at it: clean, within the budget, in order, the same again."""
    made = tuple(Post(id=str(at), text=text) for at, text in enumerate(posts))
    for summary in (highlights(made, budget=budget), preview(made, budget=budget)):
        assert length(summary) <= budget
        assert all(clean(passage.text) == passage.text for passage in summary.passages)
        assert all(before.post <= after.post for before, after in pairwise(summary.passages))
    assert highlights(made, budget=budget) == highlights(made, budget=budget)


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        " ",
        "\n",
        "!",
        "(",
        "1/ ",
        "1) ",
        "A. b! ",
        "q? ",
        "two: a, ",
        "ab\n",
        "橋",
        "z\u0301",
        FAMILY,
        FRANCE,
        SCOTLAND,
        "https://a.example/",
        "@a ",
        "#a ",
        "- ",
        "First, ",
        "x(",
        "= ",
        "\u2066",
    ],
)
def test_a_megabyte_does_not_stall(made, piece: str) -> None:
    """In one post or in a thousand; the test's own time limit is the measure."""
    text = piece * (1_000_000 // len(piece))
    one = made((Post(id="1", text=text),))
    many = made(tuple(Post(id=str(at), text=text[at * 1000 : at * 1000 + 1000]) for at in range(1000)))

    assert max(length(one), length(many)) <= BUDGET


def test_it_is_the_same_on_every_run() -> None:
    """In processes of their own, whose hashes differ."""
    program = (
        "from tests.made_threads import MADE; from bot.summary import highlights\n"
        "print([highlights(entry.posts).passages for entry in MADE.values()])"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            check=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
        ).stdout
        for seed in ("1", "2", "3")
    }

    assert len(runs) == 1
    assert len(runs.pop()) > 1000


def test_the_recorded_thread_gives_its_objectives_and_lessons() -> None:
    """The thread on France's cyber dialogue: not only its opening line."""
    page = shared("real/threadreader/2021-07_thread_morcos_pierre_1415051905190047746.txt").read_text()
    lines = [line for line in page.split("• • •")[0].splitlines() if line.strip()]
    posts = tuple(Post(id=str(at), text=line) for at, line in enumerate(lines) if " " in line)
    told = said(highlights(posts))

    assert [word for word in ("(1)", "(2)", "(3)", "First,", "Second,", "Third,", "Fourth,") if word not in told] == []
    assert told.startswith("My @CSIS colleague")


def test_every_link_of_the_made_threads_is_one() -> None:
    """So that the tests above test something."""
    posts = [post for entry in MADE.values() for post in entry.posts]
    links = [link for post in posts for link, is_link in split_links(post.text) if is_link]

    assert len(links) > 12
    assert all(map(is_web_link, links))
