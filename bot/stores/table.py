"""TinyDB's table on a `JournalStorage`: the same operations, each writing only what it touched.

Overrides one private method of TinyDB, `_update_table`; the tests compare every public operation with a stock table.
Does not save: that is the storage's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any

from tinydb import TinyDB
from tinydb.queries import QueryLike
from tinydb.table import Table
from tinydb.utils import LRUCache

from bot.stores.journal import JournalStorage
from bot.stores.snapshot import encode

Document = MutableMapping[str, Any]


class _Draft(MutableMapping[object, Document]):
    """A table as TinyDB changes it: only the documents that were asked for are decoded, and compared afterwards."""

    def __init__(self, texts: Mapping[str, str], id_class: Callable[[str], object]) -> None:
        self._texts = texts
        self._id_class = id_class
        self._touched: dict[str, Document | None] = {}

    def __getitem__(self, doc_id: object) -> Document:
        key = str(doc_id)
        if key not in self._touched:
            self._touched[key] = json.loads(self._texts[key])
        document = self._touched[key]
        if document is None:
            raise KeyError(doc_id)
        return document

    def __setitem__(self, doc_id: object, document: Document) -> None:
        self._touched[str(doc_id)] = document

    def __delitem__(self, doc_id: object) -> None:
        if doc_id not in self:
            raise KeyError(doc_id)
        self._touched[str(doc_id)] = None

    def __contains__(self, doc_id: object) -> bool:
        key = str(doc_id)
        return self._touched[key] is not None if key in self._touched else key in self._texts

    def __iter__(self) -> Iterator[object]:
        fresh = (key for key in self._touched if key not in self._texts)
        return (self._id_class(key) for key in [*self._texts, *fresh] if key in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def changes(self) -> list[tuple[str, str | None]]:
        """Each touched document with its new text, None for a removed one."""
        return [(key, None if document is None else encode(document)) for key, document in self._touched.items()]


class _NoCache(LRUCache[Any, Any]):
    """TinyDB's query cache hands the same documents out twice and would outlive an undone batch."""

    def __init__(self, capacity: int | None = None) -> None:  # noqa: ARG002  # TinyDB passes its own
        super().__init__(capacity=0)


class JournalTable(Table):
    """A TinyDB table on a `JournalStorage`: string ids, and each operation writes only what it touched."""

    document_id_class = str  # type: ignore[assignment]  # TinyDB annotates its own default, int
    query_cache_class = _NoCache

    def put(self, doc_id: str, document: Mapping[str, Any]) -> None:
        """Set one document, whatever was there. (TinyDB's own `upsert` merges.)"""
        self.put_all([(doc_id, document)])

    def put_all(self, documents: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Set several, each by its id."""
        self._journal_storage.change(self.name, ((doc_id, encode(document)) for doc_id, document in documents))

    def delete(self, doc_id: str) -> None:
        """Remove one document; it need not be there."""
        self._journal_storage.change(self.name, [(doc_id, None)])

    def update(
        self,
        fields: Mapping[str, Any] | Callable[[MutableMapping[str, Any]], None],
        cond: QueryLike | None = None,
        doc_ids: Iterable[Any] | None = None,
    ) -> list[Any]:
        """As TinyDB's; what `cond` matches is found first, so that only it is compared."""
        if cond is not None and doc_ids is None:
            doc_ids = self._matching(cond)
        return super().update(fields, None, doc_ids)

    def remove(self, cond: QueryLike | None = None, doc_ids: Iterable[Any] | None = None) -> list[Any]:
        """As TinyDB's; what `cond` matches is found first, so that only it is compared."""
        if cond is not None and doc_ids is None:
            doc_ids = self._matching(cond)
        return super().remove(None, doc_ids)

    @property
    def _journal_storage(self) -> JournalStorage:
        storage = self._storage
        assert isinstance(storage, JournalStorage)  # noqa: S101  # built so by `TinyDB(storage=JournalStorage)`
        return storage

    def _matching(self, cond: QueryLike) -> list[Any]:
        return [self.document_id_class(key) for key, document in self._read_table().items() if cond(document)]

    def _update_table(self, updater: Callable[[Any], None]) -> None:
        draft = _Draft(self._journal_storage.texts(self.name), self.document_id_class)
        updater(draft)
        self._journal_storage.change(self.name, draft.changes())

    def _get_next_id(self) -> Any:  # noqa: ANN401  # as TinyDB's
        if issubclass(self.document_id_class, str):
            raise ValueError("the document needs an id: Document(value, doc_id=...)")  # noqa: TRY004  # of the caller
        return super()._get_next_id()  # type: ignore[no-untyped-call]


class Database(TinyDB):
    """TinyDB with both halves: `Database(path)` takes the arguments of `JournalStorage`."""

    table_class = JournalTable
    default_storage_class = JournalStorage  # type: ignore[assignment]  # TinyDB annotates its own default
