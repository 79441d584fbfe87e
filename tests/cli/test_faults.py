"""What happens to a run from outside: signals, full disks, terminals of long ago."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bitrix24_effectiveness import preflight
from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.files import replaced_when_done
from bitrix24_effectiveness.log import Log, printable
from bitrix24_effectiveness.project import Project
from running import REPOSITORY, MiniProject, long, sample

SLOW = "select count(*) as rows_counted from range(100000) as a(i), range(10000000) as b(j)"


@pytest.mark.parametrize(
    ("sent", "code", "said"),
    sample([(signal.SIGTERM, 143, "stopped by SIGTERM"), (signal.SIGINT, 130, "interrupted")]),
)
def test_a_signal_inside_the_build_ends_it_with_one_line(
    mini: MiniProject, sent: signal.Signals, code: int, said: str
) -> None:
    mini.write("models/marts/slow.sql", SLOW)
    state = Path(mini.env["CRM_WAREHOUSE_DB"] + ".build.json")
    with subprocess.Popen(
        [sys.executable, "-m", "bitrix24_effectiveness.cli", "build"],
        env=os.environ | mini.env,
        cwd=mini.folder,
        stderr=subprocess.PIPE,
        text=True,
        # whoever runs the tests in the background has Ctrl-C ignored, and so would the command
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as build:
        while not state.exists():
            assert build.poll() is None, "it ended before it began to build"
            assert build.poll() is None, build.stderr.read()
            time.sleep(0.05)
        time.sleep(3)
        build.send_signal(sent)
        _, err = build.communicate(timeout=60)
    line = f"error: {said}: the published marts stay as they are"
    assert (build.returncode, err.strip()) == (code, line)
    # the build is marked as failed, and nothing of it may be published
    answer = mini.run("publish")
    assert (answer.returncode, "the last build failed" in answer.stderr) == (1, True)


@long
def test_a_report_that_fails_after_the_publication_is_no_run_that_changed_nothing(
    mini: MiniProject,
) -> None:
    # the small project has no marts for the report
    answer = mini.run("run")
    assert answer.returncode == 4
    assert "error: the marts are published; the report failed: " in answer.stderr
    assert Path(mini.env["CRM_MARTS_DB"]).exists()


@long
def test_what_a_run_makes_is_for_its_owner_alone(mini: MiniProject, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    mini.run("run", CRM_WAREHOUSE_DB=str(folder / "w.duckdb"), CRM_MARTS_DB=str(folder / "c.db"))
    mini.run("demo", "--leads", "5", "--out", str(folder / "raw.duckdb"))
    found = {path.name: stat.S_IMODE(path.lstat().st_mode) for path in folder.rglob("*")}
    assert {"w.duckdb", "c.db", "raw.duckdb"} <= found.keys()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {name: oct(mode) for name, mode in found.items() if mode & 0o077 and name != "c"} == {}


def test_a_full_disk_is_named_with_the_file(tmp_path: Path) -> None:
    def write() -> None:
        with replaced_when_done(tmp_path / "crm.duckdb"):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left on device") as full:
        write()
    assert full.value.filename == str(tmp_path / "crm.duckdb")


@pytest.mark.parametrize("variable", ["CRM_WAREHOUSE_DB", "CRM_MARTS_DB"])
def test_a_file_where_a_folder_is_needed_is_named(mini: MiniProject, variable: str) -> None:
    blocked = mini.folder / "dbt_project.yml"
    answer = mini.run("run", **{variable: str(blocked / "x.duckdb")})
    assert str(blocked) in answer.stderr.splitlines()[-1]
    assert answer.returncode == 2
    assert "(a bug" not in answer.stderr


def test_nothing_that_can_be_typed_is_called_a_bug(mini: MiniProject) -> None:
    for arguments, env in (
        (("--vars", "{raw_max_age_hours: 99999999999}", "run"), {}),
        (("--vars", "{client_inactivity_days: 100001}", "run"), {}),
        (("--vars", "{as_of: 9999-12-31}", "run"), {}),
        (("--vars", "{as_of: '0001-01-01T00:00:00+14:00'}", "run"), {}),
        (("--vars", "{crm_go_live_date: 1789-07-14}", "run"), {}),
        (("--vars", "{max_coverage_ratio: .inf}", "run"), {}),
        (("--vars", "&a [*a]", "run"), {}),
        (("--vars", "{? [a, b] : c}", "run"), {}),
        (("--vars", "{1: 2}", "run"), {}),
        (("--vars", "{raw_schema: [1]}", "run"), {}),
        (("--vars", "{raw_database: 5}", "run"), {}),
        (("--vars", "{finding_thresholds: []}", "run"), {}),
        (("--vars", "{recorded_alike: {a: b}}", "run"), {}),
        (("run",), {"CRM_MARTS_MODE": "rw"}),
        (("run",), {"CRM_RAW_DB": "/" + "x" * 5000}),
        (("run",), {"CRM_WAREHOUSE_DB": "/dev/null/x"}),
        (("run",), {"CRM_SEEDS_DIR": str(mini.folder / "dbt_project.yml")}),
        (("run",), {"CRM_RAW_DB": str(mini.folder)}),
        (("run",), {"CRM_WAREHOUSE_DB": str(mini.folder)}),
        (("run",), {"CRM_MARTS_DB": str(mini.folder)}),
        (("load-files", "/dev/null"), {}),
        (("load-files", str(mini.folder), "--out", "/dev/null/x"), {}),
        (("demo", "--out", "/dev/null/x"), {}),
        (("explain", "x" * 5000), {}),
        (("explain", "conversion", "--period", "0000-00"), {}),
        (("load",), {"CRM_TARGET": "postgres", "PGHOST": "localhost", "PGPORT": "abc",
                     "BITRIX24_WEBHOOK_URL": "https://x.example/rest/1/x/"}),
        (("run",), {"CRM_TARGET": "postgres", "PGHOST": "localhost", "PGPORT": "abc"}),
    ):  # fmt: skip
        answer = mini.run(*arguments, **env)
        said = answer.stderr.strip().splitlines()
        assert answer.returncode in (1, 2), (arguments, env, said)
        assert "(a bug" not in answer.stderr, (arguments, env, said)
        assert "Traceback" not in answer.stderr, (arguments, env, said)


def test_a_metric_that_is_recorded_alike_and_does_not_exist_is_named(mini: MiniProject) -> None:
    mini.write("seeds/metric_catalog.csv", "metric_code,name_en\nconversion,C\nchurn,D\n")
    answer = mini.run("--vars", "{recorded_alike: [churn, conversions]}", "run")
    assert answer.returncode == 2
    assert "recorded_alike: conversions is no metric" in answer.stderr
    assert "conversion, churn" in answer.stderr


# -- what is shown


@pytest.mark.parametrize("encoding", ["ascii", "cp1251", "koi8-r", "utf-8"])
def test_russian_is_written_in_any_encoding(encoding: str) -> None:
    code = (
        "from bitrix24_effectiveness import cli; cli._write_anywhere(); "
        "print('Конверсия ≈ 7\\u202f%')"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        check=True,
    ).stdout
    assert "Конверсия" in shown.decode("utf-8" if encoding == "ascii" else encoding)


def test_nothing_that_is_shown_moves_the_cursor(capsys: pytest.CaptureFixture) -> None:
    name = "Иванов\x1b[2J\x07\r\u202e[red]"
    assert printable(name) == "Иванов�[2J� �[red]"
    Log("text").event("x", f"{name}\nsecond line")
    assert capsys.readouterr().err == "Иванов�[2J� �[red]\nsecond line\n"


# -- seeds


@pytest.mark.parametrize(
    ("seed", "rows", "message"),
    [
        (
            "costs",
            "1,crm,,2025-01-01,2025-01-31,-5,RUB",
            "line 2, column amount: -5 is not between",
        ),
        ("costs", "1,crm,,2025-01-31,2025-01-01,5,RUB", "column date_to: 2025-01-01 is before"),
        ("costs", "1,crm,,2000-01-01,2099-01-01,5,RUB", "column date_to: a cost of 36,161 days"),
        ("costs", "1,crm,,20270101,2027-01-31,5,RUB", "column date_from: 20270101 is no date"),
        ("costs", "1,crm,,2027/01/01,2027-01-31,5,RUB", "column date_from: 2027/01/01 is no date"),
        ("costs", "1,crm,,0202-01-01,2027-01-31,5,RUB", "0202-01-01 is not between 1990 and 2100"),
        ("costs", "1,crm,,2025-01-01,2025-01-31,５,RUB", "column amount: ５ is no number"),
        (
            "costs",
            '"1\n2",crm,,2025-01-01,2025-01-31,5,RUB\n3,crm,,2025-01-01,2025-01-31,-5,RUB',
            "line 4, column amount: -5",
        ),
        ("exchange_rates", "USD,RUB,2025-01-01,0", "line 2, column rate: 0 is not between"),
        ("manual_baseline", "churn,-5,,,2025-01-01,2025-02-01,", "column value: -5 is not"),
        ("manual_baseline", "churn,5,0,,2025-01-01,2025-02-01,", "column sample_size: 0 is not"),
        ("goals", "churn,,-10,31.12.2026", "line 2, column target_date: 31.12.2026 is no date"),
        ("goals", "churn,10,-5,2026-12-31", "line 2, column target_value: both it and"),
        ("goals", "churn,,,2026-12-31", "column target_value: neither it nor target_change_pct is"),
        ("goals", "chrun,10,,2026-12-31", "column metric_code: chrun is no metric; did you mean"),
        (
            "goals",
            "churn,10,,2026-12-31\nchurn,12,,2027-12-31",
            "line 3, column metric_code: churn has a goal already, in line 2",
        ),
        ("alerts", "a,churn,all,all,either,10", "column direction: either is for the usual range"),
        ("goals", "churn,10,,", "line 2, column target_date: empty"),
        ("goals", "churn,101,,2026-12-31", "column target_value: 101 is more than 100 %"),
        ("goals", "churn,,10,2026-12-31", "column target_change_pct: 10 is not below 0"),
        ("goals", "conversion,,-10,2026-12-31", "column target_change_pct: -10 is not above 0"),
        ("goals", "churn,,-101,2026-12-31", "column target_change_pct: -101 is not between -100"),
        ("working_hours", "1,０9:00,18:00", "column start_time: ０9:00 is no time of day"),
    ],
)
def test_a_seed_with_nonsense_in_it_is_named_by_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: str, rows: str, message: str
) -> None:
    seeds = tmp_path / "seeds"
    shutil.copytree(REPOSITORY / "seeds", seeds)
    monkeypatch.setenv("CRM_SEEDS_DIR", str(seeds))
    path = seeds / f"{seed}.csv"
    header = path.read_text("utf-8").splitlines()[0]
    path.write_text(f"{header}\n{rows}\n", "utf-8")
    with pytest.raises(ConfigurationError) as refused:
        preflight.check_seeds(Project(REPOSITORY, {}))
    assert message in str(refused.value)
    assert f"seeds/{seed}.csv, line " in str(refused.value)


def test_the_seeds_of_the_project_make_sense() -> None:
    preflight.check_seeds(Project(REPOSITORY, {}))
