"""Values that can be read and make no sense."""

from __future__ import annotations

from datetime import datetime, timedelta

from corruptions.catalogue import (
    each,
    neutralised,
    rejected,
    stopped,
    stopped_by_test,
    victim,
)
from corruptions.healthy import Portal


@stopped("crm_deal.stage_mostly_known")
def unknown_stage(portal: Portal) -> None:
    """A stage that no dictionary has: nobody knows whether it means success."""
    victim(portal, "crm_deal").update(stage_id="UC_GONE", stage_semantic_id=None)


@stopped("crm_lead.status_mostly_known")
def unknown_status(portal: Portal) -> None:
    """The same for leads."""
    victim(portal, "crm_lead").update(status_id="UC_GONE", status_semantic_id="")


@stopped("crm_deal.semantic_agrees")
def semantics_contradict_stages(portal: Portal) -> None:
    """Success and failure changed places."""
    swapped = {"S": "F", "F": "S", "P": "S"}
    each(portal, "crm_deal", "stage_semantic_id", swapped.__getitem__)


@stopped("crm_status.success_is_success")
def success_is_failure(portal: Portal) -> None:
    """The dictionary calls the stage WON a failure."""
    for row in portal["crm_status"]:
        if row["status_id"] == "WON":
            row["semantics"] = "F"


@neutralised
def dictionary_entry_twice(portal: Portal) -> None:
    """A stage was deleted and made anew: two entries with one code."""
    stage = next(row for row in portal["crm_status"] if row["status_id"] == "WON")
    portal["crm_status"].append(stage | {"id": "987654"})


@stopped("crm_deal_stage_history.after_creation")
def deals_won_before_they_were_created(portal: Portal) -> None:
    """An import gave deals the date of the import."""
    for row in portal["crm_deal_stage_history"]:
        at = datetime.fromisoformat(row["created_time"])
        row["created_time"] = (at - timedelta(days=90)).isoformat()


@stopped_by_test("assert_amounts_have_a_rate", "KZT")
def currency_without_a_rate(portal: Portal) -> None:
    """A deal in a currency that the portal has no rate for."""
    victim(portal, "crm_deal")["currency_id"] = "KZT"


@stopped("crm_deal.amount_mostly_in_range", "crm_deal.mean_amount")
def negative_amounts(portal: Portal) -> None:
    """Amounts were booked as expenses."""
    each(portal, "crm_deal", "opportunity", lambda value: f"-{value}")


@stopped("crm_deal.amount_as_in_its_lead", "crm_deal.mean_amount")
def amounts_in_kopecks(portal: Portal) -> None:
    """A new version of the loader counts in the smallest unit."""
    each(portal, "crm_deal", "opportunity", lambda value: str(int(float(value) * 100)))


@stopped("telephony_call.duration_mostly_in_range")
def durations_in_milliseconds(portal: Portal) -> None:
    """The telephony counts in another unit."""
    each(portal, "telephony_call", "call_duration", lambda value: f"{value}000")


@stopped("telephony_call.duration_mostly_in_range")
def negative_durations(portal: Portal) -> None:
    """Calls end before they begin."""
    each(portal, "telephony_call", "call_duration", lambda value: f"-{value}1")


@stopped("crm_currency.one_base")
def two_base_currencies(portal: Portal) -> None:
    """The base was changed between two pages."""
    each(portal, "crm_currency", "base", lambda value: "Y")


@stopped("crm_currency.rate_positive")
def rate_of_zero(portal: Portal) -> None:
    """A currency was added, and its rate left empty."""
    victim_of = next(row for row in portal["crm_currency"] if row["currency"] == "USD")
    victim_of["amount"] = "0"


@rejected("crm_deal", "recurring_template")
def recurring_template(portal: Portal) -> None:
    """A template of recurring deals looks like a deal."""
    victim(portal, "crm_deal")["is_recurring"] = "Y"


@rejected("crm_activity", "unsupported:owner_type_id")
def activity_of_an_invoice(portal: Portal) -> None:
    """An activity of something that this project does not know."""
    victim(portal, "crm_activity")["owner_type_id"] = "31"


@rejected("openline_message", "missing:session_id")
def message_of_no_chat(portal: Portal) -> None:
    """The history was asked for by chat, and its answer names no session."""
    victim(portal, "openline_message")["session_id"] = ""


@stopped("openline_message.people_write")
def senders_by_name(portal: Portal) -> None:
    """A loader of one's own wrote the names of those who wrote in a chat."""
    each(portal, "openline_message", "sender_kind", lambda value: f"Name of {value}")


@stopped("openline_message.chat_mostly_exists")
def messages_by_chat(portal: Portal) -> None:
    """The number of the chat was loaded for that of the session."""
    each(portal, "openline_message", "session_id", lambda value: f"9{value}")


@stopped("openline_message.chat_mostly_exists")
def chats_without_sessions(portal: Portal) -> None:
    """The column was left out of the list of fields, and arrives empty."""
    each(portal, "crm_activity", "associated_entity_id", lambda value: "0")


@neutralised
def senders_in_capitals(portal: Portal) -> None:
    """A loader of one's own writes codes in capitals."""
    each(portal, "openline_message", "sender_kind", str.upper)
