"""Whether a run would give what is published already.

All that a run reads is in one fingerprint: the raw tables, the seeds, the vars, the environment,
every file of the project and of this package, the versions of what it builds with. What cannot be
known to be equal counts as changed.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from bitrix24_effectiveness.build import passed_marts
from bitrix24_effectiveness.errors import DataError
from bitrix24_effectiveness.files import read_json, write_json
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.warehouse import warehouse_of

# of the language that the report is shown in, and of the terminal, nothing is built
_ENVIRONMENT = ("CRM_", "DBT_", "BITRIX24_", "PG", "TZ")


def fingerprint_of(project: Project) -> str | None:
    """Differs once anything differs that a run reads; None: it cannot be told.

    Take it before the run: what changes meanwhile has then changed since.
    """
    raw = warehouse_of(project).raw_fingerprint()
    # the guard judges age by the clock
    if raw is None or project.vars.get("raw_max_age_hours") or sys.platform == "win32":
        return None
    digest = hashlib.sha256()
    for part in (raw, project.vars, _environment(project), _versions()):
        digest.update(json.dumps(part, sort_keys=True, default=str).encode())
    for path in _files(project):
        content = path.read_bytes()
        digest.update(f"\n{path} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def is_published(project: Project, fingerprint: str | None) -> bool:
    """Whether what is published came of a run with this fingerprint, and nobody touched it since.

    Nor the warehouse: `crm-effect publish` would publish the same.
    """
    before = read_json(_path(project))
    if fingerprint is None or before.get("fingerprint") != fingerprint:
        return False
    published = warehouse_of(project).published_fingerprint()
    if published is None or before.get("published") != published:
        return False
    try:
        return bool(passed_marts(project))
    except DataError:
        return False


def remember(project: Project, fingerprint: str | None) -> None:
    """Keeps of what fingerprint the published marts came."""
    if fingerprint is not None:
        published = warehouse_of(project).published_fingerprint()
        write_json(_path(project), {"fingerprint": fingerprint, "published": published})


def forget(project: Project) -> None:
    """Of what is published now, nothing is known: the next run publishes anew."""
    _path(project).unlink(missing_ok=True)


def _path(project: Project) -> Path:
    return project.warehouse_db.with_name(project.warehouse_db.name + ".run.json")


def _files(project: Project) -> Iterator[Path]:
    for source in (
        *project.built_from,
        project.package_directory / "great_expectations",
        project.seeds_dir,
        Path(__file__).resolve().parent,
    ):
        yield from sorted(
            path for path in source.rglob("*") if path.is_file() and path.suffix != ".pyc"
        )
        if source.is_file():
            yield source
    for path in (
        project.profiles_dir / "profiles.yml",
        *(folder / ".env" for folder in {project.directory, Path.cwd()}),
    ):
        if path.is_file():
            yield path


def _environment(project: Project) -> dict[str, str]:
    profiles = project.profiles_dir / "profiles.yml"
    named = profiles.read_text("utf-8") if profiles.is_file() else ""
    return {
        name: value
        for name, value in project.environment.items()
        # what the profile reads of it can have any name
        if name.startswith(_ENVIRONMENT) or name in named
    }


def _versions() -> list[Any]:
    installed = {(one.metadata["Name"], one.version) for one in distributions()}
    return [sys.version, *sorted(installed)]
