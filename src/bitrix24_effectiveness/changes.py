"""`metric_changes`: published figures of complete periods that are other than they were published.

Past periods that move are the first thing that people lose trust over, so each publication is
compared with the one before it. Figures that are expected to move are left out: those of periods
that were not complete, or had not ripened, when they were published.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from bitrix24_effectiveness.explain import window_of
from bitrix24_effectiveness.files import quote
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.warehouse import Comparison, Reader, Row, warehouse_of
from bitrix24_effectiveness.warehouse.kept import KEPT, METRIC_CHANGES, definition

_READ = ("metric_values", "metric_rows", "run_settings")
# fact -> its key, and the fact that would have had the key before; costs and processes are seeds
_FACTS = {
    "fct_deals": ("deal_id", "fct_deals"),
    "fct_purchases": ("deal_id", "fct_deals"),
    "fct_demand_units": ("demand_unit_id", "fct_demand_units"),
    "fct_requests": ("request_id", "fct_requests"),
}
# whose data it is, of which no figure is made
_LABELS = ("data_source", "seeds_source", "portal_url")
_CODE = ("models", "macros")
_KEPT_PUBLICATIONS = 100
# sums of fractions in another order
_PRECISION = 1e-9
_MOST_VALUES = 1000

_DAYS = dict[date, int]


@dataclass(frozen=True)
class Change:
    """The change of a figure of the whole company."""

    metric_code: str
    period_grain: str
    period_start: date
    old_value: float | None
    new_value: float | None
    change_pct: float | None
    why: str


@dataclass(frozen=True)
class Changes:
    """What a publication changes of the one before it."""

    figures: int
    """Of all segments."""
    of_all: list[Change]
    """Of segment `all`, the largest first."""

    def above(self, percent: float) -> list[Change]:
        """Those that moved by more; a value that came or went did."""
        return [
            one for one in self.of_all if one.change_pct is None or abs(one.change_pct) > percent
        ]


def settings_of(project: Project) -> dict[str, Any]:
    """What decides on figures beside the rows, as fingerprints: nothing can be read from them."""
    return {
        "version": project.version,
        "code": _digest(
            *(
                path.read_bytes()
                for folder in _CODE
                for path in sorted((project.package_directory / folder).rglob("*"))
                if path.is_file()
            )
        ),
        "vars": {
            name: _digest(json.dumps(value, sort_keys=True, default=str).encode())
            for name, value in project.vars.items()
            if name not in _LABELS
        },
        "seeds": {
            path.name: _digest(path.read_bytes()) for path in project.seeds_dir.glob("*.csv")
        },
    }


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(b"%d " % len(part) + part)
    return digest.hexdigest()[:16]


def keep_changes(project: Project, settings: dict[str, Any] | None) -> Changes | None:
    """Compares the marts of the warehouse with the published ones, and keeps what changed.

    Args:
        project: Where both are.
        settings: Those of the build, as `settings_of` gave them.

    Returns:
        None: nothing is published, or it is not to be compared: another portal's, or of a later
        instant.

    Raises:
        ConfigurationError: one of them cannot be read, or the warehouse not be written to.
        AnotherRunError: another process has a file open.
    """
    with warehouse_of(project).comparison([*_READ, *_FACTS]) as both:
        return _Comparing(project, both, settings).keep() if both else None


class _Comparing:
    def __init__(self, project: Project, both: Comparison, settings: dict[str, Any] | None) -> None:
        self._project = project
        self._both = both
        self._reader: Reader = both.reader
        self._found_at = datetime.now(UTC).replace(tzinfo=None)
        self._settings = settings
        (self._of_old,) = self._rows("select * from {old}.run_settings") or [{}]
        (self._of_new,) = self._rows("select * from {new}.run_settings") or [{}]
        self._days: dict[str, _DAYS] = {}

    def _sql(self, query: str) -> str:
        return query.replace("{old}", self._both.old).replace("{new}", self._both.new)

    def _rows(self, query: str, *parameters: Any) -> list[Row]:
        return self._reader.rows(self._sql(query), parameters)

    def keep(self) -> Changes | None:
        """Writes the rows; a row that a publication which failed has left gives way."""
        if not self._are_comparable():
            return None
        schema = self._project.schema("quality")
        if (schema, METRIC_CHANGES) not in self._reader.tables_of(schema):
            self._reader.execute(f"create schema if not exists {quote(schema)}")
            for statement in definition(schema, METRIC_CHANGES):
                self._reader.execute(statement)
        table = f"{quote(schema)}.{METRIC_CHANGES}"
        self._reader.execute(
            f"delete from {table} where previous_published_at = ?", [self._both.published_at]
        )
        periods = self._rows(
            "select metric_code, period_grain, period_start, period_end "
            f"from ({self._changed()}) as changed "
            "group by metric_code, period_grain, period_start, period_end"
        )
        for first in range(0, len(periods), _MOST_VALUES):
            self._insert(table, periods[first : first + _MOST_VALUES])
        self._reader.execute(
            f"delete from {table} where previous_published_at not in ("
            f"select previous_published_at from {table} group by previous_published_at "
            f"order by previous_published_at desc limit {_KEPT_PUBLICATIONS})"
        )
        return self._kept(table)

    def _are_comparable(self) -> bool:
        old, new = self._of_old, self._of_new
        return (
            bool(old.get("as_of_at") and new.get("as_of_at"))
            and new["as_of_at"] >= old["as_of_at"]
            and old.get("data_source") == new.get("data_source")
        )

    def _changed(self) -> str:
        """Figures of periods that were complete and ripe, and are no longer the same."""
        # answers count for so long after the request; other metrics say themselves what is ripe
        ripe_before = self._of_old["as_of_at"] - timedelta(
            days=self._of_old.get("response_horizon_days") or 0
        )
        differ = " or ".join(
            f"(o.{name} is null) <> (n.{name} is null) or abs(o.{name} - n.{name}) > "
            f"{_PRECISION} * greatest(abs(o.{name}), abs(n.{name}))"
            for name in ("value", "numerator", "denominator")
        )
        return self._sql(
            "select o.metric_key, o.metric_code, o.period_grain, o.period_start, o.period_end, "
            "o.segment_type, o.segment_id, o.segment_name, "
            "o.value as old_value, n.value as new_value, "
            "o.numerator as old_numerator, n.numerator as new_numerator, "
            "o.denominator as old_denominator, n.denominator as new_denominator, "
            "n.value_status as new_value_status, "
            "case when n.value = o.value or (n.value is null and o.value is null) then 0 "
            "else 100 * (n.value - o.value) / nullif(abs(o.value), 0) end as change_pct "
            "from {old}.metric_values as o left join {new}.metric_values as n "
            "on o.metric_key = n.metric_key "
            "where o.is_complete and o.value_status in ('measured', 'no_data') "
            "and (o.metric_code <> 'response_time' "
            f"or o.period_end < date '{ripe_before:%Y-%m-%d}') and ({differ})"
        )

    def _insert(self, table: str, periods: list[Row]) -> None:
        causes: list[Any] = []
        for row in periods:
            why, how_known = self._cause(row)
            causes += [row["metric_code"], row["period_grain"], row["period_start"], why, how_known]
        cause = (
            "(cast(? as varchar), cast(? as varchar), cast(? as date), "
            "cast(? as varchar), cast(? as varchar))"
        )
        columns = ", ".join(KEPT[METRIC_CHANGES][1])
        self._reader.execute(
            "with causes (metric_code, period_grain, period_start, why, how_known) as "
            f"(values {', '.join(cause for _ in periods)}) "
            f"insert into {table} ({columns}) "
            "select cast(? as timestamp), cast(? as timestamp), changed.*, "
            "causes.why, causes.how_known "
            f"from ({self._changed()}) as changed inner join causes "
            "on changed.metric_code = causes.metric_code "
            "and changed.period_grain = causes.period_grain "
            "and changed.period_start = causes.period_start",
            [*causes, self._found_at, self._both.published_at],
        )

    # -- why

    def _cause(self, period: Row) -> tuple[str, str]:
        """Codes of all causes that there is evidence of, and the evidence in words."""
        new = self._counted("{new}", "{old}", period)
        gone = self._counted("{old}", "{new}", period)
        codes, words = [], []
        if new:
            codes.append("late_rows")
            words.append(f"rows of its dates that were not there before: {new}")
        if gone:
            codes.append("deleted_rows")
            words.append(f"rows of its dates that are no longer there: {gone}")
        for code, said in self._settings_changed.items():
            codes.append(code)
            words.append(said)
        if not codes:
            codes.append("changed_rows")
            words.append("the rows of its dates are the same ones: something in them has changed")
        if self._both.settings is None:
            words.append("what settings the earlier publication had is not known")
        return ", ".join(codes), "; ".join(words)

    @property
    def _settings_changed(self) -> dict[str, str]:
        old, new = self._both.settings, self._settings
        if not old or not new:
            return {}
        changed = [
            f"{kind} {name}"
            for kind, part in (("var", "vars"), ("seed", "seeds"))
            for name in sorted(old[part].keys() | new[part].keys())
            if old[part].get(name) != new[part].get(name)
        ]
        causes = {}
        if changed:
            causes["changed_settings"] = f"changed: {', '.join(changed)}"
        if old["version"] != new["version"]:
            causes["new_version"] = f"version {old['version']} before, {new['version']} now"
        elif old["code"] != new["code"]:
            causes["new_version"] = f"models of version {new['version']} were changed"
        return causes

    def _counted(self, where: str, and_not_in: str, period: Row) -> int:
        """Rows behind a figure that one publication has and the other has not."""
        counted = 0
        for behind in self._rows_behind(period["metric_code"]):
            first, last = window_of(
                behind["period"],
                period["period_start"],
                period["period_end"],
                self._of_new.get("client_inactivity_days") or 0,
            )
            days = self._days_of(behind, where, and_not_in)
            counted = max(
                counted,
                sum(
                    rows
                    for day, rows in days.items()
                    if (first is None or first <= day) and (last is None or day <= last)
                ),
            )
        return counted

    def _rows_behind(self, metric_code: str) -> list[Row]:
        if not hasattr(self, "_behind"):
            self._behind: list[Row] = self._rows("select * from {new}.metric_rows")
        return [
            row
            for row in self._behind
            if row["metric_code"] == metric_code and row["table_name"] in _FACTS
        ]

    def _days_of(self, behind: Row, where: str, and_not_in: str) -> _DAYS:
        """Day -> rows of a fact that the other publication does not have at all."""
        key, other = _FACTS[behind["table_name"]]
        day, condition = behind["date_column"], behind["condition"]
        if "select" in condition:
            # it asks for other rows than this one
            condition = "true"
        query = (
            f"select {day} as day, count(*) as found from {where}.{behind['table_name']} as here "
            f"where {day} is not null and {condition} and not exists ("
            f"select 1 from {and_not_in}.{other} as there where there.{key} = here.{key}) "
            f"group by {day}"
        )
        if query not in self._days:
            self._days[query] = {row["day"]: row["found"] for row in self._rows(query)}
        return self._days[query]

    # -- what there is to tell

    def _kept(self, table: str) -> Changes:
        ours = f"from {table} where found_at = ?"
        ((figures,),) = self._reader.tuples(f"select count(*) {ours}", [self._found_at])
        rows = self._reader.rows(
            f"select * {ours} and segment_type = 'all'",
            [self._found_at],
        )
        found = [
            Change(**{name: row[name] for name in Change.__dataclass_fields__}) for row in rows
        ]
        found.sort(
            key=lambda one: (
                one.change_pct is not None,
                -abs(one.change_pct or 0),
                one.metric_code,
                one.period_start,
            )
        )
        return Changes(int(figures), found)
