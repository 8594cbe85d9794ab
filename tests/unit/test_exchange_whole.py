"""Everything as one JSON document: what is written is read again, and what is damaged is refused."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Unreadable
from bot.exchange import whole
from bot.model import Record


def spelled(*records: Record) -> str:
    writer = whole.Writer()
    return "".join([*map(writer.piece, records), writer.end()])


def read(text: str) -> list[Record]:
    return list(whole.read(text.splitlines(keepends=True)))


ABOUT = Record(table="about", id="store", body={"schema": 3})
ANN = Record(table="feeds", id="fake:ann", body={"author": {"handle": "ann"}, "x": [1, None, 1.5]})
BOB = Record(table="feeds", id='fake:"bob"/}', body={"title": "\ud83d {\n},"})

_JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=4)
_RECORDS = st.lists(
    st.builds(Record, table=st.sampled_from(["a", "b"]), id=st.text(), body=st.dictionaries(st.text(), _JSON)),
    unique_by=lambda record: (record.table, record.id),
).map(lambda records: sorted(records, key=lambda record: record.table))


@given(_RECORDS)
def test_what_was_written_is_read(records):
    """Line by line, and as the one JSON document that it is."""
    text = spelled(*records)
    document = {} if not records else json.loads(text)

    assert read(text) == records
    assert [(table, name) for table in document if table != "keepcurrent" for name in document[table]] == [
        (record.table, record.id) for record in records
    ]


def test_a_line_is_a_document():
    """So that whoever reads it needs little memory, and a person finds what he looks for."""
    assert spelled(ABOUT, ANN, BOB).splitlines() == [
        '{"keepcurrent":1,',
        '"about":{',
        '"store":{"schema":3}',
        "},",
        '"feeds":{',
        '"fake:ann":{"author":{"handle":"ann"},"x":[1,null,1.5]},',
        '"fake:\\"bob\\"/}":{"title":"\\ud83d {\\n},"}',
        "}}",
    ]


@pytest.mark.parametrize("indent", [None, 2])
def test_a_file_that_was_rewritten(indent):
    """By a tool that spells JSON in its own way: the same records."""
    text = json.dumps(json.loads(spelled(ABOUT, ANN, BOB)), indent=indent, ensure_ascii=True)

    assert read(text) == [ABOUT, ANN, BOB]


def test_a_file_with_windows_line_ends():
    """As a mail program may leave it."""
    assert read(spelled(ABOUT, ANN, BOB).replace("\n", "\r\n")) == [ABOUT, ANN, BOB]


def test_a_file_that_is_cut_anywhere_is_refused():
    """No beginning of an export is an export."""
    text = spelled(ABOUT, ANN, BOB).rstrip("\n")
    for end in range(len(text)):
        with pytest.raises(Unreadable):
            read(text[:end])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no whole JSON document"),
        ("[]", "not what keepcurrent exports"),
        ('{"a": 1}', "not what keepcurrent exports"),
        ('{"keepcurrent":2,\n"about":{}}', "newer version"),
        ('{"keepcurrent":true}x', "no whole JSON document"),
        ('{"keepcurrent":1,"feeds":[]}', '"feeds" is not what'),
        ('{"keepcurrent":1,"feeds":{"a":5}}', '"feeds" is not what'),
        ('{"keepcurrent":1,\n"feeds":{\n"a":5\n}}\n', "line 3: this is not"),
        ('{"keepcurrent":1,\n"feeds":{\n"a":{"b":NaN}\n}}\n', "line 3 is damaged"),
        ('{"keepcurrent":1,\n"feeds":{\n"a":{"b":1\n}}\n', "line 3 is damaged"),
        ('{"keepcurrent":1,\n"feeds":{\n"a":{},"b":{}\n}}\n', "line 3: this is not"),
        ('{"keepcurrent":1,\n5:{\n"a":{}\n}}\n', "line 2: this is not"),
        ('{"keepcurrent":1,\nhello\n', "line 2: this is not"),
        ('{"keepcurrent":1,\n"feeds":{\n"a":{}\n}}\n{}\n', "line 5: there is more"),
        ('{"keepcurrent":1,\n"a":{\n"a":' + "[" * 200_000 + "\n}}", "line 3 is damaged"),
        ("[" * 200_000, "no whole JSON document"),
    ],
)
def test_what_is_damaged_is_refused(text, says):
    """With the line, where there is one."""
    with pytest.raises(Unreadable, match=says):
        read(text)


@given(st.text())
def test_whatever_it_is(text):
    """Nothing but records or a refusal."""
    for start in ("", '{"keepcurrent":1,\n', '{"keepcurrent":1,\n"a":{\n'):
        with suppress(Unreadable):
            read(start + text)
