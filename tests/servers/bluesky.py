"""An AppView of Bluesky on loopback, as mean as the real one: it cuts threads at the borders of pages and at a depth,
shows answers in no order, reposts and pins where they do not belong, and everybody's answers in every tree.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from tests.servers.web import listen

Json = dict[str, Any]
EPOCH = datetime(2026, 8, 1, 8, tzinfo=UTC)
NOBODY = {"error": "InvalidRequest", "message": "Profile not found"}


class Refusal(Exception):
    """An error of the API."""

    def __init__(self, error: str, message: str = "", status: int = 400) -> None:
        self.body, self.status = {"error": error, "message": message}, status


@dataclass
class AppView:
    """Accounts and posts. Change its fields to change what it answers."""

    port: int = 0
    accounts: dict[str, Json] = field(default_factory=dict)
    """By DID."""
    posts: dict[str, Json] = field(default_factory=dict)
    """Post views, by URI."""
    feed: list[tuple[str, str, str, Json | None]] = field(default_factory=list)
    """What stands in feeds: by when, in whose, which post, for what reason."""
    requests: list[str] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)
    """Errors of accounts, by DID: `AccountTakedown`."""
    fails: dict[str, Refusal | int] = field(default_factory=dict)
    """How a request fails whose address contains this."""
    hidden: dict[str, str] = field(default_factory=dict)
    """Posts of which a tree shows a stand-in, by URI: `notFound`, `blocked`."""
    said: int = 0
    """How many posts were ever written: no two have the same id or time, whatever is deleted."""
    most: int = 100
    depth: int = 1000
    ignores_cursor: bool = False
    tick: timedelta = timedelta(minutes=1)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def now(self) -> str:
        return stamp(EPOCH + self.tick * self.said)

    def asked(self, method: str) -> list[str]:
        """The requests for a method."""
        return [one for one in self.requests if method in one]

    # -- what people do -----------------------------------------------------------------------------

    def join(self, handle: str, **more: Any) -> str:
        """A new account; give its DID."""
        did = f"did:plc:{len(self.accounts):024}"
        name = handle.partition(".")[0].title()
        self.accounts[did] = {"did": did, "handle": handle, "displayName": name, "labels": [], **more}
        return did

    def say(self, did: str, text: str, answers: str = "", *, created: str = "", **more: Any) -> str:
        """A new post; give its URI."""
        number, self.said = self.said, self.said + 1
        now = stamp(EPOCH + self.tick * number)
        uri = f"at://{did}/app.bsky.feed.post/3m{number:011}"
        record: Json = {"$type": "app.bsky.feed.post", "text": text, "createdAt": created or now, "langs": ["en"]}
        if answers:
            above = self.posts[answers]["record"].get("reply")
            root = above["root"] if above else {"uri": answers, "cid": "x"}
            record["reply"] = {"root": root, "parent": {"uri": answers, "cid": "x"}}
        self.posts[uri] = {
            "uri": uri,
            "cid": f"cid{number}",
            "author": self.accounts[did],
            "record": record | more.pop("record", {}),
            "indexedAt": now,
            "likeCount": 0,
            "labels": [],
            **more,
        }
        placed = min(record["createdAt"], self.posts[uri]["indexedAt"])
        self.feed.append((placed, did, uri, None))
        return uri

    def thread(self, did: str, *texts: str) -> list[str]:
        """A thread; give the URIs of its posts."""
        uris: list[str] = []
        for text in texts:
            uris.append(self.say(did, text, uris[-1] if uris else ""))
        return uris

    def repost(self, did: str, uri: str) -> None:
        """An author shows a post again."""
        reason = {"$type": "app.bsky.feed.defs#reasonRepost", "by": self.accounts[did], "indexedAt": self.now}
        self.feed.append((self.now, did, uri, reason))

    def delete(self, uri: str) -> None:
        """A post goes."""
        del self.posts[uri]
        self.feed = [one for one in self.feed if one[2] != uri]

    # -- what is answered ---------------------------------------------------------------------------

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append(request.path_qs)
        for part, failure in self.fails.items():
            if part in request.path_qs:
                if isinstance(failure, int):
                    return web.Response(status=failure)
                return web.json_response(failure.body, status=failure.status)
        method = request.path.removeprefix("/xrpc/").rpartition(".")[2]
        try:
            body = getattr(self, f"_{method}")(request.query)
        except Refusal as error:
            return web.json_response(error.body, status=error.status)
        return web.json_response(text=dumped(body))

    def _account(self, actor: str, *, states: bool = False) -> Json:
        for did, account in self.accounts.items():
            if actor.lower() in (did, account["handle"]):
                if did in self.states:
                    raise Refusal(self.states[did], "Account is not here") if states else Refusal(**NOBODY)
                return account
        raise Refusal(**NOBODY)

    def _resolveHandle(self, query: Any) -> Json:
        raise Refusal("InvalidRequest", "Unable to resolve handle")

    def _getProfile(self, query: Any) -> Json:
        return {**self._account(query["actor"], states=True), "postsCount": len(self.posts)}

    def _view(self, uri: str) -> Json:
        post = self.posts[uri]
        return {**post, "author": self.accounts[post["author"]["did"]], "replyCount": len(self._answers(uri))}

    def _answers(self, uri: str) -> list[str]:
        """What answers a post, the newest first."""
        return [one for one, view in self.posts.items() if _parent(view) == uri][::-1]

    def _getAuthorFeed(self, query: Any) -> Json:
        did = self._account(query["actor"])["did"]
        assert query["includePins"] == "false"
        limit = min(int(query["limit"]), self.most)
        below = "" if self.ignores_cursor else query.get("cursor", "")
        root = f"at://{did}/"
        rows = [
            (placed, uri, reason)
            for placed, by, uri, reason in self.feed
            if by == did and (reason or not _parent(self.posts[uri]) or _root(self.posts[uri]).startswith(root))
        ]
        rows.sort(key=lambda row: (row[0], row[1]), reverse=True)
        rows = [row for row in rows if not below or f"{row[0]}::{row[1]}" < below][:limit]
        here = {uri for _, uri, reason in rows if not reason}
        shown = [
            {"post": self._view(uri), **({"reason": reason} if reason else {})}
            for _, uri, reason in rows
            if reason or self._hangs_together(uri, here)
        ]
        # As the real one does, it names a next page wherever there was anything, even if nothing of it is shown.
        return {"feed": shown, **({"cursor": f"{rows[-1][0]}::{rows[-1][1]}"} if rows else {})}

    def _hangs_together(self, uri: str, here: set[str]) -> bool:
        while uri in here:
            uri = _parent(self.posts[uri])
            if not uri:
                return True
        return False

    def _getPostThread(self, query: Any) -> Json:
        uri = query["uri"]
        assert query["parentHeight"] == "0"
        if uri not in self.posts:
            raise Refusal("NotFound", f"Post not found: {uri}")
        top = self._node(uri)
        level, depth = [top], 0
        while level and depth < min(int(query["depth"]), self.depth):
            for node in level:
                if "post" in node:
                    node["replies"] = [self._node(one) for one in self._answers(node["post"]["uri"])]
            level, depth = [one for node in level for one in node.get("replies", ())], depth + 1
        return {"thread": top}

    def _node(self, uri: str) -> Json:
        state = self.hidden.get(uri, "")
        if state:
            return {"$type": f"app.bsky.feed.defs#{state}Post", "uri": uri, state: True}
        return {"$type": "app.bsky.feed.defs#threadViewPost", "post": self._view(uri)}


def dumped(body: Json) -> str:
    """JSON of any depth; the writer of the standard library is not deep enough for what a reader is tried on."""
    try:
        return json.dumps(body)
    except RecursionError:
        return _deep(body)


def _deep(value: Any) -> str:
    parts: list[str] = []
    open_: list[Any] = [value]
    while open_:
        one = open_.pop()
        if isinstance(one, tuple):
            parts.append(one[0])
        elif isinstance(one, dict):
            pieces: list[Any] = [("{",)]
            for at, (name, inner) in enumerate(one.items()):
                pieces += [(("," if at else "") + json.dumps(name) + ":",), inner]
            open_ += reversed([*pieces, ("}",)])
        elif isinstance(one, list):
            pieces = [("[",)]
            for at, inner in enumerate(one):
                pieces += ([(",",)] if at else []) + [inner]
            open_ += reversed([*pieces, ("]",)])
        else:
            parts.append(json.dumps(one))
    return "".join(parts)


def stamp(time: datetime) -> str:
    """A time as the API writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _parent(view: Json) -> str:
    return view["record"].get("reply", {}).get("parent", {}).get("uri", "")


def _root(view: Json) -> str:
    return view["record"]["reply"]["root"]["uri"]


@asynccontextmanager
async def appview() -> AsyncIterator[AppView]:
    """Serve until the block ends."""
    made = AppView()
    app = web.Application()
    app.router.add_get("/xrpc/{method}", made.answer)
    async with listen(app) as made.port:
        yield made
