"""Answers that lie in a file, in the place of a site: what a golden pair of an API starts from."""

from __future__ import annotations

import json
from typing import Any

from multidict import CIMultiDict

from bot.errors import FeedGone
from bot.http import Response


class Canned:
    """An `Http` that has an answer for each address, and 404 for every other."""

    def __init__(self, answers: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        self.answers = answers
        self.headers = CIMultiDict(headers or {})
        self.asked: list[str] = []

    async def get(self, url: str, *, feed_id: str, **_: Any) -> Response:
        self.asked.append(url)
        if url not in self.answers:
            raise FeedGone(feed_id, "has no such page (404)")
        body = self.answers[url]
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Response(status=200, url=url, headers=self.headers, body=sent)
