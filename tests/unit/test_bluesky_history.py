"""Random histories of an author, looked at now and then: no thread that begins after the first look is missed."""

import asyncio
import json
from urllib.parse import parse_qsl, urlsplit

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.http import Response
from bot.model import Author, Feed, Fetched
from bot.sources.bluesky import Bluesky
from tests.servers.bluesky import AppView, Refusal, dumped
from tests.sites import Clock

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(1, 12)),
        st.tuples(st.just("thread"), st.integers(2, 14)),
        st.tuples(st.just("go on"), st.integers(1, 4)),
        st.tuples(st.just("answered"), st.integers(1, 4)),
        st.tuples(st.just("talk"), st.integers(1, 12)),
        st.tuples(st.just("repost"), st.integers(1, 12)),
        st.tuples(st.just("delete"), st.integers(1, 4)),
        st.tuples(st.just("look"), st.just(0)),
    ),
    min_size=12,
    max_size=40,
)


class Direct:
    """An `Http` without a network in between."""

    def __init__(self, view):
        self.view = view

    async def get(self, url, *, feed_id, headers, max_body, answers):
        split = urlsplit(url)
        self.view.requests.append(url)
        try:
            body, status = getattr(self.view, "_" + split.path.rpartition(".")[2])(dict(parse_qsl(split.query))), 200
        except Refusal as error:
            body, status = error.body, error.status
        return Response(status=status, url=url, headers={}, body=dumped(body).encode())


class History:
    """An author's posts, a talker, and what the looks found."""

    def __init__(self):
        self.view = AppView(most=10)
        self.ada, self.bob = self.view.join("ada.example.com"), self.view.join("bob.example.com")
        self.source = Bluesky(Direct(self.view), clock=Clock())
        author = Author(handle="ada.example.com", key=self.ada)
        self.feed = Feed(id=f"bluesky:{self.ada}", source="bluesky", address=self.ada, author=author)
        self.view.thread(self.ada, "Old.", "Old too.")
        self.cursor, self.found, self.most = {}, set(), 0

    def own(self):
        return [uri for uri, view in self.view.posts.items() if view["author"]["did"] == self.ada]

    def threads(self):
        """The keys of all that is a thread now."""
        replies = {uri: self.view.posts[uri]["record"].get("reply") for uri in self.own()}
        above = {uri: reply["parent"]["uri"] if reply else None for uri, reply in replies.items()}
        return {uri.rpartition("/")[2] for uri in above if above[uri] is None and uri in above.values()}

    async def step(self, kind, many):
        view, recent = self.view, self.own()[-4:]
        chosen = recent[-min(many, len(recent))]
        if kind == "say":
            for _ in range(many):
                view.say(self.ada, "Alone.")
        elif kind == "thread":
            view.thread(self.ada, *("Part." for _ in range(many)))
        elif kind == "go on":
            view.say(self.ada, "More.", chosen)
        elif kind == "answered":
            view.say(self.bob, "Why?", chosen)
        elif kind == "talk":
            talk = view.say(self.bob, "Why?", chosen)
            for _ in range(many):
                view.say(self.ada, "Because.", talk)
        elif kind == "repost":
            for _ in range(many):
                view.repost(self.ada, view.say(self.bob, "Bob."))
        elif kind == "delete" and len(recent) > 1 and not view._answers(chosen):
            view.delete(chosen)
        elif kind == "look":
            await self.look()

    async def look(self):
        """One look, and all that it says is below."""
        before = len(self.view.requests)
        page = await self.source.fetch(self.feed, json.loads(json.dumps(self.cursor)))
        self.most = max(self.most, len(self.view.requests) - before)
        self.cursor = page.cursor
        while isinstance(page, Fetched):
            self.found |= {entry.key for entry in page.entries}
            if not page.older:
                break
            page = await self.source.older(self.feed, page.older)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_no_thread_is_missed(steps):
    """Every thread there is in the end was found, in looks that stay small; then nothing is modified."""

    async def play():
        history = History()
        await history.look()
        for kind, many in steps:
            await history.step(kind, many)
        for _ in range(20):
            await history.look()
            if not history.cursor.get("left"):
                break
        assert history.threads() - history.found == set()
        assert history.most <= 5 + 10
        before = len(history.view.requests)
        await history.look()
        assert len(history.view.requests) == before + 1

    asyncio.run(play())
