"""A Mastodon server on loopback, as mean as the real ones: it cuts contexts, links pages, counts requests, refuses."""

from __future__ import annotations

import hashlib
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


@dataclass
class Instance:
    """Accounts and statuses. Change its fields to change what it answers."""

    port: int = 0
    accounts: dict[str, Json] = field(default_factory=dict)
    statuses: dict[str, Json] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    fails: dict[str, int] = field(default_factory=dict)
    """A status for each path that contains this."""
    webfinger: dict[str, str] = field(default_factory=dict)
    """The page of an account, by `user@host`."""
    headers: dict[str, str] = field(default_factory=dict)
    most: int = 40
    ancestors: int = 40
    descendants: int = 60
    depth: int = 20
    links: str = "own"
    """`own`, `none` (a proxy took them), or the origin that they lead to."""
    speaks: bool = True
    ignores_max_id: bool = False
    tick: timedelta = timedelta(minutes=1)
    said: int = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    # -- what people do -----------------------------------------------------------------------------

    def join(self, name: str, **more: Any) -> Json:
        """A new account; names are looked up in lower case."""
        username = name.lower()
        id_ = f"1170205{len(self.accounts):011}"
        self.accounts[username] = {
            "id": id_,
            "username": name,
            "acct": name,
            "display_name": name.title(),
            "url": f"{self.url}/@{name}",
            **more,
        }
        return self.accounts[username]

    def say(self, username: str, content: str, answers: str | None = None, **more: Any) -> str:
        """A new status; give its id."""
        number = self.said
        self.said += 1
        id_ = f"1170206{number:011}"
        parent = self.statuses.get(answers or "")
        self.statuses[id_] = {
            "id": id_,
            "created_at": (EPOCH + self.tick * number).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "in_reply_to_id": answers,
            "in_reply_to_account_id": parent["account"]["id"] if parent else None,
            "visibility": "public",
            "sensitive": False,
            "spoiler_text": "",
            "url": f"{self.url}/@{username}/{id_}",
            "content": content if content.startswith("<") else f"<p>{content}</p>",
            "account": self.accounts[username],
            "reblog": None,
            "media_attachments": [],
            "mentions": [],
            **more,
        }
        return id_

    def thread(self, username: str, *contents: str) -> list[str]:
        """A new thread: each status answers the one before."""
        ids: list[str] = []
        for content in contents:
            ids.append(self.say(username, content, ids[-1] if ids else None))
        return ids

    def delete(self, id_: str) -> None:
        """As Mastodon does: answers lose their parent, and keep whom they answered."""
        del self.statuses[id_]
        for status in self.statuses.values():
            if status["in_reply_to_id"] == id_:
                status["in_reply_to_id"] = None

    # -- what is asked ------------------------------------------------------------------------------

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request.path_qs)
        for part, status in self.fails.items():
            if part in request.path_qs:
                return self._json({"error": "This API requires an authenticated user"}, status)
        words = request.path.strip("/").split("/")
        if words == [".well-known", "webfinger"]:
            return self._webfinger(request)
        if not self.speaks:
            return web.Response(status=404, text="<html><h1>Not found</h1></html>", content_type="text/html")
        match words:
            case ["api", "v1", "accounts", "lookup"]:
                return self._found(self.accounts.get(request.query["acct"].lower()))
            case ["api", "v1", "accounts", id_]:
                return self._found(self._account(id_))
            case ["api", "v1", "accounts", id_, "statuses"]:
                return self._statuses(request, id_)
            case ["api", "v1", "statuses", id_]:
                status = self.statuses.get(id_)
                return self._found(self._shown(status) if status and self._is_public(status) else None)
            case ["api", "v1", "statuses", id_, "context"]:
                return self._context(id_)
        return web.Response(status=404, text="<html><h1>Not found</h1></html>", content_type="text/html")

    def _statuses(self, request: web.Request, id_: str) -> web.Response:
        account = self._account(id_)
        if account is None:
            return self._found(None)
        limit = min(int(request.query.get("limit", "20")), self.most)
        found = [one for one in self.statuses.values() if one["account"]["id"] == id_ and self._is_public(one)]
        if request.query.get("exclude_reblogs") == "true":
            found = [one for one in found if not one["reblog"]]
        if "max_id" in request.query and not self.ignores_max_id:
            found = [one for one in found if one["id"] < request.query["max_id"]]
        if "min_id" in request.query:
            found = sorted((one for one in found if one["id"] > request.query["min_id"]), key=lambda one: one["id"])[
                :limit
            ]
        page = [] if account.get("suspended") else sorted(found, key=lambda one: one["id"], reverse=True)[:limit]
        answer = self._json([self._shown(one) for one in page])
        if page and self.links != "none":
            base = f"{self.url if self.links == 'own' else self.links}{request.path}?limit={limit}"
            links = [f'<{base}&max_id={page[-1]["id"]}>; rel="next"'] if len(page) == limit else []
            answer.headers["Link"] = ", ".join([*links, f'<{base}&min_id={page[0]["id"]}>; rel="prev"'])
        etag = f'W/"{hashlib.md5(answer.body or b"", usedforsecurity=False).hexdigest()}"'  # type: ignore[arg-type]
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304)
        answer.headers["ETag"] = etag
        return answer

    def _context(self, id_: str) -> web.Response:
        if id_ not in self.statuses:
            return self._found(None)
        above: list[Json] = []
        parent = self.statuses[id_]["in_reply_to_id"]
        while parent in self.statuses and len(above) < self.ancestors:
            above.insert(0, self.statuses[parent])
            parent = self.statuses[parent]["in_reply_to_id"]
        under = list(self._under(id_, self.depth))[: self.descendants]
        parts = {"ancestors": above, "descendants": under}
        return self._json({name: [self._shown(s) for s in part if self._is_public(s)] for name, part in parts.items()})

    def _under(self, id_: str, depth: int) -> list[Json]:
        """In the order of Mastodon's query: by the path from the post."""
        children = sorted((s for s in self.statuses.values() if s["in_reply_to_id"] == id_), key=lambda s: s["id"])
        return [s for child in children if depth for s in (child, *self._under(child["id"], depth - 1))]

    def _webfinger(self, request: web.Request) -> web.Response:
        account = request.query.get("resource", "").removeprefix("acct:")
        if account not in self.webfinger:
            return web.Response(status=404)
        href = self.webfinger[account]
        return self._json({"subject": f"acct:{account}", "links": [{"rel": "self", "href": href}]})

    def _shown(self, status: Json) -> Json:
        replies = sum(1 for one in self.statuses.values() if one["in_reply_to_id"] == status["id"])
        return {**status, "replies_count": replies}

    @staticmethod
    def _is_public(status: Json) -> bool:
        return status["visibility"] in ("public", "unlisted")

    def _account(self, id_: str) -> Json | None:
        return next((one for one in self.accounts.values() if one["id"] == id_), None)

    def _found(self, value: Json | None) -> web.Response:
        return self._json({"error": "Record not found"}, 404) if value is None else self._json(value)

    def _json(self, value: Any, status: int = 200) -> web.Response:
        body = json.dumps(value).encode()
        return web.Response(status=status, body=body, content_type="application/json", headers=self.headers)


@asynccontextmanager
async def instance(made: Instance | None = None) -> AsyncIterator[Instance]:
    """Serve until the block ends."""
    made = made or Instance()
    app = web.Application()
    app.router.add_get("/{path:.*}", made.answer)
    async with listen(app) as port:
        made.port = port
        yield made
