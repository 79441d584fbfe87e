"""The made-up company of the demo portal: its reference data, margin and go-live."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from ..errors import ConfigurationError
from ..project import DEMO_TABLE, Project
from ..warehouse import warehouse_of

DEMO = "demo"
"""What `run_settings` calls the source of the demo portal, and of its reference data."""
GO_LIVE = "2025-05-01"
VARS = {"crm_go_live_date": GO_LIVE, "gross_margin_rate": 0.35}
"""What the company knows of itself and no table says."""
SEEDS = Path(__file__).with_name("seeds")


def seed_files(project_directory: Path) -> dict[str, Path]:
    """The demo's seed files by name: its own, and of the project those that hold for everybody."""
    folders = (project_directory / "seeds", SEEDS)
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.csv"))}


def write_seeds(project: Project) -> Path:
    """Copies the demo's seed files to the folder `demo_seeds` beside the warehouse.

    dbt takes all seeds from one folder. It is written anew each time, so that it never lags
    behind the project.
    """
    folder = project.warehouse_db.with_name("demo_seeds")
    folder.mkdir(parents=True, exist_ok=True)
    for path in seed_files(project.package_directory).values():
        shutil.copyfile(path, folder / path.name)
    return folder


def is_demo(project: Project) -> bool:
    """Whether the raw tables are those that `crm-effect demo` wrote."""
    try:
        with warehouse_of(project).raw() as reader:
            return any(table == DEMO_TABLE for table, _ in reader.columns(project.raw_schema))
    except ConfigurationError:
        # there is none, or it cannot be read: for the checks to say
        return False


def settled(project: Project, portal: str | None = None) -> Project:
    """The project as it is to be built: where the raw tables are the demo's, with its company.

    Costs, processes, rates, margin and go-live of the made-up company are used with its portal
    only, and what a person has set himself comes first.

    Args:
        project: As the environment and the command line have it.
        portal: The portal that was loaded just now.
    """
    given = dict(project.given_vars)
    environment = dict(project.environment)
    seeds = environment.get("CRM_SEEDS_DIR", "")
    source = portal or warehouse_of(project).raw_source.removeprefix(f"{project.directory}/")
    if is_demo(project):
        source = DEMO
        given |= {var: value for var, value in VARS.items() if not project.vars[var]}
        if not seeds:
            environment["CRM_SEEDS_DIR"] = str(write_seeds(project))
            seeds = DEMO
    for var, known in (("data_source", source), ("seeds_source", seeds)):
        if known and not project.vars[var]:
            given[var] = known
    return replace(project, given_vars=given, environment=environment)
