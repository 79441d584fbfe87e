"""A small sample of `make calibrate`: the scorecard seldom errs, and sees what is there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import CliRunner
from scipy.stats import binom

from bitrix24_effectiveness.demo import GO_LIVE
from calibration import (
    ALLOWED,
    LATELY,
    MARGIN,
    ONE_ROW,
    WANTED,
    Judged,
    Wish,
    bound,
    by_metric,
    fingerprint,
    judge,
    main,
    share_of,
    verdicts,
    wish_of,
    with_checkpoint,
)
from harness import Compiled, compile_project
from running import long

PORTALS = 20
# one in a thousand: the sample is always the same, but another change of the generator draws anew
RARE = 0.001


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    given = {"crm_go_live_date": GO_LIVE, "gross_margin_rate": MARGIN}
    return compile_project(tmp_path_factory.mktemp("calibration"), given, wanted=WANTED)


def judged(compiled: Compiled, wishes: list[Wish]) -> list[Judged]:
    # DuckDB works outside Python's lock
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda wish: judge(compiled, wish), wishes)
        return [row for rows in found for row in rows]


@long
def test_where_nothing_changed_the_scorecard_seldom_says_so(compiled: Compiled) -> None:
    rows = judged(compiled, [wish_of("plain", 17, seed) for seed in range(1, PORTALS + 1)])
    most = binom.ppf(1 - RARE, PORTALS, ALLOWED)
    for code, found in by_metric(rows).items():
        assert len(found) == PORTALS
        wrong = sum(row["status"] in ("better", "worse") for row in found)
        assert wrong <= most, code
    assert share_of(rows, "better", "worse") < 2 * ALLOWED
    assert verdicts(rows)["pays_off"] == 0


def test_the_whole_planted_effect_is_seen_in_a_larger_portal(compiled: Compiled) -> None:
    rows = judged(compiled, [Wish(4000, 1.0, LATELY, seed) for seed in (1, 2)])
    assert verdicts(rows) == {"pays_off": 2}
    # months are the unit: a cycle a quarter shorter is not always seen in twelve of them
    for code in ("response_time", "lost_sales", "automation_level"):
        assert share_of(by_metric(rows)[code], "better") == 1, code


def test_an_interrupted_calibration_goes_on_where_it_was(
    compiled: Compiled, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kept.csv"
    asked: list[Wish] = []

    def judge_all(_: Compiled, wishes: list[Wish], __: int):
        for wish in wishes:
            asked.append(wish)
            yield [row | {"seed": wish.seed} for row in told]

    told = judge(compiled, Wish(60, 0.0, LATELY, 1))
    monkeypatch.setattr("calibration.judge_all", judge_all)
    wishes = [Wish(60, 0.0, LATELY, seed) for seed in (1, 2, 3)]
    first = with_checkpoint(compiled, wishes[:2], 1, path)
    again = with_checkpoint(compiled, wishes, 1, path)
    assert asked == wishes
    assert len(first) == 20
    assert [int(row["seed"]) for row in again] == [1] * 10 + [2] * 10 + [3] * 10
    assert {row["shape"] for row in again} == {"plain"}


def test_the_bound_is_five_percent_and_two_standard_errors() -> None:
    assert bound(500) == pytest.approx(0.0695, abs=1e-4)


def test_the_page_and_the_plot_are_written(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    def kept(_: Compiled, wishes: list[Wish], __: int, ___) -> list[Judged]:
        return [made_up(wish, code) for wish in wishes for code in ("cac", ONE_ROW)]

    monkeypatch.setattr("calibration.with_checkpoint", kept)
    monkeypatch.setattr("calibration.compile_project", lambda *_, **__: None)
    monkeypatch.setattr("calibration.fingerprint", lambda _: "0123456789ab")
    monkeypatch.setattr("calibration.INTERVALS", 20)
    arguments = ["--small", "10", "--large", "2", "--largest", "1", "--planted", "4"]
    arguments += ["--docs", str(tmp_path)]
    answer = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert answer.exit_code == 0
    text = (tmp_path / "calibration.md").read_text("utf-8")
    # a line of two in one portal of ten
    assert "| plain | 40 | 10 | 5.0 % | cac 1 | 0.0 % | 1 | 0 | 1 |" in text
    assert "| cac " + "| 1 of 10 " * 3 + "| 0 of 2 " * 3 + "| 0 of 1 |" in text
    assert "| cac | 0 of 4 |" in text


def made_up(wish: Wish, code: str) -> Judged:
    """In every tenth portal the metric is better and the CRM pays off."""
    is_better = wish.seed % 10 == 0
    return {
        "metric_code": code,
        "status": "better" if is_better and code != ONE_ROW else "not_distinguishable",
        "verdict": "pays_off" if is_better else "no_effect",
        "before_value": 1.0,
        "change": 0.1 * wish.seed,
        "has_vote": True,
        "is_able_to_tell": False,
        "payback_month": "2025-06-01" if is_better and wish.leads == 40 * 36 else None,
    }


def test_the_mark_is_that_of_models_and_generator(compiled: Compiled) -> None:
    assert len(fingerprint(compiled)) == 12
