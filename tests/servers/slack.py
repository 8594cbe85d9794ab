"""A stand-in for Slack on loopback: incoming webhooks and chat.postMessage, with the refusals Slack documents.

Blocks are judged by Slack's own models (slack_sdk) and by what those let pass and Slack does not: a header that is
not plain text, and text that is empty.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

from tests.servers.web import listen

WEBHOOK_TOKENS = {
    "TokenRevoked": (403, "invalid_token"),
    "TokenGone": (404, "no_service"),
    "TokenOff": (403, "action_prohibited"),
}
API_CHANNELS = {"#missing": "channel_not_found", "#foreign": "not_in_channel", "#archived": "is_archived"}


class SlackServer:
    """What was posted, and how many messages more Slack takes before it says "rate limited"."""

    def __init__(self) -> None:
        self.port = 0
        self.posted: list[dict[str, Any]] = []
        self.allowance = 1000
        self.retry_after = 7
        self.fail_with: tuple[int, str] | None = None

    async def webhook(self, request: web.Request) -> web.Response:
        """`/services/T…/B…/…`: answers are bare words."""
        if self.fail_with is not None:
            return web.Response(status=self.fail_with[0], text=self.fail_with[1])
        if refusal := WEBHOOK_TOKENS.get(request.match_info["token"]):
            return web.Response(status=refusal[0], text=refusal[1])
        if self._is_limited():
            return web.Response(status=429, text="rate_limited", headers={"Retry-After": str(self.retry_after)})
        payload, wrong = _read(await request.text())
        if wrong:
            return web.Response(status=400, text=wrong)
        self.posted.append(payload)
        return web.Response(text="ok")

    async def post_message(self, request: web.Request) -> web.Response:
        """`chat.postMessage`: answers are JSON, refusals too have status 200."""
        if self.fail_with is not None:
            return web.json_response({"ok": False, "error": self.fail_with[1]}, status=self.fail_with[0])
        if "revoked" in request.headers.get("Authorization", ""):
            return web.json_response({"ok": False, "error": "invalid_auth"})
        if self._is_limited():
            headers = {"Retry-After": str(self.retry_after)}
            return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)
        payload, wrong = _read(await request.text())
        wrong = wrong or API_CHANNELS.get(payload.get("channel", "#missing"), "")
        if wrong:
            return web.json_response({"ok": False, "error": wrong})
        self.posted.append(payload)
        return web.json_response({"ok": True, "channel": "C024BE91L", "ts": "1503435956.000247"})

    def _is_limited(self) -> bool:
        self.allowance -= 1
        return self.allowance < 0


def _read(raw: str) -> tuple[dict[str, Any], str]:
    try:
        payload = json.loads(raw)
    except ValueError:
        return {}, "invalid_payload"
    return payload, refusal(payload)


def refusal(payload: dict[str, Any]) -> str:
    """The word with which Slack refuses a message, "" if it takes it."""
    blocks, attachments = payload.get("blocks") or [], payload.get("attachments") or []
    if not (payload.get("text") or blocks or attachments):
        return "no_text"
    if len(payload.get("text") or "") > 40_000:
        return "msg_too_long"
    every = [blocks, *(attachment.get("blocks") or [] for attachment in attachments)]
    if any(len(some) > 50 or not all(map(_is_valid, some)) for some in every):
        return "invalid_blocks"
    # Not documented: bolt-js#2509 met it at 13,200 characters of JSON.
    if any(len(json.dumps(some, ensure_ascii=False)) > 13_200 for some in every):
        return "msg_blocks_too_long"
    return ""


def _is_valid(block: dict[str, Any]) -> bool:
    if block["type"] == "context" and len(block["elements"]) > 10:
        return False
    texts = block["elements"] if block["type"] == "context" else [block.get("text") or {}]
    if not texts or not all(_is_valid_text(text, 150 if block["type"] == "header" else 3000) for text in texts):
        return False
    if block["type"] == "header" and texts[0]["type"] != "plain_text":
        return False
    try:
        Block.parse(json.loads(json.dumps(block))).validate_json()
    except SlackObjectFormationError:
        return False
    return True


def _is_valid_text(text: dict[str, Any], limit: int) -> bool:
    if (text.get("type") == "plain_text" and "verbatim" in text) or (text.get("type") == "mrkdwn" and "emoji" in text):
        return False
    return 0 < len(text.get("text") or "") <= limit


def texts_of(posted: dict[str, Any]) -> list[dict[str, Any]]:
    """The text objects of a message, in order."""
    return [text for block in posted["blocks"] for text in block.get("elements") or [block["text"]]]


@asynccontextmanager
async def serve() -> AsyncIterator[SlackServer]:
    """Run the stand-in."""
    slack = SlackServer()
    app = web.Application()
    app.router.add_post("/services/{team}/{bot}/{token}", slack.webhook)
    app.router.add_post("/api/chat.postMessage", slack.post_message)
    async with listen(app) as port:
        slack.port = port
        yield slack


def as_seen(text: str) -> str:
    """What a reader sees of a plain_text object: Slack decodes these three escapes and nothing else."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
