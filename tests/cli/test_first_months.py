"""Every command of "From the first idea to the verdict" works, in its order, in both languages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bitrix24_effectiveness.language import Language
from journals import deals, fill_in, requests, write_portal
from running import REPOSITORY, databases, long

Followed = tuple[str, list[tuple[str, subprocess.CompletedProcess[str]]]]

BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


def commands(name: str) -> list[str]:
    text = (REPOSITORY / "docs" / name).read_text("utf-8")
    return [line for block in BLOCK.findall(text) for line in block.splitlines()]


def test_both_languages_give_the_same_commands() -> None:
    russian = [line.removesuffix(" --lang ru") for line in commands("first_months.ru.md")]
    assert russian == commands("first_months.md")
    assert len(russian) >= 12


class Scratch:
    """A folder in which a person follows the guide."""

    def __init__(self, folder: Path, language: str) -> None:
        self.folder = folder
        self.language = language
        self.env = os.environ | databases(folder) | {
            "DBT_PROJECT_DIR": str(REPOSITORY),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }  # fmt: skip
        self.env.pop("CRM_SEEDS_DIR")
        shutil.copytree(REPOSITORY / "seeds", folder / "seeds")
        write_portal(folder / "raw.duckdb")

    def follow(self, command: str) -> subprocess.CompletedProcess[str]:
        if command.startswith("export "):
            name, _, value = command.removeprefix("export ").partition("=")
            self.env[name] = value
            command = "true"
        if self.language == "en":
            self.env["LC_ALL"] = "C.UTF-8"
        answer = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        if "journal init" in command:
            self.fill_in()
        return answer

    def fill_in(self) -> None:
        """The months that pass between two commands."""
        words = Language(self.language, "journal")
        for table, rows in (("journal_deals", deals()), ("journal_requests", requests())):
            header = {name: words.word(f"column_{name}") for name in rows[0]}
            fill_in(self.folder / "journal" / f"{table}.xlsx", rows, header)


@pytest.fixture(scope="module", params=["ru", "en"])
def followed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Followed]:
    language = request.param
    scratch = Scratch(tmp_path_factory.mktemp("guide"), language)
    name = "first_months.md" if language == "en" else "first_months.ru.md"
    yield language, [(command, scratch.follow(command)) for command in commands(name)]


@long
def test_every_command_of_the_guide_works(followed: Followed) -> None:
    _, answers = followed
    failed = [(command, one.stderr[-2000:]) for command, one in answers if one.returncode]
    assert failed == []


@long
def test_the_guide_ends_with_a_verdict_that_has_its_before_from_the_journal(
    followed: Followed,
) -> None:
    language, answers = followed
    first = next(one.stdout for command, one in answers if " run" in command)
    said = {"en": "480 of 480 rows are used", "ru": "учтено строк 480 из 480"}
    assert said[language] in " ".join(first.split())
    source = {"en": "(before: from your journal)", "ru": "(«до» — по журналу)"}
    assert source[language] in " ".join(first.split())
