"""The whole store as one file of plain TinyDB JSON, and how it is read back.

One document a line, so that our own file is read without parsing its documents; a checksum over all of it makes
that safe. A file that a person rewrote is parsed as any JSON. Its first table, `meta`, holds one document, `store`:
`{"format": "keepcurrent", "schema": int, "generation": int, "seq": int, "alone": true in a backup, "sum": crc32, hex}`.
Does not know what the documents mean.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from bot.errors import SchemaTooNew, StoreError
from bot.stores.files import Files, replace_file

FORMAT = "keepcurrent"
META = "meta"

Texts = dict[str, dict[str, str]]
"""Every table: name -> document id -> the document as compact JSON text."""


# One for all: `json.dumps` makes one for each document, which takes longer than to spell an id.
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def encode(document: object) -> str:
    """The one way a document is spelled. Raises `ValueError` or `TypeError` for what JSON cannot hold (NaN too)."""
    return _ENCODER.encode(document)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """`generation` names the journal that goes on from here, `seq` is the last change that is in the tables.

    `alone`: a backup, which is complete without a journal.
    """

    schema: int
    generation: int
    seq: int
    alone: bool = False

    def document(self) -> dict[str, Any]:
        """As it stands in the file, but for the checksum."""
        numbers = {"format": FORMAT, "schema": self.schema, "generation": self.generation, "seq": self.seq}
        return {**numbers, "alone": True} if self.alone else numbers

    def stamp(self, crc: int) -> str:
        """The checksum of the file: of this and of the body, whose own checksum is `crc`."""
        return f"{zlib.crc32(encode(self.document()).encode(), crc):08x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A file as it was read. `size` is in bytes."""

    meta: Meta
    tables: Texts
    size: int


def write_snapshot(files: Files, path: Path, meta: Meta, tables: Texts) -> int:
    """Replace the file. Returns its size in bytes; raises `OSError`."""
    crc = 0
    for chunk in _body(tables):
        crc = zlib.crc32(chunk, crc)
    return replace_file(files, path, _chunks(_head(meta, crc), _body(tables)))


def _chunks(head: bytes, body: Iterable[bytes]) -> Iterator[bytes]:
    yield head
    lines = iter(body)
    # One write for 1,000 lines: a write for each took twice as long.
    while chunk := b"".join(islice(lines, 1000)):
        yield chunk


def _head(meta: Meta, crc: int) -> bytes:
    return f'{{"{META}":{{"store":{encode({**meta.document(), "sum": meta.stamp(crc)})}}}\n'.encode()


def _body(tables: Texts) -> Iterator[bytes]:
    for name, table in tables.items():
        yield f",{encode(name)}:{{\n".encode()
        last = len(table) - 1
        for place, (doc_id, text) in enumerate(table.items()):
            yield f"{encode(doc_id)}:{text}{',' if place < last else ''}\n".encode()
        yield b"}\n"
    yield b"}\n"


def read_snapshot(files: Files, path: Path, schema: int) -> Snapshot:
    """Read the file. Raises `OSError`, `SchemaTooNew` and `Damaged`."""
    lines = files.lines(path)
    first = next(lines, b"")
    own = _own_head(first)
    if own is None:
        return _parse(files.read(path), path, schema)
    meta, stamp = own
    _check_schema(meta, path, schema)
    tables, crc, size = _read_body(lines, path)
    if meta.stamp(crc) != stamp:
        raise damaged(path, "its content does not match its checksum")
    return Snapshot(meta=meta, tables=tables, size=len(first) + size)


def _own_head(line: bytes) -> tuple[Meta, str] | None:
    """The first line of a file as we write it: what it says and the checksum; None if it is not spelled so."""
    try:
        found = json.loads(line.decode("ascii") + "}")
    except (ValueError, RecursionError):
        return None
    meta = _meta_of(found)
    return (meta, found[META]["store"]["sum"]) if meta and "sum" in found[META]["store"] else None


def _read_body(lines: Iterable[bytes], path: Path) -> tuple[Texts, int, int]:
    """The tables, the checksum and the size of the lines. Trusts their form: the checksum is compared afterwards."""
    tables: Texts = {}
    table: dict[str, str] = {}
    crc = size = 0
    try:
        for raw in lines:
            crc = zlib.crc32(raw, crc)
            size += len(raw)
            line = raw.decode("ascii").rstrip("\n")
            if line.startswith(","):
                table = tables.setdefault(json.loads(line[1:-2]), {})
            elif line != "}":
                doc_id, text = _read_line(line.removesuffix(","))
                table[doc_id] = text
    except ValueError as e:
        raise damaged(path, f"unreadable after {size} bytes") from e
    return tables, crc, size


def _read_line(line: str) -> tuple[str, str]:
    head, _, text = line.partition('":')
    if "\\" not in head:
        return head[1:], text
    ((doc_id, document),) = json.loads(f"{{{line}}}").items()
    return doc_id, encode(document)


def _parse(data: bytes, path: Path, schema: int) -> Snapshot:
    """A file that is not spelled as we spell it: rewritten by a person, or not ours."""
    if not data.strip(b"\0 \t\r\n"):
        raise damaged(path, "the file is empty")
    try:
        found = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as e:
        raise damaged(path, f"it is not valid JSON ({e})") from e
    meta = _meta_of(found)
    if meta is None:
        raise damaged(path, f"it is valid JSON, but not a store of {FORMAT}")
    _check_schema(meta, path, schema)
    if found[META]["store"].keys() != meta.document().keys():
        raise damaged(path, 'it does not match its checksum (if you changed it on purpose, remove "sum" from "meta")')
    tables = {name: {i: encode(doc) for i, doc in table.items()} for name, table in found.items() if name != META}
    return Snapshot(meta=meta, tables=tables, size=len(data))


def _meta_of(found: object) -> Meta | None:
    """What the file says of itself, if every part of it has the form of a store."""
    if not isinstance(found, dict) or not all(_is_table(table) for table in found.values()):
        return None
    store = found.get(META, {}).get("store", {})
    numbers = {name: store.get(name) for name in ("schema", "generation", "seq")}
    if store.get("format") != FORMAT or not all(type(number) is int for number in numbers.values()):
        return None
    return Meta(**numbers, alone=store.get("alone") is True)


def _is_table(found: object) -> bool:
    return isinstance(found, dict) and all(isinstance(document, dict) for document in found.values())


def _check_schema(meta: Meta, path: Path, schema: int) -> None:
    if meta.schema > schema:
        raise SchemaTooNew(
            f"{path} was written by a newer version (its schema is {meta.schema}, this version knows {schema}). "
            "Install the newer version again, or go back to the store from before the upgrade."
        )


def previous(path: Path) -> Path:
    """Where the generation before the present one is kept."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


class Damaged(StoreError):
    """A file of the store is there and cannot be used. Says where and why; how to go on is known to `backups`."""


def damaged(path: Path, what: str) -> Damaged:
    """What to tell when the file cannot be read."""
    return Damaged(f"{path} cannot be read: {what}. It was not changed.")
