"""FxTwitter's API on loopback, with authors and posts of our own, as the code of FxEmbed/FxEmbed answers; and mean."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from bot.demo.site import snowflake
from bot.sources.x_addresses import time_of

PER_PAGE = 20


@dataclass(frozen=True, kw_only=True)
class Writer:
    """Somebody on X."""

    key: str
    handle: str
    name: str = ""
    protected: bool = False


PETRA = Writer(key="4000001", handle="PolarPetra", name="Petra")
LOUD = Writer(key="4000002", handle="loudvoice", name="Loud")
SILENT = Writer(key="4000003", handle="silent", name="Silent")


def post_id(minutes: float, number: int = 0) -> str:
    """The id of a post written so many minutes after the first of July 2026."""
    return snowflake(datetime(2026, 7, 1, tzinfo=UTC) + timedelta(minutes=minutes), number)


def user(writer: Writer, posts: int = 0) -> dict[str, Any]:
    """A profile."""
    return {
        "type": "profile",
        "id": writer.key,
        "name": writer.name,
        "screen_name": writer.handle,
        "url": f"https://x.com/{writer.handle}",
        "protected": writer.protected,
        "statuses": posts,
        "description": "",
    }


def status(key: str, text: str, writer: Writer = PETRA, **more: Any) -> dict[str, Any]:
    """A status; `parent`: the one that it answers, itself a status. Other fields as the API calls them."""
    parent = more.pop("parent", None)
    written = time_of(key)
    made = {
        "type": "status",
        "id": key,
        "url": f"https://x.com/{writer.handle}/status/{key}",
        "text": text,
        "created_at": "",
        "created_timestamp": int(written.timestamp()) if written else 0,
        "likes": 0,
        "reposts": 0,
        "quotes": 0,
        "replies": 0,
        "author": user(writer),
        "media": {},
        "raw_text": {"text": text, "display_text_range": [0, len(text)], "facets": []},
        "lang": "en",
        "possibly_sensitive": False,
        "replying_to": None,
        "source": None,
        "embed_card": "tweet",
        "provider": "twitter",
        "is_note_tweet": False,
        "community_note": None,
        "reposted_by": None,
    }
    if parent is not None:
        made["replying_to"] = {"screen_name": parent["author"]["screen_name"], "status": parent["id"]}
    return made | more


def thread(minutes: float, *texts: str, writer: Writer = PETRA) -> list[dict[str, Any]]:
    """A thread, a post a minute."""
    made: list[dict[str, Any]] = []
    for number, text in enumerate(texts):
        made.append(status(post_id(minutes + number), text, writer, parent=made[-1] if made else None))
    return made


def repost(of: dict[str, Any], writer: Writer = PETRA) -> dict[str, Any]:
    """A status that somebody shows again."""
    return of | {"reposted_by": {"id": writer.key, "name": writer.name, "screen_name": writer.handle}}


def tombstone(key: str) -> dict[str, Any]:
    """What stands for a post that is not there."""
    return {"type": "tombstone", "provider": "twitter", "reason": "deleted", "message": "…", "id": key}


@dataclass
class Api:
    """The API. `requests`: what was asked, path with query. `faults`: answers to give to paths that begin so.

    `groups`: conversations come as X's web client gets them, else post by post. `piece`: how many posts of a thread one
    conversation has, from the one asked for on.
    """

    writers: list[Writer] = field(default_factory=lambda: [PETRA, LOUD, SILENT])
    posts: list[dict[str, Any]] = field(default_factory=list)
    shown: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    faults: dict[str, web.Response | bytes] = field(default_factory=dict)
    groups: bool = True
    piece: int = 1_000
    base_url: str = ""
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Serve on a free port of 127.0.0.1; `base_url` says where."""
        app = web.Application(middlewares=[self._mean])
        app.router.add_get("/2/profile/{name}", self._profile)
        app.router.add_get("/2/profile/{name}/statuses", self._statuses)
        app.router.add_get("/2/thread/{key}", self._thread)
        app.router.add_get("/2/status/{key}", self._status)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}"

    async def stop(self) -> None:
        """Close the port. Idempotent."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def say(self, *posts: dict[str, Any]) -> str:
        """Publish posts; the id of the first."""
        self.posts += posts
        return str(posts[0]["id"])

    def show(self, row: dict[str, Any], writer: Writer = PETRA) -> None:
        """Put a row of its own at the top of an author's timeline: a repost."""
        self.shown.setdefault(writer.key, []).insert(0, row)

    def remove(self, *keys: str) -> None:
        """Delete posts."""
        self.posts = [one for one in self.posts if one["id"] not in keys]

    # -- answers ----------------------------------------------------------------------------------

    @web.middleware
    async def _mean(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append(request.path_qs)
        for path, fault in self.faults.items():
            if request.path_qs.startswith(path):
                if isinstance(fault, bytes):
                    return web.Response(body=fault)
                return web.Response(status=fault.status, body=fault.body)  # the same one is not sent twice
        answer: web.StreamResponse = await handler(request)
        return answer

    def _writer(self, name: str) -> Writer | None:
        by_id = name[3:] if name.casefold().startswith("id:") else ""
        found = (one for one in self.writers if one.key == by_id or one.handle.casefold() == name.casefold())
        return next(found, None)

    async def _profile(self, request: web.Request) -> web.Response:
        writer = self._writer(request.match_info["name"])
        if writer is None:
            return said(404, message="User not found")
        return said(200, message="OK", user=user(writer, sum(one["author"]["id"] == writer.key for one in self.posts)))

    async def _statuses(self, request: web.Request) -> web.Response:
        writer = self._writer(request.match_info["name"])
        if writer is None:
            return said(404, results=[], cursor={"top": None, "bottom": None})
        rows = [*self.shown.get(writer.key, ()), *self._rows(writer)]
        start = int(request.query.get("cursor", "c0").removeprefix("c"))
        page = rows[start : start + PER_PAGE]
        since = request.query.get("since")
        if since and "cursor" not in request.query and not any(one > float(since) for one in map(_stamp, page)):
            return web.Response(status=204)
        return said(200, results=page, cursor={"top": "t", "bottom": f"c{start + len(page)}"})

    def _rows(self, writer: Writer) -> list[dict[str, Any]]:
        """The author's timeline as X has it: each conversation where its newest post belongs."""
        own = [one for one in self.posts if one["author"]["id"] == writer.key]
        by_root: dict[str, list[dict[str, Any]]] = {}
        for one in sorted(own, key=lambda one: int(one["id"])):
            by_root.setdefault(self._root(one)["id"] if self.groups else one["id"], []).append(one)
        rows = [_module(root, posts) for root, posts in by_root.items()]
        return sorted(rows, key=lambda row: int(_last(row)["id"]), reverse=True)

    def _root(self, post: dict[str, Any]) -> dict[str, Any]:
        above = self._parent(post)
        return post if above is None else self._root(above)

    def _parent(self, post: dict[str, Any]) -> dict[str, Any] | None:
        """The own post that is answered."""
        key = (post["replying_to"] or {}).get("status")
        found = next((one for one in self.posts if one["id"] == key), None)
        return found if found and found["author"]["id"] == post["author"]["id"] else None

    async def _status(self, request: web.Request) -> web.Response:
        found = self._found(request.match_info["key"])
        if found is None:
            return said(404, status=None, thread=None, author=None)
        return said(200, status=found, thread=None, author=found["author"])

    async def _thread(self, request: web.Request) -> web.Response:
        found = self._found(request.match_info["key"])
        if found is None:
            return said(404, status=None, thread=None, author=None)
        above, one = list[dict[str, Any]](), self._any_parent(found)
        while one is not None and len(above) < self.piece:
            above.insert(0, one)
            one = self._any_parent(one)
        return said(200, status=found, thread=[*above, *self._below(found)], author=found["author"])

    def _below(self, post: dict[str, Any]) -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = []
        one: dict[str, Any] | None = post
        while one is not None and len(made) < self.piece:
            made.append(one)
            one = next((other for other in self.posts if self._parent(other) is one), None)
        return made

    def _any_parent(self, post: dict[str, Any]) -> dict[str, Any] | None:
        return self._found((post["replying_to"] or {}).get("status", ""))

    def _found(self, key: str) -> dict[str, Any] | None:
        return next((one for one in self.posts if one["id"] == key), None)


def said(code: int, **more: Any) -> web.Response:
    """An answer of the API, whose body repeats its status."""
    return web.json_response({"code": code, **more}, status=code)


def page(*rows: dict[str, Any], bottom: str | None = "c20", code: int = 200) -> bytes:
    """The body of a page of a timeline."""
    return json.dumps({"code": code, "results": rows, "cursor": {"top": "t", "bottom": bottom}}).encode()


def module(*posts: dict[str, Any], ids: Iterable[str] | None = None, root: str = "") -> dict[str, Any]:
    """A row that is a conversation."""
    every = [one["id"] for one in posts] if ids is None else list(ids)
    row = {"type": "thread", "conversation_id": root or posts[0]["id"], "statuses": list(posts)}
    return row | {"truncated": len(every) > len(posts), "all_status_ids": every}


def _module(root: str, posts: list[dict[str, Any]]) -> dict[str, Any]:
    """X shows of a conversation the first post and the last two."""
    if len(posts) == 1:
        return posts[0]
    shown = posts if len(posts) <= 3 else [posts[0], *posts[-2:]]
    return module(*shown, ids=[one["id"] for one in posts], root=root)


def _last(row: dict[str, Any]) -> dict[str, Any]:
    last: dict[str, Any] = row["statuses"][-1] if row["type"] == "thread" else row
    return last


def _stamp(row: dict[str, Any]) -> float:
    return float(_last(row)["created_timestamp"])
