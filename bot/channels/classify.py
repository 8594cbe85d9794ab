"""What a failed send means: try again, never, or may have arrived; and the reason in words, with the usual mend.

That the channel is down is said only where no message could have had a part in it: one that alone makes a server
answer 500, or 502 through a proxy, must not hold up the queue behind it.

Pure: takes facts (`listen.Fact`), gives a verdict. Goes by codes; the other side's words only go into the reason.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from bot.channels.listen import Fact
from bot.text import one_line, shorten

LONGEST_REASON = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a send that did not succeed. "down": to be tried again, and no fault of the message."""

    kind: Literal["again", "down", "never", "doubt"]
    reason: str
    retry_after: float | None = None


_TROUBLES: dict[str, str] = {
    "unresolved": "the host's name is not known: check the host and the network",
    "refused": "connection refused: check host and port",
    "unreachable": "the server cannot be reached, or broke off",
    "timeout": "the server did not answer in time",
    "tls": "no trusted TLS connection: check the certificate, host and port",
    "unsupported": "check security, user and password",
}

_SLACK_IN_DOUBT = {"fatal_error", "internal_error"}
"""Slack documents for both that "some aspect of the operation" may have succeeded before the error."""

_SLACK_AGAIN = {
    "ratelimited",
    "rate_limited",
    "message_limit_exceeded",
    "request_timeout",
    "rollup_error",
    "service_unavailable",
    "team_added_to_org",
}

_SLACK_DOWN = {"ratelimited", "rate_limited", "service_unavailable"}

_SLACK_MENDS = {
    "action_prohibited": "an admin has forbidden posting: ask them, or use another webhook",
    "channel_is_archived": "the channel is archived",
    "channel_not_found": "check the channel, and that the app was invited",
    "invalid_auth": "check the token",
    "invalid_token": "the webhook was revoked: make a new one",
    "is_archived": "the channel is archived",
    "missing_scope": "the app needs the scope chat:write",
    "no_active_hooks": "the webhook was switched off: make a new one",
    "no_service": "the webhook was removed: make a new one",
    "no_team": "the webhook's workspace is gone: make a new one",
    "not_authed": "check the token",
    "not_in_channel": "invite the app to the channel",
    "token_expired": "make a new token",
    "token_revoked": "make a new token",
    "account_inactive": "make a new token",
}

_MATRIX_MENDS = {
    "M_FORBIDDEN": "invite the account to the room and let it write there",
    "M_NOT_FOUND": "check the room: there is none of that name",
    "M_UNKNOWN_TOKEN": "the token is not valid any more: make a new one",
    "M_MISSING_TOKEN": "check the token",
    "M_USER_DEACTIVATED": "the account was closed",
}

_HTTP_MENDS = {
    401: "check the token or password",
    403: "check the token and its rights",
    404: "check the address",
    410: "the address is gone",
    400: "it does not understand us: check the address",
    405: "it does not understand us: check the address",
    413: "the message is too long for it",
    429: "too many messages: it asks us to wait",
    500: "trouble at its end",
    502: "trouble at its end",
    503: "it is busy or down",
    504: "trouble at its end",
}

_SMTP_MENDS = {
    530: "the server wants a login: set user and password, or security",
    534: "the server wants another way of login, such as an app password",
    535: "check user and password; Gmail wants an app password",
    538: "the server wants encryption: set security",
    550: "check the address",
    551: "check the address",
    552: "the mailbox is full or the mail too long",
    553: "check the addresses; the server may want the sender to be the login's own",
}


def classify(fact: Fact, kind: str, otherwise: str = "") -> Verdict:
    """What `fact` means for a channel of this kind ("email", "matrix", "slack" or anything else).

    `otherwise` are words to fall back on where nothing is known but that it failed.
    """
    if fact.trouble:
        return _of_trouble(fact)
    if fact.smtp is not None:
        return _of_smtp(fact, fact.smtp)
    if fact.http is not None:
        by_kind = {"matrix": _of_matrix, "slack": _of_slack}.get(kind, _of_http)
        return by_kind(fact, fact.http)
    return Verdict(kind="again", reason=_short(otherwise) or "it was not taken, and nothing says why")


def _of_trouble(fact: Fact) -> Verdict:
    if fact.trouble == "dropped":
        if fact.sending:
            return Verdict(kind="doubt", reason="the answer was lost: it may have arrived")
        return Verdict(kind="down", reason=_TROUBLES["unreachable"])
    reason = _TROUBLES[fact.trouble]
    if fact.trouble == "unsupported":
        return Verdict(kind="never", reason=_short(f"{fact.said.rstrip('.')}: {reason}"))
    return Verdict(kind="down", reason=reason)


def _of_smtp(fact: Fact, code: int) -> Verdict:
    said = re.sub(r"^\d\.\d{1,3}\.\d{1,3}\s+", "", one_line(fact.said))
    reason = _reason(str(code), said, _SMTP_MENDS.get(code))
    if code >= 500:
        return Verdict(kind="never", reason=reason)
    # 452 may be about the size of this mail; all others before DATA are about us, the server or the mailbox.
    return Verdict(kind="again" if code == 452 or fact.content else "down", reason=reason)


def _of_slack(fact: Fact, code: int) -> Verdict:
    body = _json(fact.said)
    word = str(body.get("error") or "") if body else fact.said.strip()
    word = word if re.fullmatch(r"[a-z][a-z0-9_]{2,60}", word) else ""
    reason = _reason(word or str(code), "", _SLACK_MENDS.get(word))
    if word in _SLACK_IN_DOUBT:
        return Verdict(kind="doubt", reason=f"{word}: it may have arrived")
    if word in _SLACK_AGAIN or _is_temporary(code) or not (word or code >= 400):
        kind = "down" if word in _SLACK_DOWN else _again(code)
        return Verdict(kind=kind, reason=reason, retry_after=fact.retry_after)
    return Verdict(kind="never", reason=reason)


def _of_matrix(fact: Fact, code: int) -> Verdict:
    body = _json(fact.said)
    word = str(body.get("errcode") or "")
    said = str(body.get("error") or "")
    reason = _reason(" ".join(filter(None, (str(code), word))), said, _MATRIX_MENDS.get(word))
    if code == 429 or word == "M_LIMIT_EXCEEDED":
        wait = body.get("retry_after_ms")
        ms = wait / 1000 if isinstance(wait, int | float) and 0 <= wait < 1e9 else None
        return Verdict(kind="down", reason=reason, retry_after=ms if ms is not None else fact.retry_after)
    # A refusal without Matrix's own word is a proxy's or a wrong address, which may be mended while we wait.
    if _is_temporary(code) or (not word and code not in (401, 403)):
        return Verdict(kind=_again(code), reason=reason, retry_after=fact.retry_after)
    return Verdict(kind="never", reason=reason)


def _of_http(fact: Fact, code: int) -> Verdict:
    reason = _reason(f"HTTP {code}", "", _HTTP_MENDS.get(code))
    if 400 <= code < 500 and not _is_temporary(code):
        return Verdict(kind="never", reason=reason)
    return Verdict(kind=_again(code), reason=reason, retry_after=fact.retry_after)


def _again(code: int) -> Literal["again", "down"]:
    return "down" if code in (429, 503) else "again"


def _is_temporary(code: int) -> bool:
    return code >= 500 or code in (408, 425, 429)


def _json(said: str) -> dict[str, Any]:
    try:
        body = json.loads(said)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _reason(code: str, said: str, mend: str | None) -> str:
    """`535 authentication failed: check user and password`, within a line."""
    room = LONGEST_REASON - len(code) - len(mend or "") - 3
    words = shorten(one_line(said).rstrip(".:"), max(room, 0))
    return _short(f"{code} {words}".strip() + (f": {mend}" if mend else ""))


def _short(words: str) -> str:
    return shorten(one_line(words), LONGEST_REASON)
