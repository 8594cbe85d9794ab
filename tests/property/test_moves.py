"""The promise over random histories in which the store moves to another machine, again and again."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from bot.exchange import whole
from bot.stores.memory import MemoryStore
from tests.fakes import FailingStore
from tests.moves import exported, moved
from tests.property.test_growth import History, slow, step

histories = st.lists(st.one_of(step, step, step, st.just(("move",))), min_size=5, max_size=40)


class Moving(History):
    """A history in which the store may move; what was broken of the old one is not of the new one."""

    async def move(self) -> None:
        before = await exported(self.world.store)
        await moved(self.world, FailingStore(MemoryStore()))
        after = await exported(self.world.store)

        going = {row.id for row in await self.world.store.deliveries(["unknown"])}
        assert _sorted(after, going) == _sorted(before, going)


def _sorted(text: str, leaving_out: set[str]) -> list[tuple[str, str, str]]:
    """The records of an export, but for some: what was on its way is in doubt after a move."""
    found = whole.read(text.splitlines(keepends=True))
    return sorted((one.table, one.id, repr(one.body)) for one in found if one.id not in leaving_out)


@slow
@given(histories)
def test_a_move_loses_no_post_and_tells_none_twice(steps):
    """Over any history of growth, faults, restarts and moves; and what was moved is what there was."""

    async def trial() -> None:
        history = Moving(MemoryStore())
        await history.begin()
        await history.play([("move",), *steps, ("move",)])
        await history.heal()
        history.check()

    asyncio.run(trial())
