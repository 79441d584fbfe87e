"""The list methods of the portal as their pages in `api-reference` describe them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_COMPARE = frozenset({"", "=", "!", "!=", ">", ">=", "<", "<="})
_IN = frozenset({"@", "!@"})
_LIKE = frozenset({"%", "=%", "%="})
_NOT_LIKE = frozenset({"!%", "!=%", "!%="})


@dataclass(frozen=True)
class Method:
    """One list method: where its rows come from and what may be asked of it."""

    page: str
    """Page below `api-reference` that this follows."""
    table: str
    scopes: frozenset[str] = frozenset({"crm"})
    inside: str | None = None
    """Key of `result` in which the rows lie; None if `result` is the list of rows."""
    operators: frozenset[str] = _COMPARE | _IN | _LIKE
    filterable: frozenset[str] | None = None
    """Fields that may be filtered; None is every field of the rows."""
    sortable: frozenset[str] | None = None
    selects: bool = True
    paged: bool = True
    filters: bool = True
    one_order: bool = False
    """Whether the order is `SORT` and `ORDER` instead of an object."""
    default_order: tuple[tuple[str, str], ...] | None = (("ID", "ASC"),)
    """None: rows come in no useful order unless somebody orders them."""
    numbers: frozenset[str] = frozenset()
    """Fields delivered as numbers; everything else is text."""
    bad_argument: str = ""
    """Code of the error about a filter or an order that is not allowed."""
    name_of: Callable[[str], str] = str
    """The name in which a field is delivered."""
    upper_too: bool = False
    """Whether requests may also name a field in upper case."""
    aliases: dict[str, str] = field(default_factory=dict)
    """Names in filters that mean another field."""
    counts: bool = True
    """Whether `total` says how many rows there are; else it is always 0."""

    def names(self, fields: list[str]) -> dict[str, str]:
        """The fields by the names that requests use for them."""
        upper = {name: name for name in fields} if self.upper_too else {}
        return upper | {self.name_of(name): name for name in fields}


def camel(name: str) -> str:
    """`CREATED_DATE` -> `createdDate`."""
    head, *rest = name.lower().split("_")
    return head + "".join(part.capitalize() for part in rest)


_ITEM_NAMES = {
    "DATE_CREATE": "createdTime",
    "DATE_MODIFY": "updatedTime",
    "CREATED_BY_ID": "createdBy",
    "STATUS_ID": "stageId",
    "STATUS_SEMANTIC_ID": "stageSemanticId",
}


def item_name(name: str) -> str:
    """Name of a field in the universal methods: `universal/object-fields.md`."""
    if match := re.fullmatch(r"UF_CRM_(?:(\d+)_)?(\d+)", name):
        return f"ufCrm{match[1] or ''}_{match[2]}"
    return _ITEM_NAMES.get(name) or camel(name)


def dynamic_name(name: str) -> str:
    """The same for invoices and smart processes, which name the lead before them as a parent."""
    return "parentId1" if name == "LEAD_ID" else item_name(name)


def with_original_uf(method: Method) -> Method:
    """The method where `useOriginalUfNames` is `Y`."""
    return replace(
        method, name_of=lambda name: name if name.startswith("UF_") else method.name_of(name)
    )


DYNAMIC = "crm_dynamic_items_"
"""What the names of tables of invoices and smart processes begin with; their number follows."""

_HISTORY = Method(
    page="crm/crm-stage-history-list.md",
    table="crm_deal_stage_history",
    inside="items",
    operators=_COMPARE | _IN | _LIKE | _NOT_LIKE,
    numbers=frozenset({"ID", "TYPE_ID", "OWNER_ID", "CATEGORY_ID"}),
    bad_argument="INVALID_ARG_VALUE",
)


_CATEGORY = Method(
    "crm/universal/category/crm-category-list.md",
    "crm_category",
    inside="categories",
    selects=False,
    paged=False,
    filters=False,
    default_order=(("SORT", "ASC"),),
    numbers=frozenset({"ID", "SORT", "ENTITY_TYPE_ID"}),
    name_of=camel,
)


def _item(table: str) -> Method:
    return Method(
        page="crm/universal/crm-item-list.md",
        table=table,
        inside="items",
        operators=_COMPARE | _IN | _LIKE | _NOT_LIKE,
        numbers=frozenset(
            {
                "ID",
                "CATEGORY_ID",
                "OPPORTUNITY",
                "COMPANY_ID",
                "CONTACT_ID",
                "LEAD_ID",
                "ASSIGNED_BY_ID",
                "CREATED_BY_ID",
            }
        ),
        bad_argument="INVALID_ARG_VALUE",
        name_of=item_name,
        # the official SDK orders by `ID`, though answers say `id`
        aliases={"ID": "id"},
    )


def of_type(method: str, entity_type: int) -> Method | None:
    """A method for the invoices or a smart process; None where it knows no such objects."""
    table = f"{DYNAMIC}{entity_type}"
    kinds = {
        "crm.stagehistory.list": replace(_HISTORY, table=f"{table}_stage_history"),
        "crm.item.list": replace(_item(table), name_of=dynamic_name),
        "crm.category.list": replace(_CATEGORY, table=f"{table}_category"),
    }
    return kinds.get(method)


_TASK_FIELDS = _names(
    "ID PARENT_ID GROUP_ID CREATED_BY STATUS_CHANGED_BY PRIORITY RESPONSIBLE_ID TITLE REAL_STATUS "
    "STATUS MARK DATE_START DEADLINE CREATED_DATE CLOSED_DATE CHANGED_DATE UF_CRM_TASK"
)
_TASK_ORDER = _names(
    "ID TITLE DATE_START CREATED_DATE CHANGED_DATE CLOSED_DATE ACTIVITY_DATE DEADLINE REAL_STATUS "
    "PRIORITY MARK GROUP_ID"
)
_CALL_FIELDS = _names(
    "ID CALL_ID EXTERNAL_CALL_ID CALL_CATEGORY PORTAL_USER_ID PORTAL_NUMBER PHONE_NUMBER CALL_TYPE "
    "CALL_DURATION CALL_START_DATE CALL_LOG CALL_RECORD_URL CALL_VOTE COST COST_CURRENCY "
    "CALL_FAILED_CODE CALL_FAILED_REASON CRM_ENTITY_TYPE CRM_ENTITY_ID CRM_ACTIVITY_ID COMMENT "
    "SESSION_ID RECORD_DURATION"
)

METHODS: dict[str, Method] = {
    "crm.deal.list": Method("crm/deals/crm-deal-list.md", "crm_deal"),
    "crm.lead.list": Method(
        "crm/leads/crm-lead-list.md", "crm_lead", operators=_COMPARE | _IN | _LIKE | _NOT_LIKE
    ),
    "crm.contact.list": Method("crm/contacts/crm-contact-list.md", "crm_contact"),
    "crm.company.list": Method("crm/companies/crm-company-list.md", "crm_company"),
    "crm.activity.list": Method(
        "crm/timeline/activities/activity-base/crm-activity-list.md",
        "crm_activity",
        operators=_COMPARE | _IN | _LIKE | _NOT_LIKE,
        default_order=(("START_TIME", "ASC"),),
    ),
    "crm.status.list": Method(
        "crm/status/crm-status-list.md",
        "crm_status",
        operators=frozenset({""}),
        selects=False,
        paged=False,
    ),
    "crm.currency.list": Method(
        "crm/currency/crm-currency-list.md",
        "crm_currency",
        selects=False,
        paged=False,
        filters=False,
        default_order=(("CURRENCY", "ASC"),),
        counts=False,
    ),
    "user.get": Method(
        "user/user-get.md",
        "users",
        scopes=frozenset({"user", "user_basic", "user_brief"}),
        operators=_COMPARE | _IN | _LIKE | _NOT_LIKE,
        one_order=True,
    ),
    "department.get": Method(
        "departments/department-get.md",
        "departments",
        scopes=frozenset({"department"}),
        filters=False,
        selects=False,
        one_order=True,
        sortable=_names("ID NAME SORT PARENT UF_HEAD"),
        numbers=frozenset({"SORT"}),
    ),
    "crm.type.list": Method(
        "crm/universal/user-defined-object-types/crm-type-list.md",
        "crm_type",
        inside="types",
        operators=_COMPARE | _IN | _LIKE | _NOT_LIKE,
        selects=False,
        numbers=frozenset({"ID", "ENTITY_TYPE_ID"}),
        name_of=camel,
    ),
    "voximplant.statistic.get": Method(
        "telephony/voximplant/voximplant-statistic-get.md",
        "telephony_call",
        scopes=frozenset({"telephony"}),
        operators=_COMPARE | {"><", "!><", "?", "%", "!%"},
        filterable=_CALL_FIELDS,
        sortable=_CALL_FIELDS - {"CALL_TYPE"},
        selects=False,
        one_order=True,
        default_order=None,
    ),
    "tasks.task.list": Method(
        "tasks/tasks-task-list.md",
        "tasks",
        scopes=frozenset({"task"}),
        inside="tasks",
        operators=frozenset({"", "!", "<", "<=", ">", ">="}),
        filterable=_TASK_FIELDS,
        sortable=_TASK_ORDER,
        default_order=(("ID", "DESC"),),
        bad_argument="0",
        name_of=camel,
        upper_too=True,
        aliases={"REAL_STATUS": "STATUS"},
    ),
}
"""The methods with one kind of rows each, by name."""

BY_ENTITY_TYPE: dict[str, dict[int, Method]] = {
    "crm.stagehistory.list": {
        1: replace(_HISTORY, table="crm_lead_status_history"),
        2: _HISTORY,
    },
    "crm.item.list": {
        1: _item("crm_lead"),
        2: _item("crm_deal"),
        3: _item("crm_contact"),
        4: _item("crm_company"),
    },
    "crm.category.list": {2: _CATEGORY},
}
"""The methods whose rows depend on the parameter `entityTypeId`."""

ITEM_FIELDS = "crm.item.fields"
"""The fields of a kind of CRM objects: `crm/universal/crm-item-fields.md`."""

HISTORY = "imopenlines.session.history.get"
"""The messages of a chat: `imopenlines/openlines/sessions/imopenlines-session-history-get.md`."""

USER_BRIEF = _names(
    "ID XML_ID ACTIVE NAME LAST_NAME SECOND_NAME TITLE IS_ONLINE TIME_ZONE PERSONAL_PHOTO "
    "TIMESTAMP_X DATE_REGISTER PERSONAL_BIRTHDAY WORK_POSITION LAST_ACTIVITY_DATE UF_DEPARTMENT "
    "UF_EMPLOYMENT_DATE"
)
"""Fields of `user.get` in the scope `user_brief`: `user/user-scope.md`."""

USER_BASIC = USER_BRIEF | {"EMAIL", "PERSONAL_MOBILE", "WORK_PHONE"}


def scopes_of(method: str) -> frozenset[str] | None:
    """Scopes of which one is needed to call the method; None if there is no such method."""
    if method in METHODS:
        return METHODS[method].scopes
    if method in BY_ENTITY_TYPE or method in ("crm.settings.mode.get", ITEM_FIELDS):
        return frozenset({"crm"})
    if method == HISTORY:
        return frozenset({"imopenlines"})
    return frozenset({"user", "user_basic", "user_brief"}) if method == "user.current" else None
