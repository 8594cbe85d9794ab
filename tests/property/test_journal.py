"""Random operations: the journal agrees with stock TinyDB, in memory and after opening again."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tinydb import TinyDB, where
from tinydb.storages import MemoryStorage
from tinydb.table import Document, Table

from bot.stores.journal import JournalStorage
from bot.stores.table import Database, JournalTable
from tests.faulty_files import Counting

IDS = st.sampled_from(["1", "2", "3", 'a":{b', "ü/\\\n"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=3,
)
DOCUMENTS = st.fixed_dictionaries({"n": st.integers(0, 3)}, optional={"x": VALUES})
TABLES = st.sampled_from(["a", "b"])
OPERATIONS = st.one_of(
    st.tuples(st.just("insert"), TABLES, IDS, DOCUMENTS),
    st.tuples(st.just("insert_multiple"), TABLES, st.lists(st.tuples(IDS, DOCUMENTS), max_size=3)),
    st.tuples(st.just("upsert"), TABLES, IDS, DOCUMENTS),
    st.tuples(st.just("upsert_where"), TABLES, st.integers(0, 3), IDS, DOCUMENTS),
    st.tuples(st.just("update"), TABLES, st.integers(0, 3), DOCUMENTS),
    st.tuples(st.just("update_ids"), TABLES, st.lists(IDS, max_size=2, unique=True), DOCUMENTS),
    st.tuples(st.just("update_all"), TABLES, DOCUMENTS),
    st.tuples(st.just("update_multiple"), TABLES, st.integers(0, 3), DOCUMENTS),
    st.tuples(st.just("delete_field"), TABLES, st.integers(0, 3)),
    st.tuples(st.just("broken_updater"), TABLES),
    st.tuples(st.just("remove"), TABLES, st.integers(0, 3)),
    st.tuples(st.just("remove_ids"), TABLES, st.lists(IDS, max_size=2, unique=True)),
    st.tuples(st.just("truncate"), TABLES),
    st.tuples(st.just("drop_table"), TABLES),
    st.tuples(st.just("drop_tables")),
)


class StrTable(Table):
    """Stock, with string ids."""

    document_id_class = str


class Stock(TinyDB):
    """Stock, with string ids."""

    table_class = StrTable


class IntTable(JournalTable):
    """Ours, with TinyDB's own kind of ids."""

    document_id_class = int


def drop_field(document: Any) -> None:
    document.pop("x", None)


def fail(document: Any) -> None:
    document["n"] = 0
    raise ZeroDivisionError


def apply(db: TinyDB, operation: tuple[Any, ...]) -> object:
    """Do one operation; returns its result, or the kind of its error."""
    name, *rest = operation
    try:
        if name in ("drop_table", "drop_tables"):
            return getattr(db, name)(*rest)
        return apply_to_table(db.table(rest[0]), name, rest[1:])
    except (ValueError, KeyError, ZeroDivisionError) as e:
        return type(e)


def apply_to_table(table: Table, name: str, rest: list[Any]) -> object:
    match name, rest:
        case "insert" | "upsert", [doc_id, document]:
            return getattr(table, name)(Document(document, doc_id=doc_id))
        case "insert_multiple", [documents]:
            return table.insert_multiple(Document(document, doc_id=doc_id) for doc_id, document in documents)
        case "upsert_where", [n, doc_id, document]:
            return table.upsert(Document(document, doc_id=doc_id), where("n") == n)
        case "update", [n, document]:
            return table.update(document, where("n") == n)
        case "update_ids", [doc_ids, document]:
            return table.update(document, doc_ids=doc_ids)
        case "update_all", [document]:
            return table.update(document)
        case "update_multiple", [n, document]:
            return table.update_multiple([(document, where("n") == n), ({"y": 1}, where("n") == 1)])
        case "delete_field", [n]:
            return table.update(drop_field, where("n") == n)
        case "broken_updater", []:
            return table.update(fail) if len(table) else ZeroDivisionError
        case "remove", [n]:
            return table.remove(where("n") == n)
        case "remove_ids", [doc_ids]:
            return table.remove(doc_ids=doc_ids)
        case "truncate", []:
            return table.truncate()
    raise AssertionError(name)


def found(db: TinyDB) -> dict[str, list[tuple[Any, dict[str, Any]]]]:
    """All documents, in order, and what the ways to look at them say."""
    tables = {name: [(doc.doc_id, dict(doc)) for doc in db.table(name)] for name in ("a", "b")}
    for name, documents in tables.items():
        table = db.table(name)
        assert len(table) == len(documents)
        assert [(d.doc_id, dict(d)) for d in table.all()] == documents
        for doc_id, document in documents:
            assert table.get(doc_id=doc_id) == document
            assert table.contains(doc_id=doc_id)
        for n in range(4):
            expected = [document for _, document in documents if document["n"] == n]
            assert table.search(where("n") == n) == expected
            assert table.count(where("n") == n) == len(expected)
            assert table.get(where("n") == n) == (expected[0] if expected else None)
        assert table.get(doc_ids=[doc_id for doc_id, _ in documents[:2]]) == [doc for _, doc in documents[:2]]
    return tables


@settings(max_examples=150, deadline=None)
@given(operations=st.lists(OPERATIONS, max_size=12), limit=st.sampled_from([50, 300, 10**6]))
def test_operations_agree_with_stock_tinydb(operations: list[Any], limit: int) -> None:
    """After every operation, and after opening again, the store holds what stock TinyDB holds."""
    with tempfile.TemporaryDirectory() as folder:
        stock = Stock(storage=MemoryStorage)
        ours = Database(Path(folder) / "store.json", limit=limit, files=Counting())
        for operation in operations:
            # Stock TinyDB keeps in memory what a failing updater did before it failed; ours keeps nothing of it.
            expected_result = ZeroDivisionError if operation[0] == "broken_updater" else apply(stock, operation)
            assert apply(ours, operation) == expected_result
        expected = found(stock)

        assert found(ours) == expected
        assert found(Database(Path(folder) / "store.json", read_only=True, files=Counting())) == expected
        ours.close()
        again = Database(Path(folder) / "store.json", limit=limit, files=Counting())
        assert found(again) == expected
        again.close()
        with Stock(Path(folder) / "store.json") as plain:
            assert found(plain) == expected


@settings(max_examples=60, deadline=None)
@given(
    batches=st.lists(st.tuples(st.lists(OPERATIONS, min_size=1, max_size=4), st.booleans()), max_size=6),
    limit=st.sampled_from([50, 10**6]),
)
def test_a_batch_is_all_or_nothing(batches: list[tuple[list[Any], bool]], limit: int) -> None:
    """A batch that raises leaves no trace in memory or on the disk; the observer is told of both ways."""
    with tempfile.TemporaryDirectory() as folder:
        seen: dict[tuple[str, str], str] = {}

        def observe(table: str, doc_id: str, before: str | None, after: str | None) -> None:
            assert seen.pop((table, doc_id), None) == before
            if after is not None:
                seen[table, doc_id] = after

        ours = Database(Path(folder) / "store.json", limit=limit, observer=observe, files=Counting())
        storage = ours.storage
        assert isinstance(storage, JournalStorage)
        for operations, fails in batches:
            before = {name: dict(rows) for name, rows in found(ours).items()}
            try:
                with storage.batch():
                    for operation in operations:
                        apply(ours, operation)
                    if fails:
                        raise ZeroDivisionError
            except ZeroDivisionError:
                assert {name: dict(rows) for name, rows in found(ours).items()} == before
            texts = {(name, doc_id): text for name in ("a", "b") for doc_id, text in storage.texts(name).items()}
            assert seen == texts
        expected = {name: dict(rows) for name, rows in found(ours).items()}
        on_disk = found(Database(Path(folder) / "store.json", read_only=True, files=Counting()))
        assert {name: dict(rows) for name, rows in on_disk.items()} == expected
        ours.close()


@settings(max_examples=30, deadline=None)
@given(documents=st.lists(DOCUMENTS, max_size=5), n=st.integers(0, 3))
def test_automatic_ids_agree_with_stock_tinydb(documents: list[dict[str, Any]], n: int) -> None:
    """With TinyDB's own integer ids, plain documents get the same ids."""
    with tempfile.TemporaryDirectory() as folder:
        stock = TinyDB(storage=MemoryStorage)
        ours = Database(Path(folder) / "store.json", files=Counting())
        table = IntTable(ours.storage, "_default")
        for document in documents:
            assert table.insert(document) == stock.insert(document)
        assert table.remove(where("n") == n) == stock.remove(where("n") == n)
        assert table.insert({"n": 9}) == stock.insert({"n": 9})

        assert table.all() == stock.all()
        ours.close()


def test_a_document_without_an_id_is_refused() -> None:
    """A table with string ids cannot invent one."""
    with tempfile.TemporaryDirectory() as folder:
        db = Database(Path(folder) / "store.json", files=Counting())

        with pytest.raises(ValueError, match="needs an id"):
            db.table("a").insert({"n": 1})
        db.close()
