"""Secrets in words, however they are spelled there."""

from __future__ import annotations

import re
from base64 import b64encode
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.redact import Redactor, secrets_in_url

SECRET = "p@ss w0rd/%41;'x"


@pytest.mark.parametrize(
    "spelled",
    [SECRET, quote(SECRET), quote(SECRET, safe=""), quote_plus(SECRET), repr(SECRET)[1:-1], SECRET.replace("/", "/")],
)
def test_a_secret_is_blotted_out(spelled: str) -> None:
    """Whatever the words around it; they stay."""
    assert Redactor([SECRET])(f"no: {spelled}, sorry") == "no: ***, sorry"


@pytest.mark.parametrize("before", ["", ":", "u:", "user:"])
def test_base64_hides_no_secret(before: str) -> None:
    """Wherever in a login it stands; at most the letters that its neighbours share in are left."""
    login = b64encode(f"{before}{SECRET}".encode()).decode()

    assert len(Redactor([SECRET])(login).replace("***", "")) <= len(b64encode(before.encode())) + 4


def test_a_secret_that_was_cut_off_is_blotted_out() -> None:
    """A limit on an answer's length may leave the better part of one at its end."""
    assert Redactor(["0123456789abcdef"])("bad token 0123456789ab") == "bad token ***"


@given(
    st.lists(st.text("ab:", min_size=3, max_size=16), max_size=5),
    st.text("ab", max_size=8),
    st.integers(min_value=0, max_value=15),
)
def test_the_longest_half_at_the_end_is_blotted_out(secrets: list[str], before: str, size: int) -> None:
    """Whichever secret it is of, found as quickly among a thousand of them as among a few."""
    said = f"no: {before}{secrets[0][:size] if secrets else ''}"
    redactor = Redactor(secrets)
    words = re.sub("|".join(map(re.escape, redactor._longest_first)) or "$^", "***", said)
    halves = {one[:n] for one in redactor._longest_first if ":" not in one for n in range(6, len(one))}
    longest = max((half for half in halves if words.endswith(half)), key=len, default="")

    assert (words.removesuffix(longest) + "***" if longest else words) == redactor(said)


def test_short_ones_stay_where_they_would_take_words_with_them() -> None:
    """A password "mail" must not blot out every mail."""
    assert Redactor(["mail"], shortest=6)("no mail") == "no mail"


def test_what_in_an_address_is_secret() -> None:
    """User data, path, query; not the host of an address of one's own."""
    found = set(secrets_in_url("json://u:pass@h.example/path/deep?+X-Key=query"))

    assert {"pass", "path", "deep", "query"} <= found
    assert "h.example" not in found
