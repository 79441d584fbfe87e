"""The command `crm-effect`."""

from __future__ import annotations

import codecs
import csv
import gc
import io
import itertools
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click
import yaml

from bitrix24_effectiveness import build as building
from bitrix24_effectiveness import demo, preflight
from bitrix24_effectiveness.errors import (
    AfterPublicationError,
    ConfigurationError,
    CrmEffectError,
)
from bitrix24_effectiveness.explain import explain
from bitrix24_effectiveness.files import for_owner_alone
from bitrix24_effectiveness.history import History, kept_history
from bitrix24_effectiveness.load.files import load_files
from bitrix24_effectiveness.load.settings import Settings
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.notify import Told
from bitrix24_effectiveness.page import write_page
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.publish import publish, rollback, say_publications
from bitrix24_effectiveness.report import report
from bitrix24_effectiveness.status import status
from bitrix24_effectiveness.unchanged import fingerprint_of, is_published, remember
from bitrix24_effectiveness.warehouse import warehouse_of

_EXIT_CODES = """
\b
Exit codes:
  0  done
  1  data failed a test; the published marts were not touched.
     status --max-age: what is published is older, or nothing is
  2  wrong usage or configuration; nothing was changed
  3  another run holds the lock
  4  the marts are published; what came after that failed
  130, 143  stopped by Ctrl-C or SIGTERM; what a load had read is written
"""


@contextmanager
def _after_publication() -> Iterator[None]:
    """A scheduler must not take what fails here for a run that changed nothing."""
    try:
        yield
    except Exception as error:
        what = _of_system(error) if isinstance(error, OSError) else str(error)
        raise AfterPublicationError(
            f"the marts are published; the report failed: {what}"
        ) from error


class _Run:
    """What every command needs."""

    def __init__(self, log: Log, given_vars: dict[str, Any], told: Told) -> None:
        self.log = log
        self.told = told
        self._given_vars = given_vars

    def watched(self, command: str, language: str | None = None) -> None:
        """From now on, what becomes of the command is told where somebody wants to hear it."""
        self.told.command = command
        self.told.language = language or _default_language()

    @property
    def project(self) -> Project:
        return Project.find(self._given_vars)

    @property
    def complete_project(self) -> Project:
        """The project, on an engine on which everything works."""
        project = self.project
        warehouse_of(project).check_publishes()
        return project


class _TextualDates(yaml.SafeLoader):
    """YAML that leaves dates as text: models read it, and a bad one is a bad var, not bad YAML."""


_TextualDates.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _parse_vars(_: click.Context, __: click.Parameter, text: str) -> dict[str, Any]:
    try:
        given = yaml.load(text, _TextualDates) or {}
    except yaml.YAMLError as error:
        raise click.BadParameter("it must be YAML, such as '{as_of: 2026-05-01}'") from error
    if not isinstance(given, dict):
        raise click.BadParameter("it must be a mapping, such as '{as_of: 2026-05-01}'")
    return {str(name): value for name, value in given.items()}


def _default_language() -> str:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if os.environ.get(name):
            return "ru" if os.environ[name].lower().startswith("ru") else "en"
    return "en"


_language = click.option(
    "--lang",
    type=click.Choice(["ru", "en"]),
    default=_default_language,
    help="Language of the report; by default that of the terminal.",
)


@click.group(epilog=_EXIT_CODES)
@click.version_option(package_name="bitrix24-effectiveness", message="crm-effect %(version)s")
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    envvar="CRM_LOG_FORMAT",
    show_default=True,
    help="Text for people, JSON lines for schedulers.",
)
@click.option(
    "--vars",
    "given_vars",
    default="{}",
    callback=_parse_vars,
    metavar="YAML",
    help="dbt vars of this run, e.g. '{base_currency: EUR, client_inactivity_days: 90}'.",
)
@click.pass_context
def cli(context: click.Context, log_format: str, given_vars: dict[str, Any]) -> None:
    """Ten metrics of CRM effectiveness from raw Bitrix24 tables.

    Files come from the environment: CRM_RAW_DB (raw tables), CRM_WAREHOUSE_DB (where dbt builds),
    CRM_MARTS_DB (what BI reads), CRM_SEEDS_DIR (reference data). With CRM_TARGET=postgres all but
    the last are schemas of the database that PGHOST, PGPORT, PGUSER and PGDATABASE name. With
    CRM_TARGET=spark they lie in the folder CRM_SPARK_DIR, and nothing is published.
    """
    context.obj = _Run(Log(log_format), given_vars, context.obj or Told())


@cli.command("load-files")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), help="DuckDB file; by default the raw database."
)
@click.pass_obj
def load_files_command(run: _Run, folder: Path, out: Path | None) -> None:
    """Load dumps of the raw tables into the raw database.

    Takes every CSV, Parquet or JSON file of FOLDER that is named like a raw table (crm_deal.csv,
    users.jsonl, ...). The raw tables that were there are replaced as a whole.
    """
    project = run.project
    preflight.check_vars(project)
    if out:
        load_files(project, folder, out, run.log)
        return
    warehouse = warehouse_of(project)
    with warehouse.new_raw_tables(may_replace=True) as file:
        load_files(project, folder, file, run.log)
    run.log.event("raw_tables", f"they are in {warehouse.raw_source}, schema {project.raw_schema}")


@cli.group("journal")
def journal_group() -> None:
    """What the company writes down before it has a CRM: the `before` of every comparison."""


@journal_group.command("init")
@click.argument("folder", type=click.Path(path_type=Path))
@_language
@click.pass_obj
def journal_init_command(run: _Run, folder: Path, lang: str) -> None:
    """Write the spreadsheets to fill in to FOLDER; a file that is there is not replaced.

    One is for deals, one for requests: as workbooks with examples and instructions, and as CSV.
    """
    from bitrix24_effectiveness.journal.template import write_templates

    run.log.speak(lang)
    for path in write_templates(folder, run.project.journal_tables, lang):
        run.log.event("written", f"written: {path}", path=str(path))


@journal_group.command("load")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.pass_obj
def journal_load_command(run: _Run, folder: Path | None) -> None:
    """Load the journal of FOLDER (by default CRM_JOURNAL_DIR) beside the raw tables.

    `crm-effect run` does so by itself where CRM_JOURNAL_DIR is set.
    """
    project = run.project
    preflight.check_vars(project)
    folder = folder or project.journal_dir
    if folder is None:
        raise click.UsageError("name the folder of the journal, or set CRM_JOURNAL_DIR")
    with warehouse_of(project).only_run():
        _load_journal(run, project, folder)


def _load_journal(run: _Run, project: Project, folder: Path) -> None:
    # its library takes a while to import
    from bitrix24_effectiveness.journal.loading import load_journal

    load_journal(project, folder, run.log)


def _load(run: _Run, project: Project, history: History, **wishes: bool) -> None:
    # dlt takes a while to import: not for `--help` and not for a bad option
    from bitrix24_effectiveness.load.loading import Wishes, load

    with history.phase("load") as phase:
        tallies = load(project, run.log, Wishes(**wishes))
        phase.rows_read = sum(tally.received for tally in tallies.values())


@cli.command("load")
@click.option(
    "--sweep",
    is_flag=True,
    help="Look for rows deleted in the portal; by default every BITRIX24_SWEEP_DAYS (7).",
)
@click.option(
    "--full",
    is_flag=True,
    help="Read all rows again, for those that changed without their date; includes --sweep.",
)
@click.option(
    "--accept-deletions",
    is_flag=True,
    help="Believe the portal even if a table has lost a large share of its rows.",
)
@click.option(
    "--renamed",
    is_flag=True,
    help="The portal that was loaded before has another address now.",
)
@click.pass_obj
def load_command(run: _Run, /, **wishes: bool) -> None:
    """Load the raw tables from the portal of BITRIX24_WEBHOOK_URL.

    The whole portal the first time, new and changed rows from then on. An interrupted load goes on
    where it stopped.
    """
    run.watched("load")
    project = run.complete_project
    preflight.check_vars(project)
    with warehouse_of(project).only_run(), kept_history(project, run.log, "load") as history:
        _load(run, project, history, **wishes)


_new_portal = click.option(
    "--new-portal",
    is_flag=True,
    help="The raw tables are those of another portal: compare with no earlier run.",
)


_accept_checks = click.option(
    "--accept-checks",
    "accept",
    multiple=True,
    metavar="TABLE.CHECK",
    help="Let this critical check of the raw data fail, such as crm_category.rows after a "
    "pipeline was deleted. It is remembered; can be given several times.",
)


def _guard(
    run: _Run,
    project: Project,
    data_docs: Path | None = None,
    new_portal: bool = False,
    dbt: building.Dbt | None = None,
    accept: tuple[str, ...] = (),
    is_brief: bool = False,
    run_id: str | None = None,
) -> None:
    # its libraries take a while to import: not for `--help` and not for a bad option
    from bitrix24_effectiveness.guard import guard

    guard(project, run.log, data_docs, new_portal, dbt, accept, is_brief, run_id)


@cli.command("guard")
@click.option(
    "--data-docs",
    is_flag=True,
    help="Also write Great Expectations' own pages, to the folder data_docs beside the warehouse.",
)
@_new_portal
@_accept_checks
@click.pass_obj
def guard_command(run: _Run, data_docs: bool, new_portal: bool, accept: tuple[str, ...]) -> None:
    """Read the raw tables into the base tables and judge them; build nothing else."""
    run.watched("guard")
    project = run.project
    folder = project.warehouse_db.with_name("data_docs") if data_docs else None
    with warehouse_of(project).only_run(), kept_history(project, run.log, "guard") as history:
        with history.phase("check"):
            project = demo.settled(project)
            preflight.check(project)
            history.is_ours = True
        with history.phase("guard"):
            _guard(run, project, folder, new_portal, accept=accept, run_id=history.run_id)
    if folder:
        run.log.event("data_docs", f"Data Docs are in {folder / 'index.html'}")


def _build(run: _Run, project: Project, history: History, dbt: building.Dbt) -> None:
    with history.phase("build"):
        try:
            building.build(project, run.log, dbt)
        finally:
            history.model_seconds = dbt.seconds


@cli.command("build")
@click.pass_obj
def build_command(run: _Run) -> None:
    """Build and test all models in the warehouse; publish nothing."""
    run.watched("build")
    project = run.project
    with warehouse_of(project).only_run(), kept_history(project, run.log, "build") as history:
        with history.phase("check"):
            project = demo.settled(project)
            preflight.check(project)
            history.is_ours = True
        _build(run, project, history, building.Dbt(project, run.log))


def _publish(run: _Run, project: Project) -> None:
    publication = publish(project, run.log)
    run.told.alerts = publication.alerts
    if publication.changes:
        run.told.changes = publication.changes.above(project.change_warning)
    catalog = project.seeds_dir / "metric_catalog.csv"
    if catalog.is_file():
        with catalog.open(encoding="utf-8", newline="") as file:
            run.told.metrics = {row["metric_code"]: row for row in csv.DictReader(file)}


@cli.command("publish")
@click.pass_obj
def publish_command(run: _Run) -> None:
    """Publish the marts of the last build, if it passed all its tests."""
    run.watched("publish")
    project = run.complete_project
    with (
        warehouse_of(project).only_run(),
        kept_history(project, run.log, "publish") as history,
        history.phase("publish"),
    ):
        _publish(run, project)


@cli.command("rollback")
@_language
@click.option(
    "--to",
    metavar="INSTANT",
    help="How the UTC instant of the publication begins, such as 2026-11-25T03:10; by default the "
    "newest one that is older than the current one.",
)
@click.option("--list", "is_list", is_flag=True, help="Only show the publications that are kept.")
@click.pass_obj
def rollback_command(run: _Run, lang: str, to: str | None, is_list: bool) -> None:
    """Publish again what was published before, in one step and without building.

    The last CRM_KEEP (3) publications are kept, the current one included. The next run publishes
    anew: mend what was wrong, or stop the schedule, before it comes.
    """
    run.log.speak(lang)
    project = run.complete_project
    if is_list:
        say_publications(project, run.log)
        return
    with (
        warehouse_of(project).only_run(),
        kept_history(project, run.log, "rollback") as history,
        history.phase("rollback"),
    ):
        rollback(project, run.log, to)
    with _after_publication():
        _page(run, project, lang)


def _page(run: _Run, project: Project, language: str) -> None:
    path = write_page(project, language)
    run.log.event("page", f"the page for a browser is {path}", path=str(path))


@cli.command("report")
@_language
@click.option("--rejected", is_flag=True, help="Also list the rows that could not be used.")
@click.option(
    "--format",
    "also",
    type=click.Choice(["html", "pdf", "xlsx"]),
    default="html",
    show_default=True,
    help="Beside the page also a PDF of it, made by the Chromium or Chrome of this machine, or "
    "its tables for Excel.",
)
@click.pass_obj
def report_command(run: _Run, lang: str, rejected: bool, also: str) -> None:
    """Show whether the CRM pays off; write the page report.html beside the published marts."""
    run.log.speak(lang)
    project = run.complete_project
    preflight.check_vars(project)
    report(project, lang, run.log, rejected)
    _page(run, project, lang)
    if also != "html":
        # its library takes a while to import: not for `--help` and not for every run
        from bitrix24_effectiveness.page.formats import write_pdf, write_workbook

        path = write_pdf(project) if also == "pdf" else write_workbook(project)
        run.log.event("written", f"written: {path}", path=str(path))


@cli.command("run")
@_language
@_new_portal
@_accept_checks
@click.option(
    "--force",
    is_flag=True,
    help="Build and publish even if nothing has changed since the last run.",
)
@click.pass_obj
def run_command(
    run: _Run, lang: str, new_portal: bool, force: bool, accept: tuple[str, ...]
) -> None:
    """Load (if BITRIX24_WEBHOOK_URL names a portal), guard, build, publish and report.

    When nothing has changed since the last run, it only reports: there is nothing to build.
    """
    run.watched("run", lang)
    run.log.speak(lang)
    project = run.complete_project
    with warehouse_of(project).only_run(), kept_history(project, run.log, "run") as history:
        settings = Settings.find(project)
        if settings:
            preflight.check_vars(project)
            _load(run, project, history)
        if project.journal_dir:
            _load_journal(run, project, project.journal_dir)
        with history.phase("check") as phase:
            project = demo.settled(project, settings.webhook.host if settings else None)
            run.told.source = project.vars["data_source"]
            fingerprint = fingerprint_of(project)
            if not (force or new_portal or accept) and is_published(project, fingerprint):
                phase.status = "unchanged"
                run.log.event(
                    "unchanged",
                    "nothing has changed since the last run: nothing to build, nothing to publish "
                    "(--force does it all the same)",
                )
            else:
                preflight.check(project)
            history.is_ours = True
        if phase.status != "unchanged":
            dbt = building.Dbt(project, run.log)
            with history.phase("guard"):
                _guard(
                    run,
                    project,
                    new_portal=new_portal,
                    dbt=dbt,
                    accept=accept,
                    is_brief=True,
                    run_id=history.run_id,
                )
            _build(run, project, history, dbt)
            # what is published ends with the build that it comes from
            history.keep()
            with history.phase("publish"):
                _publish(run, project)
                remember(project, fingerprint)
    with _after_publication():
        report(project, lang, run.log)
        _page(run, project, lang)


@cli.command("explain")
@click.argument("metric")
@click.option("--period", help="2026, 2026-Q3 or 2026-10; by default the last complete month.")
@_language
@click.pass_obj
def explain_command(run: _Run, metric: str, period: str | None, lang: str) -> None:
    """Show how the figure of METRIC came about.

    Its formula with the numbers filled in, the rows behind it, before and after the go-live, and
    which channels and employees moved it: against the same period a year earlier, or without
    --period between the windows before and after.
    """
    project = run.complete_project
    preflight.check_vars(project)
    explain(project, metric, period, lang, run.log)


@cli.command("status")
@_language
@click.option(
    "--max-age",
    type=click.FloatRange(min=0, min_open=True),
    metavar="HOURS",
    help="End with exit code 1 when the last good publication is older, or there is none.",
)
@click.pass_obj
def status_command(run: _Run, lang: str, max_age: float | None) -> None:
    """Show the last runs, how old what is published is, and when what can be told.

    A run that found nothing changed counts as one that published: it would have been the same.
    """
    status(run.complete_project, lang, run.log, max_age)


_above_zero = click.FloatRange(min=0, min_open=True)


@cli.command("plan")
@click.option("--leads", type=_above_zero, help="Enquiries a month.")
@click.option("--win-rate", type=_above_zero, metavar="PERCENT", help="How many of 100 are won.")
@click.option("--deal", type=_above_zero, metavar="AMOUNT", help="Amount of an average sale.")
@click.option(
    "--cost-a-year",
    "cost",
    type=_above_zero,
    metavar="AMOUNT",
    help="What a year of the CRM costs, licence and set-up.",
)
@click.option(
    "--journal",
    "folder",
    type=click.Path(path_type=Path),
    help="Folder of the journal; by default CRM_JOURNAL_DIR.",
)
@click.option(
    "--format",
    "output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Text for people, JSON for programs.",
)
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also writes it as a page for the browser, in both languages, such as data/plan.html.",
)
@_language
@click.pass_obj
def plan_command(
    run: _Run,
    leads: float | None,
    win_rate: float | None,
    deal: float | None,
    cost: float | None,
    folder: Path | None,
    output: str,
    page: Path | None,
    lang: str,
) -> None:
    """Before anything is bought: what is known, what a CRM must bring, when it will show.

    From the journal, or from three numbers: what is not given is asked for.
    """
    # its libraries take a while to import: not for `--help`
    from bitrix24_effectiveness.plan import plan

    project = run.project
    preflight.check_vars(project)
    numbers = {"leads": leads, "win_rate": win_rate, "deal": deal}
    folder = folder or project.journal_dir
    plan(project, run.log, lang, numbers, cost, folder, output == "json", page)


cli.add_command(demo.command, "demo")


def main() -> None:
    """Runs the command; each expected failure is one line and an exit code."""
    _write_anywhere()
    # libraries make a million objects that stay: looking through them for garbage again and again
    # takes a tenth of a small run
    gc.set_threshold(100_000, 50, 50)
    log = Log("json" if _wants_json(sys.argv) else "text")
    signals: list[int] = []
    told, reason = Told(), None
    with for_owner_alone(), _ended_by_sigterm(signals):
        try:
            code = cli.main(standalone_mode=False, obj=told)
        except click.ClickException as error:
            code, reason = error.exit_code, _usage(error)
        except CrmEffectError as error:
            code, reason = error.exit_code, str(error)
        except (click.Abort, KeyboardInterrupt):
            code, reason = _stopped(signals)
        except OSError as error:
            code, reason = ConfigurationError.exit_code, _of_system(error)
        except Exception as error:
            if os.environ.get("CRM_DEBUG"):
                raise
            # an interrupt can break what dbt was just doing
            code, reason = _stopped(signals) if signals else _unexpected(error)
        code = code if isinstance(code, int) else 0
        if reason:
            is_known = code < 128
            log.event("error", reason, "error", **({"exit_code": code} if is_known else {}))
        told.tell(code, reason, log, os.environ)
    # Python remembers an interrupt that left text which it ran, as dbt's compiled macros are, and
    # would end the process by it at last; running another text makes it forget
    exec("")
    sys.exit(code)


def _stopped(signals: list[int]) -> tuple[int, str]:
    how = "stopped by SIGTERM" if signals else "interrupted"
    return 128 + (signals or [signal.SIGINT])[0], f"{how}: the published marts stay as they are"


def _unexpected(error: Exception) -> tuple[int, str]:
    lines = str(error).strip().splitlines() or [""]
    return (
        ConfigurationError.exit_code,
        f"unexpected {type(error).__name__}: {lines[0]} (a bug; CRM_DEBUG=1 shows where)",
    )


def _write_anywhere() -> None:
    """What a terminal or a file cannot show must not end a run: Russian, or a sign it lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # ASCII is what is assumed where nobody said anything; UTF-8 says the same and more
            is_ascii = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding="utf-8" if is_ascii else None, errors="replace")


@contextmanager
def _ended_by_sigterm(signals: list[int]) -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, and is remembered; Python hears it in one thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(signum: int, _: FrameType | None) -> None:
        signals.append(signum)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _of_system(error: OSError) -> str:
    """What the system said, and of what file: it does not always name one."""
    where = error.filename or "an output (a disk, or what standard output leads to)"
    return f"{where}: {error.strerror or error}"


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    hint = f" (see {context.command_path} --help)" if context else ""
    return f"{error.format_message()}{hint}"


def _wants_json(arguments: list[str]) -> bool:
    if "--log-format=json" in arguments:
        return True
    pairs = itertools.pairwise(arguments)
    return ("--log-format", "json") in pairs or os.environ.get("CRM_LOG_FORMAT") == "json"


if __name__ == "__main__":
    main()
