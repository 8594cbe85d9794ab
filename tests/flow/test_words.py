"""What commands say of authors to a person: by what name, how many, and what may be given to the next command."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from bot import show
from bot.commands import following
from bot.demo.site import UnrollSite, samples
from bot.model import Author, Feed
from bot.orders import Option, Whereabouts
from tests.servers.bluesky import AppView, appview
from tests.servers.feeds import feed_site
from tests.service import keepcurrent, one_process, write_settings

__all__ = ["one_process"]

AUTHOR = f"@{samples().author.handle}"
PRIVATE = 'allow_private_hosts = ["127.0.0.1"]'
CONSOLE = '[channels.me]\nkind = "console"'


# -- what an author is called -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "key", "handle", "expected"),
    [
        ("did:plc:ann", "did:plc:ann", "ann.example.com", "@ann.example.com"),
        ("did:plc:ann", "did:plc:ann", "did:plc:ann", "did:plc:ann"),
        ("did:plc:ann", "did:plc:ann", "", "did:plc:ann"),
        ("@ann", "42", "ann", "@ann"),
        ("https://blog.example/feed", "", "", "https://blog.example/feed"),
    ],
)
def test_an_author_is_called_by_what_people_can_read(address, key, handle, expected):
    """The handle where the address is a lasting id; else the address."""
    feed = Feed(id="x", source="x", address=address, author=Author(handle=handle, key=key))

    assert feed.called == expected


async def with_bluesky(folder: Path, site: UnrollSite, view: AppView) -> str:
    """Settings for both, with an author of Bluesky who is followed and has a new thread; her DID."""
    channels = f'[sources.bluesky]\nbase_url = "{view.url}"\n{CONSOLE}'
    write_settings(folder, site.base_url, channels, PRIVATE)
    did = view.join("ada.example.com")
    view.thread(did, "Old one.", "Old two.")
    await keepcurrent("follow", "@ada.example.com", cwd=folder)
    return did


async def test_nobody_is_shown_as_a_did(home, site):
    """In no table and no line; documents keep the address."""
    async with appview() as view:
        did = await with_bluesky(home, site, view)
        (root, _) = view.thread(did, "New one.", "New two.")
        polled = await keepcurrent("poll", "--all", cwd=home)
        threads = await keepcurrent("threads", cwd=home)
        why = await keepcurrent("why", root.rpartition("/")[2], cwd=home)
        outbox = await keepcurrent("outbox", "list", "--all", cwd=home)
        authors = await keepcurrent("authors", cwd=home)
        document = await keepcurrent("threads", "--json", cwd=home)
        gone = await keepcurrent("unfollow", authors.out.split("\t")[1], cwd=home)

    assert "new: @ada.example.com: New one." in polled.out
    assert [row.split("\t")[1] for row in threads.out.splitlines()] == ["@ada.example.com"] * 2
    assert "  @ada.example.com  New one." in why.out.splitlines()[0]
    assert "\t@ada.example.com\t" in outbox.out
    assert {thread["author"] for thread in document.json["threads"]} == {did}
    assert gone.code == 0


async def test_the_addresses_of_one_person_are_marked(home, site):
    """`authors` has an address to give to other commands, and says whose it is where one person has several."""
    async with feed_site() as blogs:
        blogs.blog("ann", articles=1)
        feed = f"{blogs.url}/ann/feed.xml"
        more = f'[[follow]]\nauthor = ["{AUTHOR}", "{feed}"]\n[[follow]]\nauthor = "@bob"'
        write_settings(home, site.base_url, f"{CONSOLE}\n{more}", PRIVATE)
        await keepcurrent("poll", cwd=home)
        listed = await keepcurrent("authors", cwd=home)

    rows = [row.split("\t")[1:4] for row in listed.out.splitlines()]
    assert sorted(rows, key=lambda row: row[0]) == [
        [AUTHOR, "threadreader", AUTHOR],
        ["@bob", "threadreader", ""],
        [feed, "syndication", AUTHOR],
    ]


# -- how many ------------------------------------------------------------------------------------------------


async def test_where_nothing_is_there_no_list_is_announced(home, site):
    async with feed_site() as blogs:
        blogs.blog("ann")
        blogs.blog("bob", articles=1)
        write_settings(home, site.base_url, CONSOLE, PRIVATE)
        nothing = await keepcurrent("follow", f"{blogs.url}/ann/feed.xml", cwd=home)
        one = await keepcurrent("follow", f"{blogs.url}/bob/feed.xml", cwd=home)

    assert "There already, known and not announced: 0 threads.\n" in nothing.out
    assert "There already, known and not announced: 1 thread. The newest:\n" in one.out


async def test_a_backfill_says_what_became_of_it(home):
    """How many are sent, of whom; and that nothing is, where it was sent before."""
    first = await keepcurrent("follow", AUTHOR, "--backfill", "2", cwd=home)
    again = await keepcurrent("follow", AUTHOR, "--backfill", "2", cwd=home)
    more = await keepcurrent("follow", AUTHOR, "--backfill", "3", cwd=home)
    without = await keepcurrent("follow", AUTHOR, cwd=home)

    assert "\nOf these, the 2 you asked for are sent now:\n" in first.out
    assert "\nNo old thread is sent: there is none such, or it was sent before.\n" in again.out
    assert "\nThe 1 you asked for is sent now:\n" in more.out
    assert "sent" not in without.out


async def test_a_host_that_is_not_there_is_named_once(home):
    result = await keepcurrent("follow", "dead.invalid/feed.xml", cwd=home)

    assert result.code == 1
    assert result.err.startswith("keepcurrent: dead.invalid/feed.xml: ")
    assert result.err.count("dead.invalid") == 1


# -- a choice ------------------------------------------------------------------------------------------------


class Person(io.StringIO):
    """Somebody at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("typed", "chosen", "asked"),
    [("2\n", "b", 1), ("\n", "", 1), ("", "", 1), ("3\n0\n1\n", "a", 3), ("x\ny\n3\n1\n", "", 3)],
)
async def test_a_wrong_number_is_asked_for_again(monkeypatch, capsys, typed, chosen, asked):
    """Three times; then, as after no answer, it is said that nobody is followed."""
    monkeypatch.setattr("sys.stdin", Person(typed))
    monkeypatch.setattr(show, "is_terminal", lambda _: True)
    place = Whereabouts(address="x", problems=("x has 2 feeds",), options=(Option(address="a"), Option(address="b")))

    assert await following._chosen(place) == chosen
    told = capsys.readouterr().err
    assert (told.count("Which one?"), "Nothing followed." in told) == (asked, not chosen)
