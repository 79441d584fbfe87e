"""Deleted rows: the portal does not tell of them, and is asked how many rows it has where.

The keys of a table are cut into ranges. Where the portal counts as many rows as the table has,
nothing was deleted; only of the other ranges the keys are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dlt.destinations.sql_client import SqlClientBase

from bitrix24_effectiveness.files import literal
from bitrix24_effectiveness.load.methods import Method
from bitrix24_effectiveness.load.questions import CALLS, PortalError
from bitrix24_effectiveness.load.spool import Spool
from bitrix24_effectiveness.project import DELETED_ROWS, RawTable

if TYPE_CHECKING:
    from bitrix24_effectiveness.load.loading import _Load

RANGE = 2_000
"""Rows of a range: as many as one batch reads when its count differs."""

SAVE_EVERY = 20
"""Requests, or ranges read, after which it is written down where the sweep stands."""

_AT_ONCE = 1000
_KEY = "cast(id as bigint)"
_BEHIND = 2**31 - 1
"""No key of Bitrix24 is larger."""

Range = tuple[int, int]


class Sweep:
    """Removes the rows that the portal no longer has, and reads those that are not here yet."""

    def __init__(self, load: _Load) -> None:
        """Goes on where an earlier sweep stopped, if `load` knows of one."""
        self._load = load
        self._steps = 0

    def run(self) -> None:
        """Sweeps every table that was read to its end."""
        load = self._load
        if not load.sweep_state:
            load.sweep_state = {"started": load.now.isoformat() if load.now else None, "tables": {}}
        state = load.sweep_state["tables"]
        tables = [table for table in load.tables if self._is_swept(table)]
        self._announce(tables, state)
        for table in tables:
            if state.get(table.name) == "done":
                continue
            try:
                self._sweep(table, state)
            except PortalError as error:
                if not error.of_method:
                    raise
                load.note(table, error)
                state.pop(table.name, None)
        if not load.failures:
            load.swept_at, load.sweep_state = load.sweep_state["started"], None
        load.save()

    def _is_swept(self, table: RawTable) -> bool:
        method = self._load.methods[table.name]
        is_known = "loaded_until" in self._load.state_of(table)
        is_asked = table.name not in self._load.skipped | self._load.left_out
        return is_known and is_asked and method.is_incremental and not method.by_session

    def _announce(self, tables: list[RawTable], state: dict[str, Any]) -> None:
        tallies, left = self._load.tallies, 0
        with self._load.pipeline.sql_client() as client:
            for table in tables:
                if table.name not in state:
                    left += self._rows(client, table)
                elif isinstance(state[table.name], dict):
                    left += tallies[table.name].before
        ranges = -(-left // RANGE)
        requests = -(-ranges // CALLS) + len(tables)
        pace = self._load.settings.requests_per_second
        seconds = f", about {requests / pace:,.0f} s" if pace else ""
        self._load.log.event(
            "sweep",
            f"looking for deleted rows: {left:,} rows are counted by at most {requests:,} "
            f"requests{seconds}, and some more where counts differ",
            rows=left,
            requests=requests,
        )

    def _sweep(self, table: RawTable, state: dict[str, Any]) -> None:
        load, method = self._load, self._load.methods[table.name]
        plan = state.setdefault(table.name, self._plan(table))
        self._count(table, method, plan)
        with load.pipeline.sql_client() as client:
            if load.is_doubtful(table, self._rows(client, table), plan["gone"]):
                del state[table.name]
                return
        while plan["differing"]:
            low, high, expected = plan["differing"][0]
            self._compare(table, method, (low, high), expected)
            del plan["differing"][0]
            self._save_now_and_then()
        state[table.name] = "done"
        self._save_now_and_then()

    def _plan(self, table: RawTable) -> dict[str, Any]:
        """How wide a range is, where the next one begins, and the last key that is here."""
        with self._load.pipeline.sql_client() as client:
            name = self._load.name(client, table)
            query = f"select min({_KEY}), max({_KEY}), count(*) from {name}"
            ((lowest, highest, rows),) = client.execute_sql(query) or [(0, 0, 0)]
        if not rows:
            lowest = highest = 0
        width = max(1, -(-(highest - lowest + 1) * RANGE // max(rows, 1)))
        return {"low": 0, "end": highest, "width": width, "gone": 0, "differing": []}

    def _count(self, table: RawTable, method: Method, plan: dict[str, Any]) -> None:
        """Compares the counts of all ranges that were not compared before."""
        ranges = self._ranges(table, plan)
        here = self._counts_here(table, ranges, plan)
        answers = self._load.portal.counts(method, ranges)
        while True:
            with self._load.stopping.waiting():
                counted = next(answers, None)
            if counted is None:
                return
            for (low, high), there in counted:
                held = here.get(high, 0)
                if there != held:
                    expected = held if there is None else there
                    plan["differing"].append([low, high, expected])
                    plan["gone"] += max(0, held - (there or 0)) if there is not None else 0
                plan["low"] = high
            self._load.progress.show(f"{table.name}: counted up to {plan['low']:,}")
            self._save_now_and_then()

    def _ranges(self, table: RawTable, plan: dict[str, Any]) -> list[Range]:
        """Ranges from `low` on; the first begins before, and the last ends behind all rows here."""
        low, end = plan["low"], plan["end"]
        if low >= end:
            return [] if low == _BEHIND else [(end, _BEHIND)]
        with self._load.pipeline.sql_client() as client:
            name = self._load.name(client, table)
            first = number(client, f"select min({_KEY}) from {name} where {_KEY} > {low}")
        ends = [*range(first + plan["width"] - 1, end, plan["width"]), end, _BEHIND]
        return list(zip([low, *ends], ends, strict=False))

    def _counts_here(
        self, table: RawTable, ranges: list[Range], plan: dict[str, Any]
    ) -> dict[int, int]:
        """Rows of the table by the end of the range that they lie in."""
        if not ranges:
            return {}
        first, width, end = ranges[0][1], plan["width"], plan["end"]
        # integers alone, and no division, which engines do differently
        of_range = (
            f"case when {_KEY} <= {first} then {first} when {_KEY} > {end} then {_BEHIND} "
            f"else least({_KEY} + {width} - 1 - ({_KEY} - {first} - 1) % {width}, {end}) end"
        )
        with self._load.pipeline.sql_client() as client:
            rows = client.execute_sql(
                f"select {of_range}, count(*) from {self._load.name(client, table)} "
                f"where {_KEY} > {ranges[0][0]} group by 1"
            )
        return {int(high): int(count) for high, count in rows or ()}

    def _compare(self, table: RawTable, method: Method, keys: Range, expected: int) -> None:
        """Reads the keys of a range: what does not come is gone, unless it comes when asked for."""
        load = self._load
        there: set[int] = set()
        for page in self._pages(method, ["id"], keys, expected):
            there.update(int(row[method.key_field]) for row in page)
        with load.pipeline.sql_client() as client:
            rows = client.execute_sql(
                f"select {_KEY} from {load.name(client, table)} "
                f"where {_KEY} > {keys[0]} and {_KEY} <= {keys[1]}"
            )
            here = {int(row[0]) for row in rows or ()}
            gone = sorted(here - there)
            with load.stopping.waiting():
                still_there = load.portal.existing(method, gone)
            self._remove(client, table, [one for one in gone if one not in still_there])
        if there - here:
            self._fetch(table, method, keys, expected)

    def _pages(
        self, method: Method, columns: list[str], keys: Range, expected: int
    ) -> Iterator[list[dict[str, Any]]]:
        pages = self._load.portal.pages(method, columns, keys[0], None, keys[1], expected)
        while True:
            with self._load.stopping.waiting():
                try:
                    page = next(pages)
                except StopIteration:
                    return
            if page is not None:
                self._load.now = page.asked_at
                yield page.rows

    def _fetch(self, table: RawTable, method: Method, keys: Range, expected: int) -> None:
        """Reads the rows of a range that holds some that are not here."""
        load = self._load
        columns = [column.name for column in table.columns]
        fields = {column: method.field_of(column) for column in columns}
        spool = Spool(load.folder, table.name, fields)
        for rows in self._pages(method, columns, keys, expected):
            spool.add(rows)
        load.tallies[table.name].received += spool.count
        load.pipeline.run([load.resource(table, iter([spool.for_dlt(load.is_postgres)]))])

    def _remove(self, client: SqlClientBase[Any], table: RawTable, gone: list[int]) -> None:
        if not gone or not self._load.now:
            return
        name, found_at = self._load.name(client, table), self._load.now.isoformat()
        deleted = client.make_qualified_table_name(DELETED_ROWS)
        client.execute_sql(
            f"create table if not exists {deleted} "
            "(raw_table varchar, id varchar, found_at varchar)"
        )
        for start in range(0, len(gone), _AT_ONCE):
            some = gone[start : start + _AT_ONCE]
            values = ", ".join(f"('{literal(table.name)}', '{one}', '{found_at}')" for one in some)
            listed = ", ".join(f"'{one}'" for one in some)
            with client.begin_transaction():
                client.execute_sql(f"insert into {deleted} values {values}")
                client.execute_sql(f"delete from {name} where id in ({listed})")
        self._load.tallies[table.name].deleted += len(gone)

    def _rows(self, client: SqlClientBase[Any], table: RawTable) -> int:
        return number(client, f"select count(*) from {self._load.name(client, table)}")

    def _save_now_and_then(self) -> None:
        self._steps += 1
        if self._steps % SAVE_EVERY == 0:
            self._load.save()


def number(client: SqlClientBase[Any], query: str) -> int:
    """The number that a query counts; 0 for none."""
    rows = client.execute_sql(query)
    return int(rows[0][0] or 0) if rows else 0
