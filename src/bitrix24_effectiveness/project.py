"""Where everything is: the dbt project, its databases, its seeds and its vars."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from bitrix24_effectiveness.configuration import Environment
from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.files import YAML_LOADER, replaced_when_done

NAME = "bitrix24_effectiveness"

_PATHS = {
    "model-paths": "models",
    "macro-paths": "macros",
    "test-paths": "tests",
    "seed-paths": "seeds",
    "snapshot-paths": "snapshots",
}
"""Where a dbt project has its files, by the setting that says so."""

_LISTS_OF_PACKAGES = ("packages.yml", "dependencies.yml")

LOADED_TABLES = "loaded_tables"
"""Table that `crm-effect load` keeps beside the raw tables: which of them are complete."""

DELETED_ROWS = "deleted_rows"
"""Another: what was removed from them, and when."""

SWEPT_KEYS = "swept_keys"
"""Another: keys that the portal has; filled while deleted rows are looked for."""

DEAL_TYPE_TABLES = {
    "crm_deal": "crm_dynamic_items_{deal_entity_type}",
    "crm_deal_stage_history": "crm_dynamic_items_{deal_entity_type}_stage_history",
    "crm_category": "crm_dynamic_items_{deal_entity_type}_category",
}
"""Tables of such a kind by the tables of deals whose form they have; the preset `deal_type`."""

DEMO_TABLE = "demo_portal"
"""Table beside the raw tables that tells the demo portal from a real one."""


@dataclass(frozen=True)
class RawColumn:
    """A column of the raw contract; `meta` is all that it says about the column."""

    name: str
    required: bool
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RawTable:
    """A table of the raw contract (`models/staging/bitrix24/_sources.yml`)."""

    name: str
    required: bool
    columns: tuple[RawColumn, ...]


@dataclass(frozen=True)
class SeedColumn:
    """A column of a seed and the type that dbt gives it."""

    name: str
    data_type: str


@dataclass(frozen=True)
class Project:
    """A dbt project directory together with the environment and the vars of this run.

    It is this project, or one of a company's own that has this one installed as a package
    (`examples/extend`): then that one is built, and what belongs to the metrics (raw contract,
    seeds, checks, vars) is read from the package.

    Paths from the environment are relative to the working directory, as for dbt itself; the
    defaults are relative to the project.
    """

    directory: Path
    given_vars: dict[str, Any]
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)

    @classmethod
    def find(cls, given_vars: dict[str, Any]) -> Project:
        """Takes DBT_PROJECT_DIR, else the working directory, else the checkout of this package.

        Raises:
            ConfigurationError: none of them holds this dbt project or one that extends it, or the
                packages of one are not installed.
        """
        candidates = [Path.cwd(), Path(__file__).resolve().parents[2]]
        if os.environ.get("DBT_PROJECT_DIR"):
            candidates = [Path(os.environ["DBT_PROJECT_DIR"]).absolute()]
        for candidate in candidates:
            if _name(candidate) == NAME or _name(_packages(candidate) / NAME) == NAME:
                return cls(candidate, given_vars)
            if _has_uninstalled_packages(candidate):
                raise ConfigurationError(
                    f"the packages of the dbt project in {candidate} are not installed: run "
                    "`dbt deps` there"
                )
        raise ConfigurationError(
            f"no dbt_project.yml of {NAME} in {' or '.join(map(str, candidates))}: "
            "run from the project's folder, or set DBT_PROJECT_DIR"
        )

    @cached_property
    def _given(self) -> Environment:
        return Environment.read(self.environment)

    def _path(self, variable: str) -> Path:
        path: Path = getattr(self._given, variable)
        is_given = variable in self._given.model_fields_set
        return path.absolute() if is_given else self.directory / path

    @cached_property
    def package_directory(self) -> Path:
        """Folder of this dbt project itself, also where it is a package of `directory`."""
        if _name(self.directory) == NAME:
            return self.directory
        return (_packages(self.directory) / NAME).resolve()

    @cached_property
    def built_from(self) -> list[Path]:
        """Folders and files of all that dbt builds from, without the seeds of this project."""
        packages = sorted(path.resolve() for path in _packages(self.directory).glob("*"))
        found = []
        for folder in (self.directory, *packages):
            settings = _read_yaml(folder / "dbt_project.yml")
            for key, default in _PATHS.items():
                for name in settings.get(key, [default]):
                    # seeds of this project are where the environment says
                    if "{{" not in name:
                        found.append(folder / name)
            found += [folder / name for name in ("dbt_project.yml", *_LISTS_OF_PACKAGES)]
        return found

    @property
    def profile(self) -> str:
        """Name of the profile by which dbt connects."""
        return str(self._dbt_project.get("profile", NAME))

    @property
    def profiles_dir(self) -> Path:
        """Folder of dbt's `profiles.yml` (DBT_PROFILES_DIR), by default that of the project.

        There it is copied from the example when it is missing, and never replaced.
        """
        example = self.package_directory / "profiles.yml.example"
        folder = self._path("dbt_profiles_dir")
        profiles = self.directory / "profiles.yml"
        if folder == self.directory and not profiles.exists():
            with replaced_when_done(profiles) as copy:
                shutil.copyfile(example, copy)
        return folder

    @property
    def target(self) -> str:
        """Engine that dbt builds on (CRM_TARGET): `duckdb`, `postgres` or `spark`."""
        return self._given.crm_target

    @property
    def schema_prefix(self) -> str:
        """What the names of dbt's schemas on a server begin with (CRM_SCHEMA)."""
        return self._given.crm_schema

    def schema(self, name: str) -> str:
        """Schema in which dbt builds `name`, such as `marts`."""
        return name if self.target == "duckdb" else f"{self.schema_prefix}_{name}"

    @property
    def raw_schema(self) -> str:
        """Schema of the raw tables (var `raw_schema`)."""
        return self.vars.get("raw_schema") or "bitrix24"

    @property
    def raw_db(self) -> Path:
        """DuckDB file with the raw tables (CRM_RAW_DB)."""
        return self._path("crm_raw_db")

    @property
    def warehouse_db(self) -> Path:
        """DuckDB file that dbt builds in (CRM_WAREHOUSE_DB)."""
        return self._path("crm_warehouse_db")

    @property
    def marts_db(self) -> Path:
        """DuckDB file that BI tools read (CRM_MARTS_DB)."""
        return self._path("crm_marts_db")

    @property
    def parquet_dir(self) -> Path:
        """The same marts as Parquet, beside that file."""
        return self.marts_db.with_suffix("")

    @property
    def marts_mode(self) -> int:
        """Who may read the published files (CRM_MARTS_MODE); nobody may write them."""
        return int(self._given.crm_marts_mode, 8) & 0o444

    @property
    def keep(self) -> int:
        """How many publications are kept, the current one included (CRM_KEEP)."""
        return self._given.crm_keep

    @property
    def change_warning(self) -> float:
        """Percent that a past figure may change before a run says so (CRM_CHANGE_WARNING)."""
        return self._given.crm_change_warning

    @property
    def spark_dir(self) -> Path:
        """Folder of the warehouse and the metastore of Spark in one process (CRM_SPARK_DIR)."""
        return self._path("crm_spark_dir")

    @property
    def seeds_dir(self) -> Path:
        """Folder of the seed CSV files (CRM_SEEDS_DIR)."""
        is_given = "crm_seeds_dir" in self._given.model_fields_set
        return self._path("crm_seeds_dir") if is_given else self.package_directory / "seeds"

    @property
    def journal_dir(self) -> Path | None:
        """Folder of the company's own journal (CRM_JOURNAL_DIR); None: there is none."""
        return self._path("crm_journal_dir") if self._given.crm_journal_dir else None

    @property
    def marts_schema(self) -> str:
        """Schema that BI tools read on a server (CRM_MARTS_SCHEMA)."""
        return self._given.crm_marts_schema

    @property
    def bi_role(self) -> str | None:
        """Role that may read the published schema of a server, and nothing else (CRM_BI_ROLE)."""
        return self._given.crm_bi_role

    @property
    def version(self) -> str:
        """Version of this dbt project, also where it is a package."""
        return str(_read_yaml(self.package_directory / "dbt_project.yml")["version"])

    @cached_property
    def _dbt_project(self) -> dict[str, Any]:
        return _read_yaml(self.directory / "dbt_project.yml")

    @cached_property
    def default_vars(self) -> dict[str, Any]:
        """Vars as `dbt_project.yml` has them: that of the package below that of the project."""
        given = dict(self._dbt_project.get("vars") or {})
        if self.package_directory == self.directory:
            return given
        # under the name of a project: for its models alone, and before those for all
        of_models, of_ours = (
            given.pop(name, None) or {} for name in (self._dbt_project["name"], NAME)
        )
        own = _read_yaml(self.package_directory / "dbt_project.yml").get("vars", {})
        return of_models | own | given | of_ours

    @property
    def vars(self) -> dict[str, Any]:
        """Vars of this run: the defaults with the given ones on top."""
        return self.default_vars | self.given_vars

    @cached_property
    def raw_tables(self) -> dict[str, RawTable]:
        """The raw contract by table name."""
        return self._contract("bitrix24")

    @cached_property
    def journal_tables(self) -> dict[str, RawTable]:
        """The contract of the company's own journal by table name."""
        return self._contract("journal")

    def _contract(self, folder: str) -> dict[str, RawTable]:
        document = _read_yaml(self.package_directory / f"models/staging/{folder}/_sources.yml")
        return {
            table["name"]: RawTable(
                table["name"],
                _meta(table).get("required", False),
                tuple(
                    RawColumn(column["name"], _meta(column).get("required", False), _meta(column))
                    for column in table["columns"]
                ),
            )
            for source in document.get("sources", [])
            for table in source["tables"]
        }

    @cached_property
    def seeds(self) -> dict[str, tuple[SeedColumn, ...]]:
        """Declared columns of each seed, in the order of `_seeds.yml`."""
        document = _read_yaml(self.package_directory / "models/staging/reference/_seeds.yml")
        return {
            seed["name"]: tuple(
                SeedColumn(
                    column["name"],
                    seed.get("config", {}).get("column_types", {}).get(column["name"])
                    or column.get("data_type", "varchar"),
                )
                for column in seed["columns"]
            )
            for seed in document.get("seeds", [])
        }

    @property
    def _raw_preset(self) -> dict[str, Any]:
        return self.vars["raw_presets"][self.vars["raw_preset"]]

    def raw_identifier(self, table: str) -> str:
        """Name that a raw table has in the raw database (vars `raw_preset`, `raw_identifiers`)."""
        names = self._raw_preset["identifiers"] | (self.vars.get("raw_identifiers") or {})
        number = str(self.vars.get("deal_entity_type"))
        return names.get(table, table).replace("{deal_entity_type}", number)

    def raw_column(self, table: str, column: str) -> str:
        """Name that a raw column has there (vars `raw_preset`, `raw_columns`); empty: not read.

        Its case and underscores mean nothing: compare by `bare_name`.
        """
        given = (self.vars.get("raw_columns") or {}).get(table) or {}
        return (self._raw_preset["columns"].get(table, {}) | given).get(column, column)


def bare_name(name: str) -> str:
    """The name of a raw column without case and underscores, as the macro of this name has it."""
    return name.lower().replace("_", "")


def _meta(node: dict[str, Any]) -> dict[str, Any]:
    return node.get("config", {}).get("meta", {})


def _name(directory: Path) -> str | None:
    return _read_yaml(directory / "dbt_project.yml").get("name")


def _packages(directory: Path) -> Path:
    settings = _read_yaml(directory / "dbt_project.yml")
    return directory / settings.get("packages-install-path", "dbt_packages")


def _has_uninstalled_packages(directory: Path) -> bool:
    return (
        _name(directory) is not None
        and any((directory / name).is_file() for name in _LISTS_OF_PACKAGES)
        and not _packages(directory).is_dir()
    )


def _read_yaml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return yaml.load(path.read_text("utf-8"), YAML_LOADER) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigurationError(f"{path}{where}: not valid YAML") from error
