"""Makes messages in threads, and the same one once for all channels that are told alike.

Does not say what a message says (`compose`), and sends nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import tzinfo
from functools import partial

from bot.compose import bare, compose
from bot.errors import ChannelError
from bot.model import Batch, Limits, Message, message_key
from bot.policy import Policy
from bot.threads import Job, Threads

WITHIN = 60.0
"""Seconds that making one message may take."""
MOST = 1_000
"""Messages that are made at once: each lane makes one at a time, so there are never more than channels."""
REMEMBERED, KEPT = 16, 60.0
"""Messages that are kept for other channels, whose lanes are at the same few threads at the same time; and how many
seconds after the last one was begun."""

_Wanted = tuple[Batch, Limits, tzinfo, tuple[Policy, ...]]


class Composer:
    """Makes messages in threads: 300 long threads take seconds, in which every other lane would wait."""

    def __init__(self) -> None:
        self._threads = Threads("composing", most=MOST)
        self._jobs: dict[_Wanted, Job] = {}
        self._forgetting: asyncio.TimerHandle | None = None

    async def composed(self, batch: Batch, limits: Limits, zone: tzinfo, policies: Sequence[Policy]) -> Message:
        """The message for a batch. Raises `ChannelError`, and whatever `compose` raises."""
        # By value, with all that it says: to compare two lists of 300 threads takes 9 ms.
        wanted = bare(batch), limits, zone, tuple(policies)
        job = self._jobs.get(wanted)
        if job is None or job.error is not None:
            job = self._begun(wanted, batch.channel)
        try:
            await job.wait(WITHIN)
        except TimeoutError:
            raise ChannelError(batch.channel, f"the message was not made within {WITHIN:g} s") from None
        if job.error is not None:
            raise job.error
        message: Message = job.result
        return replace(message, key=message_key(batch.deliveries))

    def _begun(self, wanted: _Wanted, channel: str) -> Job:
        if self._threads.full:
            raise ChannelError(channel, "earlier messages are still being made")
        batch, limits, zone, policies = wanted
        job = self._threads.start(partial(compose, batch, limits, zone=zone, policies=policies))
        self._remember(wanted, job)
        return job

    def _remember(self, wanted: _Wanted, job: Job) -> None:
        self._jobs[wanted] = job
        while len(self._jobs) > REMEMBERED:
            del self._jobs[next(iter(self._jobs))]
        if self._forgetting is not None:
            self._forgetting.cancel()
        self._forgetting = asyncio.get_running_loop().call_later(KEPT, self._jobs.clear)
