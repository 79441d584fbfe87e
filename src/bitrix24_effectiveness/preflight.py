"""Everything that can be known to be wrong before anything is built."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb

from bitrix24_effectiveness.configuration import Vars, suggestion
from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.files import quote
from bitrix24_effectiveness.project import LOADED_TABLES, Project, RawTable, bare_name
from bitrix24_effectiveness.warehouse import Reader, warehouse_of

_FIRST_YEAR, _LAST_YEAR = 1990, 2100
_TRILLION = Decimal(10**12)
# of figures that a person writes by hand, what is no slip of the pen: first and last
_LIMITS = {
    ("costs", "amount"): (Decimal(0), _TRILLION),
    ("holidays", "shortened_by_minutes"): (Decimal(0), Decimal(24 * 60)),
    ("exchange_rates", "rate"): (Decimal("0.000001"), Decimal(10**6)),
    ("manual_baseline", "value"): (Decimal(0), _TRILLION),
    ("manual_baseline", "sample_size"): (Decimal(1), Decimal(10**9)),
    ("manual_baseline", "std_dev"): (Decimal(0), _TRILLION),
    ("goals", "target_value"): (Decimal(0), _TRILLION),
    ("goals", "target_change_pct"): (Decimal(-100), Decimal(10**6)),
    ("price_index", "index"): (Decimal("0.000001"), Decimal(10**6)),
}
_SPANS = (
    ("date_from", "date_to"),
    ("exists_from", "exists_to"),
    ("automated_from", "automated_to"),
    ("period_start", "period_end"),
)
# days; a licence is paid for some years at most
_LONGEST_COST = 3660


def check(project: Project) -> None:
    """Checks vars, seeds, the raw database and the warehouse, in this order.

    Raises:
        ConfigurationError: the first thing that is wrong, and what to do about it.
        AnotherRunError: another process has the warehouse open.
    """
    check_vars(project)
    check_seeds(project)
    check_raw(project)
    warehouse_of(project).check()


# -- vars


def check_vars(project: Project) -> None:
    """Checks that each var is known and in range."""
    _check_known("var {name} is unknown", project.given_vars, project.default_vars)
    given = Vars.read(project.vars)
    findings = project.default_vars["finding_thresholds"]
    _check_known("var finding_thresholds: {name} is no finding", given.finding_thresholds, findings)
    absent = [code for code in findings if code not in given.finding_thresholds]
    if absent:
        raise ConfigurationError(
            f"var finding_thresholds has no {absent[0]}: a run that gives it gives all of it; "
            "for one finding, change dbt_project.yml"
        )
    catalog = project.seeds_dir / "metric_catalog.csv"
    if given.recorded_alike and catalog.is_file():
        with catalog.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
            metrics = [row.get("metric_code") or "" for row in csv.DictReader(lines)]
        _check_known(
            f"var recorded_alike: {{name}} is no metric; these are: {', '.join(metrics)}",
            given.recorded_alike,
            metrics,
        )
    presets = ", ".join(given.raw_presets)
    _check_known(
        f"var raw_preset is {{name}}: it must be one of {presets}",
        [given.raw_preset],
        given.raw_presets,
    )
    if given.raw_preset == "deal_type" and given.deal_entity_type == 2:
        raise ConfigurationError(
            "var raw_preset is deal_type, which reads what stands for deals: say by the var "
            "deal_entity_type what that is, such as 31 for invoices"
        )
    identifiers, columns = given.raw_identifiers or {}, given.raw_columns or {}
    for var, tables in (("raw_identifiers", identifiers), ("raw_columns", columns)):
        _check_known(f"var {var}: {{name}} is no raw table", tables, project.raw_tables)
    for table, mapping in columns.items():
        known = [column.name for column in project.raw_tables[table].columns]
        _check_known(f"var raw_columns: {table} has no column {{name}}", mapping or (), known)


def _check_known(message: str, names: Iterable[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise ConfigurationError(message.format(name=name) + suggestion(name, known))


# -- seeds


def check_seeds(project: Project) -> None:
    """Checks that each seed is there, with the declared header and values that DuckDB reads."""
    folder = project.seeds_dir
    if not folder.is_dir():
        raise ConfigurationError(f"{folder}: no such folder; CRM_SEEDS_DIR must hold the seeds")
    found = {path.stem: path for path in sorted(folder.rglob("*.csv"))}
    for seed, columns in project.seeds.items():
        if seed not in found:
            strangers = [name for name in found if name not in project.seeds]
            # a version that is newer than the company's copy of the folder has seeds that it lacks
            hint = (
                suggestion(seed, strangers)
                or f"; copy {project.package_directory}/seeds/{seed}.csv"
            )
            raise ConfigurationError(f"{folder / seed}.csv is missing{hint}")
        _check_seed(found[seed], {column.name: column.data_type for column in columns})
    if {"goals", "metric_catalog"} <= project.seeds.keys():
        _check_goals(found["goals"], found["metric_catalog"])


def _check_goals(path: Path, catalog: Path) -> None:
    """Checks that each goal is one that its metric can reach."""
    with catalog.open(encoding="utf-8-sig", newline="") as file:
        metrics = {row["metric_code"]: row for row in csv.DictReader(file)}
    lines: dict[str, int] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        for read in rows:
            row = {column: (value or "").strip() for column, value in read.items()}
            code, where = row["metric_code"], f"{path.parent.name}/{path.name}"
            problem = _wrong_goal(row, metrics)
            if code in lines:
                problem = f"metric_code: {code} has a goal already, in line {lines[code]}"
            if problem:
                raise ConfigurationError(f"{where}, line {rows.line_num}, column {problem}")
            lines[code] = rows.line_num


def _wrong_goal(row: dict[str, str], metrics: dict[str, dict[str, str]]) -> str | None:
    """What is wrong with a row of the seed `goals`, with its column; None: nothing."""
    code, value, change = row["metric_code"], row["target_value"], row["target_change_pct"]
    if code not in metrics:
        return f"metric_code: {code or 'empty'} is no metric{suggestion(code, metrics)}"
    if bool(value) == bool(change):
        given = "both it and target_change_pct are"
        if not value:
            given = "neither it nor target_change_pct is"
        return f"target_value: {given} given; a goal has one of the two"
    if not row["target_date"]:
        return "target_date: empty; by when is the goal to be met?"
    if value and metrics[code]["unit"] == "percent" and Decimal(value) > 100:
        return f"target_value: {value} is more than 100 %"
    better = metrics[code]["better_when"]
    if change and (Decimal(change) <= 0 if better == "higher" else Decimal(change) >= 0):
        side = "above" if better == "higher" else "below"
        return f"target_change_pct: {change} is not {side} 0, and {code} is better when {better}"
    return None


def _check_seed(path: Path, types: dict[str, str]) -> None:
    where = f"{path.parent.name}/{path.name}"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header = next(csv.reader(file), [])
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{where}: is not UTF-8; save it as UTF-8") from error
    _check_header(where, header, types)
    for columns, decimal_separator in (
        ({column: types[column] for column in header}, "."),
        # DuckDB rounds 1.5 to a whole number, but not where a comma is what separates decimals
        ({column: "numeric" if "int" in types[column] else "text" for column in header}, ","),
    ):
        with duckdb.connect() as connection:
            connection.execute(
                "select count(columns(*)) from read_csv(?, columns = ?, decimal_separator = ?, "
                "delim = ',', quote = '\"', escape = '\"', nullstr = '', header = true, "
                "auto_detect = false, store_rejects = true)",
                [str(path), columns, decimal_separator],
            ).fetchall()
            rejected = connection.execute(
                "select line, column_name, error_type, error_message from reject_errors "
                "order by line, column_idx limit 1"
            ).fetchone()
        if rejected:
            raise ConfigurationError(f"{where}, line {_rejection(types, *rejected)}")
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        for row in rows:
            problem = _nonsense(path.stem, types, row)
            if problem:
                raise ConfigurationError(f"{where}, line {rows.line_num}, column {problem}")


def _nonsense(seed: str, types: dict[str, str], row: dict[str, str]) -> str | None:
    """What a person can only have mistyped, with its column; None: nothing."""
    row = {column: (value or "").strip() for column, value in row.items()}
    for column, value in row.items():
        if not value:
            continue
        if types[column] == "date":
            # DuckDB reads more than dbt does, such as 2025/05/01
            if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
                return f"{column}: {value} is no {_in_words('date')}"
            if not _FIRST_YEAR <= int(value[:4]) <= _LAST_YEAR:
                return f"{column}: {value} is not between {_FIRST_YEAR} and {_LAST_YEAR}"
        elif column in ("start_time", "end_time"):
            if not re.fullmatch(r"\d{1,2}:[0-5]\d", value, re.ASCII):
                return f"{column}: {value} is no time of day such as 09:00"
        elif (seed, column) in _LIMITS:
            low, high = _LIMITS[seed, column]
            if not low <= Decimal(value.replace("_", "")) <= high:
                return f"{column}: {value} is not between {low:f} and {high:f}"
    if seed == "alerts" and row["threshold"] and row["direction"] == "either":
        return "direction: either is for the usual range; with a threshold it is above or below"
    for first, last in _SPANS:
        if row.get(first) and row.get(last):
            days = (date.fromisoformat(row[last]) - date.fromisoformat(row[first])).days
            if days < 0:
                return f"{last}: {row[last]} is before {first}, {row[first]}"
            if seed == "costs" and days > _LONGEST_COST:
                return f"{last}: a cost of {days + 1:,} days; the longest is {_LONGEST_COST:,}"
    return None


def _rejection(types: dict[str, str], line: int, column: str, kind: str, message: str) -> str:
    if kind == "INVALID ENCODING":
        return f"{line}: is not UTF-8; save it as UTF-8"
    if kind == "UNQUOTED VALUE":
        return f"{line}, column {column}: a quote is out of place or never closed"
    if counts := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message):
        return f"{line}: has {counts[2]} values, the header has {counts[1]}"
    value = re.search(r'Could not convert string "(.*)" to', message, re.DOTALL)
    return f"{line}, column {column}: " + (
        f"{value[1]} is no {_in_words(types[column])}" if value else message
    )


def _in_words(data_type: str) -> str:
    words = {
        "timestamp": "time such as 2025-05-01 10:00:00",
        "date": "date such as 2025-05-01",
        "bool": "true or false",
        "int": "whole number",
    }
    return next((word for name, word in words.items() if name in data_type), "number")


def _check_header(where: str, header: list[str], types: dict[str, str]) -> None:
    if header and header[0].startswith("\ufeff"):
        raise ConfigurationError(f"{where}, line 1: save it as UTF-8 without a byte order mark")
    if len(header) == 1 and ";" in header[0]:
        raise ConfigurationError(
            f"{where}, line 1: has semicolons: save it with commas between its columns"
        )
    _check_known(f"{where}, line 1: column {{name}} is unknown", header, types)
    for column in types:
        if header.count(column) != 1:
            how = "there twice" if column in header else "missing"
            raise ConfigurationError(f"{where}, line 1: column {column} is {how}")


# -- the raw database


def check_raw(project: Project) -> None:
    """Checks that the raw database can be read and has what is required."""
    warehouse = warehouse_of(project)
    with warehouse.raw() as reader:
        found: dict[str, dict[str, str]] = {}
        for table, column in reader.columns(project.raw_schema):
            found.setdefault(table, {})[bare_name(column)] = column
        _check_raw_tables(project, warehouse.raw_source, found)
        _check_custom_segments(project, warehouse.raw_source, found)
        _check_loaded(project, found, reader)
        _check_base_currency(project, found, reader)


def _check_raw_tables(project: Project, source: str, found: dict[str, dict[str, str]]) -> None:
    schema = project.raw_schema
    if not found:
        raise ConfigurationError(
            f"{source} has no tables in schema {schema}: load them there, or set the var raw_schema"
        )
    for table in project.raw_tables.values():
        identifier = project.raw_identifier(table.name)
        if identifier.lower() in found:
            name = f"{schema}.{identifier} in {source}"
            _check_raw_columns(project, table, name, found[identifier.lower()])
        elif table.required:
            raise ConfigurationError(
                f"{source} has no table {schema}.{identifier}, which is required: "
                "load it, or give its name in the var raw_identifiers"
            )


def _check_custom_segments(project: Project, source: str, found: dict[str, dict[str, str]]) -> None:
    """Checks that the columns of the company's own segments were loaded."""
    for name, segment in project.vars["custom_segments"].items():
        table = project.raw_identifier(segment["table"])
        columns = found.get(table.lower())
        where = f"var custom_segments: {name}: {source} has no"
        if columns is None:
            raise ConfigurationError(f"{where} table {project.raw_schema}.{table}")
        if bare_name(segment["column"]) not in columns:
            hint = suggestion(segment["column"], columns.values())
            raise ConfigurationError(
                f"{where} column {segment['column']} in table {project.raw_schema}.{table}{hint}; "
                "crm-effect load brings custom fields that BITRIX24_EXTRA_COLUMNS names"
            )


def _check_loaded(project: Project, found: Iterable[str], reader: Reader) -> None:
    if LOADED_TABLES not in found:
        return
    unfinished = reader.tuples(
        f"select raw_table from {quote(project.raw_schema)}.{LOADED_TABLES} where not is_complete"
    )
    if unfinished:
        raise ConfigurationError(
            f"the first load of {', '.join(sorted(row[0] for row in unfinished))} was interrupted: "
            "run `crm-effect load`, which goes on where it stopped"
        )


def _check_raw_columns(project: Project, table: RawTable, name: str, found: dict[str, str]) -> None:
    mapped = (project.vars.get("raw_columns") or {}).get(table.name) or {}
    for column in table.columns:
        raw_name = project.raw_column(table.name, column.name)
        is_needed = column.required or mapped.get(column.name)
        if is_needed and bare_name(raw_name) not in found:
            raise ConfigurationError(
                f"table {name} has no column {raw_name}, which is required: "
                "load it, or give its name in the var raw_columns"
            )


def _check_base_currency(
    project: Project, found: dict[str, dict[str, str]], reader: Reader
) -> None:
    currency = project.vars.get("base_currency")
    if not currency:
        return
    with (project.seeds_dir / "exchange_rates.csv").open(encoding="utf-8", newline="") as file:
        known = {row["base_currency"] for row in csv.DictReader(file)}
    for table, column in (("crm_currency", "currency"), ("crm_deal", "currency_id")):
        identifier = project.raw_identifier(table)
        raw_name = bare_name(project.raw_column(table, column))
        if name := found.get(identifier.lower(), {}).get(raw_name):
            rows = reader.tuples(
                f"select distinct {quote(name)} "
                f"from {quote(project.raw_schema)}.{quote(identifier)}"
            )
            known |= {str(row[0] or "").strip().upper() for row in rows} - {""}
    if known and currency not in known:
        raise ConfigurationError(
            f"var base_currency is {currency}: the portal and the seed exchange_rates know only "
            f"{', '.join(sorted(known))}"
        )
