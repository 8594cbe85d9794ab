"""What can be listed of a thread."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.facts import facts_of, reading_time
from bot.model import Media, Post
from tests.made_threads import ANSWERS, EMPTY, FRANCE, IMAGES_ONLY, MADE, ONE_LONG_POST, QUOTED, TWO_LANGUAGES, thread


def test_the_facts_of_a_thread() -> None:
    """Quoted posts are no links; tags and people have no sign before them."""
    facts = facts_of(QUOTED)

    assert facts.posts == 5
    assert facts.language == "en"
    assert facts.links == (("https://agency.example/notes.pdf", "agency.example"),)
    assert facts.quotes == ("https://x.com/charts/status/777000111",)
    assert facts.images == 2
    assert facts.first_image is not None
    assert facts.first_image.alt == "A page of the notes, the third paragraph marked"
    assert facts.hashtags == ("dataviz", "statistics")
    assert facts.mentions == ("agency_stats",)


def test_an_empty_thread_has_few_facts() -> None:
    """Nothing is made up."""
    facts = facts_of(EMPTY)

    assert (facts.posts, facts.minutes, facts.language, facts.links) == (0, 1, "", ())
    assert (facts.first_image, facts.mentions) == (None, ())


def test_posts_that_were_not_read_count() -> None:
    """The site says how many there are."""
    assert facts_of(replace(QUOTED, post_count=12, whole=False)).posts == 12


def test_people_of_a_reply_are_not_mentioned() -> None:
    """Only those whom the author names, and not the author."""
    own = replace(ANSWERS, posts=(*ANSWERS.posts, Post(id="9", text="As I, @Ida_Bridge, said to @Clerk_of_House.")))

    assert facts_of(own).mentions == ("clerk_of_house",)


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("write to ann@mail.example", ()),
        ("ask @ann@social.example.", ("ann@social.example",)),
        ("ask @ann.bsky.social, please", ("ann.bsky.social",)),
        ("ask (@ann) and “@tom”", ("ann", "tom")),
        ("see https://x.com/@ann", ()),
        ("@Ann and @ann", ("Ann",)),
    ],
)
def test_mentions(text: str, mentions: tuple[str, ...]) -> None:
    """Handles of X, Mastodon and Bluesky; no addresses of mail, nothing inside links."""
    assert facts_of(thread("77", text)).mentions == mentions


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("#cyber and #NATO, #Cyber", ("cyber", "NATO")),
        ("#हिन्दी #日本語 ＃東京", ("हिन्दी", "日本語", "東京")),
        ("C# is fine, &#39; too, item #3", ("3",)),
        ("https://a.example/#part", ()),
    ],
)
def test_hashtags(text: str, tags: tuple[str, ...]) -> None:
    """In any script, each once, none from links."""
    assert tuple(tag for tag in facts_of(thread("77", text)).hashtags if tag) == tags


def test_the_threads_own_links_and_pictures_are_left_out() -> None:
    """What leads to the thread itself or to a picture is no link of its own."""
    own = "https://threadreaderapp.com/thread/888000.html"
    media = Media(kind="video", url="https://video.example/a.mp4")
    entry = thread(
        "888",
        Post(
            id="888000777",
            text=f"see {own} and https://x.com/ida_bridge/status/888000777 https://www.a.example/x",
            links=(
                "https://pbs.twimg.com/media/a.jpg",
                "https://x.com/b/status/1/photo/1",
                "https://video.example/a.mp4",
                "https://www.a.example/x",
                "javascript:alert(1)",
            ),
            media=(media,),
        ),
    )
    facts = facts_of(entry)

    assert facts.links == (("https://www.a.example/x", "a.example"),)
    assert (facts.images, facts.videos, facts.first_image) == (0, 1, None)


def test_images_are_counted() -> None:
    """Posts without words have facts too."""
    facts = facts_of(IMAGES_ONLY)

    assert (facts.images, facts.minutes, facts.language) == (6, 1, "")


def test_minutes_and_language() -> None:
    """Of all words; of two languages the one that comes first and most."""
    assert facts_of(ONE_LONG_POST).minutes == 3
    assert facts_of(TWO_LANGUAGES).language in ("fr", "en")


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (0, "1 min read"),
        (1, "1 min read"),
        (4, "4 min read"),
        (60, "1 h read"),
        (70, "1 h 10 min read"),
        (125, "2 h 5 min read"),
    ],
)
def test_reading_time(minutes: int, said: str) -> None:
    """As people say it."""
    assert reading_time(minutes) == said


def test_a_huge_thread_is_reckoned() -> None:
    """Fifty thousand posts are not all read; their minutes are reckoned from their length."""
    entry = thread("66", *(["twenty words " * 10] * 50_000))
    minutes = facts_of(entry).minutes

    assert 4200 < minutes < 4500


@pytest.mark.parametrize("piece", ["@a", "@a.", "#a", "# ", "@", "https://a.example/x ", "@a@b.c ", FRANCE, "-"])
def test_facts_do_not_stall(piece: str) -> None:
    """A megabyte of anything; the test's own time limit is the measure."""
    assert facts_of(thread("66", piece * (1_000_000 // len(piece)))).posts == 1


@pytest.mark.parametrize("name", MADE)
def test_facts_are_the_same_on_every_run(name: str) -> None:
    """And every made thread has some."""
    assert facts_of(MADE[name]) == facts_of(MADE[name])
