"""Which REST method fills which raw table, and what it lets itself be asked.

From the pages in `api-reference` of Bitrix24's documentation (public repository
`bitrix24/b24restdocs`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PAGE = 50
"""Rows of a page: the same for all methods, and nobody can change it."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Method:
    """One list method and its manners."""

    name: str
    scope: str
    """Right that the webhook needs; named to the user when it is missing."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    inside: str | None = None
    """Key of `result` that holds the rows; None where `result` is the list of rows."""
    key: str = "ID"
    changed: str | None = None
    """Field that tells when a row was created or changed, and can be filtered; None: no way to ask
    for what is new, so that the table is read as a whole every time."""
    settles_after: int = 0
    """Days after which a row of `changed` no longer changes without `changed` moving."""
    walks: bool = True
    """Whether it can be asked for rows of `>ID` in the order of ID; else it gives all its rows."""
    selects: bool = True
    """Whether it can be asked for some fields only."""
    camel: bool = False
    """Whether the fields of its rows are in camelCase."""
    renamed: Mapping[str, str] | None = None
    """Fields with other names than their raw columns; not None: it is asked by the names of its
    answers, too."""
    one_order: bool = False
    """Whether the order is given as `SORT` and `ORDER`."""
    by_session: bool = False
    """Whether it is asked for one chat at a time."""
    successor: Method | None = None
    """What to ask instead where the portal no longer has this method."""
    entity_type: int | None = None
    """Number of the kind of CRM objects that its rows are, if these may have custom fields."""

    @property
    def is_incremental(self) -> bool:
        """Whether it can be asked for new and changed rows alone."""
        return self.changed is not None or self.by_session

    def field_of(self, column: str) -> str:
        """Name in the answer of the field that a raw column holds."""
        if self.renamed and column in self.renamed:
            return self.renamed[column]
        if not self.camel or (self.renamed is not None and column.startswith("uf_crm_")):
            return column.upper()
        first, *others = column.split("_")
        return first + "".join(other.capitalize() for other in others)

    @property
    def key_field(self) -> str:
        """Name of the key in the answer."""
        return self.field_of(self.key.lower())

    def rows(self, result: Any) -> list[Row]:
        """The rows in the `result` of an answer."""
        rows = result.get(self.inside, []) if self.inside and isinstance(result, dict) else result
        return list(rows.values()) if isinstance(rows, dict) else list(rows or [])

    def reference(self, call: str) -> str:
        """What stands in a batch for the key of the last row of the whole page of a call."""
        inside = f"[{self.inside}]" if self.inside else ""
        return f"$result[{call}]{inside}[{PAGE - 1}][{self.key_field}]"

    def asked(self, conditions: Row, columns: Sequence[str], **more: Any) -> Row:
        """Parameters of a call: conditions, the order of the key, and what to select."""
        if self.one_order:
            given: Row = {"FILTER": conditions, "SORT": self.key, "ORDER": "ASC"}
        else:
            given = {"filter": conditions, "order": {self.key: "ASC"}}
        if self.selects:
            by_answer = self.renamed is not None
            given["select"] = [self.field_of(c) if by_answer else c.upper() for c in columns]
        return {**self.parameters, **given, **more}

    def page(
        self,
        columns: Sequence[str],
        after: str | int,
        since: str | None = None,
        up_to: int | None = None,
    ) -> Row:
        """Parameters of the page of rows after a key.

        Args:
            columns: Raw columns to ask for.
            after: The key, or what stands for it in a batch.
            since: Leaves out what was neither created nor changed since (ISO 8601).
            up_to: The last key to ask for.
        """
        conditions: Row = {f">{self.key}": after}
        if since:
            conditions[f">={self.changed}"] = since
        if up_to is not None:
            conditions[f"<={self.key}"] = up_to
        return self.asked(conditions, columns, start=-1)


_COMPANIES = 4


def item_method(entity_type: int) -> Method:
    """The universal method, which new fields go to and the old ones point to."""
    return Method(
        "crm.item.list",
        "crm",
        # custom fields in camelCase would be other names than those in the other methods
        {"entityTypeId": entity_type, "useOriginalUfNames": "Y"},
        "items",
        key="id",
        changed="updatedTime",
        camel=True,
        renamed={
            "date_create": "createdTime",
            "date_modify": "updatedTime",
            "created_by_id": "createdBy",
            "status_id": "stageId",
            "status_semantic_id": "stageSemanticId",
        }
        # a deal knows its lead; what else is made of one has it as a parent
        | ({} if entity_type <= _COMPANIES else {"lead_id": "parentId1"}),
        entity_type=entity_type,
    )


def _of_object(name: str, entity_type: int) -> Method:
    return Method(
        name,
        "crm",
        changed="DATE_MODIFY",
        successor=item_method(entity_type),
        entity_type=entity_type,
    )


TYPES = Method(
    "crm.type.list", "crm", inside="types", key="id", walks=False, selects=False, camel=True
)
"""The smart processes; for administrators of the CRM alone."""


# dictionaries first, which are read as a whole; then what is small on most portals
METHODS = {
    "crm_status": Method("crm.status.list", "crm", walks=False, selects=False),
    "crm_category": Method(
        "crm.category.list",
        "crm",
        {"entityTypeId": 2},
        "categories",
        walks=False,
        selects=False,
        camel=True,
    ),
    "crm_currency": Method("crm.currency.list", "crm", key="CURRENCY", walks=False, selects=False),
    # `user` would let the webhook invite and dismiss people
    "users": Method("user.get", "user_brief", one_order=True),
    "crm_deal": _of_object("crm.deal.list", 2),
    "crm_lead": _of_object("crm.lead.list", 1),
    "crm_company": _of_object("crm.company.list", 4),
    "crm_contact": _of_object("crm.contact.list", 3),
    "tasks": Method("tasks.task.list", "task", inside="tasks", changed="CHANGED_DATE", camel=True),
    # wanted least of what is small
    "departments": Method(
        "department.get",
        "department",
        {"sort": "ID", "order": "ASC"},
        walks=False,
        selects=False,
    ),
    "crm_lead_status_history": Method(
        "crm.stagehistory.list", "crm", {"entityTypeId": 1}, "items", changed="CREATED_TIME"
    ),
    "crm_deal_stage_history": Method(
        "crm.stagehistory.list", "crm", {"entityTypeId": 2}, "items", changed="CREATED_TIME"
    ),
    # a call is written down when it ends, and its activity is linked later still
    "telephony_call": Method(
        "voximplant.statistic.get",
        "telephony",
        changed="CALL_START_DATE",
        settles_after=3,
        selects=False,
        one_order=True,
    ),
    "crm_activity": Method("crm.activity.list", "crm", changed="LAST_UPDATED"),
    # of the sessions that activities tell of, and so after them
    "openline_message": Method(
        "imopenlines.session.history.get", "imopenlines", by_session=True, selects=False
    ),
}
"""The method of each raw table, in the order in which they are read."""
