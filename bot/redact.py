"""Keeps secrets out of words: what in an address may be one, and how they are blotted out however they are spelled.

Pure. Knows no channel and no settings; who holds secrets hands them in.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from urllib.parse import parse_qsl, quote, quote_plus, unquote

BLOT = "***"
SHORTEST_IN_WORDS = 6
"""Shorter ones are left in errors and in the log: blotted out, they would take ordinary words with them."""
_SHORTEST = 3
_SHORTEST_HALF = 6
"""A secret that was cut off by a limit is blotted out from this many characters on."""


class Redactor:
    """Blots secrets out: plain, percent-encoded, quoted as in Python or JSON, in base64, or cut off at the end.

    Those shorter than `shortest` characters stay: they would blot out ordinary words.
    """

    def __init__(self, secrets: Iterable[str], *, shortest: int = _SHORTEST) -> None:
        self._secrets = tuple(secrets)
        self._shortest = shortest

    @cached_property
    def _longest_first(self) -> list[str]:
        """Every way to spell a secret. Not at once: most channels never say a word."""
        spelled = {form for one in self._secrets for form in _spellings(one) if len(form) >= self._shortest}
        return sorted(spelled, key=len, reverse=True)

    @cached_property
    def _secret(self) -> re.Pattern[str] | None:
        return re.compile("|".join(map(re.escape, self._longest_first))) if self._longest_first else None

    def __call__(self, words: str) -> str:
        """`words` without a secret; nothing else of them changes."""
        if self._secret is None:
            return words
        return self._without_half(self._secret.sub(BLOT, words))

    def _without_half(self, words: str) -> str:
        parts, heads, longest = self._halves
        for start in range(max(len(words) - longest + 1, 0), len(words) - _SHORTEST_HALF + 1):
            if words[start : start + _SHORTEST_HALF] in heads and _begins_one(words[start:], parts):
                return words[:start] + BLOT
        return words

    @cached_property
    def _halves(self) -> tuple[list[str], frozenset[str], int]:
        """What may be cut off, sorted; how each of it begins; how long the longest is.

        Of an address only its parts count here: every "https://" is the beginning of one.
        """
        parts = sorted(one for one in self._longest_first if ":" not in one)
        return parts, frozenset(one[:_SHORTEST_HALF] for one in parts), max(map(len, parts), default=0)


def _begins_one(end: str, parts: Sequence[str]) -> bool:
    """Whether one of these, which are sorted, begins with `end` and goes on."""
    at = bisect_right(parts, end)
    return at < len(parts) and parts[at].startswith(end)


def _spellings(secret: str) -> Iterator[str]:
    for form in {secret, unquote(secret)}:
        yield from (form, quote(form), quote(form, safe=""), quote_plus(form))
        yield from (repr(form)[1:-1], json.dumps(form)[1:-1], json.dumps(form, ensure_ascii=False)[1:-1])
        yield from _base64(form)


def _base64(secret: str) -> Iterator[str]:
    """What base64 makes of it wherever in a longer text it stands, without the letters that its neighbours share in."""
    data = secret.encode("utf-8", "replace")
    if len(data) < _SHORTEST_HALF:
        return
    for before in range(3):
        letters = b64encode(bytes(before) + data).decode()
        yield letters[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]


# -- addresses ----------------------------------------------------------------------------------------

_OPEN_KEYS = {"to", "from", "name", "mode", "format", "cc", "bcc", "reply", "msgtype", "discovery", "hsreq", "version"}
_OPEN_HOSTS = ("mailto", "matrix", "json", "xml", "form", "ntfy", "gotify", "mattermost", "rocket", "http")
_OPEN_PARTS = {"services"}


def secrets_in_url(url: str) -> Iterator[str]:
    """Whatever in an Apprise URL may be secret: rather too much than too little."""
    schema, _, rest = url.partition("://")
    address, _, query = rest.partition("?")
    login, _, place = address.rpartition("@")
    host, _, path = place.partition("/")
    yield url
    yield address
    user, _, password = login.partition(":")
    yield password
    if not password or not schema.lower().startswith(_OPEN_HOSTS):
        yield user
    if not schema.lower().startswith(_OPEN_HOSTS):
        yield host
    yield from (part for part in (path, *path.split("/")) if "@" not in part and part not in _OPEN_PARTS)
    yield from (value for key, value in parse_qsl(query) if key.lower() not in _OPEN_KEYS and len(value) > 3)
