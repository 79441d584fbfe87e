"""Everything that can be known to be wrong before anything is built."""

from __future__ import annotations

import csv
import difflib
import re
import zoneinfo
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.files import quote
from bitrix24_effectiveness.project import LOADED_TABLES, Project, RawTable, bare_name
from bitrix24_effectiveness.warehouse import Reader, warehouse_of


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
    for name in project.given_vars:
        if name not in project.default_vars:
            raise ConfigurationError(
                f"var {name} is unknown{_suggestion(name, project.default_vars)}"
            )
    values = project.vars
    for name in (
        "client_inactivity_days",
        "response_sla_minutes",
        "comparison_months",
        "finding_window_months",
        "finding_instant_win_minutes",
        "finding_backdated_days",
        "finding_stuck_days",
        "finding_unmoved_days",
        "finding_unanswered_hours",
        "finding_idle_days",
    ):
        _check_integer(name, values.get(name), at_least=1)
    for name in ("ramp_up_months", "raw_max_age_hours"):
        _check_integer(name, values.get(name), at_least=0)
    for name in ("reporting_timezone", "portal_timezone"):
        _check_timezone(name, values.get(name))
    if values.get("demand_entity") not in ("auto", "lead", "deal"):
        raise _bad_var("demand_entity", values.get("demand_entity"), "auto, lead or deal")
    margin = values.get("gross_margin_rate")
    if isinstance(margin, bool) or not isinstance(margin, int | float) or not 0 < margin <= 1:
        raise _bad_var("gross_margin_rate", margin, "a number above 0 and up to 1")
    currency = values.get("base_currency")
    if currency and not re.fullmatch("[A-Z]{3}", str(currency)):
        raise _bad_var("base_currency", currency, "three capital letters, such as RUB, or empty")
    if not _is_instant(values.get("as_of")):
        raise _bad_var(
            "as_of", values["as_of"], "an instant such as 2026-05-01T00:00:00+03:00, or empty"
        )
    if not _is_date(values.get("crm_go_live_date")):
        raise _bad_var("crm_go_live_date", values.get("crm_go_live_date"), "a date: 2025-05-01")
    _check_thresholds(values.get("finding_thresholds"), project.default_vars["finding_thresholds"])
    _check_mappings(project)


def _check_thresholds(thresholds: Any, known: dict[str, Any]) -> None:
    if not isinstance(thresholds, dict):
        raise _bad_var("finding_thresholds", thresholds, "a percentage for each finding")
    for code, percentage in thresholds.items():
        if code not in known:
            raise ConfigurationError(
                f"var finding_thresholds: {code} is no finding{_suggestion(code, known)}"
            )
        is_number = isinstance(percentage, int | float) and not isinstance(percentage, bool)
        if not is_number or not 0 <= percentage <= 100:
            raise _bad_var(f"finding_thresholds: {code}", percentage, "a number from 0 to 100")
    absent = [code for code in known if code not in thresholds]
    if absent:
        raise ConfigurationError(
            f"var finding_thresholds has no {absent[0]}: a run that gives it gives all of it; "
            "for one finding, change dbt_project.yml"
        )


def _check_mappings(project: Project) -> None:
    preset, presets = project.vars["raw_preset"], project.vars["raw_presets"]
    if preset not in presets:
        raise _bad_var(
            "raw_preset", preset, f"one of {', '.join(presets)}{_suggestion(str(preset), presets)}"
        )
    identifiers = project.vars.get("raw_identifiers") or {}
    columns = project.vars.get("raw_columns") or {}
    for name, mapping in (("raw_identifiers", identifiers), ("raw_columns", columns)):
        if not isinstance(mapping, dict):
            raise _bad_var(name, mapping, "a mapping by raw table")
        for table in mapping:
            if table not in project.raw_tables:
                raise ConfigurationError(
                    f"var {name}: {table} is no raw table{_suggestion(table, project.raw_tables)}"
                )
    for table, mapping in columns.items():
        if not isinstance(mapping, dict):
            raise _bad_var("raw_columns", mapping, f"a mapping of the columns of {table}")
        known = [column.name for column in project.raw_tables[table].columns]
        for column in mapping:
            if column not in known:
                raise ConfigurationError(
                    f"var raw_columns: {table} has no column {column}{_suggestion(column, known)}"
                )


def _bad_var(name: str, value: Any, expected: str) -> ConfigurationError:
    shown = "empty" if value in ("", None) else value
    return ConfigurationError(f"var {name} is {shown}: it must be {expected}")


def _check_integer(name: str, value: Any, at_least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise _bad_var(name, value, f"a whole number, {at_least} or more")


def _check_timezone(name: str, value: Any) -> None:
    known = zoneinfo.available_timezones()
    if value not in known:
        raise ConfigurationError(
            f"var {name} is {value}: no such time zone{_suggestion(str(value), known)}"
        )


def _is_instant(value: Any) -> bool:
    if value in ("", None):
        return True
    if not re.match(r"\d{4}-\d{2}-\d{2}", str(value).strip()):
        return False
    try:
        datetime.fromisoformat(str(value).strip())
    except ValueError:
        return False
    return True


def _is_date(value: Any) -> bool:
    try:
        date.fromisoformat(str(value))
    except ValueError:
        return False
    return re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(value)) is not None


def _suggestion(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


# -- seeds


def check_seeds(project: Project) -> None:
    """Checks that each seed is there, with the declared header and readable values."""
    folder = project.seeds_dir
    if not folder.is_dir():
        raise ConfigurationError(f"{folder}: no such folder; CRM_SEEDS_DIR must hold the seeds")
    found = {path.stem: path for path in sorted(folder.rglob("*.csv"))}
    for seed, columns in project.seeds.items():
        if seed not in found:
            strangers = [name for name in found if name not in project.seeds]
            raise ConfigurationError(
                f"{folder / seed}.csv is missing{_suggestion(seed, strangers)}"
            )
        _check_seed(found[seed], {column.name: column.data_type for column in columns})


def _check_seed(path: Path, types: dict[str, str]) -> None:
    where = f"{path.parent.name}/{path.name}"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file, strict=True)
            header = next(rows, [])
            _check_header(where, header, types)
            for row in rows:
                if not row:
                    continue
                if len(row) != len(header):
                    raise ConfigurationError(
                        f"{where}, line {rows.line_num}: has {len(row)} values, "
                        f"the header has {len(header)}"
                    )
                for column, value in zip(header, row, strict=True):
                    if value != "" and not _is_readable(value, types[column]):
                        raise ConfigurationError(
                            f"{where}, line {rows.line_num}, column {column}: "
                            f"{value} is no {_type_in_words(types[column])}"
                        )
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{where}: is not UTF-8; save it as UTF-8") from error
    except csv.Error as error:
        raise ConfigurationError(f"{where}, line {rows.line_num}: {error}") from error


def _check_header(where: str, header: list[str], types: dict[str, str]) -> None:
    if header and header[0].startswith("\ufeff"):
        raise ConfigurationError(f"{where}, line 1: save it as UTF-8 without a byte order mark")
    for column in header:
        if column not in types:
            absent = [name for name in types if name not in header]
            raise ConfigurationError(
                f"{where}, line 1: column {column} is unknown{_suggestion(column, absent)}"
            )
        if header.count(column) > 1:
            raise ConfigurationError(f"{where}, line 1: column {column} is there twice")
    for column in types:
        if column not in header:
            raise ConfigurationError(f"{where}, line 1: column {column} is missing")


def _family(data_type: str) -> str:
    lowered = data_type.lower()
    for family, pattern in {
        "timestamp": "timestamp",
        "date": "date",
        "boolean": "bool",
        "whole number": "int",
        "number": "numeric|decimal|double|float|real",
    }.items():
        if re.match(f".*({pattern})", lowered):
            return family
    return "text"


def _type_in_words(data_type: str) -> str:
    return {
        "timestamp": "time such as 2025-05-01 10:00:00",
        "date": "date such as 2025-05-01",
        "boolean": "true or false",
    }.get(_family(data_type), _family(data_type))


def _is_readable(value: str, data_type: str) -> bool:
    family = _family(data_type)
    try:
        if family == "date":
            date.fromisoformat(value)
        elif family == "timestamp":
            datetime.fromisoformat(value)
        elif family == "whole number":
            return re.fullmatch(r"[+-]?\d{1,18}", value) is not None
        elif family == "number":
            return Decimal(value).is_finite()
        elif family == "boolean":
            return value.lower() in ("true", "false")
    except (ValueError, InvalidOperation):
        return False
    return True


# -- the raw database


def check_raw(project: Project) -> None:
    """Checks that the raw database can be read and has what is required."""
    warehouse = warehouse_of(project)
    with warehouse.raw() as reader:
        found: dict[str, dict[str, str]] = {}
        for table, column in reader.columns(project.raw_schema):
            found.setdefault(table, {})[bare_name(column)] = column
        _check_raw_tables(project, warehouse.raw_source, found)
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
