"""Each row is fine by itself: only other tables, other rows or what is usual show the fault."""

from __future__ import annotations

from datetime import datetime, timedelta

from corruptions.catalogue import TIMES, each, neutralised, stopped, victim, warned
from corruptions.healthy import Portal, Row, keep


def shifted(value: str, **difference: float) -> str:
    return (datetime.fromisoformat(value) + timedelta(**difference)).isoformat()


def shift(portal: Portal, table: str, **difference: float) -> None:
    """All times of a table are of another clock."""
    for column in TIMES[table]:
        each(portal, table, column, lambda value: shifted(value, **difference))


def copies(rows: list[Row], first_id: int, **changed: str) -> list[Row]:
    return [row | {"id": str(first_id + number)} | changed for number, row in enumerate(rows)]


# -- a table that ends before the others


@stopped("crm_lead.ends_with_the_others")
def leads_end_eleven_days_early(portal: Portal) -> None:
    """The load of leads broke, and nobody looked; everything else went on."""
    keep(portal, "crm_lead", lambda row: row["date_create"] < "2026-10-20")


@stopped("crm_activity.ends_with_the_others")
def activities_end_early(portal: Portal) -> None:
    """The token of the load may no longer read activities, and gets an empty page."""
    keep(portal, "crm_activity", lambda row: row["created"] < "2026-10-18")


@stopped("crm_deal_stage_history.ends_with_the_others")
def stage_history_ends_early(portal: Portal) -> None:
    """The history is loaded by another script, which broke."""
    keep(portal, "crm_deal_stage_history", lambda row: row["created_time"] < "2026-10-16")


@stopped("crm_lead_status_history.ends_with_the_others")
def status_history_ends_early(portal: Portal) -> None:
    """The same for leads."""
    keep(portal, "crm_lead_status_history", lambda row: row["created_time"] < "2026-10-16")


@stopped("telephony_call.ends_with_the_others")
def calls_end_early(portal: Portal) -> None:
    """The telephony was changed, and its calls are no longer loaded."""
    keep(portal, "telephony_call", lambda row: row["call_start_date"] < "2026-10-14")


@stopped("openline_message.ends_with_the_others", and_more=True)
def messages_of_chats_end_early(portal: Portal) -> None:
    """The webhook lost its right to read the open lines; the chats themselves are activities."""
    keep(portal, "openline_message", lambda row: row["sent_at"] < "2026-09-14")


# -- two in one


@stopped("crm_lead.one_creation")
def two_portals_in_one_table(portal: Portal) -> None:
    """A second portal was loaded into the same table; ids of both begin at 1."""
    portal["crm_lead"] += [
        row | {"date_create": shifted(row["date_create"], days=-9, hours=-2)}
        for row in portal["crm_lead"][:15]
    ]


@stopped("crm_deal.imported_once")
def deals_imported_twice(portal: Portal) -> None:
    """A file of deals was imported into the portal again: the same deals under new ids."""
    portal["crm_deal"] += copies(portal["crm_deal"], 700_000)


@stopped("crm_lead.imported_once")
def leads_imported_twice(portal: Portal) -> None:
    """The same for leads."""
    portal["crm_lead"] += copies(portal["crm_lead"], 700_000)


@stopped("crm_deal.as_new_as_its_history")
def deals_of_last_week(portal: Portal) -> None:
    """Deals come from an old copy, their history from the portal."""
    newest: dict[str | None, Row] = {}
    for row in portal["crm_deal_stage_history"]:
        newest.setdefault(row["owner_id"], row)
    for deal in portal["crm_deal"]:
        first = newest.get(deal["id"])
        if first:
            deal["stage_id"], deal["stage_semantic_id"] = first["stage_id"], "P"


# -- clocks


@stopped(
    "crm_activity.clock_of_its_leads",
    "openline_message.clock_of_its_activities",
    "telephony_call.clock_of_its_activities",
)
def activities_in_utc_without_offset(portal: Portal) -> None:
    """One table was exported in UTC, and its offsets were cut off: read as the portal's time."""
    shift(portal, "crm_activity", hours=-3)


@stopped("crm_deal_stage_history.clock_of_its_rows")
def stage_history_on_another_clock(portal: Portal) -> None:
    """The same for the history of deals, the other way round."""
    shift(portal, "crm_deal_stage_history", hours=3)


@stopped("crm_lead_status_history.clock_of_its_rows")
def status_history_on_another_clock(portal: Portal) -> None:
    """The same for the history of leads."""
    shift(portal, "crm_lead_status_history", hours=-3)


# -- codes


@neutralised
def result_codes_as_floats(portal: Portal) -> None:
    """Pandas made decimals of result codes: 200.0 is no success for who compares texts."""
    each(portal, "telephony_call", "call_failed_code", lambda value: f"{value}.0")


@stopped("telephony_call.code_mostly_known")
def result_codes_in_words(portal: Portal) -> None:
    """Another telephony says ANSWERED and BUSY."""
    each(portal, "telephony_call", "call_failed_code", lambda value: "ANSWERED")


@warned("crm_deal.source_known")
def source_that_no_dictionary_has(portal: Portal) -> None:
    """A source was deleted from the dictionary, and a deal still has it."""
    victim(portal, "crm_deal")["source_id"] = "UC_GONE"


@neutralised
def source_in_another_case(portal: Portal) -> None:
    """A form writes the code of the source as its maker typed it."""
    lead = victim(portal, "crm_lead")
    lead["source_id"] = (lead["source_id"] or "").lower()


@neutralised
def codes_in_quotes(portal: Portal) -> None:
    """A file was written with quotes and read without minding them."""
    for table, column in (
        ("crm_deal", "source_id"),
        ("crm_deal", "currency_id"),
        ("crm_deal", "stage_id"),
        ("crm_lead", "source_id"),
        ("crm_activity", "provider_id"),
        ("telephony_call", "call_failed_code"),
        ("crm_status", "status_id"),
    ):
        each(portal, table, column, lambda value: f'"{value}"')


@neutralised
def sources_in_russian_quotes(portal: Portal) -> None:
    """Somebody put the codes into a table of an office suite, which made its own quotes of them."""
    each(portal, "crm_lead", "source_id", lambda value: f"« {value}»")


# -- what only a company's own range shows


@stopped("crm_deal.amount_no_phone", "crm_deal.mean_amount")
def phones_for_amounts(portal: Portal) -> None:
    """A form wrote the phone into the field of the amount."""
    for number, deal in enumerate(portal["crm_deal"][:20]):
        deal["opportunity"] = str(79_001_234_567 + number)


@stopped("crm_deal.amount_as_in_its_lead", "crm_deal.mean_amount")
def amounts_a_thousandth(portal: Portal) -> None:
    """The export shows thousands; leads, which carry the same amounts, come by another way."""
    each(portal, "crm_deal", "opportunity", lambda value: f"{float(value) / 1000:.5f}")


@stopped("crm_deal.amount_as_in_its_lead")
def every_second_amount_times_ten(portal: Portal) -> None:
    """Of two scripts that write into the table one shifts the decimal point."""
    for deal in portal["crm_deal"][::2]:
        deal["opportunity"] = f"{float(deal['opportunity'] or 0) * 10:.2f}"


@stopped("crm_deal.mean_amount")
def one_amount_with_five_zeros_too_many(portal: Portal) -> None:
    """A key got stuck; on a first run, with no mean to compare with, a warning shows it."""
    victim(portal, "crm_deal")["opportunity"] = "15000000000"


@warned("telephony_call.both_directions")
def incoming_calls_not_loaded(portal: Portal) -> None:
    """The line of incoming calls is another telephony, which nobody loads."""
    each(portal, "telephony_call", "call_type", lambda value: "1")
    for activity in portal["crm_activity"]:
        if activity["type_id"] == "2":
            activity["direction"] = "2"


@warned("crm_lead.several_owners")
def one_owner_for_all(portal: Portal) -> None:
    """An import gave all leads to who ran it."""
    owner = portal["users"][0]["id"]
    each(portal, "crm_lead", "assigned_by_id", lambda value: owner)


@warned("crm_lead.no_strays_in_time")
def one_lead_of_ten_years_ago(portal: Portal) -> None:
    """A lead was entered with a date of birth for its date of creation."""
    portal["crm_lead"].append(
        victim(portal, "crm_lead") | {"id": "1", "date_create": "2016-02-03T10:00:00+03:00"}
    )


@warned("crm_activity.authors_are_people", "crm_activity.employee_exists")
def robot_that_is_no_user(portal: Portal) -> None:
    """A robot of the portal's market answers in seconds, by day and night, and is in no table."""
    for number, row in enumerate(portal["crm_activity"][:100]):
        at = datetime.fromisoformat(row["created"]).replace(hour=number % 24).isoformat()
        row.update(author_id="987654", responsible_id="987654", created=at)


# -- what contradicts another table


@stopped("telephony_call.clock_of_its_activities")
def calls_on_another_clock(portal: Portal) -> None:
    """The statistics of calls come from a report in UTC, their activities from the portal."""
    shift(portal, "telephony_call", hours=-3)


@stopped("openline_message.clock_of_its_activities")
def chats_on_another_clock(portal: Portal) -> None:
    """The times of messages lost their offset."""
    shift(portal, "openline_message", hours=3)


@stopped("telephony_call.direction_of_its_activity")
def directions_changed_places(portal: Portal) -> None:
    """A loader of one's own counts directions the other way round."""
    swapped = {"1": "2", "2": "1"}
    each(portal, "crm_activity", "direction", lambda value: swapped.get(value, value))


@stopped("telephony_call.direction_of_its_activity", and_more=True)
def all_activities_outgoing(portal: Portal) -> None:
    """The direction is a default of the loader."""
    each(portal, "crm_activity", "direction", lambda value: "2")


@stopped("telephony_call.owner_of_its_activity", and_more=True)
def leads_and_deals_changed_places(portal: Portal) -> None:
    """A loader of one's own numbers the owners of activities the other way round."""
    swapped = {"1": "2", "2": "1"}
    each(portal, "crm_activity", "owner_type_id", lambda value: swapped.get(value, value))


@warned("crm_deal.lead_is_converted")
def leads_one_row_further(portal: Portal) -> None:
    """Two lists were put side by side, and one had a heading: each deal has the next lead."""
    leads = {lead["id"] for lead in portal["crm_lead"]}
    for deal in portal["crm_deal"]:
        following = str(int(deal["lead_id"] or 0) + 1)
        deal["lead_id"] = following if following in leads else deal["lead_id"]


@stopped("crm_deal.currency_as_in_its_lead", and_more=True)
def deals_in_dollars(portal: Portal) -> None:
    """The base of an integration was changed: roubles are called dollars."""
    each(portal, "crm_deal", "currency_id", lambda value: "USD")


@stopped("openline_message.chat_mostly_exists")
def chats_of_another_provider(portal: Portal) -> None:
    """The provider is a default of the loader: no activity is a chat."""
    each(portal, "crm_activity", "provider_id", lambda value: "REST_APP")


# -- holes and strays


@stopped("crm_activity.no_hole_in_time", and_more=True)
def a_month_of_activities_missing(portal: Portal) -> None:
    """A load by months failed in the middle, and nobody looked."""
    keep(portal, "crm_activity", lambda row: row["created"][:7] != "2026-09")


@stopped("crm_deal_stage_history.no_hole_in_time", and_more=True)
def a_month_of_stage_history_missing(portal: Portal) -> None:
    """The same for the history of deals."""
    keep(portal, "crm_deal_stage_history", lambda row: row["created_time"][:7] != "2026-09")


@warned("crm_lead.no_strays_in_time")
def twelve_leads_of_2005(portal: Portal) -> None:
    """An old address book was imported with its dates."""
    portal["crm_lead"] += [
        lead | {"id": str(number + 1), "date_create": f"2005-03-{number + 1:02}T10:00:00+03:00"}
        for number, lead in enumerate(portal["crm_lead"][:12])
    ]


@stopped("crm_lead_status_history.after_creation", and_more=True)
def leads_created_when_changed(portal: Portal) -> None:
    """The date of the last change was loaded for that of creation."""
    for lead in portal["crm_lead"]:
        lead["date_create"] = lead["date_modify"]


# -- twice, and of two


@stopped("crm_deal_stage_history.one_creation")
def histories_of_two_portals(portal: Portal) -> None:
    """The histories of two portals lie in one table; ids of both begin at 1."""
    portal["crm_deal_stage_history"] += [
        row | {"created_time": shifted(row["created_time"], minutes=7)}
        for row in portal["crm_deal_stage_history"][:40]
    ]


@stopped("telephony_call.one_creation")
def calls_of_two_portals(portal: Portal) -> None:
    """The same for calls."""
    portal["telephony_call"] += [
        row | {"call_start_date": shifted(row["call_start_date"], minutes=-7)}
        for row in portal["telephony_call"][:40]
    ]


@stopped("crm_activity.imported_once")
def activities_imported_twice(portal: Portal) -> None:
    """Activities were moved from the portal's own copy: the same under new ids."""
    portal["crm_activity"] += copies(portal["crm_activity"], 70_000_000)


@stopped("telephony_call.imported_once")
def calls_imported_twice(portal: Portal) -> None:
    """The same for calls."""
    portal["telephony_call"] += copies(portal["telephony_call"], 70_000_000)


# -- what is possible, and a fault in most


@stopped("crm_deal.mostly_no_templates")
def every_deal_a_template(portal: Portal) -> None:
    """The flag of recurring deals was read from another field."""
    each(portal, "crm_deal", "is_recurring", lambda value: "Y")


@warned("crm_deal.won_amounts_given")
def won_deals_without_amounts(portal: Portal) -> None:
    """Amounts move to the invoice when a deal is won, and the loader knows no invoices."""
    for deal in portal["crm_deal"][:8]:
        deal.update(stage_id="WON", stage_semantic_id="S")
    for deal in portal["crm_deal"]:
        if deal["stage_semantic_id"] == "S":
            deal["opportunity"] = "0"


@warned("telephony_call.both_results")
def every_call_missed(portal: Portal) -> None:
    """The result code is a default of the loader."""
    each(portal, "telephony_call", "call_failed_code", lambda value: "304")


@warned("crm_activity.several_owners")
def one_employee_does_everything(portal: Portal) -> None:
    """Activities come by the account of an integration, which is their employee."""
    employee = portal["users"][0]["id"]
    each(portal, "crm_activity", "responsible_id", lambda value: employee)


@warned("openline_message.operators_are_people")
def bots_as_operators(portal: Portal) -> None:
    """A loader of one's own knows clients and all others."""
    for row in portal["openline_message"]:
        if row["sender_kind"] in ("bot", "system"):
            row["sender_kind"] = "operator"


@warned("crm_activity.answers_take_time")
def a_robot_answers_in_the_name_of_people(portal: Portal) -> None:
    """An automation rule writes to each new lead in seconds, in the name of who is responsible."""
    portal["crm_activity"] += [
        portal["crm_activity"][0]
        | {
            "id": str(70_000_000 + number),
            "owner_type_id": "1",
            "owner_id": lead["id"],
            "type_id": "4",
            "provider_id": "CRM_EMAIL",
            "direction": "2",
            "responsible_id": lead["assigned_by_id"],
            "author_id": lead["assigned_by_id"],
            "associated_entity_id": None,
            "completed": "Y",
        }
        | dict.fromkeys(
            ("created", "start_time", "last_updated"), shifted(lead["date_create"], seconds=4)
        )
        for number, lead in enumerate(portal["crm_lead"])
    ]


# -- numbers that became decimals


@neutralised
def flags_as_floats(portal: Portal) -> None:
    """Pandas made decimals of flags, as of ids."""
    decimals = {"Y": "1.0", "N": "0.0", "true": "1.0", "false": "0.0"}
    for table, column in (
        ("crm_activity", "completed"),
        ("crm_activity", "is_incoming_channel"),
        ("crm_deal", "is_recurring"),
        ("crm_currency", "base"),
        ("users", "active"),
    ):
        each(portal, table, column, lambda value: decimals[value])
