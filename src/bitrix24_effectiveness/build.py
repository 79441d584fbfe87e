"""The dbt build, in this process, and what became of it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import yaml

from bitrix24_effectiveness.changes import settings_of
from bitrix24_effectiveness.errors import ConfigurationError, CrmEffectError, DataError
from bitrix24_effectiveness.files import quote
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.plain_tests import failing, plain_tests
from bitrix24_effectiveness.project import NAME, Project
from bitrix24_effectiveness.warehouse import warehouse_of

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

_BASE = [NAME, "staging", "bitrix24", "base"]
# what dbt keeps apart from `nodes`
_KINDS_OF_NODES = ("exposures", "metrics", "saved_queries", "semantic_models", "unit_tests")
_SHOWN_ROWS = 5
_SHOWN_VALUE = 60


class Dbt:
    """dbt in this process: it reads the project once, however often it is asked to build."""

    def __init__(self, project: Project, log: Log, manifest: Manifest | None = None) -> None:
        """Reads nothing yet.

        Args:
            project: What to build, and where.
            log: Where progress is shown.
            manifest: The project as dbt has read it before with the same vars.
        """
        self._project = project
        self._log = log
        self.base_nodes: frozenset[str] = frozenset()
        self.tests_beside = 0
        self.seconds: dict[str, float] = {}
        """Model or seed -> how long it took, in seconds."""
        if manifest is not None:
            self.manifest = manifest

    @cached_property
    def manifest(self) -> Manifest:
        """The project as dbt reads it.

        Raises:
            ConfigurationError: it cannot, or it would build marts where nobody looks for them.
        """
        manifest = self._invoke("parse")
        _check_schemas(self._project, manifest)
        return manifest

    def run_base(self) -> list[Any]:
        """Builds the base tables, gives a result for each and holds the warehouse open.

        Raises:
            ConfigurationError: dbt could not even start with this configuration.
        """
        self.build_in_memory()
        with self._log.progress("base tables"), _base_alone(self.manifest):
            answer = self._invoke("run", manifest=self.manifest, stays_open=True)
        return list(answer.results)

    def build(self, *selection: str) -> list[Any]:
        """Builds and tests some nodes, and gives a result for each.

        Tests keep no failing rows, and the plain ones are no nodes of dbt. Those that fail are run
        by dbt once more, which keeps what fails; their results are of that run.

        Raises:
            ConfigurationError: dbt could not even start with this configuration.
            DataError: tests failed the first time, and passed the second.
        """
        self.build_in_memory()
        plain = plain_tests(self.manifest)
        with self._log.progress("build"):
            with _quick(self.manifest, plain):
                answer = self._invoke("build", *selection, manifest=self.manifest, stays_open=True)
            results = list(answer.results)
            there = self.base_nodes | {
                result.node.unique_id for result in results if str(result.status) == "success"
            }
            asked = [test for test in plain.values() if test.nodes <= there]
            self.tests_beside = len(asked)
            failed = {result.node.unique_id for result in results if str(result.status) == "fail"}
            failed |= set(failing(asked))
        if not failed:
            self.close()
            return results
        with self._log.progress("failed tests"):
            names = [self.manifest.nodes[key].name for key in sorted(failed)]
            again = self._invoke("test", "--select", *names, manifest=self.manifest).results
        if not any(str(result.status) in ("error", "fail") for result in again):
            raise DataError(
                f"{len(failed)} tests failed, and passed when they were run again: "
                "something else writes to the warehouse"
            )
        return [result for result in results if result.node.unique_id not in failed] + list(again)

    def build_in_memory(self) -> None:
        """Moves what only models read, where the profile has a database in memory for it."""
        database = warehouse_of(self._project).scratch_database
        schemas = [self._project.schema(name) for name in ("staging", "intermediate")]
        nodes: list[Any] = list(self.manifest.nodes.values())
        for node in nodes:
            if database and node.resource_type == "model" and node.schema in schemas:
                node.database = database
                node.relation_name = ".".join(map(quote, (database, node.schema, node.alias)))

    def close(self) -> None:
        """Lets go of the warehouse."""
        warehouse_of(self._project).dbt_is_done()

    def _invoke(
        self,
        command: str,
        *selection: str,
        manifest: Manifest | None = None,
        stays_open: bool = False,
    ) -> Any:
        # importing dbt takes seconds: not for `--help` and not for a bad option
        from dbt.cli.main import dbtRunner

        project = self._project
        arguments = [
            command,
            "--project-dir",
            str(project.directory),
            "--profiles-dir",
            str(project.profiles_dir),
            "--log-level",
            "none",
            "--log-level-file",
            "debug",
            "--vars",
            yaml.safe_dump(project.given_vars),
            *selection,
        ]
        with _environment(project):
            try:
                answer = dbtRunner(manifest, [_progress_of(self._log)]).invoke(arguments)
            except BaseException:
                self.close()
                raise
        if not stays_open or answer.result is None:
            self.close()
        if isinstance(answer.exception, KeyboardInterrupt):
            raise answer.exception
        if answer.result is None:
            raise ConfigurationError(f"dbt cannot start: {_one_line(answer.exception)}")
        for one in getattr(answer.result, "results", ()):
            if one.node.resource_type in ("model", "seed") and str(one.status) == "success":
                self.seconds[one.node.name] = round(one.execution_time, 3)
        return answer.result


def _check_schemas(project: Project, manifest: Manifest) -> None:
    """A project that has this one as a package decides what schemas are called."""
    wanted = project.schema("marts")
    for node in manifest.nodes.values():
        if node.config.get("schema") == "marts" and node.schema != wanted:
            raise ConfigurationError(
                f"{node.resource_type} {node.name} would be built in schema {node.schema} and not "
                f"in {wanted}: dbt_project.yml needs the setting `dispatch` of "
                "examples/extend/dbt_project.yml, the profile the schema of profiles.yml.example"
            )


def build_base(project: Project, log: Log, dbt: Dbt) -> dict[str, str]:
    """Builds the base tables: raw tables as they can be read, with nothing dropped.

    They can be in dbt's memory: they are there until `dbt` is closed.

    Returns:
        The base table of each raw table, as SQL names it.

    Raises:
        ConfigurationError: dbt could not even start with this configuration.
        DataError: a table could not be built; says which.
    """
    results = dbt.run_base()
    _judge(project, results, log)
    models = [result.node for result in results if result.node.resource_type == "model"]
    dbt.base_nodes = frozenset(model.unique_id for model in models)
    return {table: model.relation_name for model in models for _, table in model.sources}


def build(project: Project, log: Log, dbt: Dbt | None = None) -> None:
    """Builds and tests everything in the warehouse; unit tests are for developers and are left out.

    Args:
        project: What to build, and where.
        log: Where progress and failures are shown.
        dbt: If it has built the base tables, they are tested and not built again.

    Raises:
        ConfigurationError: dbt could not even start with this configuration.
        DataError: a model or a test failed; says which, with up to five failing rows each.
    """
    started = time.monotonic()
    dbt = dbt or Dbt(project, log)
    selection = ["--exclude-resource-type", "unit_test", "--exclude-resource-type", "exposure"]
    if dbt.base_nodes:
        # `empty`: leaving out a model would leave out its tests
        base = f"fqn:{'.'.join(_BASE)},resource_type:model"
        selection += ["--exclude", base, "--indirect-selection", "empty"]
    # those of now: what a person changes while it builds is not in it
    settings = settings_of(project)
    record(project, "running")
    try:
        results = dbt.build(*selection)
        _judge(project, results, log)
    except BaseException:
        record(project, "failed")
        raise
    nodes = [result.node for result in results]
    record(
        project,
        "passed",
        # tables of models that are no more can still lie in the warehouse
        [
            node.alias
            for node in nodes
            if node.resource_type in ("model", "seed") and node.schema == project.schema("marts")
        ],
        settings,
    )
    kinds = [str(node.resource_type) for node in nodes]
    models, tests = kinds.count("model"), kinds.count("test") + dbt.tests_beside
    seconds = round(time.monotonic() - started, 1)
    log.event(
        "built",
        f"built and tested: {models} models, {tests} tests, {seconds} s",
        seconds=seconds,
        models=models,
        tests=tests,
    )


def passed_marts(project: Project) -> list[str]:
    """Tables that may be published, if the warehouse is as the last build left it and it passed.

    Raises:
        DataError: it failed, was interrupted, or something else wrote to the warehouse since.
    """
    warehouse = warehouse_of(project)
    state = warehouse.read_state()
    marts = state.get("marts", [])
    fingerprint = warehouse.fingerprint(marts)
    if not state or fingerprint is None:
        raise DataError("nothing to publish: run `crm-effect build` first")
    if state["status"] == "failed":
        raise DataError("not published: the last build failed; mend the data and build again")
    if state["status"] == "running":
        raise DataError("not published: the last build was interrupted; build again")
    if state["fingerprint"] != fingerprint:
        raise DataError(
            "not published: the warehouse was changed after the last `crm-effect build`; "
            "build again, so that what is published was tested"
        )
    return sorted(marts)


@contextmanager
def kept_passed(project: Project) -> Iterator[None]:
    """For writing beside the marts: they stay fit to be published, if they were."""
    if project.target != "duckdb":
        # a server knows what was written to which table, a file only that it was written to
        yield
        return
    try:
        marts, settings = passed_marts(project), passed_settings(project)
    except DataError:
        marts = None
    yield
    if marts is not None:
        record(project, "passed", marts, settings)


def passed_settings(project: Project) -> dict[str, Any] | None:
    """With what settings the last build that passed was made; None: it was not kept."""
    settings: dict[str, Any] | None = warehouse_of(project).read_state().get("settings")
    return settings


def record(
    project: Project,
    status: str,
    marts: Sequence[str] = (),
    settings: dict[str, Any] | None = None,
) -> None:
    """Keeps with the warehouse how the build stands: `running`, `failed` or `passed`."""
    warehouse = warehouse_of(project)
    state: dict[str, Any] = {"status": status}
    if status == "passed":
        state |= {
            "fingerprint": warehouse.fingerprint(marts),
            "marts": list(marts),
            "settings": settings,
        }
    warehouse.write_state(state)


@contextmanager
def _base_alone(manifest: Manifest) -> Iterator[None]:
    """Without all that does not go into base tables: dbt looks at everything before it begins."""
    held = {name: getattr(manifest, name) for name in ("nodes", *_KINDS_OF_NODES)}
    manifest.nodes = {
        key: node
        for key, node in manifest.nodes.items()
        if (str(node.resource_type) == "model" and node.fqn[: len(_BASE)] == _BASE)
        or str(node.resource_type) == "operation"
    }
    for name in _KINDS_OF_NODES:
        setattr(manifest, name, {})
    try:
        yield
    finally:
        for name, nodes in held.items():
            setattr(manifest, name, nodes)


@contextmanager
def _quick(manifest: Manifest, left_out: Collection[str]) -> Iterator[None]:
    """Without some nodes, and with tests that keep no failing rows: a table for each costs more.

    They will most likely pass.
    """
    nodes = manifest.nodes
    manifest.nodes = {key: node for key, node in nodes.items() if key not in left_out}
    kept: list[Any] = list(manifest.nodes.values())
    configs = [node.config for node in kept if node.resource_type == "test"]
    before = [(config.store_failures, config.store_failures_as) for config in configs]
    for config in configs:
        config.store_failures, config.store_failures_as = False, "ephemeral"
    try:
        yield
    finally:
        manifest.nodes = nodes
        for config, (is_kept, kept_as) in zip(configs, before, strict=True):
            config.store_failures, config.store_failures_as = is_kept, kept_as


@contextmanager
def _environment(project: Project) -> Iterator[None]:
    # dbt reads paths from the environment, relative to the folder that it runs in
    wanted = {
        "CRM_TARGET": project.target,
        "CRM_RAW_DB": str(project.raw_db),
        "CRM_WAREHOUSE_DB": str(project.warehouse_db),
        "CRM_SPARK_DIR": str(project.spark_dir),
        # dbt takes search paths relative to the project that has them only
        "CRM_SEEDS_DIR": os.path.relpath(project.seeds_dir, project.package_directory),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        # what dbt knows of the project and of the run, as files that nobody reads here
        "DBT_WRITE_JSON": os.environ.get("DBT_WRITE_JSON", "false"),
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _progress_of(log: Log) -> Any:
    finished = total = 0

    def on_event(event: Any) -> None:
        nonlocal finished, total
        if event.info.name == "NodeFinished":
            node = event.data.node_info
            finished += 1
            log.step(
                "node",
                node.node_name,
                finished,
                total,
                node=node.unique_id,
                status=node.node_status,
            )
        elif event.info.name == "ConcurrencyLine":
            total = event.data.node_count

    return on_event


def _judge(project: Project, results: list[Any], log: Log) -> None:
    bad = [result for result in results if str(result.status) in ("error", "fail")]
    for result in bad:
        log.event(
            "failure",
            _describe(project, result),
            "error",
            node=result.node.unique_id,
            status=str(result.status),
        )
    skipped = sum(str(result.status) == "skipped" for result in results)
    if bad:
        # a hook is neither
        total = sum(result.node.resource_type != "operation" for result in results)
        raise DataError(
            f"{len(bad)} of {total} checks and models failed"
            + (f" ({skipped} skipped)" if skipped else "")
            + ": the published marts stay as they are"
        )


def _describe(project: Project, result: Any) -> str:
    node = result.node
    if str(result.status) == "error":
        return f"{node.resource_type} {node.name}: {_one_line(result.message)}"
    rows = _failing_rows(project, getattr(node, "relation_name", None))
    what = (node.description or "").strip().splitlines()
    lines = [f"test {node.name}: {result.failures} rows fail" + (f" - {what[0]}" if what else "")]
    return "\n".join(lines + [f"  {row}" for row in rows])


def _failing_rows(project: Project, relation: str | None) -> list[str]:
    if not relation:
        return []
    return [
        ", ".join(
            f"{name}={str(value)[:_SHOWN_VALUE]}"
            for name, value in row.items()
            if value is not None
        )
        for row in warehouse_of(project).some_rows(relation, _SHOWN_ROWS)
    ]


def _one_line(error: Any) -> str:
    """The sentence of a dbt error: without the lines that only repeat where it was raised."""
    if isinstance(error, CrmEffectError):
        return str(error)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if len(lines) > 1 and re.fullmatch(r"[A-Z][A-Za-z ]* Error( in .*)?", lines[0]):
        lines = lines[1:]
    return lines[0] if lines else "unknown error; see logs/dbt.log"
