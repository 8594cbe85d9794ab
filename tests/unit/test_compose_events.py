"""What is told of each event, and how notices of one thread belong together."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace

import pytest

from bot.channels.services import MAIL_LIMITS, MATRIX_LIMITS, SLACK_LIMITS, matrix_content
from bot.compose import MAY_REPEAT, compose
from bot.model import Batch, Entry, Item, Limits, Media, Message, Post
from bot.policy import Policy
from tests.hostile.readers import MAIL_WITH_IMAGES, MATRIX, read_html
from tests.servers.notices import BEFORE, BRIDGES, EVE, FIRST, PARIS, THEIRS, batch, entry, happened

WIDE = Limits(title=200, text=100_000)
FORMS = {"mail": MAIL_LIMITS, "matrix": MATRIX_LIMITS, "slack": SLACK_LIMITS, "plain": WIDE}
GROWN = happened(BRIDGES, "grown", before=BEFORE, first=FIRST)
GONE = happened(BRIDGES, "gone", first=FIRST)
FULL = Policy(summary="full")


def told(*items: Entry | Item, limits: Limits = WIDE, policy: Policy | None = None) -> Message:
    return compose(of := batch(*items), limits, zone=PARIS, policies=[policy or Policy()] * len(of.items))


# -- titles ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "form", "title"),
    [
        (happened(entry()), "mail", "Ada Example: Why do bridges hum? (4 posts)"),
        (happened(entry()), "slack", "Ada Example: Why do bridges hum?"),
        (happened(entry(posts=(), post_count=None)), "mail", "Ada Example: Why do bridges hum?"),
        (GROWN, "mail", f"Re: {FIRST.titled}"),
        (GONE, "mail", f"Re: {FIRST.titled}"),
        (
            replace(GROWN, first=None),
            "mail",
            "Ada Example: Four lessons from twenty years of building bridges… (+2 posts)",
        ),
        (replace(GONE, first=replace(FIRST, titled="")), "mail", "(removed)"),
        (GROWN, "matrix", "Ada Example: Four lessons from twenty years of building bridges that hum (+2 posts)"),
        (GONE, "slack", "Ada Example: Four lessons from twenty years of building bridges that hum (removed)"),
        (happened(BEFORE, "grown", before=BRIDGES), "slack", "(+1 post)"),
        (happened(BRIDGES, "grown", before=replace(BRIDGES, posts=BRIDGES.posts[:1] * 2)), "plain", "(+5 posts)"),
        (happened(BRIDGES, "grown"), "plain", "(changed)"),
    ],
)
def test_a_title_says_what_happened(item: Item, form: str, title: str) -> None:
    """In mail the answer to the first notice has its subject: Gmail keeps mails together by that."""
    assert told(item, limits=FORMS[form]).title.endswith(title)


def test_only_edited_and_only_removed_are_said() -> None:
    """Growth need not be more posts."""
    edited = replace(BRIDGES, posts=(Post(id="0", text="Five lessons"), *BRIDGES.posts[1:]))
    fewer = replace(BRIDGES, posts=BRIDGES.posts[:4])

    assert told(happened(edited, "grown", before=BRIDGES)).title.endswith("(1 edited)")
    assert told(happened(fewer, "grown", before=BRIDGES)).title.endswith("(2 posts removed)")


def test_every_reply_has_the_subject_of_the_first() -> None:
    """However long it was, and however many answers there are."""
    for title in ("short", "long words " * 30, "Re: what he said", "橋" * 100):
        first = told(entry(title=title), limits=MAIL_LIMITS).title
        reply = told(replace(GROWN, first=replace(FIRST, titled=first)), limits=MAIL_LIMITS).title
        again = told(replace(GROWN, first=replace(FIRST, titled=reply)), limits=MAIL_LIMITS).title

        assert (reply, again) == (f"Re: {first}", f"Re: {first}")


@pytest.mark.parametrize(
    ("items", "title"),
    [
        ((entry("1"), entry("2"), entry("3")), "3 new threads by Ada Example"),
        ((entry("1"), GROWN), "2 threads by Ada Example"),
        ((happened(entry("200")), GROWN), "1 thread by Ada Example"),
        ((happened(THEIRS, feed=EVE), entry("1"), entry("2")), "3 new threads by 2 authors"),
    ],
)
def test_a_list_is_named_by_its_number_and_authors(items: tuple[Item, ...], title: str) -> None:
    """Of one author by name, of several by how many."""
    assert told(*items).title == title


# -- growth ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_growth_tells_what_is_new_alone(form: str) -> None:
    """New posts, the new wording of edited ones with the old one, and what was removed; nothing that is as it was."""
    text = told(GROWN, limits=FORMS[form]).text

    assert "2 new posts, 1 edited, 1 removed since 21 November 2026, 10:00 CET." in text
    assert "4/ Write down what failed." in text and "Thank you for reading." in text
    assert "edited: 1/ Listen before you measure." in text
    assert "was: 1/ Measure before you listen." in text
    assert "removed: This one was taken back." in text
    assert "stethoscope" not in text


def edit(old: str, new: str, limits: Limits = WIDE) -> Message:
    """The notice about one post that read `old` and reads `new`."""
    before, after = (replace(BRIDGES, posts=(*BRIDGES.posts, Post(id="e", text=text))) for text in (old, new))
    return told(happened(after, "grown", before=before), limits=limits)


def test_of_a_long_post_the_changed_part_is_told() -> None:
    """With some words round it, so that the place is found."""
    start, end = "It is told in many words. " * 10, " And so it went on." * 10
    text = edit(f"{start}It was signed by nobody.{end}", f"{start}It was signed by all three of them.{end}").text

    assert "edited: …many words. It was signed by all three of them. And so it went on. And…" in text
    assert "was: …many words. It was signed by nobody. And so it went on. And…" in text


def test_an_edit_of_pictures_alone_tells_the_post_once() -> None:
    """Its words were the same before."""
    before, after = (
        replace(BRIDGES, posts=(Post(id="e", text="Look.", media=(Media(kind="image", url=url),)),))
        for url in ("https://i.example/1.jpg", "https://i.example/2.jpg")
    )
    text = told(happened(after, "grown", before=before)).text

    assert "edited: Look.\n[image]" in text and "was:" not in text


@pytest.mark.parametrize("form", FORMS)
def test_both_wordings_are_escaped(form: str) -> None:
    """What an author wrote before is as hostile as what they write now."""
    evil = "<img src=x onerror=alert(1)> @room <!channel> [a](javascript:b)"
    message = edit(f"{evil} old", f"{evil} new", FORMS[form])

    assert read_html(message.html, MAIL_WITH_IMAGES if form == "mail" else MATRIX).live == ()
    for part in (message.text, message.html, message.markdown):
        assert not [ping for ping in FORMS[form].pings if ping in part.lower()]


def test_an_edit_of_a_huge_post_does_not_stall() -> None:
    """Only the beginning is compared; the old one is told in short."""
    started = time.monotonic()
    text = edit("a b " * 250_000, "c d " * 250_000, Limits(text=9_000)).text

    assert time.monotonic() - started < 3
    assert "edited: c d" in text


@pytest.mark.parametrize(
    ("known", "news"),
    [
        ("01245", "1 post found in the middle since"),
        ("0145", "2 posts found in the middle since"),
        ("0134", "1 new post, 1 found in the middle since"),
        ("0123", "2 new posts since"),
    ],
)
def test_what_was_missing_in_the_middle_is_not_called_new(known: str, news: str) -> None:
    """It may be as old as the rest: an earlier look did not see it."""
    before = replace(BRIDGES, posts=tuple(BRIDGES.posts[int(number)] for number in known), post_count=6)

    assert news in told(happened(BRIDGES, "grown", before=before)).text


def test_growth_without_what_was_before_says_so() -> None:
    """A thread whose earlier form is not kept, or was a card only: it has changed, and this is what it says now."""
    for before in (None, replace(BEFORE, whole=False)):
        text = told(happened(BRIDGES, "grown", before=before, first=FIRST)).text

        assert re.search("This thread has changed since 21 November 2026", text)
        assert "stethoscope" in text


def test_growth_is_summed_up_too() -> None:
    """A hundred new posts are as many words as a new thread."""
    posts = tuple(Post(id=f"n{number}", text=f"{number}. " + "New words here. " * 10) for number in range(100))
    grown = replace(BRIDGES, posts=BRIDGES.posts + posts, post_count=106)
    short, whole = (
        told(happened(grown, "grown", before=BRIDGES), policy=Policy(summary=mode)).text  # type: ignore[arg-type]
        for mode in ("highlights", "full")
    )

    assert len(short) < 1_600 and re.search(r"… and \d+ more posts: https://", short)
    assert "99. New words here." in whole and "stethoscope" not in whole


def test_what_stands_round_growth_is_of_its_posts() -> None:
    """Links, hashtags and people of what was told before are not told again."""
    old = tuple(replace(post, links=("https://old.example/a",)) for post in BEFORE.posts)
    new = replace(BRIDGES, posts=(*old[:1], *BRIDGES.posts[1:4], BRIDGES.posts[4], BRIDGES.posts[5]))
    text = told(happened(new, "grown", before=replace(BEFORE, posts=old))).text

    assert "https://old.example/a" not in text
    assert "with @bob_example" in text


@pytest.mark.parametrize(("mode", "named"), [("highlights", 20), ("full", 60)])
def test_a_summary_lists_few_links(mode: str, named: int) -> None:
    """And counts the others."""
    links = tuple(f"https://papers.example/{number}" for number in range(60))
    one = replace(BRIDGES, posts=(Post(id="1", text="Words of a post.", links=links),), post_count=1)
    text = told(one, policy=Policy(summary=mode)).text  # type: ignore[arg-type]

    assert text.count("papers.example — ") == named
    assert ("… and 40 more" in text) is (named == 20)


def test_three_quotes_are_named_and_the_others_counted() -> None:
    """A thread that answers many people still ends."""
    quotes = tuple(f"https://x.example/eve/status/{number}" for number in range(5))
    text = told(replace(BRIDGES, posts=(Post(id="1", text="Words of a post.", quotes=quotes),), post_count=1)).text

    assert text.count("/eve/status/") == 3
    assert "status/2\n… and 2 more" in text


@pytest.mark.parametrize(("number", "said"), [(1, False), (3, True)])
def test_a_whole_thread_tells_its_pictures_where_they_stand(number: int, said: bool) -> None:
    """In words, and at the end how many they are."""
    media = tuple(Media(kind="image", url=f"https://i.example/{n}.jpg", alt=f"Fog {n}") for n in range(number))
    text = told(replace(BRIDGES, posts=(Post(id="1", text="Look.", media=media),), post_count=1), policy=FULL).text

    assert text.count("[image: Fog 0]") == text.count("Fog 0") == 1
    assert ("\n3 images" in text) is said


def test_slack_names_the_first_notice() -> None:
    """It is a message of its own there; mail and Matrix show by themselves what it belongs to."""
    said = f"First told as “{FIRST.titled}”, on 21 November 2026, 10:00 CET."

    assert said in told(GROWN, limits=SLACK_LIMITS).text
    assert said not in told(GROWN, limits=MAIL_LIMITS).text + told(GROWN, limits=MATRIX_LIMITS).text
    assert said in told(replace(GROWN, first=replace(FIRST, receipt="")), limits=MATRIX_LIMITS).text


def test_notices_of_a_thread_share_its_id_and_answer_the_first() -> None:
    """New, grown and gone alike; a list belongs to no thread."""
    new, grown, gone = told(BRIDGES), told(GROWN), told(GONE)

    assert new.thread == grown.thread == gone.thread != told(entry("1")).thread
    assert re.fullmatch("[0-9a-f]{32}", new.thread)
    assert (new.reply_to, grown.reply_to, gone.reply_to) == ("", "$first", "$first")
    assert told(happened(BRIDGES, first=FIRST)).reply_to == ""
    assert (told(entry("1"), GROWN).thread, told(entry("1"), GROWN).reply_to) == ("", "")


# -- gone ------------------------------------------------------------------------------------------------


def test_what_is_gone_is_kept_in_words() -> None:
    """Since when it cannot be found, our copy, from when it is, and how to get the rest."""
    long = replace(BRIDGES, posts=BRIDGES.posts * 20, post_count=120)
    text = told(happened(long, "gone"), limits=Limits(text=2_000)).text

    assert "cannot be found any more, as of 22 November 2026, 10:00 CET." in text
    assert "This is our copy, read on 22 November 2026, 10:00 CET." in text
    assert re.search(r"… and \d+ more posts: keepcurrent unroll 200$", text, re.MULTILINE)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mode", ["highlights", "preview", "full"])
def test_all_that_is_gone_is_told(form: str, mode: str) -> None:
    """Whatever the policy says: it may be the only copy that people have. Alone, and in a list."""
    posts = tuple(Post(id=str(number), text=f"Post {number}. " + "Words here. " * 8) for number in range(15))
    gone = happened(replace(BRIDGES, posts=posts, post_count=15), "gone")
    policy = Policy(summary=mode, budget=100)  # type: ignore[arg-type]
    alone, listed = (told(*items, limits=FORMS[form], policy=policy) for items in ((gone,), (gone, entry("1"))))

    assert alone.text.count("Words here.") == listed.text.count("Words here.") == 120


def test_a_mail_brings_all_that_is_gone() -> None:
    """However long, in both of its forms."""
    posts = tuple(Post(id=str(number), text=f"Post {number}. " + "Words here. " * 20) for number in range(100))
    gone = happened(replace(BRIDGES, posts=posts, post_count=100), "gone")

    mail = told(gone, limits=MAIL_LIMITS)

    assert mail.text.count("Words here.") == mail.html.count("Words here.") == 2_000


def test_what_is_gone_without_a_copy_says_so() -> None:
    """Nothing is promised that is not there."""
    assert "No copy of it was kept." in told(happened(replace(BRIDGES, posts=(), whole=False), "gone")).text


@pytest.mark.parametrize("key", ["1; rm -rf /", "$(x)", "a b", "x\ny", "-", "\u202e1"])
def test_a_command_names_only_a_harmless_key(key: str) -> None:
    """What a reader may paste into a shell does nothing else there."""
    long = replace(BRIDGES, key=key, posts=BRIDGES.posts * 20, post_count=120)
    text = told(happened(long, "gone"), limits=Limits(text=2_000)).text

    assert "keepcurrent unroll" not in text or key == "-"


# -- how much, and what else -------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["highlights", "preview"])
def test_a_budget_is_kept(mode: str) -> None:
    """And a thread within it is told whole, with no rest."""
    posts = tuple(Post(id=str(number), text=f"{number}/ " + "Some words here. " * 9) for number in range(1, 40))
    long = replace(BRIDGES, posts=posts, post_count=39)
    policy = Policy(summary=mode, budget=300)  # type: ignore[arg-type]
    words = [line for line in told(long, policy=policy).text.split("\n\n") if "words here" in line]

    assert 100 < sum(map(len, words)) <= 300
    assert "more post" in told(long, policy=policy).text
    assert "more post" not in told(BRIDGES, policy=Policy(summary=mode)).text  # type: ignore[arg-type]


def test_what_a_thread_holds_is_said() -> None:
    """Pictures with the first one's words, quotes, links with their hosts, hashtags and people."""
    text = told(
        replace(
            BRIDGES,
            posts=(
                Post(
                    id="1",
                    text="With @bob_example on #bridges.",
                    links=("https://papers.example/a?b=1", "https://x.example/eve/status/77"),
                    quotes=("https://x.example/eve/status/77",),
                    media=(Media(kind="image", url="https://i.example/1.jpg", alt="Fog"), Media(kind="video", url="")),
                ),
            ),
            post_count=1,
        )
    ).text

    assert "1 image, 1 video; the first: Fog" in text
    assert "Quoted:\nhttps://x.example/eve/status/77" in text
    assert "Links inside:\npapers.example — https://papers.example/a?b=1" in text
    assert "#bridges · with @bob_example" in text


def test_another_language_is_said_and_english_is_not() -> None:
    """The notices are in English: that is what a reader expects."""
    french = (
        "Pourquoi les ponts chantent-ils dans le vent ? Voici quatre leçons que vingt ans de métier m'ont apprises."
    )
    english = "Why do bridges sing in the wind? Here are four lessons that twenty years of work have taught me."

    assert "· French" in told(replace(BRIDGES, posts=(Post(id="1", text=french),))).text
    assert "English" not in told(replace(BRIDGES, posts=(Post(id="1", text=english),))).text


def test_a_gap_is_said() -> None:
    """A thread that numbers its posts, one of which is not there."""
    posts = tuple(Post(id=str(n), text=f"{n}/6 Words of the post number {n}.") for n in (1, 2, 3, 5, 6))

    assert "(Probably incomplete: " in told(replace(BRIDGES, posts=posts, post_count=5)).text


def test_a_gap_that_a_removed_post_left_is_told_once() -> None:
    """As removed, not as missing too."""
    posts = tuple(Post(id=str(n), text=f"{n}/6 Words of the post number {n}.") for n in range(1, 7))
    before, after = (replace(BRIDGES, posts=some, post_count=len(some)) for some in (posts, posts[:2] + posts[3:]))
    text = told(happened(after, "grown", before=before)).text

    assert "removed: 3/6 Words of the post number 3." in text and "incomplete" not in text


def test_the_order_of_a_notice() -> None:
    """Who, where, the words, what else there is, and notes at the end."""
    message = compose(batch(entry(), doubtful=True), WIDE, zone=PARIS, policies=[FULL])
    marks = ("Ada Example (", "https://threads", "1/ Why", "[image", "Quoted:", "Links inside:", "with @", MAY_REPEAT)
    places = [message.text.index(mark) for mark in marks]

    assert places == sorted(places)


@pytest.mark.parametrize("text", ["\\" * 9_000, '"' * 9_000, "橋" * 9_000, "&" * 9_000, "\n𝔘" * 9_000])
def test_an_event_is_below_what_a_homeserver_takes(text: str) -> None:
    """65,536 bytes of JSON with the event's own fields, whatever the characters cost there; most of it is used."""
    posts = tuple(Post(id=str(number), text=text) for number in range(9))
    one = replace(BRIDGES, posts=posts, title=text[:300])
    size = len(json.dumps(matrix_content(told(one, limits=MATRIX_LIMITS, policy=FULL)), ensure_ascii=False).encode())

    assert 30_000 < size < 60_000


# -- lists -----------------------------------------------------------------------------------------------


def digest(limits: Limits) -> Message:
    return told(
        happened(THEIRS, feed=EVE), entry("1"), GROWN, happened(replace(THEIRS, key="301"), feed=EVE), limits=limits
    )


def test_a_digest_is_grouped_by_author() -> None:
    """In the order in which the authors come first, each named once in the table of contents."""
    contents = digest(WIDE).text.split("────────")[0]

    assert [line for line in contents.splitlines() if "@" in line or re.match(r"\d\. ", line)] == [
        "\u2068إيف\u2069 (@eve_example)",
        "1. جسور الريح",
        "2. جسور الريح",
        "Ada Example (@ada_example)",
        "3. Why do bridges hum?",
        "4. +2 posts: Four lessons from twenty years of building bridges that hum",
    ]


@pytest.mark.parametrize("form", FORMS)
def test_a_digest_tells_each_thread(form: str) -> None:
    """Below the contents: title, byline, link, words."""
    text = digest(FORMS[form]).text

    assert text.count("────────") == 4
    assert "vortex shedding" in text and "removed: This one was taken back." in text


@pytest.mark.parametrize("size", [300, 500, 900, 1_500, 3_000])
def test_every_thread_is_named_or_counted(size: int) -> None:
    """However little room there is; with its link, where its words have none."""
    text = told(*(entry(str(number)) for number in range(40)), limits=Limits(text=size)).text
    named = len(set(re.findall(r"/thread/(\d+)\.html", text)))
    more = re.search(r"… and (\d+) more", text)

    assert len(text) <= size
    assert named + int(more[1] if more else 0) == 40


def test_policies_belong_to_their_threads() -> None:
    """Each author's notices are as that author's policy says, also once they are put in order."""
    long = tuple(Post(id=str(number), text=f"Post {number}. " + "Words. " * 30) for number in range(30))
    items = (
        happened(replace(THEIRS, posts=long, post_count=30), feed=EVE),
        happened(entry("1", posts=long, post_count=30)),
        happened(replace(THEIRS, key="301", posts=long, post_count=30), feed=EVE),
    )
    of = Batch(id="b", channel="me", items=items)
    text = compose(of, WIDE, zone=PARIS, policies=[Policy(), FULL, Policy()]).text
    stories = text.split("────────")[1:]

    assert [len(story) > 5_000 for story in stories] == [False, False, True]


def test_right_to_left_names_turn_nothing() -> None:
    """The handle and the date behind an Arabic name stay where they are, and "@" before the handle."""
    start = "\u2068إيف\u2069 (@eve_example) · 21 November 2026"

    assert told(happened(THEIRS, feed=EVE)).text.startswith(start)
    assert f">{start}" in told(happened(THEIRS, feed=EVE), limits=MAIL_LIMITS).html
