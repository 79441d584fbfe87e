"""Stand-ins for dbt's cross-database macros, with which sqlfluff renders the models.

They only have to give SQL of the right shape: the linter never runs it. Sqlfluff's jinja templater
knows `ref`, `source` and `var`, but not the namespace `dbt`.
"""


def type_string() -> str:
    """Gives the type of text."""
    return "varchar"


def date_trunc(datepart: str, date: str) -> str:
    """Gives the start of the part of time that `date` is in."""
    return f"date_trunc('{datepart}', {date})"


def dateadd(datepart: str, interval: str, from_date_or_timestamp: str) -> str:
    """Gives a time moved by some parts of time."""
    return f"date_add({from_date_or_timestamp}, {interval}, '{datepart}')"


def datediff(first_date: str, second_date: str, datepart: str) -> str:
    """Gives the number of borders between two times."""
    return f"date_diff('{datepart}', {first_date}, {second_date})"


def safe_cast(field: str, type: str) -> str:
    """Gives the value in a type, or null."""
    return f"try_cast({field} as {type})"


def generate_series(upper_bound: int) -> str:
    """Gives a query of the numbers from 1."""
    return f"select number as generated_number from numbers where number <= {upper_bound}"


def listagg(measure: str, delimiter_text: str, order_by_clause: str) -> str:
    """Gives the texts of a group as one."""
    return f"string_agg({measure}, {delimiter_text} {order_by_clause})"
