"""Which REST method fills which raw table, and what it lets itself be asked.

From the pages in `api-reference` of Bitrix24's documentation (public repository
`bitrix24/b24restdocs`).
"""

from __future__ import annotations

from collections.abc import Mapping
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
    uncounted: bool = True
    """Whether `start=-1` is documented to spare the portal counting all rows."""
    selects: bool = True
    """Whether it can be asked for some fields only."""
    camel: bool = False
    """Whether the fields of its rows are in camelCase."""
    one_order: bool = False
    """Whether the order is given as `SORT` and `ORDER`."""

    @property
    def is_incremental(self) -> bool:
        """Whether it can be asked for new and changed rows alone."""
        return self.changed is not None

    def field_of(self, column: str) -> str:
        """Name in the answer of the field that a raw column holds."""
        if not self.camel:
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

    def page(
        self, columns: list[str], after: str | int, since: str | None = None, **filters: Any
    ) -> Row:
        """Parameters of the page of rows after a key; `since` leaves out what is older."""
        conditions = {f">{self.key}": after} | filters
        if since:
            conditions[f">={self.changed}"] = since
        asked: Row = dict(self.parameters)
        if self.one_order:
            asked |= {"FILTER": conditions, "SORT": self.key, "ORDER": "ASC"}
        else:
            asked |= {"filter": conditions, "order": {self.key: "ASC"}}
        if self.selects:
            asked["select"] = [column.upper() for column in columns]
        return asked | {"start": -1} if self.uncounted else asked


METHODS = {
    "crm_deal": Method("crm.deal.list", "crm", changed="DATE_MODIFY"),
    "crm_lead": Method("crm.lead.list", "crm", changed="DATE_MODIFY"),
    "crm_contact": Method("crm.contact.list", "crm", changed="DATE_MODIFY"),
    "crm_company": Method("crm.company.list", "crm", changed="DATE_MODIFY"),
    "crm_deal_stage_history": Method(
        "crm.stagehistory.list", "crm", {"entityTypeId": 2}, "items", changed="CREATED_TIME"
    ),
    "crm_lead_status_history": Method(
        "crm.stagehistory.list", "crm", {"entityTypeId": 1}, "items", changed="CREATED_TIME"
    ),
    "crm_activity": Method("crm.activity.list", "crm", changed="LAST_UPDATED"),
    # a call is written down when it ends, and its activity is linked later still
    "telephony_call": Method(
        "voximplant.statistic.get",
        "telephony",
        changed="CALL_START_DATE",
        settles_after=3,
        uncounted=False,
        selects=False,
        one_order=True,
    ),
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
    "users": Method("user.get", "user", one_order=True),
    "tasks": Method(
        "tasks.task.list",
        "task",
        inside="tasks",
        changed="CHANGED_DATE",
        uncounted=False,
        camel=True,
    ),
}
