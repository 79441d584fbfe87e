"""Values that mean what they should and look otherwise, or cannot be read at all."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from corruptions.catalogue import TIMES, each, neutralised, rejected, stopped, times, victim
from corruptions.healthy import Portal

TEN_MEGABYTES = "x" * 10_000_000


def _of(text: str) -> datetime:
    return datetime.fromisoformat(text)


# -- other spellings of the same


@neutralised
def ids_as_floats(portal: Portal) -> None:
    """Pandas makes decimals of integers as soon as one is missing."""
    for table, columns in {
        "crm_deal": ("id", "lead_id", "company_id", "contact_id", "assigned_by_id"),
        "crm_activity": ("id", "owner_id", "owner_type_id", "type_id", "direction"),
        "crm_deal_stage_history": ("id", "owner_id"),
    }.items():
        for column in columns:
            each(portal, table, column, lambda value: f"{value}.0")


@neutralised
def spaces_around_values(portal: Portal) -> None:
    """A database with fixed-width columns pads with spaces."""
    for column in ("id", "stage_id", "opportunity", "currency_id", "source_id", "date_create"):
        each(portal, "crm_deal", column, lambda value: f" {value}   ")


@neutralised
def no_break_spaces(portal: Portal) -> None:
    """Ids copied from a web page."""
    each(portal, "crm_deal", "id", lambda value: f"\u00a0{value}\u00a0")


@neutralised
def stage_ids_in_lower_case(portal: Portal) -> None:
    """A tool lowers all text."""
    each(portal, "crm_deal", "stage_id", str.lower)
    each(portal, "crm_deal_stage_history", "stage_id", str.lower)


@neutralised
def semantics_spelled_out(portal: Portal) -> None:
    """The dictionary's words instead of its letters."""
    words = {"P": "process", "S": "success", "F": "failure"}
    each(portal, "crm_deal", "stage_semantic_id", words.__getitem__)


@neutralised
def currencies_in_lower_case(portal: Portal) -> None:
    """A tool lowers all text."""
    each(portal, "crm_deal", "currency_id", str.lower)


@neutralised
def the_word_null(portal: Portal) -> None:
    """An export writes nulls as a word."""
    for table in ("crm_deal", "crm_lead"):
        for row in portal[table]:
            row |= {column: "null" for column, value in row.items() if value in (None, "")}


@neutralised
def words_for_nothing(portal: Portal) -> None:
    """Databases, Python, JavaScript and spreadsheets each have a word of their own for it."""
    words = itertools.cycle(
        ["NULL", r"\N", "None", "nan", "NaN", "NaT", "nil", "#N/A", "undefined"]
    )
    for rows in portal.values():
        for row in rows:
            row |= {column: next(words) for column, value in row.items() if value in (None, "")}


@neutralised
def no_link_in_other_words(portal: Portal) -> None:
    """No link is 0 in one method, empty text in another, null in a third."""
    for number, row in enumerate(portal["crm_deal"] + portal["crm_lead"]):
        for column in ("company_id", "contact_id"):
            if row[column] in (None, "", "0"):
                row[column] = (None, "", "0", "0.0")[number % 4]


@neutralised
def flags_in_other_words(portal: Portal) -> None:
    """A database has booleans where the API has Y and N."""
    each(portal, "crm_activity", "completed", {"Y": "true", "N": "false"}.__getitem__)
    each(portal, "crm_deal", "closed", {"Y": "1", "N": "0"}.__getitem__)


@neutralised
def zero_dates(portal: Portal) -> None:
    """MySQL's zero date where there is none."""
    for row in portal["crm_activity"]:
        row["deadline"] = row["deadline"] or "0000-00-00 00:00:00"


@neutralised
def offsets_lost(portal: Portal) -> None:
    """A database without time zones: the portal's own time is left."""
    times(portal, lambda value: value[:19])


@neutralised
def times_in_utc(portal: Portal) -> None:
    """The same instants, told in another zone."""
    times(portal, lambda value: _of(value).astimezone(UTC).isoformat().replace("+00:00", "Z"))


@neutralised
def times_with_spaces_and_fractions(portal: Portal) -> None:
    """A database's way of writing timestamps."""
    times(portal, lambda value: value[:19].replace("T", " ") + ".000000" + value[19:])


@neutralised
def amounts_with_more_decimals(portal: Portal) -> None:
    """A spreadsheet shows six decimals."""
    each(portal, "crm_deal", "opportunity", lambda value: f"{float(value):.6f}")


@neutralised
def ten_megabytes_of_text(portal: Portal) -> None:
    """Somebody pasted a photo into a text."""
    victim(portal, "crm_deal")["utm_campaign"] = TEN_MEGABYTES


@neutralised
def sql_in_a_text(portal: Portal) -> None:
    """Somebody tries what a form field can do."""
    each(portal, "crm_lead", "utm_campaign", lambda value: "'); drop table crm_deal; --")
    victim(portal, "crm_lead")["utm_source"] = "\"'); drop schema bitrix24 cascade; --{{ 1/0 }}%s"


@neutralised
def emoji_in_a_text(portal: Portal) -> None:
    """A campaign is called by a picture, and written from right to left."""
    victim(portal, "crm_lead")["utm_campaign"] = "🚀\u202eסוף\u200b"


# -- dates


@rejected("crm_deal", "missing:date_create")
def zero_date_of_creation(portal: Portal) -> None:
    """MySQL's zero date where there must be one."""
    victim(portal, "crm_deal")["date_create"] = "0000-00-00 00:00:00"


@rejected("crm_deal", "unreadable:date_create")
def a_russian_date(portal: Portal) -> None:
    """One row was entered by hand."""
    victim(portal, "crm_deal")["date_create"] = "31.08.2026 10:00:00"


@stopped("crm_deal.mostly_readable")
def all_dates_russian(portal: Portal) -> None:
    """The export follows the user's settings."""
    each(portal, "crm_deal", "date_create", lambda value: _of(value).strftime("%d.%m.%Y %H:%M"))


@rejected("crm_lead", "unreadable:date_create")
def two_digit_year(portal: Portal) -> None:
    """Excel shortened the year."""
    victim(portal, "crm_lead")["date_create"] = "26-08-31"


@rejected("crm_lead", "unreadable:date_modify")
def an_american_date(portal: Portal) -> None:
    """Month first."""
    victim(portal, "crm_lead")["date_modify"] = "08/31/2026"


@rejected("crm_activity", "unreadable:created")
def the_30th_of_february(portal: Portal) -> None:
    """A date that no calendar has."""
    victim(portal, "crm_activity")["created"] = "2026-02-30T10:00:00+03:00"


@rejected("crm_activity", "unreadable:start_time")
def the_25th_hour(portal: Portal) -> None:
    """A time that no day has."""
    victim(portal, "crm_activity")["start_time"] = "2026-08-30T25:00:00+03:00"


@rejected("telephony_call", "unreadable:call_start_date")
def excel_serial_date(portal: Portal) -> None:
    """Excel counts days from 1900."""
    victim(portal, "telephony_call")["call_start_date"] = "46265.4"


@rejected("crm_deal", "out_of_range:date_create")
def excel_date_of_1900(portal: Portal) -> None:
    """An empty cell became Excel's first days."""
    victim(portal, "crm_deal")["date_create"] = "1900-01-05"


@rejected("crm_lead", "out_of_range:date_create")
def unix_epoch(portal: Portal) -> None:
    """A zero became the first second of Unix."""
    victim(portal, "crm_lead")["date_create"] = "1970-01-01T03:00:00+03:00"


@rejected("crm_deal", "out_of_range:closedate")
def no_date_as_the_first_day(portal: Portal) -> None:
    """SQL Server's first day stands for a date that is not there."""
    victim(portal, "crm_deal")["closedate"] = "1753-01-01 00:00:00"


@stopped("crm_activity.mostly_readable")
def the_century_lost(portal: Portal) -> None:
    """Two-digit years were read as those of the century before."""
    each(portal, "crm_activity", "start_time", lambda value: f"19{value[2:]}")


@stopped("crm_lead.mostly_readable")
def unix_seconds(portal: Portal) -> None:
    """All dates are seconds since 1970."""
    for column in TIMES["crm_lead"]:
        each(portal, "crm_lead", column, lambda value: str(int(_of(value).timestamp())))


@stopped("crm_lead.not_in_the_future")
def clock_years_ahead(portal: Portal) -> None:
    """One computer's clock is five years ahead."""
    lead = victim(portal, "crm_lead")
    lead["date_modify"] = (_of(lead["date_modify"]) + timedelta(days=1826)).isoformat()


@stopped("crm_deal_stage_history.not_in_the_future")
def year_mistyped(portal: Portal) -> None:
    """2062 for 2026."""
    row = victim(portal, "crm_deal_stage_history")
    row["created_time"] = row["created_time"].replace("2026", "2062")


# -- numbers


def _amount(name: str, reality: str, text: str) -> None:
    def spoil(portal: Portal) -> None:
        victim(portal, "crm_deal")["opportunity"] = text

    spoil.__name__, spoil.__doc__ = name, reality
    rejected("crm_deal", "unreadable:opportunity")(spoil)


_amount("decimal_comma", "One amount was entered by hand.", "12345,67")
_amount("thousands_separated", "A printed amount.", "1\u00a0234\u00a0567.00")
_amount("currency_sign_in_an_amount", "An amount with its unit.", "1000 ₽")
_amount("html_in_an_amount", "A cell copied from a web page.", "<b>1000</b>")
_amount("amount_and_currency", "Bitrix24's own money fields.", "1000.00|RUB")
_amount("infinity", "Something was divided by zero.", "Infinity")
_amount("null_byte", "A C program ended its text.", "1000\x00")
_amount("ten_megabytes_of_digits", "A file landed in a number.", "9" * 10_000_000)


@stopped("crm_deal.mostly_readable", "crm_deal.filled_opportunity")
def decimal_commas_everywhere(portal: Portal) -> None:
    """The export follows the computer's settings."""
    each(portal, "crm_deal", "opportunity", lambda value: value.replace(".", ","))


# -- ids and flags


def _lead_id(name: str, reality: str, change) -> None:
    def spoil(portal: Portal) -> None:
        lead = victim(portal, "crm_lead")
        lead["id"] = change(lead["id"])

    spoil.__name__, spoil.__doc__ = name, reality
    rejected("crm_lead", "unreadable:id")(spoil)


_lead_id("byte_order_mark", "The file began with one.", lambda value: f"\ufeff{value}")
_lead_id("id_in_json", "A nested answer was not unpacked.", lambda value: f'{{"ID":{value}}}')
_lead_id("full_width_digits", "An Asian keyboard.", lambda value: f"\uff11{value}")
_lead_id("negative_id", "A sign from nowhere.", lambda value: f"-{value}")
_lead_id("scientific_id", "Excel shortened a long number.", lambda value: "7.45E+02")


@rejected("crm_activity", "unreadable:completed")
def flag_in_russian(portal: Portal) -> None:
    """An export for people."""
    victim(portal, "crm_activity")["completed"] = "Да"


# -- encodings


@stopped("crm_status.names_well_encoded")
def utf8_read_as_latin1(portal: Portal) -> None:
    """Names became Ð and Ñ."""
    each(portal, "crm_status", "name", lambda value: value.encode().decode("latin-1"))


@stopped("crm_status.names_well_encoded")
def utf8_read_as_cp1251(portal: Portal) -> None:
    """Names became Р and С with a sign after each."""
    each(portal, "crm_status", "name", lambda value: value.encode().decode("cp1251", "replace"))


@stopped("crm_category.names_well_encoded")
def letters_lost(portal: Portal) -> None:
    """Names became replacement signs."""
    each(portal, "crm_category", "name", lambda value: "\ufffd" * len(value))
