"""A little of the fuzzing, always the same, in every run; `python -m tests.trials fuzz` does much of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.errors import StoreError
from bot.stores.ledger import Ledger
from tests.hostile.fuzzing import Target, attempt, framed, good_store, plain_snapshot, targets

EXAMPLES = 60
BOUND = 5.0
"""Seconds of the processor for one example."""


@pytest.mark.parametrize("target", list(targets()), ids=lambda target: target.name)
def test_it_holds(target: Target) -> None:
    """No exception but our own, nothing live, within its time."""
    tried = attempt(target, EXAMPLES)

    assert [*tried.crashes.values(), *tried.live.values()] == []
    assert tried.examples >= EXAMPLES // 2
    assert tried.slowest < BOUND


def _opened(folder: Path, name: str, data: bytes) -> None:
    for other, content in good_store().items():
        (folder / other).write_bytes(data if other == name else content)
    Ledger(folder, read_only=True)


@pytest.mark.parametrize("record", ["[[]]", "[{}]", "[[[1],2]]", '[[{"a":1},[],[]]]', "[3]"])
def test_a_record_that_is_none_of_ours_is_told(record: str, tmp_path: Path) -> None:
    """Found by fuzzing: a journal line with a right checksum and a wrong content was an error of Python's."""
    with pytest.raises(StoreError, match=r"damaged at byte .* Restore the folder"):
        _opened(tmp_path, "store.1.journal", framed(json.loads(record)))


def test_a_document_that_is_none_of_ours_is_told(tmp_path: Path) -> None:
    """Found by fuzzing: a rewritten store whose delivery lacks what each has was a KeyError."""
    with pytest.raises(StoreError, match="none of ours"):
        _opened(tmp_path, "store.json", plain_snapshot({"deliveries": {"d1": {"state": "pending"}}}))
