"""What a load brings beyond the contract because somebody chose it.

Invoices and smart processes by which a company sells in place of deals, each in tables of its own
in the form of those of deals, and custom fields of CRM objects.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

import yaml

from bitrix24_effectiveness.configuration import FIRST_SMART_PROCESS, INVOICES, suggestion
from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.load.methods import Method, item_method
from bitrix24_effectiveness.project import (
    DEAL_TYPE_TABLES,
    RawColumn,
    RawTable,
)

EXTRA, TYPES = "BITRIX24_EXTRA_COLUMNS", "BITRIX24_DEAL_TYPES"

_OF_CONTRACT = ("crm_deal", "crm_lead", "crm_contact", "crm_company")
_CUSTOM = re.compile(r"UF_CRM_\w+", re.ASCII)


def extra_columns(text: str) -> dict[str, tuple[str, ...]]:
    """Raw columns of custom fields by raw table: `crm_deal: [UF_CRM_REGION]`.

    Raises:
        ConfigurationError: it is no such mapping, or a field is none of the user's own.
    """
    try:
        given = yaml.safe_load(text) or {}
    except yaml.YAMLError:
        given = None
    if not isinstance(given, dict) or not all(isinstance(names, list) for names in given.values()):
        raise ConfigurationError(
            f"{EXTRA} must be a mapping of raw tables to lists of custom fields, such as "
            "crm_deal: [UF_CRM_REGION]"
        )
    for table, names in given.items():
        for name in names:
            if not _CUSTOM.fullmatch(str(name).upper()):
                raise ConfigurationError(
                    f"{EXTRA}: {name} of {table} is no custom field, whose names begin with UF_CRM_"
                )
    return {
        str(table): tuple(dict.fromkeys(str(name).lower() for name in names))
        for table, names in given.items()
    }


def deal_types(text: str) -> tuple[int, ...]:
    """Numbers of what is sold by: `31, 1032`.

    Raises:
        ConfigurationError: a number of something else.
    """
    given = dict.fromkeys(re.split(r"[\s,;\[\]]+", text.strip()))
    for one in given:
        is_type = one.isdecimal() and (int(one) == INVOICES or int(one) >= FIRST_SMART_PROCESS)
        if one and not is_type:
            raise ConfigurationError(
                f"{TYPES}: {one} is neither {INVOICES} (invoices) nor the entityTypeId of a smart "
                f"process ({FIRST_SMART_PROCESS} or more), which `crm.type.list` names"
            )
    return tuple(int(one) for one in given if one)


def of_deal_types(
    types: Iterable[int], contract: Mapping[str, RawTable]
) -> dict[str, tuple[RawTable, Method]]:
    """The tables of each type and their methods: objects, movements, pipelines."""
    found: dict[str, tuple[RawTable, Method]] = {}
    for entity_type in types:
        of_type = {"entityTypeId": entity_type}
        methods = {
            "crm_deal": item_method(entity_type),
            "crm_deal_stage_history": Method(
                "crm.stagehistory.list", "crm", of_type, "items", changed="CREATED_TIME"
            ),
            "crm_category": Method(
                "crm.category.list",
                "crm",
                of_type,
                "categories",
                walks=False,
                selects=False,
                camel=True,
            ),
        }
        for table, pattern in DEAL_TYPE_TABLES.items():
            name = pattern.format(deal_entity_type=entity_type)
            # somebody has asked for it
            is_required = table == "crm_deal"
            own = replace(contract[table], name=name, required=is_required)
            found[name] = (own, methods[table])
    return found


def check_extra(extra: Mapping[str, Collection[str]], methods: Mapping[str, Method]) -> None:
    """Refuses custom fields of what has none.

    Raises:
        ConfigurationError: a table of that kind.
    """
    able = [name for name, method in methods.items() if method.entity_type]
    for table in extra:
        if table not in able:
            raise ConfigurationError(
                f"{EXTRA}: {table} has no custom fields{suggestion(table, able)}"
            )


def with_fields(
    table: RawTable, method: Method, extra: Iterable[str], known: Collection[str]
) -> RawTable:
    """The table with the columns that can be asked for.

    Args:
        table: As the contract has it.
        method: The universal method of its objects.
        extra: Raw columns of custom fields.
        known: Fields that the portal has for these objects, custom ones by their original names.

    Raises:
        ConfigurationError: a chosen field that the portal does not have.
    """
    for name in (column.upper() for column in extra):
        if name not in known:
            hint = suggestion(name, known)
            raise ConfigurationError(
                f"{EXTRA}: the portal has no field {name} for {table.name}{hint}"
            )
    columns = table.columns
    if table.name not in _OF_CONTRACT:
        # a smart process has the fields that are switched on in its settings
        for column in columns:
            field = method.field_of(column.name)
            if column.required and field not in known:
                raise ConfigurationError(
                    f"{TYPES}: {method.entity_type} has no {field}, so that nothing can be won: "
                    "switch its stages on, or leave it out"
                )
        columns = tuple(one for one in columns if method.field_of(one.name) in known)
    return replace(table, columns=(*columns, *(RawColumn(name, False) for name in extra)))
