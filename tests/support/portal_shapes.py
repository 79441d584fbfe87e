"""One portal as other ways of loading deliver it: other names, other types, fewer columns.

Each shape is written from the documentation of that way, not from the presets that read it: see
docs/loading.md for the sources.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from corruptions.healthy import clean

Row = dict[str, Any]
Portal = dict[str, list[Row]]

SERVER_ZONE = ZoneInfo("Europe/Moscow")

# -- crm.item.list, crm.category.list and tasks.task.list

_OF_ITEMS = {
    "date_create": "createdTime",
    "date_modify": "updatedTime",
    "created_by_id": "createdBy",
}
_OF_LEADS = {"status_id": "stageId", "status_semantic_id": "stageSemanticId"}


def universal_methods(portal: Portal) -> Portal:
    """Names in camelCase, ids and amounts as numbers; classic methods deliver the rest."""
    shaped = dict(portal)
    for table in ("crm_deal", "crm_lead", "crm_contact", "crm_company"):
        names = _OF_ITEMS | (_OF_LEADS if table == "crm_lead" else {})
        shaped[table] = [
            {names.get(name) or _camel(name): _of_item(name, row[name]) for name in row}
            for row in portal[table]
        ]
    for table in ("crm_category", "tasks"):
        shaped[table] = [{_camel(name): row[name] for name in row} for row in portal[table]]
    return shaped


def _of_item(name: str, value: str | None) -> Any:
    if name == "opportunity":
        return _or_text(float, value)
    if name in ("contact_id", "company_id", "lead_id"):
        return _or_text(int, value) or 0
    if name == "id" or name.endswith("_by_id") or name == "category_id":
        return _or_text(int, value)
    return value or None


def _camel(name: str) -> str:
    return re.sub("_(.)", lambda match: match[1].upper(), name)


# -- a smart process in place of deals

_NOT_OF_ITEMS = ("stage_semantic_id", "type_id", "closed", "is_recurring",
                 "is_return_customer", "is_repeated_approach")  # fmt: skip


def as_smart_process(portal: Portal) -> tuple[Portal, Portal]:
    """A portal of deals, and the same with objects of the smart process 1032 in their place.

    The deals have no more than such objects have, and no default pipeline, which these lack; the
    others have the portal's own deals besides, which are none of the business.
    """
    deals = {table: [dict(row) for row in rows] for table, rows in portal.items()}
    for row in deals["crm_deal"]:
        for name in _NOT_OF_ITEMS:
            del row[name]
    for table in ("crm_deal", "crm_deal_stage_history"):
        for row in deals[table]:
            if row["category_id"] == "0":
                row["category_id"] = "90"
            if row["stage_id"] and ":" not in row["stage_id"]:
                row["stage_id"] = f"C90:{row['stage_id']}"
    for row in deals["crm_category"]:
        row["id"] = "90" if row["id"] == "0" else row["id"]
    for row in deals["crm_status"]:
        if row["entity_id"] == "DEAL_STAGE":
            row["entity_id"], row["status_id"] = "DEAL_STAGE_90", f"C90:{row['status_id']}"
    smart = {table: [dict(row) for row in rows] for table, rows in deals.items()}
    smart |= {
        "crm_dynamic_items_1032": [dict(row) for row in deals["crm_deal"]],
        "crm_dynamic_items_1032_stage_history": smart.pop("crm_deal_stage_history"),
        "crm_dynamic_items_1032_category": smart.pop("crm_category"),
    }
    for table in ("crm_dynamic_items_1032", "crm_dynamic_items_1032_stage_history"):
        for row in smart[table]:
            row["stage_id"] = _of_smart_process(row["stage_id"])
    for row in deals["crm_status"]:
        if row["entity_id"].startswith("DEAL_STAGE_"):
            entity_id = row["entity_id"].replace("DEAL_STAGE_", "DYNAMIC_1032_STAGE_")
            stage_id = _of_smart_process(row["status_id"])
            # with ids of their own, as all entries of all dictionaries have
            smart["crm_status"].append(
                row | {"id": f"9{row['id']}", "entity_id": entity_id, "status_id": stage_id}
            )
    for row in smart["crm_activity"]:
        if row["owner_type_id"] == "2":
            row["owner_type_id"] = "1032"
    return deals, smart


def _of_smart_process(stage_id: str | None) -> str | None:
    return stage_id and re.sub(r"^C(\d+):", r"DT1032_\1:", stage_id)


# -- BI Connector

_TABLES = {"crm_status": "crm_stages", "users": "user", "tasks": "task"}
_COLUMNS = {
    "crm_deal_stage_history": {"owner_id": "DEAL_ID", "created_time": "DATE_CREATE"},
    "crm_lead_status_history": {"owner_id": "LEAD_ID", "created_time": "DATE_CREATE"},
    "crm_activity": {
        "created": "DATE_CREATE",
        "last_updated": "DATE_MODIFY",
        "direction": "DIRECTION_ID",
    },
    "telephony_call": {
        "id": "CALL_ID",
        "call_start_date": "CALL_START_TIME",
        "call_failed_code": "CALL_STATUS_CODE_ID",
    },
    "tasks": {"created_by": "CREATED_BY_ID", "uf_crm_task": "CRM_TASK"},
    "users": {"uf_department": "DEPARTMENT"},
}
_LACKS = {
    "crm_deal": ["is_repeated_approach"],
    "crm_lead": ["has_phone", "has_email", "moved_time"],
    "crm_contact": ["has_phone", "has_email"],
    "crm_company": ["has_phone", "has_email"],
    "crm_deal_stage_history": ["category_id"],
    "crm_activity": [
        "is_incoming_channel",
        "result_status",
        "associated_entity_id",
        "result_source_id",
    ],
    "crm_status": ["extra"],
    "users": ["work_position", "user_type"],
    "tasks": ["status"],
}
_TIMES = (
    "date_create", "date_modify", "date_closed", "moved_time", "begindate", "closedate",
    "created_time", "created", "last_updated", "start_time", "end_time", "deadline",
    "call_start_date", "created_date", "closed_date",
)  # fmt: skip
_NUMBERS = {"opportunity": float, "call_duration": float, "sort": int}


def without_what_bi_connector_lacks(portal: Portal) -> Portal:
    """The portal as REST delivers it, poorer by what the BI Connector has no place for."""
    poorer = {
        table: [
            {name: row[name] for name in row if name not in _LACKS.get(table, [])} for row in rows
        ]
        for table, rows in portal.items()
    }
    poorer["crm_status"] = [
        row
        for row in poorer["crm_status"]
        if row["entity_id"] == "STATUS" or row["entity_id"].startswith("DEAL_STAGE")
    ]
    bots = {row["id"] for row in portal["users"] if row["user_type"] == "bot"}
    poorer["users"] = [row for row in poorer["users"] if row["id"] not in bots]
    del poorer["openline_message"], poorer["departments"]
    return poorer


def bi_connector(portal: Portal) -> Portal:
    """Names in capitals, native types, times without an offset, texts beside ids.

    Pipelines and currencies come from files of one's own: the BI Connector has no such tables.
    """
    shaped = {
        _TABLES.get(table, table): [
            {
                _COLUMNS.get(table, {}).get(name) or name.upper(): _of_bi(name, row[name])
                for name in row
            }
            for row in rows
        ]
        for table, rows in portal.items()
    }
    for row in shaped["crm_stages"]:
        row["ENTITY_TYPE_ID"] = 1 if row.pop("ENTITY_ID") == "STATUS" else 2
    for row in shaped["telephony_call"]:
        row["CALL_ID"] = f"8F0A{row['CALL_ID']}.1700000000.{row['CALL_ID']}"
    for row in shaped["user"]:
        row["NAME"] = " ".join(filter(None, [row["NAME"], row.pop("LAST_NAME")]))
        row["ACTIVE"] = "Y" if row["ACTIVE"] == "true" else "N"
    for row in shaped["task"]:
        row["STATUS"] = "Выполняется"
        row["CREATED_BY"] = f"[{row['CREATED_BY_ID']}] Иванов Иван"
    return shaped


def _of_bi(name: str, value: str | None) -> Any:
    if name in _TIMES:
        return _or_text(_on_the_server, value)
    if name in _NUMBERS:
        return _or_text(_NUMBERS[name], value)
    is_id = name == "id" or name.endswith("_id")
    return _or_text(int, value) if is_id else value or None


def _on_the_server(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(SERVER_ZONE).replace(tzinfo=None)


def _or_text(kind: Callable[[str], Any], value: str | None) -> Any:
    """The value in its type; the demo portal has a few values that can be read by nobody."""
    try:
        return kind(value) if value else None
    except ValueError:
        return value


# -- the database of an on-premise installation

_PRODUCT_TABLES = {
    "crm_deal": "b_crm_deal",
    "crm_lead": "b_crm_lead",
    "crm_contact": "b_crm_contact",
    "crm_company": "b_crm_company",
    "crm_deal_stage_history": "b_crm_deal_stage_history",
    "crm_lead_status_history": "b_crm_lead_status_history",
    "crm_activity": "b_crm_act",
    "telephony_call": "b_voximplant_statistic",
    "crm_status": "b_crm_status",
    "crm_category": "b_crm_deal_category",
    "crm_currency": "b_catalog_currency",
    "users": "b_user",
    "tasks": "b_tasks",
}
_UTM = ("utm_source", "utm_medium", "utm_campaign")


def without_what_the_product_lacks(portal: Portal) -> Portal:
    """The portal without unreadable values, repeated keys and what the product keeps elsewhere."""
    poorer = {
        table: [{name: row[name] for name in row if name != "extra"} for row in clean(rows)]
        for table, rows in portal.items()
    }
    del poorer["departments"]
    # the default pipeline has no row there that could hold an order
    clients = {
        row["sender_id"] for row in poorer["openline_message"] if row["sender_kind"] == "client"
    }
    nobody = dict.fromkeys(poorer["users"][0])
    poorer["users"] += [
        nobody | {"id": client, "active": "true", "user_type": "imconnector"}
        for client in sorted(clients)
    ]
    poorer["crm_category"] = [
        row | ({"sort": "0"} if row["id"] == "0" else {}) for row in poorer["crm_category"]
    ]
    return poorer


def on_premise(portal: Portal) -> Portal:
    """Tables b_*: native types, capitals, what REST shows in one table spread over several."""
    shaped = {
        _PRODUCT_TABLES[table]: [
            {name.upper(): _of_product(name, row[name]) for name in row if name not in _UTM}
            for row in rows
        ]
        for table, rows in portal.items()
        if table != "openline_message"
    }
    shaped["b_im_message"] = [
        {
            "ID": row["id"],
            "CHAT_ID": row["session_id"] + "1",
            "AUTHOR_ID": row["sender_id"],
            "DATE_CREATE": _of_product("date_create", row["sent_at"]),
        }
        for row in portal["openline_message"]
    ]
    messages: dict[str, list[int]] = {}
    for row in portal["openline_message"]:
        messages.setdefault(row["session_id"], []).append(int(row["id"]))
    shaped["b_imopenlines_session"] = [
        # some still last
        {"ID": session, "CHAT_ID": session + "1", "START_ID": str(min(ids)),
         "END_ID": str(max(ids)) if int(session) % 3 else "0"}
        for session, ids in messages.items()
    ]  # fmt: skip
    shaped["b_crm_utm"] = [
        {"ENTITY_TYPE_ID": kind, "ENTITY_ID": row["id"], "CODE": name.upper(), "VALUE": row[name]}
        for kind, table in ((1, "crm_lead"), (2, "crm_deal"))
        for row in portal[table]
        for name in _UTM
        if row[name]
    ]
    shaped["b_crm_act_incoming_channel"] = [
        {"ACTIVITY_ID": row["ID"]}
        for row in shaped["b_crm_act"]
        if row.pop("IS_INCOMING_CHANNEL") == "Y"
    ]
    for row in shaped["b_voximplant_statistic"]:
        row["INCOMING"] = row.pop("CALL_TYPE")
    default = [row for row in shaped["b_crm_deal_category"] if row["ID"] == "0"]
    shaped["b_option"] = [
        {"MODULE_ID": "crm", "NAME": "default_deal_category_name", "VALUE": row["NAME"]}
        for row in default
    ]
    shaped["b_crm_deal_category"] = [
        {name: row[name] for name in ("ID", "NAME", "SORT")}
        for row in shaped["b_crm_deal_category"]
        if row not in default
    ]
    shaped["b_uts_user"] = [
        {"VALUE_ID": row["ID"], "UF_DEPARTMENT": row.pop("UF_DEPARTMENT")}
        for row in shaped["b_user"]
    ]
    for row in shaped["b_user"]:
        row["ACTIVE"] = "Y" if row["ACTIVE"] == "true" else "N"
        kind = row.pop("USER_TYPE")
        row["EXTERNAL_AUTH_ID"] = None if kind == "employee" else kind
    shaped["b_uts_tasks_task"] = [
        {"VALUE_ID": row["ID"], "UF_CRM_TASK": row.pop("UF_CRM_TASK")} for row in shaped["b_tasks"]
    ]
    return shaped


def sql_of(database: str, portal: Portal) -> str:
    """Statements that make the tables of an on-premise installation and fill them."""
    lines = [f"create database {database} character set utf8mb4; use {database};"]
    for table, rows in portal.items():
        columns = ", ".join(f"{name} {_product_type(name)}" for name in rows[0])
        lines.append(f"create table {table} ({columns});")
        values = ",\n".join(f"({', '.join(map(_sql_value, row.values()))})" for row in rows)
        lines.append(f"insert into {table} values {values};")
    return "\n".join(lines)


def _product_type(column: str) -> str:
    if column.lower() in _TIMES:
        return "datetime"
    if column in ("OPPORTUNITY", "AMOUNT"):
        return "decimal(18, 4)"
    is_number = column in (
        "ID",
        "START_ID",
        "END_ID",
        "VALUE_ID",
        "OWNER_ID",
        "SORT",
        "CALL_DURATION",
        "CREATED_BY",
    )
    return "int" if is_number else "varchar(255)"


def _of_product(name: str, value: str | None) -> Any:
    return _on_the_server(value) if value and name in _TIMES else value or None


def _sql_value(value: Any) -> str:
    if value is None:
        return "null"
    return "'" + str(value).replace("\\", "\\\\").replace("'", "''") + "'"
