"""How Apprise is asked to reach a place: mail, Matrix, Slack by their own words, and any Apprise URL.

For the three, what Apprise would get wrong is put right here (facts: Apprise 2.2.0, measured). Sends nothing and
judges no answer. Nobody has to escape anything: passwords and tokens are handed over as values, not inside a URL.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlsplit

from bot.channels.plugins import Plugin
from bot.markdown import literal
from bot.model import Limits, Message
from bot.redact import secrets_in_url
from bot.text import is_web_link, shorten

Security = Literal["starttls", "ssl", "none"]
MAIL_LIMITS = Limits(title=80, text=60_000, html=100_000, form="mail")
# Apprise writes the subject on one line, up to twelve characters for one of ours, and a line may have 998:
# 100 emoji made 1,521 and were refused ("500 Line too long"). Gmail cuts a mail's HTML at 102 kB; counted in bytes.

MATRIX_LIMITS = Limits(title=200, text=22_000, html=34_000, pings=("@room",), form="matrix")
# An event may have 65,536 bytes, its text and its HTML together, both counted as they stand in its JSON. The title is
# in both, 800 bytes each at the most, and the event's own fields stay under 5,000.

SLACK_LIMITS = Limits(title=150, text=7_500, form="slack")
# Slack documents 3,000 characters a section and 50 blocks. Not documented, but met by others: all blocks together may
# have some 12,000, their own fields included (bolt-js#2509, #2867: refused at 11,341).
_SLACK_SECTION = 3_000
_SLACK_BLOCKS = 50
_SLACK_ELEMENTS = 10

GROUP_PINGS = ("@everyone", "@here", "@channel", "@room", "@all")
"""Words that ring a whole room in one service or another; which one a plain URL leads to is not looked at."""

NAME_PINGS = ("@",)
"""In chats that read Markdown any name rings, and somebody there may be called as somebody in the thread is."""

Receipt = Callable[[], str]
"""After a send: the id that the other side gave the message, "" where it gives none."""


def _no_receipt() -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One place that Apprise reaches. `target` is an Apprise URL, or what its plugin is built from.

    `problem` says what is wrong with the settings, "" if nothing is known to be. `limits` None: ask the plugin.
    """

    kind: str
    target: str | Mapping[str, Any]
    gap: float
    secrets: tuple[str, ...] = field(repr=False)
    limits: Limits | None = None
    problem: str = ""
    refuse: Callable[[Plugin], str] = lambda _: ""
    """Says what is wrong with a plugin as built, "" if nothing is."""
    titled: Callable[[str], str] = str
    """What the title is handed over as."""
    prepare: Callable[[Plugin, Message], Receipt] = lambda _, __: _no_receipt
    """Sets a plugin up for one message, which it belongs to alone until that is sent; then gives the receipt."""


# -- mail --------------------------------------------------------------------------------------------


def email(
    *,
    host: str,
    to: str,
    sender: str,
    sender_name: str = "",
    port: int | None = None,
    security: Security = "starttls",
    user: str = "",
    password: str = "",
    unsubscribe: str = "",
) -> Service:
    """Mail through a server of one's own choice. `unsubscribe`: a mailto: or https: address that ends these mails."""
    mode = {"starttls": "starttls", "ssl": "ssl", "none": "insecure"}[security]
    target = {
        "schema": "mailto" if security == "none" else "mailtos",
        "host": host,
        "smtp_host": host,
        "port": port,
        "user": quote(user, safe=""),  # Apprise decodes both once more
        "password": quote(password, safe=""),
        "from_addr": sender,
        "targets": [to],
        "secure_mode": mode,
    }

    def prepare(plugin: Plugin, message: Message) -> Receipt:
        # Set here, not in `target`: there a name with a comma or a bracket would be read as part of an address.
        plugin.from_addr = [sender_name or "keepcurrent", plugin.from_addr[1]]
        return _prepare_mail(plugin, message, unsubscribe)

    problem = "" if bool(user) == bool(password) else "user and password go together: one of them is missing"
    if unsubscribe and not re.fullmatch(r"(?:mailto|https):[\x21-\x3b\x3d\x3f-\x7e]{3,900}", unsubscribe):
        problem = "unsubscribe must be a mailto: or https: address"
    if not (user + password).isascii():
        problem = "user and password may hold ASCII characters only: Python's SMTP sends no others"
    return Service(
        kind="email",
        target=target,
        gap=2.0,
        secrets=(password,),
        limits=MAIL_LIMITS,
        problem=problem,
        refuse=_refuse_mail,
        titled=_subject,
        prepare=prepare,
    )


def _mail_url(url: str) -> Service:
    return Service(
        kind="email",
        target=url,
        gap=2.0,
        secrets=tuple(secrets_in_url(url)),
        limits=MAIL_LIMITS,
        refuse=_refuse_mail,
        titled=_subject,
        prepare=_prepare_mail,
    )


def _subject(title: str) -> str:
    """A title as a subject. An encoded word in it stays what it is: `=?utf-8?Q?a=0d=0ab?=` is no line break.

    Apprise sends a subject of ASCII alone as it is, and each reader would decode what looks encoded. With a character
    that is none (and that nobody sees) all of it is encoded by us, and decoded once.
    """
    return title.replace("=?", "=\u200b?")


def _prepare_mail(plugin: Plugin, message: Message, unsubscribe: str = "") -> Receipt:
    """Mark a mail as ours: readers and Sieve can drop a second copy, out-of-office replies stay away.

    All mails of one thread answer one message that never was: mail programs show them as one conversation, whichever
    of them is there. Apprise always writes a random Message-ID, and a second one beside it would make the mail invalid.
    """
    domain = plugin.from_addr[1].rpartition("@")[2] or "localhost"
    root = f"<thread-{message.thread}@keepcurrent.{domain}>"
    ours = {
        "X-Keepcurrent-Id": re.sub(r"[^\x21-\x7e]", "_", message.key),
        "Auto-Submitted": "auto-generated",
        "List-Id": f"keepcurrent <keepcurrent.{domain}>",
        "References": root if message.thread else "",
        "In-Reply-To": root if message.thread else "",
        "List-Unsubscribe": f"<{unsubscribe}>" if unsubscribe else "",
    }
    theirs = {name: value for name, value in plugin.headers.items() if name not in ours}
    plugin.headers = theirs | {name: value for name, value in ours.items() if value}
    _give_text_part(plugin, message.text)
    return _no_receipt


_text_part: ContextVar[str] = ContextVar("text_part", default="")


def _give_text_part(plugin: Plugin, text: str) -> None:
    """Have this mail's text part be `text`, where Apprise would make one of the HTML: without the links' addresses."""
    _take_text_parts()
    send = type(plugin).send.__get__(plugin)

    def with_text(*args: object, **options: object) -> object:
        token = _text_part.set(text)
        try:
            return send(*args, **options)
        finally:
            _text_part.reset(token)

    plugin.send = with_text


def _take_text_parts() -> None:
    """Let Apprise's mail plugin ask us first. Were its converter renamed, its own text would arrive, links visible."""
    from apprise.plugins.email import base

    convert = getattr(base, "convert_between", None)
    if convert is not None and not hasattr(convert, "asks_first"):
        base.convert_between = _AskingFirst(convert)  # type: ignore[attr-defined]


class _AskingFirst:
    """Apprise's converter, but where a text is given already."""

    asks_first = True

    def __init__(self, convert: Callable[..., str]) -> None:
        self._convert = convert

    def __call__(self, *args: object, **options: object) -> str:
        return _text_part.get() or self._convert(*args, **options)


def _refuse_mail(plugin: Plugin) -> str:
    # Apprise drops a bad address with a warning, then fails each send.
    if not plugin.targets:
        return "no valid e-mail address to send to"
    if len(plugin.targets) > 1 or plugin.cc or plugin.bcc:
        return "several recipients: make one channel per target"
    return ""


# -- Matrix ------------------------------------------------------------------------------------------


def matrix(*, homeserver: str, token: str, room: str, ring: bool = False) -> Service:
    """A Matrix room, with an access token. `ring`: a message that notifies, instead of a notice that does not."""
    place = urlsplit(homeserver if "://" in homeserver else f"https://{homeserver}")
    target = {
        "schema": "matrix" if place.scheme == "http" else "matrixs",
        "host": place.hostname,
        "port": _port(place.netloc),
        "password": quote(token, safe=""),
        "targets": [room],
        "msgtype": "text" if ring else "notice",
        "include_image": False,
        "discovery": False,
        # Encryption sends under random ids, and would publish new keys for the token's device.
        "e2ee": False,
    }
    problem = _room_problem(room)
    if place.scheme not in ("http", "https") or not place.hostname or place.path.strip("/"):
        problem = "homeserver must be an address such as https://matrix.example.org"
    elif not token:
        problem = "no access token is set"
    return _matrix_service(target, (token,), problem)


def _matrix_url(url: str) -> Service:
    return _matrix_service(url, tuple(secrets_in_url(url)), "")


def _matrix_service(target: str | Mapping[str, Any], secrets: tuple[str, ...], problem: str) -> Service:
    return Service(
        kind="matrix",
        target=target,
        gap=0.5,
        secrets=secrets,
        limits=MATRIX_LIMITS,
        problem=problem,
        refuse=_refuse_matrix,
        prepare=_prepare_matrix,
    )


def _prepare_matrix(plugin: Plugin, message: Message) -> Receipt:
    """Give the event an id that follows from the message, so that a homeserver recognises a repeated send.

    Left to itself, Apprise with a token sends every message of one object under the same random id: the server
    drops all but the first, and Apprise reports success for each.
    """
    plugin.access_token = plugin.password
    plugin.transaction_id = f"keepcurrent-{hashlib.sha256(message.key.encode()).hexdigest()[:40]}"
    # Rooms of version 12 have ids without ":server"; Apprise would add one, and the join fails with 404.
    plugin.hsreq = False
    plugin.e2ee = False
    # An alias that does not exist would become a new, empty room, and each send to it a success.
    plugin._room_create = lambda _room: None  # noqa: SLF001  no public switch; a test sees if it stops working
    return _send_own_event(plugin, message)


def _send_own_event(plugin: Plugin, message: Message) -> Receipt:
    """Send our own content in place of Apprise's, which knows no replies, and take the event's id from the answer."""
    fetch = type(plugin)._fetch.__get__(plugin)  # noqa: SLF001  the only place where the whole payload passes
    events: list[str] = []

    def send(path: str, payload: Mapping[str, Any] | None = None, **options: object) -> object:
        if payload is None or "/send/m.room.message/" not in path:
            return fetch(path, payload, **options)
        answer = fetch(path, {"msgtype": payload["msgtype"], **matrix_content(message)}, **options)
        events.append(_event_id(answer))
        return answer

    plugin._fetch = send  # noqa: SLF001  were it renamed, Apprise's own message would arrive, outside of the thread
    return lambda: events[-1] if events else ""


_EVENT_ID = re.compile(r"\$[\x21-\x7e]{1,254}")


def _event_id(answer: object) -> str:
    """The id in an answer of `_fetch`: whether it went well, what was said, and the status."""
    said = answer[1] if isinstance(answer, tuple) else None
    found = said.get("event_id") if isinstance(said, dict) else None
    return found if isinstance(found, str) and _EVENT_ID.fullmatch(found) else ""


def matrix_content(message: Message) -> dict[str, Any]:
    """The content of an event, but for its msgtype.

    `m.mentions` is empty: clients and servers since version 1.7 of the specification then look for no name and no
    "@room" in the words. A receipt of another service, kept from before the channel became one of Matrix, is left out.
    """
    content: dict[str, Any] = {"body": "\n\n".join(filter(None, (message.title, message.text))), "m.mentions": {}}
    if message.html:
        heading = f"<h4>{escape(message.title)}</h4>\n" if message.title else ""
        content |= {"format": "org.matrix.custom.html", "formatted_body": heading + message.html}
    if _EVENT_ID.fullmatch(message.reply_to):
        content["m.relates_to"] = {"m.in_reply_to": {"event_id": message.reply_to}}
    return content


def _refuse_matrix(plugin: Plugin) -> str:
    if plugin.user or not plugin.password:
        # Each start would log in anew, Synapse allows five in a row, and a repeated send would arrive twice.
        return "Matrix wants an access token instead of a user and password"
    if plugin.users:
        return "a user is not a room: name a room (!… or #…:server)"
    if len(plugin.rooms) > 1:
        return "several rooms: make one channel per target"
    return _room_problem(plugin.rooms[0] if plugin.rooms else "")


def _room_problem(room: str) -> str:
    return "" if re.fullmatch(r"[!#][^\s,/]+", room) else "room must be an id (!…) or an alias (#…:server)"


def _port(netloc: str) -> int | None:
    port = re.search(r":(\d{1,5})$", netloc)
    return int(port[1]) if port else None


# -- Slack -------------------------------------------------------------------------------------------

_WEBHOOK = re.compile(r"https://hooks\.slack(-gov)?\.com/services/(\w+)/(\w+)/(\w+)/?(?:\?.*)?", re.ASCII)


def slack(*, webhook: str = "", token: str = "", channel: str = "") -> Service:
    """Slack, by an incoming webhook's full address, or by a bot's token and a channel."""
    target: dict[str, Any] = {"schema": "slack", "include_image": False, "include_footer": False, "use_blocks": False}
    problem, secrets = "", tuple(filter(None, (token, webhook)))
    if webhook and token:
        problem = "set the webhook or the token, not both"
    elif webhook:
        found = _WEBHOOK.fullmatch(webhook)
        if found:
            gov, first, second, third = found.groups()
            target |= {"mode": "gov-hook" if gov else "hook", "token_a": first, "token_b": second, "token_c": third}
            secrets = (webhook, f"{first}/{second}/{third}", first, second, third)
        else:
            problem = "webhook must be the full address, https://hooks.slack.com/services/…"
    elif not token.startswith("xo"):
        problem = "set the webhook, or a bot's token (xoxb-…) and a channel"
    elif not channel or re.search(r"[\s,]", channel):
        problem = "set one channel, such as #threads or its id"
    else:
        # An id is sent as it is, anything else as a name.
        name = f"+{channel}" if re.fullmatch(r"[CGDU][A-Z0-9]{6,}", channel) else channel
        target |= {"mode": "bot", "access_token": token, "targets": [name]}
    return _slack_service(target, secrets, problem)


def _slack_url(url: str) -> Service:
    return _slack_service(url, tuple(secrets_in_url(url)), "")


def _slack_service(target: str | Mapping[str, Any], secrets: tuple[str, ...], problem: str) -> Service:
    return Service(
        kind="slack",
        target=target,
        gap=1.2,
        secrets=secrets,
        limits=SLACK_LIMITS,
        problem=problem,
        refuse=_refuse_slack,
        prepare=_prepare_slack,
    )


def _refuse_slack(plugin: Plugin) -> str:
    if plugin.mode not in ("hook", "gov-hook", "bot"):
        return "a Slack workflow takes no notices: make an incoming webhook"
    return "several channels: make one channel per target" if len(plugin.channels) > 1 else ""


def _prepare_slack(plugin: Plugin, message: Message) -> Receipt:
    """Send our own blocks in place of Apprise's attachment.

    Its attachment folds after a few lines, shows no summary in a notification, and neither it nor its `blocks=yes`
    keeps to Slack's limits (3,001 characters in a section are `invalid_blocks`, every time). Nor does its `template=`:
    that is a file with a fixed number of blocks, in which a body is one text of one section, however long.
    """
    post = type(plugin)._send.__get__(plugin)  # noqa: SLF001  the only place where the whole payload passes
    ours = slack_payload(message)
    stamps: list[str] = []

    def send(url: str, payload: Mapping[str, Any], **options: object) -> object:
        if "attachments" not in payload:  # not the message: a look-up of a person, say
            return post(url, payload, **options)
        kept = {key: payload[key] for key in ("channel", "thread_ts", "username") if key in payload}
        answer = post(url, {**ours, **kept}, **options)
        stamps.append(_stamp(answer))
        return answer

    plugin._send = send  # noqa: SLF001  were it renamed, Apprise's escaped attachment would arrive instead
    return lambda: stamps[-1] if stamps else ""


def _stamp(answer: object) -> str:
    """The message's `ts`; a webhook gives none."""
    found = answer.get("ts") if isinstance(answer, dict) else None
    return found if isinstance(found, str) and re.fullmatch(r"[\d.]{1,40}", found) else ""


def slack_payload(message: Message) -> dict[str, Any]:
    """What Slack is sent: the notice as literal text, and its links as links.

    Evidence (docs.slack.dev, "Formatting message text" and "Text object"): `&`, `<`, `>` are control characters in
    every text object and are escaped there, and only there; `plain_text` knows no markup, so `*`, `_`, backticks and
    `>` stay as they are, `emoji: false` leaves `:words:` alone; a mrkdwn text would still style them. Links need
    mrkdwn: lines that are nothing but a web address stand in texts of their own, where nothing else is; `verbatim`
    keeps Slack from finding channel names in them. `text` is what notifications show.
    """
    title = _escaped(message.title)
    head: dict[str, Any] = {"type": "header", "text": _plain(title)}
    if len(title) > 150:  # escaped, some titles outgrow a header
        head = {"type": "section", "text": _plain(title)}
    blocks = ([head] if title else []) + _body(message)
    return {"text": title or shorten(message.text, 150), "mrkdwn": False, "unfurl_links": False, "blocks": blocks}


def _body(message: Message) -> list[dict[str, Any]]:
    """The blocks under the title. Of a single thread the first paragraph, who and where, is shown small."""
    about, _, rest = message.text.partition("\n\n") if message.thread else ("", "", message.text)
    elements = list(_texts(about))
    if len(elements) > _SLACK_ELEMENTS:
        elements, rest = [], message.text
    small = [{"type": "context", "elements": elements}] if elements else []
    texts = list(_texts(rest))
    if len(texts) > _SLACK_BLOCKS - 2:
        # A long list: each of its links would need a block of its own, so they stand together behind the words.
        texts = [_plain(piece) for piece in _sections(_escaped(rest))]
        texts += [_links(piece) for piece in _sections("\n".join(_lines_that_are_links(rest)))]
    return small + [{"type": "section", "text": text} for text in texts]


def _texts(text: str) -> Iterator[dict[str, Any]]:
    """Words as plain texts, lines that are links as mrkdwn between them, in order."""
    for are_links, lines in groupby(text.split("\n"), _is_link):
        piece = "\n".join(lines)
        if are_links:
            yield from map(_links, _sections("\n".join(_lines_that_are_links(piece))))
        else:
            yield from map(_plain, _sections(_escaped(piece)))


def _lines_that_are_links(text: str) -> Iterator[str]:
    return (f"<{_escaped(line)}>" for line in text.split("\n") if _is_link(line))


def _is_link(line: str) -> bool:
    return is_web_link(line) and len(_escaped(line)) < _SLACK_SECTION - len("<>")


def _links(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _escaped(text: str) -> str:
    return escape(text, quote=False).strip()


def _sections(text: str) -> Iterator[str]:
    """`text` in pieces that a section takes; cut at a line's or a word's end, never inside an escape."""
    while len(text) > _SLACK_SECTION:
        head = text[:_SLACK_SECTION]
        at = max(head.rfind("\n"), 0) or max(head.rfind(" "), 0) or len(re.sub(r"&[a-z]{0,3}$", "", head))
        yield text[:at].strip() or "…"
        text = text[at:].strip()
    if text:
        yield text


# -- anything else -----------------------------------------------------------------------------------


def plain(url: str) -> Service:
    """Any Apprise URL. Those of mail, Matrix and Slack are treated as the structured settings are."""
    # Without "://" it is no address, and may well be a token that was put in the wrong place.
    schema = url.partition("://")[0].strip().lower() if "://" in url else ""
    options = {key.lower(): value.lower() for key, value in parse_qsl(_query(url))}
    if schema in ("mailto", "mailtos"):
        return _mail_url(url)
    if schema in ("matrix", "matrixs") and options.get("mode", "off") == "off" and _has_token(url):
        return _matrix_url(url)
    if schema == "slack":
        return _slack_url(url)
    if schema == "https" and re.match(r"https://hooks\.slack(-gov)?\.com/", url):
        return slack(webhook=url)
    quiet = schema in ("json", "jsons", "console", "stdout", "syslog")
    return Service(
        kind=schema or "?",
        target=url,
        gap=0.0 if quiet else 1.0,
        secrets=tuple(secrets_in_url(url)),
        refuse=_refuse_plain,
    )


def plugin_limits(plugin: Plugin, kind: str) -> Limits:
    """What a plugin takes, by its own account."""
    title = plugin.title_maxlen if plugin.title_maxlen > 0 else 100  # 0: the title goes into the body
    text = max(1, min(plugin.body_maxlen - (title + 10 if merges_title(plugin, kind) else 0), 30_000))
    text = min(text, _SHORTER.get(kind, text))
    if plugin.resolve_format("html") == "html":
        return Limits(title=title, text=text, html=text, pings=GROUP_PINGS)
    if kind in _MARKDOWN_AS_TEXT:
        return Limits(title=title, text=text, markdown=text, pings=NAME_PINGS)
    marked = plugin.resolve_format("markdown") == "markdown"
    if marked or plugin.resolve_format("text") == "markdown":
        text = max(1, text // 2)  # Apprise escapes what Markdown would read as markup, and some dialects do so again
    return Limits(title=title, text=text, markdown=text if marked else 0, pings=NAME_PINGS if marked else GROUP_PINGS)


_SHORTER: Mapping[str, int] = {"ntfy": 1_100, "ntfys": 1_100}
"""ntfy makes a file of what has more than 4,096 bytes, and Apprise of more than 8,000 of JSON: nobody reads that."""

_MARKDOWN_AS_TEXT = ("mmost", "mmosts")
"""Services that read Markdown in what Apprise takes for plain text."""

_MERGES_TITLE = ("discord", "guilded")
"""Services for which Apprise puts the title into the body although they say that it is no part of it."""


def merges_title(plugin: Plugin, kind: str) -> bool:
    """Whether title and body become one text: Apprise then joins them as they are, markup of an author's included."""
    return plugin.title_maxlen <= 0 or kind in _MERGES_TITLE


def parts(message: Message, plugin: Plugin, kind: str) -> tuple[str, str, str]:
    """Title, body, and the body's format, for a service that we know nothing of: the richest form there is.

    Where Apprise would join title and body, we do, each escaped; a title for which there is no room is left out.
    """
    if message.html:
        body, form, heading = message.html, "html", f"<p><strong>{escape(message.title)}</strong></p>\n"
    elif message.markdown:
        form = "text" if kind in _MARKDOWN_AS_TEXT else "markdown"
        body, heading = message.markdown, f"**{literal(message.title)}**\n\n"
    else:
        body, form, heading = message.text or message.title, "text", f"{message.title}\n\n"
    if not message.title or not merges_title(plugin, kind):
        return message.title, body, form
    return "", heading + body if len(heading) + len(body) <= plugin.body_maxlen else body, form


def _refuse_plain(plugin: Plugin) -> str:
    return "several targets in one URL: make one channel per target" if len(plugin) > 1 else ""


def _query(url: str) -> str:
    return url.partition("?")[2]


def _has_token(url: str) -> bool:
    """Whether a Matrix URL names an account; without one it leads to a webhook service."""
    return "@" in url.partition("?")[0] or re.search(r"[?&]token=", url) is not None
