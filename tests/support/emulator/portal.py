"""What a portal holds: its rows, its clock, its rights; and how people change its rows."""

from __future__ import annotations

import itertools
import json
import re
from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import Any

import duckdb

from bitrix24_effectiveness.project import DEMO_TABLE
from emulator.values import instant

Row = dict[str, Any]

CANARY = "personal-canary"
"""Every personal value of an emulated portal contains this text."""

CHANGED = {
    "crm_deal": "DATE_MODIFY",
    "crm_lead": "DATE_MODIFY",
    "crm_contact": "DATE_MODIFY",
    "crm_company": "DATE_MODIFY",
    "crm_activity": "LAST_UPDATED",
    "tasks": "CHANGED_DATE",
}
"""Field that tells when a row was changed last, by table; the other tables have none."""

CREATED = {
    "crm_deal": "DATE_CREATE",
    "crm_lead": "DATE_CREATE",
    "crm_contact": "DATE_CREATE",
    "crm_company": "DATE_CREATE",
    "crm_activity": "CREATED",
    "tasks": "CREATED_DATE",
    "crm_deal_stage_history": "CREATED_TIME",
    "crm_lead_status_history": "CREATED_TIME",
    "telephony_call": "CALL_START_DATE",
    "openline_message": "SENT_AT",
}

_DYNAMIC = re.compile(r"crm_dynamic_items_\d+(_stage_history)?")


def like(table: str) -> str:
    """The table whose times a table has: invoices and smart processes are as deals."""
    match = _DYNAMIC.fullmatch(table)
    return f"crm_deal{match[1] or ''}" if match else table


_PERSON = ("NAME", "SECOND_NAME", "LAST_NAME", "POST", "COMMENTS", "ADDRESS", "BIRTHDATE")
PERSONAL = {
    "crm_deal": ("TITLE", "COMMENTS", "ADDITIONAL_INFO", "SOURCE_DESCRIPTION", "UF_CRM_1700000001"),
    "crm_lead": ("TITLE", *_PERSON, "COMPANY_TITLE", "PHONE", "EMAIL", "UF_CRM_1700000002"),
    "crm_contact": (*_PERSON, "PHONE", "EMAIL", "UF_CRM_1700000003"),
    "crm_company": ("TITLE", "COMMENTS", "ADDRESS", "PHONE", "EMAIL", "UF_CRM_1700000004"),
    "crm_activity": ("SUBJECT", "DESCRIPTION", "LOCATION", "COMMUNICATIONS"),
    "telephony_call": ("PHONE_NUMBER", "COMMENT", "CALL_RECORD_URL", "CALL_LOG"),
    "tasks": ("TITLE", "DESCRIPTION"),
    "users": ("SECOND_NAME", "EMAIL", "PERSONAL_MOBILE", "PERSONAL_PHOTO", "PERSONAL_BIRTHDAY"),
}
"""Fields with personal data, by table. Their values are made when somebody asks for them."""

MULTIPLE = frozenset({"PHONE", "EMAIL", "COMMUNICATIONS"})
"""Fields of CRM objects that hold a list of values and that no mask selects."""

SAID_AS_JSON = frozenset({"EXTRA", "UF_DEPARTMENT", "UF_CRM_TASK", "ACTIVE"})
"""Fields that the raw tables keep as JSON text and the portal delivers as JSON."""


def personal_value(table: str, name: str, key: Any) -> Any:
    """The personal value of a row: text, or a list for the fields of several values."""
    text = f"{CANARY} {table} {name} {key}"
    if name in MULTIPLE and table != "users":
        return [{"ID": str(key), "VALUE_TYPE": "WORK", "VALUE": text, "TYPE_ID": name}]
    return text


@dataclass
class Clock:
    """The portal's own clock: it moves a little with every request, and as tests tell it.

    So a schedule of faults meets the same times again, whatever the machine does.
    """

    start: datetime
    step: timedelta = timedelta(milliseconds=50)
    passed: timedelta = timedelta()

    def now(self) -> datetime:
        return self.start + self.passed

    def tick(self) -> None:
        self.passed += self.step

    def advance(self, **span: float) -> None:
        """Moves the clock, e.g. `advance(hours=1)`."""
        self.passed += timedelta(**span)


@dataclass
class Table:
    """The rows of one raw table in the form of REST: names in upper case, values as delivered."""

    name: str
    key: str = "ID"
    rows: dict[Any, Row] = field(default_factory=dict)
    keys: list[Any] = field(default_factory=list)
    fields: tuple[str, ...] = ()
    version: int = 0
    """Grows with every change, so that an answer may be remembered until then."""

    def key_of(self, row: Row) -> Any:
        return int(row[self.key]) if self.key == "ID" else row[self.key]

    def put(self, row: Row) -> None:
        key = self.key_of(row)
        if key not in self.rows:
            insort(self.keys, key)
        self.rows[key] = row
        self.version += 1

    def remove(self, key: Any) -> None:
        del self.rows[key]
        del self.keys[bisect_left(self.keys, key)]
        self.version += 1


class Portal:
    """The rows of a portal, to be served and to be changed.

    Args:
        tables: Rows by raw table, with lower-case names and values as the raw tables hold them. Of
            rows with one id the one changed last stays, since a portal has no duplicates.
        utc_offset: Offset in which the portal writes its times; None leaves them as given.
        start: Where its clock starts; an hour after the last time in the rows if not given.
    """

    def __init__(
        self,
        tables: Mapping[str, Iterable[Mapping[str, Any]]],
        *,
        utc_offset: timedelta | None = None,
        start: datetime | None = None,
    ) -> None:
        self.zone = timezone(timedelta(hours=3) if utc_offset is None else utc_offset)
        self._convert = utc_offset is not None
        self.tables = {name: self._table(name, rows) for name, rows in tables.items()}
        self.clock = Clock((start or self._last_time() + timedelta(hours=1)).astimezone(self.zone))
        self.scopes = {"crm", "department", "imopenlines", "task", "telephony", "user"}
        self.absent: set[str] = set()
        """Methods that this portal does not have."""
        self.broken: set[str] = set()
        """Methods that answer with an error of the server, whatever they are asked."""
        self.unseen: dict[str, set[Any]] = {}
        """Rows that the user may not see, by table: pages with them are shorter."""
        self.denied: set[str] = set()
        """Methods that the user of the webhook may not call."""
        self.crm_mode = 1
        """1 with leads, 2 without: `crm.settings.mode.get`."""

    @classmethod
    def from_duckdb(cls, path: Path, **settings: Any) -> Portal:
        """A portal with the raw tables of a file as `crm-effect demo` writes it."""
        tables = {}
        with duckdb.connect(str(path), read_only=True) as connection:
            names = connection.execute(
                "select table_name from information_schema.tables where table_schema = 'bitrix24' "
                "and table_name <> ?",
                [DEMO_TABLE],
            ).fetchall()
            for (name,) in names:
                cursor = connection.execute(f'from bitrix24."{name}"')
                columns = [column[0] for column in cursor.description]
                tables[name] = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
        return cls(tables, **settings)

    def stamp(self) -> str:
        """Now, as the portal writes it."""
        return self.clock.now().isoformat(timespec="seconds")

    def create(self, table: str, **values: Any) -> int:
        """Adds a row with the next id, created and changed now. Returns the id."""
        target = self.tables[table]
        key = target.keys[-1] + 1 if target.keys else 1
        row = dict.fromkeys(target.fields) | {"ID": str(key)}
        for name in (CREATED.get(like(table)), CHANGED.get(like(table))):
            if name:
                row[name] = self.stamp()
        target.put(row | {name.upper(): value for name, value in values.items()})
        return key

    def modify(self, table: str, key: Any, **values: Any) -> None:
        """Changes a row; its time of change moves to now."""
        target = self.tables[table]
        row = target.rows[key] | {name.upper(): value for name, value in values.items()}
        if like(table) in CHANGED:
            row[CHANGED[like(table)]] = self.stamp()
        target.put(row)

    def delete(self, table: str, key: Any) -> None:
        """Deletes a row: it simply stops coming."""
        self.tables[table].remove(key)

    def _table(self, name: str, rows: Iterable[Mapping[str, Any]]) -> Table:
        table = Table(name, "CURRENCY" if name == "crm_currency" else "ID")
        changed = CHANGED.get(like(name))
        for given in rows:
            row = {column.upper(): value for column, value in given.items()}
            for column in SAID_AS_JSON.intersection(row):
                if isinstance(row[column], str) and row[column]:
                    row[column] = json.loads(row[column])
            if self._convert:
                row = {column: self._in_zone(value) for column, value in row.items()}
            if name == "tasks":
                row.setdefault("CHANGED_DATE", row.get("CLOSED_DATE") or row.get("CREATED_DATE"))
            known = table.rows.get(table.key_of(row))
            if known is None or not changed or _moment(row[changed]) >= _moment(known[changed]):
                table.put(row)
        table.fields = tuple(dict.fromkeys(itertools.chain.from_iterable(table.rows.values())))
        nothing = dict.fromkeys(table.fields)
        table.rows = {key: nothing | row for key, row in table.rows.items()}
        return table

    def _in_zone(self, value: Any) -> Any:
        """A time in the portal's offset; anything else as it is."""
        if isinstance(value, str) and len(value) == 25 and value[10] == "T":
            return datetime.fromisoformat(value).astimezone(self.zone).isoformat()
        return value

    def _last_time(self) -> datetime:
        moments = [
            _moment(row.get(name))
            for table in self.tables.values()
            for name in (CREATED.get(like(table.name)), CHANGED.get(like(table.name)))
            if name
            for row in table.rows.values()
        ]
        return datetime.fromtimestamp(max(moments, default=0), self.zone)


def _moment(value: Any) -> float:
    return instant(value) or 0.0


_CHANGES: dict[str, dict[str, tuple[Any, ...]]] = {
    "crm_deal": {"opportunity": ("1000.00", "2500.50", "0.00"), "assigned_by_id": ("11", "12")},
    "crm_lead": {"status_id": ("NEW", "IN_PROCESS", "JUNK"), "assigned_by_id": ("11", "12")},
    "crm_contact": {"assigned_by_id": ("11", "12", "13")},
    "crm_company": {"assigned_by_id": ("11", "12", "13")},
    "crm_activity": {"completed": ("Y", "N"), "deadline": ("", "2026-12-31T10:00:00+03:00")},
    "tasks": {"status": ("2", "3", "5"), "responsible_id": ("11", "12")},
}


class People:
    """The users of a portal at work: seeded changes of its rows, while somebody loads them."""

    def __init__(self, portal: Portal, random: Random) -> None:
        self.portal = portal
        self.random = random

    def create(self) -> None:
        """Creates a row like another one in a table that grows."""
        table = self._table(CREATED)
        like = dict(table.rows[self.random.choice(table.keys)])
        for name in ("ID", CREATED[table.name], CHANGED.get(table.name)):
            like.pop(name, None)
        self.portal.create(table.name, **like)

    def modify(self) -> None:
        """Changes a row of a table whose rows know when they were changed."""
        table = self._table(_CHANGES)
        key = self.random.choice(table.keys)
        changes = _CHANGES[table.name].items()
        values = {name: self.random.choice(choices) for name, choices in changes}
        self.portal.modify(table.name, key, **values)

    def delete(self) -> None:
        """Deletes a row, more often one of the last."""
        table = self._table(CREATED)
        near_the_end = table.keys[-60:]
        self.portal.delete(
            table.name, self.random.choice(self.random.choice((table.keys, near_the_end)))
        )

    def _table(self, names: Iterable[str]) -> Table:
        tables = self.portal.tables
        # a message of a chat is written with its activity, and not by these people
        filled = sorted(
            name
            for name in names
            if name in tables and name != "openline_message" and len(tables[name].keys) > 1
        )
        return tables[self.random.choice(filled)]
