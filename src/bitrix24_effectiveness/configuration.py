"""What a run is told by the environment, a `.env` and the vars: each with its type and range."""

from __future__ import annotations

import difflib
import zoneinfo
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bitrix24_effectiveness.errors import ConfigurationError


def suggestion(name: object, known: Iterable[str]) -> str:
    """`; did you mean ...?`, or nothing where nothing is close."""
    close = difflib.get_close_matches(str(name), list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _must_be(expected: str) -> WrapValidator:
    """Says what was expected, in place of pydantic's own words."""

    def check(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
        try:
            return read(value)
        except ValidationError as error:
            if error.errors()[0]["loc"]:
                # of a value inside, which has said what was expected of it
                raise
            raise PydanticCustomError("refused", "it must be {e}", {"e": expected}) from error

    return WrapValidator(check)


def _is_timezone(name: str) -> str:
    known = zoneinfo.available_timezones()
    if name not in known:
        hint = suggestion(name, known)
        raise PydanticCustomError("refused", "no such time zone{hint}", {"hint": hint})
    return name


def _in_our_time(day: date) -> date:
    if not 1990 <= day.year <= 2100:
        raise PydanticCustomError("refused", "not of our time")
    return day


_DEALS = 2
INVOICES, FIRST_SMART_PROCESS = 31, 128
"""Kinds of CRM objects by which companies sell in place of deals, as Bitrix24 numbers them."""


def _is_sold_by(entity_type: int) -> int:
    if entity_type not in (_DEALS, INVOICES) and entity_type < FIRST_SMART_PROCESS:
        raise PydanticCustomError("refused", "nothing is sold by it")
    return entity_type


def _refusal(error: ValidationError, name: Callable[[str], str]) -> ConfigurationError:
    problem = error.errors()[0]
    # where several types will do, pydantic names the one that was tried
    first, *inside = (part for part in map(str, problem["loc"]) if not part.startswith("function-"))
    value = "empty" if problem["input"] in ("", None) else problem["input"]
    return ConfigurationError(f"{': '.join([name(first), *inside])} is {value}: {problem['msg']}")


# -- the environment

_NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), _must_be("a number, 0 or more")]


class _FromEnvironment(BaseSettings):
    """Fields are variables of the same name; an empty one was not given."""

    model_config = SettingsConfigDict(
        extra="ignore", frozen=True, hide_input_in_errors=True, env_file_encoding="utf-8-sig"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Leaves out the environment of the process: `read` is given that of the run."""
        return init_settings, dotenv_settings

    @model_validator(mode="before")
    @classmethod
    def _leave_out_what_is_empty(cls, given: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in given.items() if value != ""}

    @classmethod
    def read(cls, environment: Mapping[str, str], env_file: Path | None = None) -> Self:
        """Reads the environment; what it does not name may stand in `env_file`.

        Raises:
            ConfigurationError: a value that makes no sense.
        """
        given: dict[str, Any] = {
            name: environment[name.upper()]
            for name in cls.model_fields
            if name.upper() in environment
        }
        try:
            return cls(**given, _env_file=env_file)
        except ValidationError as error:
            raise _refusal(error, str.upper) from error


class Environment(_FromEnvironment):
    """Where everything is, and on what engine. Defaults are relative to the project."""

    crm_target: Annotated[
        Literal["duckdb", "postgres", "spark"], _must_be("duckdb, postgres, spark")
    ] = "duckdb"
    """Engine that dbt builds on."""
    crm_raw_db: Path = Path("data/raw.duckdb")
    """DuckDB file with the raw tables."""
    crm_warehouse_db: Path = Path("data/warehouse.duckdb")
    """DuckDB file that dbt builds in."""
    crm_marts_db: Path = Path("data/crm.duckdb")
    """DuckDB file that BI tools read; the same as Parquet is in a folder beside it."""
    crm_marts_mode: Annotated[
        str, StringConstraints(pattern="^0?[0-7]{3}$"), _must_be("a file mode such as 0640")
    ] = "0600"
    """Who may read the published files: 0640 is the group of the file too. Nobody may write."""
    crm_keep: Annotated[int, Field(ge=1, le=1000), _must_be("a whole number from 1 to 1000")] = 3
    """How many publications are kept, the current one included."""
    crm_change_warning: Annotated[
        float, Field(ge=0, allow_inf_nan=False), _must_be("a number of percent, 0 or more")
    ] = 5.0
    """By how much a published figure of a complete period may change before a run says so."""
    crm_seeds_dir: Path = Path("seeds")
    """Folder of the seed CSV files."""
    crm_journal_dir: Path | None = None
    """Folder with what the company wrote down itself before it had a CRM."""
    crm_spark_dir: Path = Path("data/spark")
    """Folder of the warehouse and the metastore of Spark in one process."""
    dbt_profiles_dir: Path = Path()
    """Folder of dbt's `profiles.yml`."""
    crm_schema: str = "crm"
    """What the names of dbt's schemas on a server begin with."""
    crm_marts_schema: str = "marts"
    """Schema that BI tools read on a server."""
    crm_bi_role: str | None = None
    """Role that may read the published schema of a server, and nothing else."""


class PortalEnvironment(_FromEnvironment):
    """Where the portal is, and how it wants to be treated. Times are in seconds."""

    bitrix24_webhook_url: str = Field("", repr=False)
    """It is a password. Empty: there is no portal to load."""
    bitrix24_requests_per_second: _NotNegative = 2.0
    """0: as fast as the portal answers."""
    bitrix24_operating_limit: _NotNegative = 400.0
    """Time of one method within ten minutes above which it is left in peace; 0: no limit."""
    bitrix24_attempts: _NotNegative = 12.0
    """How often a request is made before it has failed; less than 1 is 1."""
    bitrix24_backoff_seconds: _NotNegative = 1.0
    """Wait after the first attempt; it doubles with each, up to two minutes."""
    bitrix24_sweep_days: _NotNegative = 7.0
    """Days after which deleted rows are looked for; 0: only when asked to."""
    bitrix24_skip_tables: str = ""
    """Optional raw tables that are left out on purpose, with commas between."""
    bitrix24_extra_columns: str = ""
    """Custom fields to carry into the raw tables: `crm_deal: [UF_CRM_REGION]`."""
    bitrix24_deal_types: str = ""
    """Invoices (31) and smart processes to load, by their `entityTypeId`, with commas between."""


# -- vars

# of days: 270 years, and no engine's dates end before
_MOST = 100_000
_FromZero = Annotated[
    int, Field(strict=True, ge=0, le=_MOST), _must_be(f"a whole number from 0 to {_MOST}")
]
_FromOne = Annotated[
    int, Field(strict=True, ge=1, le=_MOST), _must_be(f"a whole number from 1 to {_MOST}")
]
_Share = Annotated[float, Field(strict=True, gt=0, le=1), _must_be("a number above 0 and up to 1")]
_Percentage = Annotated[float, Field(strict=True, ge=0, le=100), _must_be("a number from 0 to 100")]
_Timezone = Annotated[str, AfterValidator(_is_timezone)]
# YAML reads what looks like a date as one
_Instant = Annotated[
    str,
    BeforeValidator(lambda value: str(value or "").strip()),
    StringConstraints(pattern=r"^(\d{4}-\d{2}-\d{2}.*)?$"),
    AfterValidator(lambda text: text and _in_our_time(datetime.fromisoformat(text))),
    _must_be("an instant such as 2026-05-01T00:00:00+03:00 from 1990 to 2100, or empty"),
]
_OptionalDate = Annotated[
    str,
    BeforeValidator(lambda value: str(value or "")),
    StringConstraints(pattern=r"^(\d{4}-\d{2}-\d{2})?$"),
    AfterValidator(lambda text: text and _in_our_time(date.fromisoformat(text))),
    _must_be("a date from 1990 to 2100, such as 2025-05-01, or empty"),
]
_DealType = Annotated[
    int,
    Field(strict=True, le=_MOST),
    AfterValidator(_is_sold_by),
    _must_be("2 (deals), 31 (invoices) or the entityTypeId of a smart process, 128 or more"),
]
_Address = Annotated[
    str,
    BeforeValidator(lambda value: str(value or "").strip()),
    StringConstraints(pattern=r"^(https?://[^\s/?#@]+/?)?$"),
    _must_be("an address such as https://example.bitrix24.com, without a path, or empty"),
]
_Statuses = Annotated[list[_FromZero], _must_be("a list of numbers of RESULT_STATUS")]
_Columns = Annotated[dict[str, str] | None, _must_be("a mapping of its columns")]


class ChatStatuses(BaseModel, extra="forbid"):
    """What the numbers of a chat's RESULT_STATUS mean; those in neither list mean nothing."""

    answered: _Statuses
    unanswered: _Statuses

    @model_validator(mode="after")
    def _mean_one_thing(self) -> Self:
        if both := set(self.answered) & set(self.unanswered):
            numbers = ", ".join(map(str, sorted(both)))
            text = "{n} cannot be answered and unanswered"
            raise PydanticCustomError("refused", text, {"n": numbers})
        return self


OWN_SEGMENT_TYPES = (
    "all",
    "channel",
    "pipeline",
    "employee",
    "client_type",
    "client_history",
    "request_channel",
    "process_category",
    "cost_type",
)
"""Segment types that the project has itself: a company's own are called otherwise."""


def _is_a_new_segment_type(name: str) -> str:
    if name in OWN_SEGMENT_TYPES:
        raise PydanticCustomError("refused", "the project has a segment type of this name")
    return name


class CustomSegment(BaseModel, extra="forbid"):
    """Column of a raw table whose values are the members of a segment type."""

    table: Annotated[Literal["crm_deal", "crm_lead"], _must_be("crm_deal or crm_lead")]
    column: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Za-z_]\w{0,62}$"),
        _must_be("the name of a column, such as uf_crm_region"),
    ]


_SegmentType = Annotated[
    str,
    StringConstraints(pattern="^[a-z][a-z0-9_]{0,29}$"),
    _must_be("a name of small Latin letters, digits and _, of at most 30"),
    AfterValidator(_is_a_new_segment_type),
]


class Vars(BaseModel):
    """Vars of `dbt_project.yml`, whose comments say what each of them decides."""

    data_source: str | None
    seeds_source: str | None
    portal_url: _Address
    raw_database: str
    raw_schema: str | None
    raw_preset: str
    raw_presets: dict[str, Any]
    raw_identifiers: Annotated[dict[str, str] | None, _must_be("a mapping by raw table")]
    raw_columns: Annotated[dict[str, _Columns] | None, _must_be("a mapping by raw table")]
    deal_entity_type: _DealType
    raw_max_age_hours: _FromZero
    as_of: _Instant
    reporting_timezone: _Timezone
    portal_timezone: _Timezone
    base_currency: Annotated[
        str | None,
        StringConstraints(pattern="^([A-Z]{3})?$"),
        _must_be("three capital letters, such as RUB, or empty"),
    ]
    demand_entity: Annotated[
        Literal["auto", "lead", "deal", "both"], _must_be("auto, lead, deal or both")
    ]
    history_start_date: _OptionalDate
    client_inactivity_days: _FromOne
    response_sla_minutes: _FromOne
    chat_result_statuses: ChatStatuses
    custom_segments: Annotated[
        dict[_SegmentType, CustomSegment],
        _must_be("a mapping such as {region: {table: crm_deal, column: uf_crm_region}}"),
    ]
    gross_margin_rate: _Share | Literal[""]
    crm_go_live_date: _OptionalDate
    comparison_months: _FromOne
    ramp_up_months: _FromZero
    after_window: Annotated[Literal["last", "first"], _must_be("last or first")]
    response_horizon_days: _FromOne
    cycle_horizon_days: _FromOne
    max_coverage_ratio: Annotated[float, Field(gt=1, le=1e6), _must_be("a number above 1")]
    max_answers_ratio: Annotated[float, Field(gt=1), _must_be("a number above 1")]
    max_yearly_inflation: Annotated[float, Field(ge=0, le=1), _must_be("a number from 0 to 1")]
    recorded_alike: Annotated[list[str], _must_be("a list of metric codes")]
    min_comparison_months: _FromOne
    min_sample_size: _FromOne
    min_families_with_data: _FromOne
    finding_window_months: _FromOne
    finding_instant_win_minutes: _FromOne
    finding_backdated_days: _FromOne
    finding_stuck_days: _FromOne
    finding_unmoved_days: _FromOne
    finding_unanswered_hours: _FromOne
    finding_idle_days: _FromOne
    finding_thresholds: Annotated[dict[str, _Percentage], _must_be("a percentage for each finding")]

    @classmethod
    def read(cls, values: dict[str, Any]) -> Self:
        """Checks types and ranges.

        Raises:
            ConfigurationError: a value that makes no sense.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise _refusal(error, "var {}".format) from error
