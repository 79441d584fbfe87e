"""Rows, tables and columns that come twice, late, not at all, or under another name."""

from __future__ import annotations

from corruptions.catalogue import each, neutralised, refused, rejected, stopped, victim
from corruptions.healthy import Portal, keep

PAGE = 50


@neutralised
def page_delivered_twice(portal: Portal) -> None:
    """The loader retried after a timeout, and the page had arrived after all."""
    portal["crm_activity"] += [dict(row) for row in portal["crm_activity"][:PAGE]]


@neutralised
def every_page_delivered_twice(portal: Portal) -> None:
    """Two loaders wrote into one table."""
    portal["crm_lead"] += [dict(row) for row in portal["crm_lead"]]


@neutralised
def rows_out_of_order(portal: Portal) -> None:
    """Pages were fetched in parallel."""
    for table, rows in portal.items():
        portal[table] = rows[::-2] + rows[-2::-2]


@neutralised
def history_out_of_order(portal: Portal) -> None:
    """The history came newest first."""
    portal["crm_deal_stage_history"].reverse()


@neutralised
def older_version_too(portal: Portal) -> None:
    """An incremental load appended instead of merging: an old version of a lead lies beside."""
    lead = victim(portal, "crm_lead")
    older = {"status_id": "NEW", "status_semantic_id": "P", "date_modify": lead["date_create"]}
    portal["crm_lead"].insert(0, lead | older)


@neutralised
def user_twice(portal: Portal) -> None:
    """A user was delivered by department, once for each."""
    portal["users"].append(dict(victim(portal, "users")))


@stopped("crm_lead.rows", "crm_lead_status_history.lead_mostly_exists")
def page_missing(portal: Portal) -> None:
    """A page timed out and was skipped."""
    del portal["crm_lead"][:PAGE]


@stopped("crm_activity.rows", "openline_message.chat_mostly_exists",
         "telephony_call.activity_mostly_exists")  # fmt: skip
def only_yesterdays_rows(portal: Portal) -> None:
    """An incremental load replaced the table."""
    keep(portal, "crm_activity", lambda row: row["created"] >= "2026-10-29")


@stopped("crm_deal.rows")
def table_empty(portal: Portal) -> None:
    """The loader's rights were taken away: an empty list instead of an error."""
    portal["crm_deal"].clear()


@refused("has no table bitrix24.crm_status, which is required")
def required_table_missing(portal: Portal) -> None:
    """The table was dropped before the reload failed."""
    del portal["crm_status"]


@stopped("crm_deal_stage_history.columns", "crm_deal_stage_history.rows")
def optional_table_gone(portal: Portal) -> None:
    """A table that the last accepted run had was not loaded this time."""
    del portal["crm_deal_stage_history"]


@stopped("crm_deal.columns")
def column_renamed(portal: Portal) -> None:
    """A new version of the loader calls the amount by another name."""
    for row in portal["crm_deal"]:
        row["amount"] = row.pop("opportunity")


@refused("has no column date_create, which is required")
def required_column_renamed(portal: Portal) -> None:
    """The universal method of the REST API has other names."""
    for row in portal["crm_deal"]:
        row["createdTime"] = row.pop("date_create")


@stopped("crm_lead.columns")
def column_not_selected(portal: Portal) -> None:
    """Somebody shortened the list of fields to load."""
    for row in portal["crm_lead"]:
        del row["source_id"]


@stopped("crm_deal.filled_opportunity")
def column_emptied(portal: Portal) -> None:
    """The loader's user may no longer see amounts."""
    each(portal, "crm_deal", "opportunity", lambda value: None)


@stopped("crm_deal.filled_lead_id", "crm_lead.converted_leads_have_deals")
def leads_converted_into_nothing(portal: Portal) -> None:
    """Deals lost the link to the lead that they were made from."""
    each(portal, "crm_deal", "lead_id", lambda value: "0")


@stopped("crm_deal.mostly_readable")
def required_column_emptied(portal: Portal) -> None:
    """The stage of every deal is empty."""
    each(portal, "crm_deal", "stage_id", lambda value: "")


@neutralised
def unknown_column_added(portal: Portal) -> None:
    """Somebody added a field to deals."""
    for row in portal["crm_deal"]:
        row["uf_crm_1700000000"] = "anything"


@neutralised
def columns_in_another_order(portal: Portal) -> None:
    """The loader sorts fields by name."""
    portal["crm_deal"] = [dict(sorted(row.items())) for row in portal["crm_deal"]]


@rejected("crm_lead", "unreadable:id")
def header_among_the_rows(portal: Portal) -> None:
    """Two CSV files were glued together."""
    portal["crm_lead"].append({column: column for column in portal["crm_lead"][0]})


@rejected("crm_activity", "missing:id")
def blank_row_at_the_end(portal: Portal) -> None:
    """A spreadsheet was saved with an empty last line."""
    portal["crm_activity"].append(dict.fromkeys(portal["crm_activity"][0]))


@rejected("crm_deal", "unreadable:id")
def row_of_totals(portal: Portal) -> None:
    """A report was exported instead of the table."""
    row = dict.fromkeys(portal["crm_deal"][0])
    portal["crm_deal"].append(row | {"id": "Итого", "opportunity": "1000000"})


@stopped("crm_lead.mostly_readable", and_more=True)
def columns_shifted(portal: Portal) -> None:
    """An unquoted delimiter moved every value one column on."""
    for row in portal["crm_lead"]:
        values = list(row.values())
        row |= dict(zip(row, [*values[-1:], *values[:-1]], strict=True))


@stopped("crm_deal.lead_mostly_exists")
def links_of_another_portal(portal: Portal) -> None:
    """Leads were reloaded from a copy of the portal with other ids."""
    each(portal, "crm_deal", "lead_id", lambda value: f"77{value}")


@stopped("crm_status.rows", "crm_status.deal_stages_delivered", "crm_deal.stage_mostly_known")
def stages_not_delivered(portal: Portal) -> None:
    """Only the first page of dictionaries was loaded."""
    keep(portal, "crm_status", lambda row: not row["entity_id"].startswith("DEAL_STAGE"))


@stopped("crm_category.rows")
def pipeline_deleted(portal: Portal) -> None:
    """A pipeline is gone, and its deals are still there."""
    keep(portal, "crm_category", lambda row: row["id"] != "2")


@stopped(
    "crm_activity.mostly_unique_keys",
    "crm_activity.one_creation",
    "telephony_call.activity_mostly_exists",
)
def one_key_for_all(portal: Portal) -> None:
    """The loader wrote the number of the page instead of the id."""
    for number, row in enumerate(portal["crm_activity"]):
        row["id"] = str(number // PAGE)


@stopped("crm_deal.employee_mostly_exists", "crm_lead.employee_mostly_exists",
         "crm_activity.employee_mostly_exists", "tasks.employee_mostly_exists")  # fmt: skip
def employees_unknown(portal: Portal) -> None:
    """Users were loaded from another portal."""
    each(portal, "users", "id", lambda value: f"9{value}")


@neutralised
def contacts_merged(portal: Portal) -> None:
    """Two contacts were merged; a load by date of change never saw that one was deleted."""
    portal["crm_contact"].append(victim(portal, "crm_contact") | {"id": "987654"})


@stopped("crm_activity.deal_mostly_exists")
def activities_of_deleted_deals(portal: Portal) -> None:
    """Deals were deleted, and their activities go on pointing at them."""
    for row in portal["crm_activity"]:
        if row["owner_type_id"] == "2":
            row["owner_id"] = f"55{row['owner_id']}"


@neutralised
def meeting_on_a_deleted_deal(portal: Portal) -> None:
    """One activity, neither request nor answer, points at a deal that is no more."""
    meeting = {"id": "987654", "owner_id": "987654", "owner_type_id": "2", "type_id": "1",
               "provider_id": "CRM_MEETING", "direction": "0"}  # fmt: skip
    portal["crm_activity"].append(victim(portal, "crm_activity") | meeting)
