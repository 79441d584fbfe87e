"""Exposures name the tables that the page and the boards really ask for."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.page import write_page
from bitrix24_effectiveness.report import report
from bitrix24_effectiveness.warehouse import Reader
from running import REPOSITORY, Built

BOARDS = REPOSITORY / "bi/superset"
EXPOSURES = {
    exposure["name"]: {re.fullmatch(r"ref\('(\w+)'\)", name)[1] for name in exposure["depends_on"]}
    for exposure in yaml.safe_load((REPOSITORY / "models/marts/_exposures.yml").read_text("utf-8"))[
        "exposures"
    ]
}
# what dbt builds of what is published; run_history and its like are kept by crm-effect
BUILT = {path.stem for path in (REPOSITORY / "models/marts").rglob("*.sql")} | {
    path.stem for path in (REPOSITORY / "seeds").glob("*.csv")
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], set[str]]:
    """Tables that something asks the published marts for."""

    def tables_of(ask: Callable[[], Any]) -> set[str]:
        found: set[str] = set()
        execute = Reader._execute

        def recorded(self: Reader, query: str, *parameters: Any) -> Any:
            found.update(re.findall(r"\b(?:from|join) (\w+)", query))
            return execute(self, query, *parameters)

        monkeypatch.setattr(Reader, "_execute", recorded)
        ask()
        monkeypatch.undo()
        return found & BUILT

    return tables_of


def test_the_page_and_the_summary_depend_on_what_they_ask_for(
    demo_portal: Built, asked: Callable
) -> None:
    page = asked(lambda: write_page(demo_portal.project, "en"))
    summary = asked(lambda: report(demo_portal.project, "en", Log("text")))
    assert page | summary == EXPOSURES["page"]


def datasets_of(board: Any) -> set[str]:
    """The datasets that the charts of a board name, wherever they stand in it."""
    if isinstance(board, list):
        return set().union(*map(datasets_of, board))
    if not isinstance(board, dict):
        return set()
    own = {board["dataset"]} if isinstance(board.get("dataset"), str) else set()
    # a card of a metric is of the months of all metrics
    own |= {"metric_months"} if "metric_code" in board else set()
    return own.union(*map(datasets_of, board.values()))


@pytest.mark.skipif(not BOARDS.is_dir(), reason="there are no boards yet")
def test_each_board_depends_on_what_its_queries_name() -> None:
    queries = yaml.safe_load((BOARDS / "datasets.yml").read_text("utf-8"))
    boards = {}
    for file in (BOARDS / "boards").glob("*.yml"):
        board = yaml.safe_load(file.read_text("utf-8"))
        text = " ".join(queries[name]["sql"] for name in datasets_of(board))
        found = re.findall(r"\bmarts\.(\w+)", text)
        boards[f"superset_{board['code']}"] = set(found) & BUILT
    assert boards == {name: tables for name, tables in EXPOSURES.items() if name != "page"}


def test_what_is_shown_is_published() -> None:
    private = {path.stem for path in Path(REPOSITORY / "models").rglob("intermediate/*.sql")}
    for name, tables in EXPOSURES.items():
        assert tables <= BUILT - private, name
