"""What a schedule is copied from works as it stands, once the paths are those of the machine."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from running import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
HOME = "/opt/crm-effect"
FINAL, TRIED_AGAIN = {1, 4}, {2, 3}


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder in the place of /opt/crm-effect, with a command that notes what it is asked."""
    command = tmp_path / ".venv/bin/crm-effect"
    command.parent.mkdir(parents=True)
    command.write_text(
        "#!/bin/sh\n"
        f'echo "$CRM_ON_FAILURE $PWD: $*" >> {tmp_path}/asked\n'
        'if [ -n "$SLOW" ]; then exec sleep 60; fi\n',
        "utf-8",
    )
    command.chmod(0o755)
    (tmp_path / "data").mkdir()
    return tmp_path


def settings() -> dict[str, str]:
    lines = (DEPLOY / "crm-effect.env").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


def test_the_settings_mean_the_same_to_a_shell_systemd_and_docker() -> None:
    for name, value in settings().items():
        assert re.fullmatch(r"[A-Z0-9_]+", name)
        assert shlex.split(value) == [value]
        assert "$" not in value
    # what is named there is part of the project, and can be started
    script = Path(settings()["CRM_ON_FAILURE"].replace(HOME, str(REPOSITORY)))
    assert os.access(script, os.X_OK)


def test_the_line_of_cron_runs_in_its_folder_with_its_settings(machine: Path) -> None:
    (line,) = [
        line
        for line in (DEPLOY / "crontab").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    minute, hour, *days, user, command = line.split(" ", 6)
    assert (minute, hour, days, user) == ("10", "3", ["*", "*", "*"], "crm-effect")
    # cron takes it for the end of the line
    assert "%" not in command
    env_file = shutil.copy(DEPLOY / "crm-effect.env", machine)
    command = command.replace("/etc/crm-effect.env", env_file).replace(HOME, str(machine))
    subprocess.run(["sh", "-c", command], check=True, env={"PATH": os.environ["PATH"]}, timeout=30)
    told = settings()["CRM_ON_FAILURE"]
    asked = (machine / "asked").read_text("utf-8")
    assert asked == f"{told} {machine}: --log-format json run\n"
    assert (machine / "data/runs.jsonl").exists()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_takes_the_units(machine: Path) -> None:
    units = []
    for path in sorted((DEPLOY / "systemd").iterdir()):
        unit = machine / path.name
        unit.write_text(path.read_text("utf-8").replace(HOME, str(machine)), "utf-8")
        units.append(str(unit))
    answer = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, timeout=60
    )
    assert (answer.returncode, answer.stderr) == (0, "")


def test_systemd_tries_again_what_another_attempt_can_mend() -> None:
    unit = (DEPLOY / "systemd/crm-effect.service").read_text("utf-8")
    (codes,) = re.findall(r"^RestartPreventExitStatus=(.*)$", unit, re.MULTILINE)
    assert set(map(int, codes.split())) == FINAL


# -- the container


def test_a_container_is_not_run_by_root_and_is_healthy_by_the_age_of_what_is_published() -> None:
    lines = (DEPLOY / "docker/Dockerfile").read_text("utf-8").replace("\\\n", " ").splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    by_name = dict(steps)
    assert by_name["USER"] == "10001"
    assert '"status", "--max-age"' in by_name["HEALTHCHECK"]
    assert (REPOSITORY / shlex.split(by_name["CMD"].strip("[]").replace(",", " "))[1]).is_file()
    # no secret and no data of this machine get into the image
    ignored = (DEPLOY / "docker/Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert ignored[0] == "*"
    for name in (line[1:] for line in ignored if line.startswith("!")):
        assert (REPOSITORY / name).exists(), name
    assert not {"!data", "!.env", "!profiles.yml"} & set(ignored)


@pytest.mark.parametrize("slow", ["", "yes"])
def test_a_container_runs_again_and_again_and_ends_what_is_going_on_when_it_is_stopped(
    machine: Path, slow: str
) -> None:
    path = f"{machine / '.venv/bin'}:{os.environ['PATH']}"
    with subprocess.Popen(
        ["sh", str(DEPLOY / "docker/every.sh")],
        env={"PATH": path, "CRM_EVERY": "0.1", "SLOW": slow},
        cwd=machine,
    ) as process:
        asked = machine / "asked"
        wanted = 1 if slow else 3
        for _ in range(200):
            if asked.exists() and asked.read_text("utf-8").count("\n") >= wanted:
                break
            with_patience(process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 143
    assert asked.read_text("utf-8").splitlines()[0].endswith(": run")


def with_patience(process: subprocess.Popen) -> None:
    try:
        process.wait(0.05)
    except subprocess.TimeoutExpired:
        return
    raise AssertionError("it has ended by itself")
