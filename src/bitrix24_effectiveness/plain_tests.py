"""Plain data tests in one query for each table, where dbt would take a node for each.

They are four fifths of all tests, and as nodes they take a third of the time of a small build. What
is found here is asked of dbt again, which tells it in its own words and keeps the failing rows: so
this has to miss nothing that dbt's own tests find, and need not say what it found.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

_ARGUMENTS = {
    "not_null": {"column_name"},
    "unique": {"column_name"},
    "accepted_values": {"column_name", "values", "quote"},
    "relationships": {"column_name", "to", "field"},
}
# with any other setting dbt runs it
_SETTINGS = {
    "enabled": True,
    "where": None,
    "limit": None,
    "fail_calc": "count(*)",
    "error_if": "!= 0",
    "severity": "ERROR",
}


@dataclass(frozen=True)
class PlainTest:
    """A test of one column; `parent` is the table whose `field` holds every value of it.

    `nodes` are the tables that it reads, by the ids of their nodes; `values` are SQL.
    """

    test_id: str
    kind: str
    column: str
    table: str
    nodes: frozenset[str]
    values: tuple[str, ...] = ()
    parent: str | None = None
    field: str | None = None

    @property
    def failures(self) -> str:
        """How many rows fail, in SQL within a query of the table: as dbt's own test has it."""
        if self.kind == "not_null":
            return f"count(case when {self.column} is null then 1 end)"
        if self.kind == "accepted_values":
            return f"count(case when {self.column} not in ({', '.join(self.values)}) then 1 end)"
        if self.kind == "unique":
            failing = (
                f"select {self.column} as value from {self.table} where {self.column} is not null "
                f"group by {self.column} having count(*) > 1"
            )
        else:
            failing = (
                f"select child.value from (select {self.column} as value from {self.table}) child "
                f"left join (select {self.field} as value from {self.parent}) parent "
                "on child.value = parent.value "
                "where child.value is not null and parent.value is null"
            )
        return f"(select count(*) from ({failing}) failing)"


def plain_tests(manifest: Manifest) -> dict[str, PlainTest]:
    """The tests that can be run here, by the id of their node."""
    found = (_plain(manifest, node) for node in manifest.nodes.values())
    return {test.test_id: test for test in found if test}


def by_table(tests: Collection[PlainTest]) -> Iterator[tuple[str, list[PlainTest]]]:
    """A query for each table, and the tests whose numbers of failing rows are its columns."""
    of_tables: dict[str, list[PlainTest]] = {}
    for test in tests:
        of_tables.setdefault(test.table, []).append(test)
    for table, of_table in sorted(of_tables.items()):
        counts = ", ".join(f"{test.failures} as f{i}" for i, test in enumerate(of_table))
        yield f"select {counts} from {table}", of_table


def failing(tests: Collection[PlainTest]) -> Iterator[str]:
    """Runs tests where dbt is connected to; gives the ids of those that fail or cannot be run."""
    from dbt.adapters.factory import FACTORY
    from dbt_common.exceptions import DbtRuntimeError

    adapter: Any
    (adapter,) = FACTORY.adapters.values()
    try:
        with adapter.connection_named("plain_tests"):
            for query, of_table in by_table(tests):
                try:
                    _, answer = adapter.execute(query, fetch=True)
                except DbtRuntimeError:
                    # such as a column that is not there: which of them it is, dbt will say
                    yield from (test.test_id for test in of_table)
                    continue
                counts = answer.rows[0].values()
                for test, count in zip(of_table, counts, strict=True):
                    if count != 0:
                        yield test.test_id
    finally:
        # one that is open would keep the warehouse open
        adapter.cleanup_connections()


def _plain(manifest: Manifest, node: Any) -> PlainTest | None:
    metadata = getattr(node, "test_metadata", None)
    if metadata is None or metadata.namespace or metadata.name not in _ARGUMENTS:
        return None
    arguments = {name: value for name, value in metadata.kwargs.items() if name != "model"}
    if metadata.name == "accepted_values":
        arguments.setdefault("quote", True)
    settings = node.config.to_dict() | {"severity": node.config.severity.upper()}
    table = manifest.nodes.get(node.attached_node)
    if (
        arguments.keys() != _ARGUMENTS[metadata.name]
        or any(settings[name] != value for name, value in _SETTINGS.items())
        or table is None
        or not table.relation_name
        or metadata.kwargs["model"] != "{{ get_where_subquery(ref('" + table.name + "')) }}"
    ):
        return None
    parent = None
    if metadata.name == "relationships":
        to = re.fullmatch(r"ref\('(\w+)'\)", arguments["to"])
        named = [manifest.nodes[key] for key in node.depends_on.nodes if key in manifest.nodes]
        parents = [one for one in named if to and one.name == to[1]]
        if len(parents) != 1 or not parents[0].relation_name:
            return None
        parent = parents[0].relation_name
    quote = "'" if arguments.get("quote") else ""
    values = tuple(f"{quote}{value}{quote}" for value in arguments.get("values", []))
    return PlainTest(
        node.unique_id,
        metadata.name,
        arguments["column_name"],
        table.relation_name,
        frozenset(node.depends_on.nodes),
        values,
        parent,
        arguments.get("field"),
    )
