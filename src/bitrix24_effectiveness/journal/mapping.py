"""How the columns of a file that a company has already are called: a YAML beside the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bitrix24_effectiveness.configuration import suggestion
from bitrix24_effectiveness.errors import ConfigurationError


class Calls(BaseModel):
    """A telephone exchange's list of calls, a row per call; a missed one waits for a call back."""

    model_config = ConfigDict(extra="forbid")

    number: str
    """Column with the client's telephone number. It is compared, and not kept."""
    kind: str
    """Column that says which way the call went."""
    incoming: list[str]
    """What stands there when the client called."""
    outgoing: list[str]
    """What stands there when the company called."""
    talked: dict[str, list[str]] = {}
    """Column and what stands in it when somebody talked."""
    not_talked: dict[str, list[str]] = {}
    """Column and what stands in it when nobody did; empty counts so too."""

    @model_validator(mode="after")
    def _check_it_tells_a_talk(self) -> Self:
        if bool(self.talked) == bool(self.not_talked):
            raise ValueError("it needs talked or not_talked: how is a call known that was missed?")
        return self


class Mapping(BaseModel):
    """A file of the journal in the words of whoever made it."""

    model_config = ConfigDict(extra="forbid")

    table: Literal["journal_deals", "journal_requests"]
    """What it holds."""
    sheet: str | None = None
    """Sheet of a workbook; by default the first."""
    header_row: int = Field(1, ge=1)
    """Row with the names of the columns: reports have a title above it."""
    columns: dict[str, str]
    """Our column -> theirs."""
    constants: dict[str, str] = {}
    """Our column -> what it is in every row."""
    values: dict[str, dict[str, str]] = {}
    """Our column -> their value -> ours; "*" is every other value."""
    only: dict[str, list[str]] = {}
    """Their column -> values of the rows that count; all rows count without it."""
    calls: Calls | None = None
    """That it is the list of calls of a telephone exchange."""


def mapping_of(path: Path, known: dict[str, list[str]]) -> Mapping:
    """Reads a mapping.

    Args:
        path: Of the YAML file.
        known: Columns of each table of the journal.

    Raises:
        ConfigurationError: it is none, or names a column that the journal does not have.
    """
    try:
        given: Any = yaml.safe_load(path.read_text("utf-8-sig")) or {}
        mapping = Mapping.model_validate(given)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path.name}: not valid YAML in UTF-8") from error
    except ValidationError as error:
        problem = error.errors()[0]
        where = ": ".join(map(str, problem["loc"])) or "it"
        raise ConfigurationError(f"{path.name}: {where}: {problem['msg']}") from error
    columns = known[mapping.table]
    for name in (*mapping.columns, *mapping.constants, *mapping.values):
        if name not in columns:
            raise ConfigurationError(
                f"{path.name}: {mapping.table} has no column {name}{suggestion(name, columns)}"
            )
    return mapping
