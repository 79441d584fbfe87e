"""Raw values and raw tables: text to types, rejected rows, superseded duplicates.

Kinds of columns:

* ``id`` - integer text, kept as text (``37.0`` -> ``37``; ``0`` stays ``0``);
* ``link`` - the same, but ``0`` means that there is no link;
* ``text`` - as delivered, trimmed;
* ``word`` - as delivered, trimmed, without quotes around it or a number's decimals (``7.0`` is 7);
* ``code`` - the same and upper-cased (stage and status ids);
* ``semantic`` - P, S or F, whatever spelling was delivered; None when it says nothing;
* ``number`` - Decimal; ``flag`` - bool; ``time`` - aware datetime in UTC; ``day`` - date.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

COLUMNS: dict[str, dict[str, str]] = {
    "crm_deal": {
        "id": "id",
        "stage_id": "code",
        "date_create": "time",
        "category_id": "id",
        "stage_semantic_id": "semantic",
        "opportunity": "number",
        "currency_id": "word",
        "company_id": "link",
        "contact_id": "link",
        "lead_id": "link",
        "source_id": "word",
        "assigned_by_id": "link",
        "created_by_id": "link",
        "type_id": "word",
        "begindate": "time",
        "closedate": "time",
        "date_modify": "time",
        "moved_time": "time",
        "closed": "flag",
        "is_recurring": "flag",
        "is_return_customer": "flag",
        "is_repeated_approach": "flag",
        "utm_source": "text",
        "utm_medium": "text",
        "utm_campaign": "text",
    },
    "crm_lead": {
        "id": "id",
        "status_id": "code",
        "date_create": "time",
        "status_semantic_id": "semantic",
        "source_id": "word",
        "opportunity": "number",
        "currency_id": "word",
        "company_id": "link",
        "contact_id": "link",
        "assigned_by_id": "link",
        "created_by_id": "link",
        "date_modify": "time",
        "date_closed": "time",
        "moved_time": "time",
        "is_return_customer": "flag",
        "has_phone": "flag",
        "has_email": "flag",
        "utm_source": "text",
        "utm_medium": "text",
        "utm_campaign": "text",
    },
    "crm_deal_stage_history": {
        "id": "id",
        "owner_id": "link",
        "created_time": "time",
        "stage_id": "code",
        "type_id": "id",
        "category_id": "id",
        "stage_semantic_id": "semantic",
    },
    "crm_lead_status_history": {
        "id": "id",
        "owner_id": "link",
        "created_time": "time",
        "status_id": "code",
        "type_id": "id",
        "status_semantic_id": "semantic",
    },
    "crm_activity": {
        "id": "id",
        "owner_id": "link",
        "owner_type_id": "id",
        "created": "time",
        "type_id": "id",
        "provider_id": "word",
        "provider_type_id": "word",
        "direction": "id",
        "start_time": "time",
        "end_time": "time",
        "deadline": "time",
        "last_updated": "time",
        "completed": "flag",
        "responsible_id": "link",
        "author_id": "id",
        "is_incoming_channel": "flag",
        "result_status": "id",
        "associated_entity_id": "link",
        "result_source_id": "word",
    },
    "openline_message": {
        "id": "id",
        "session_id": "id",
        "sent_at": "time",
        "sender_id": "id",
        "sender_kind": "word",
    },
    "telephony_call": {
        "id": "text",
        "call_start_date": "time",
        "call_type": "id",
        "call_duration": "number",
        "call_failed_code": "code",
        "portal_user_id": "link",
        "crm_entity_type": "word",
        "crm_entity_id": "link",
        "crm_activity_id": "link",
    },
    "crm_status": {
        "id": "id",
        "entity_id": "code",
        "status_id": "word",
        "name": "text",
        "sort": "number",
        "semantics": "semantic",
        "category_id": "id",
        "extra": "text",
    },
    "crm_category": {"id": "id", "name": "text", "sort": "number", "is_default": "flag"},
    "crm_currency": {
        "currency": "word",
        "amount_cnt": "number",
        "amount": "number",
        "base": "flag",
    },
    "users": {
        "id": "id",
        "active": "flag",
        "name": "text",
        "last_name": "text",
        "work_position": "text",
        "uf_department": "text",
        "user_type": "word",
    },
    "departments": {"id": "id", "name": "text"},
    "tasks": {
        "id": "id",
        "status": "id",
        "created_date": "time",
        "closed_date": "time",
        "deadline": "time",
        "responsible_id": "link",
        "created_by": "link",
        "uf_crm_task": "text",
    },
    "crm_contact": {
        "id": "id",
        "company_id": "link",
        "date_create": "time",
        "date_modify": "time",
    },
    "crm_company": {"id": "id", "date_create": "time", "date_modify": "time"},
}

REQUIRED: dict[str, list[str]] = {
    "crm_deal": ["id", "stage_id", "date_create"],
    "crm_lead": ["id", "status_id", "date_create"],
    "crm_deal_stage_history": ["id", "owner_id", "created_time", "stage_id"],
    "crm_lead_status_history": ["id", "owner_id", "created_time", "status_id"],
    "crm_activity": ["id", "owner_id", "owner_type_id", "created"],
    "openline_message": ["id", "session_id", "sent_at"],
    "telephony_call": ["id", "call_start_date"],
    "crm_status": ["entity_id", "status_id"],
    "crm_category": ["id"],
    "crm_currency": ["currency"],
    "users": ["id"],
    "departments": ["id"],
    "tasks": ["id"],
    "crm_contact": ["id"],
    "crm_company": ["id"],
}

KEY = {table: "currency" if table == "crm_currency" else "id" for table in COLUMNS}

NEWEST_BY = {
    "crm_deal": "date_modify",
    "crm_lead": "date_modify",
    "crm_contact": "date_modify",
    "crm_company": "date_modify",
    "crm_activity": "last_updated",
    "crm_deal_stage_history": "created_time",
    "crm_lead_status_history": "created_time",
}

SEMANTICS = {
    "P": "P",
    "S": "S",
    "F": "F",
    "PROCESS": "P",
    "SUCCESS": "S",
    "FAILURE": "F",
    "APOLOGY": "F",
}
FLAGS = {"Y": True, "N": False, "1": True, "0": False, "TRUE": True, "FALSE": False} | {
    "1.0": True,
    "0.0": False,
}

_INTEGER = re.compile(r"^([+-]?\d+)(\.0*)?$")
_TIME = re.compile(
    r"^([1-9]\d{3}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?) ?"
    r"(Z|[+-]\d{2}(?::?\d{2})?)?)?$"
)
HIDDEN = "(hidden)"
LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


class UnreadableError(ValueError):
    """A value that is there but is not of its column's type."""


class OutOfRangeError(ValueError):
    """A time that no CRM can have."""


QUOTES = "\"'«»“”„‘’`"
NOTHING = {
    "", "null", "NULL", r"\N", "None", "nan", "NaN", "NaT", "nil", "#N/A", "undefined",
}  # fmt: skip


def text_of(value: Any) -> str | None:
    """The value as trimmed text; empty text and words for nothing are None."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date):
        return value.isoformat()
    text = str(value).strip()
    return None if text in NOTHING else text


def utc_of_local(naive: datetime, zone: ZoneInfo) -> datetime:
    """UTC instant of a wall-clock time.

    The hour that a clock change repeats is its second pass; a time that the change skips is moved
    forward. Databases (ICU, PostgreSQL) do the same.
    """
    late = naive.replace(tzinfo=zone, fold=1)
    if late.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == naive:
        return late.astimezone(UTC)
    return naive.replace(tzinfo=zone, fold=0).astimezone(UTC)


def read_time(text: str, zone: ZoneInfo) -> datetime | None:
    """ISO-8601 text as a UTC instant; without an offset it is wall-clock time in ``zone``.

    Raises UnreadableError, or OutOfRangeError when it is written as a time before 1995.
    """
    if text.startswith("0000-00-00"):
        return None
    match = _TIME.match(text)
    if not match:
        raise UnreadableError(text)
    day, clock, offset = match.groups()
    try:
        naive = datetime.fromisoformat(f"{day}T{clock or '00:00'}")
        aware = datetime.fromisoformat(f"{naive.isoformat()}{offset}") if offset else None
    except ValueError as error:
        raise UnreadableError(text) from error
    if naive.year < 1995:
        raise OutOfRangeError(text)
    return aware.astimezone(UTC) if aware else utc_of_local(naive, zone)


def read_integer(text: str) -> str:
    """Integer text without leading zeros or an empty fraction."""
    match = _INTEGER.match(text)
    if not match:
        raise UnreadableError(text)
    return str(int(match.group(1)))


def read_number(text: str) -> Decimal:
    """Finite decimal number."""
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise UnreadableError(text) from error
    if not number.is_finite():
        raise UnreadableError(text)
    return number


def read_value(value: Any, kind: str, zone: ZoneInfo) -> Any:
    """One raw value in its type; None when it says nothing. Raises as `read_time` does."""
    text = text_of(value)
    if text is None:
        return None
    if kind == "text":
        return text
    if kind in ("word", "code"):
        text = text_of(text.strip(QUOTES))
        if text is None:
            return None
        text = re.sub(r"^(\d{1,18})\.0+$", r"\1", text)
        return text if kind == "word" else text.upper()
    if kind == "semantic":
        return SEMANTICS.get(text.upper())
    if kind == "id":
        return read_integer(text)
    if kind == "link":
        number = read_integer(text)
        return None if number == "0" else number
    if kind == "number":
        return read_number(text)
    if kind == "flag":
        if text.upper() not in FLAGS:
            raise UnreadableError(text)
        return FLAGS[text.upper()]
    if kind == "time":
        return read_time(text, zone)
    if kind == "day":
        try:
            return date.fromisoformat(text[:10])
        except ValueError as error:
            raise UnreadableError(text) from error
    raise AssertionError(kind)


def why_rejected(table: str, row: dict[str, Any], zone: ZoneInfo) -> str | None:
    """First reason to reject a raw row, or None."""
    columns = COLUMNS[table]
    required = REQUIRED[table]
    for column in required + [column for column in columns if column not in required]:
        try:
            value = read_value(row.get(column), columns[column], zone)
        except UnreadableError:
            return f"unreadable:{column}"
        except OutOfRangeError:
            return f"out_of_range:{column}"
        if column in required and value is None:
            return f"missing:{column}"
    if table == "crm_deal" and read_value(row.get("is_recurring"), "flag", zone):
        return "recurring_template"
    if table == "crm_activity" and read_value(row["owner_type_id"], "id", zone) not in "1234":
        return "unsupported:owner_type_id"
    return None


def _key_of(table: str, raw: dict[str, Any], zone: ZoneInfo) -> str | None:
    """The key of a rejected row as everybody may see it: hidden where it is no id and no code."""
    kind = COLUMNS[table][KEY[table]]
    try:
        key = read_value(raw.get(KEY[table]), kind, zone)
    except UnreadableError:
        return HIDDEN
    is_code = kind == "id" or re.fullmatch(r"[A-Za-z0-9_:.|-]{1,40}", key or "")
    is_phone = kind != "id" and re.fullmatch(r"[0-9.-]{10,40}", key or "")
    return key if key is None or (is_code and not is_phone) else HIDDEN


def stage_table(
    table: str, rows: list[dict[str, Any]], zone: ZoneInfo
) -> tuple[list[dict[str, Any]], list[tuple[str, str | None, str]], dict[str, int]]:
    """Typed rows of one raw table, its rejected rows (table, id, reason), and its counts."""
    rejected = []
    newest: dict[str, tuple[Any, dict[str, Any]]] = {}
    accepted = 0
    for raw in rows:
        reason = why_rejected(table, raw, zone)
        if reason:
            rejected.append((table, _key_of(table, raw, zone), reason))
            continue
        accepted += 1
        row = {
            column: read_value(raw.get(column), kind, zone)
            for column, kind in COLUMNS[table].items()
        }
        changed_at = row.get(NEWEST_BY.get(table, "")) or LONG_AGO
        rank = (changed_at, [text_of(raw.get(column)) or "" for column in COLUMNS[table]])
        key = row[KEY[table]]
        if key not in newest or rank > newest[key][0]:
            newest[key] = (rank, row)
    staged = [row for _, row in newest.values()]
    counts = {
        "raw": len(rows),
        "staged": len(staged),
        "rejected": len(rejected),
        "superseded": accepted - len(staged),
    }
    return staged, rejected, counts


def newest_change(staged: dict[str, list[dict[str, Any]]]) -> datetime | None:
    """The newest change in the staged rows: ``as_of`` when it is not given."""
    columns = {
        "crm_deal": ["date_create", "date_modify", "moved_time"],
        "crm_lead": ["date_create", "date_modify", "moved_time"],
        "crm_deal_stage_history": ["created_time"],
        "crm_lead_status_history": ["created_time"],
        "crm_activity": ["created", "last_updated"],
        "openline_message": ["sent_at"],
        "telephony_call": ["call_start_date"],
        "tasks": ["created_date", "closed_date"],
    }
    times = [
        max(given)
        for table, names in columns.items()
        for row in staged[table]
        if (given := [row[column] for column in names if row[column] is not None])
    ]
    return max(without_strays(times, is_newest=True), default=None)


def without_strays(times: list[datetime], *, is_newest: bool) -> list[datetime]:
    """Without at most ten of two hundred and more that lie a year beyond all others.

    Days are those of UTC.
    """
    ordered = sorted(times, reverse=is_newest)
    for strays in range(10, 0, -1) if len(times) >= 200 else ():
        gap = ordered[strays - 1].date() - ordered[strays].date()
        if abs(gap) > timedelta(days=365):
            return ordered[strays:]
    return ordered


MICROSECOND = timedelta(microseconds=1)
