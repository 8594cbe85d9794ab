"""Who is followed already, by whatever a list calls them."""

from __future__ import annotations

import pytest

from bot.errors import SettingsError
from bot.finding import Finder
from bot.importing import followed
from bot.model import Author, Feed, Located
from tests.fakes import FakeSource, Site


class Numbered(FakeSource):
    """A source of which only the site knows whom a number or a page means."""

    def locate(self, address):
        if address.casefold().startswith(("id:", "https:")):
            return Located(source=self.kind)
        return super().locate(address)


FINDER = Finder(sources={"fake": Numbered(Site())})
ANN = Feed(
    id="fake:ann",
    source="fake",
    address="@ann",
    author=Author(handle="ann", name="Bob", key="42"),
    url="https://fake.example/Ann",
)


@pytest.mark.parametrize(
    "address", ["@ann", "ANN", "fake:ann", "https://fake.example/ann/", "https://FAKE.example/ann", "fake:id:42"]
)
def test_an_author_who_is_followed(address):
    """By handle, id, page, or the number that is the author's key: nobody is asked for one who is known."""
    assert followed([ANN], FINDER, address) == ANN


@pytest.mark.parametrize("address", ["bob", "@bob", "fake:id:4", "https://fake.example/bob"])
def test_an_author_who_is_not(address):
    """What people call somebody is nobody's handle."""
    assert followed([ANN], FINDER, address) is None


def test_what_is_no_address():
    """It is said, as by `follow`."""
    with pytest.raises(SettingsError):
        followed([ANN], FINDER, "no such thing")
