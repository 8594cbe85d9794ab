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

        assert _sorted(after) == _sorted(before)


def _sorted(text: str) -> list[tuple[str, str, str]]:
    """The records of an export; what was on its way is in doubt, from then on."""
    found = whole.read(text.splitlines(keepends=True))
    return sorted(
        (record.table, record.id, repr(record.body)) for record in found if record.body.get("state") != "sending"
    )


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
