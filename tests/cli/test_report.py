"""The summary says what the marts say, from the top: whose data, the verdict, what to do next."""

from __future__ import annotations

import json
import shutil
from datetime import date
from io import StringIO
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from bitrix24_effectiveness.language import Language
from bitrix24_effectiveness.report import result_of
from bitrix24_effectiveness.verdict import Verdict, goal_in_words, print_verdict, sorted_findings
from running import REPOSITORY, Answer, Built, MiniProject, long

# -- the verdict in words


def scored(code: str, status: str, **other: object) -> dict[str, object]:
    row = {
        "metric_code": code,
        "name_en": code.capitalize(),
        "name_ru": f"Показатель {code}",
        "unit": "days",
        "before_value": 23.2,
        "after_value": 17.1,
        "change": -6.1,
        "change_pct": -26.3,
        "change_ci_low": -10.4,
        "change_ci_high": -1.9,
        "before_source": "data",
        "status": status,
        "warning": None,
        "evidence": None,
        "coverage_kind": None,
        "coverage_before": None,
        "coverage_after": None,
    }
    return row | other


def verdict_row(verdict: str = "pays_off", **other: object) -> dict[str, object]:
    row = {
        "verdict": verdict,
        "reason": "families",
        "can_tell_from": None,
        "months_to_compare": None,
        "net_effect_ci_low": 140_000.0,
        "lines_expected_wrong": 0.45,
        "go_live_date": date(2025, 5, 1),
        "before_from": date(2024, 5, 1),
        "before_last_month": date(2025, 4, 1),
        "after_from": date(2025, 11, 1),
        "after_last_month": date(2026, 10, 1),
        "families_with_data": 8,
        "families_better": 4,
        "families_worse": 1,
        "families_level": 3,
        "chance_under_no_effect": 0.0042,
    }
    return row | other


ROI = {
    "revenue_before": 1_000_000.0,
    "revenue_after": 1_300_000.0,
    "revenue_change": 300_000.0,
    "volume_effect": 100_000.0,
    "conversion_effect": 250_000.0,
    "deal_size_effect": -50_000.0,
    "net_effect": 240_000.0,
    "net_effect_ci_low": 140_000.0,
    "net_effect_ci_high": 340_000.0,
    "gross_margin_rate": 0.4,
    "payback_month": date(2025, 9, 1),
}


def finding(code: str, severity: str, share: float) -> dict[str, object]:
    return {
        "finding_code": code,
        "severity": severity,
        "name_en": f"Name of {code}",
        "name_ru": f"Название {code}",
        "evidence_count": 1234,
        "evidence_base": 5000,
        "evidence_share_pct": share,
        "advice_en": "Do this.",
        "advice_ru": "Сделайте это.",
    }


def told(language: str, **given: object) -> str:
    fields = {
        "verdict": verdict_row(),
        "scorecard": [],
        "roi": None,
        "findings": [],
        "base_currency": "RUB",
    }
    text = StringIO()
    console = Console(file=text, width=1000, highlight=False)
    print_verdict(console, Verdict(**(fields | given)), language)
    return text.getvalue().replace("\N{NO-BREAK SPACE}", " ")


def test_the_verdict_says_what_got_better_and_how_sure_that_is() -> None:
    scorecard = [
        scored("cycle", "better", evidence="strong"),
        scored("conversion", "worse", unit="percent", change_ci_high=None),
        scored("level", "not_distinguishable"),
        scored("rising", "explained_by_trend"),
        scored("nothing", "no_data", before_value=None, after_value=None, change=None),
    ]
    english = told("en", scorecard=scorecard)
    assert "Verdict: the CRM pays off." in english
    assert (
        "Cycle: 23.2 days → 17.1 days, down by 6.1 days (−26%); 95% confidence interval: "
        "−10.4 days to −1.9 days; strong evidence" in english
    )
    assert (
        "Worse:\n  - Conversion: 23.2% → 17.1%, down by 6.1 points "
        "→ crm-effect explain conversion\n" in english
    )
    assert "No change beyond chance: Level." in english
    assert "was changing the same way before go-live:\n  - Rising" in english
    assert "Cannot be compared:\n  - Nothing: no events\n" in english
    assert "of 8 groups of metrics that can be compared, 4 got better, 1 got worse" in english
    assert "by chance in about 1 case in 240." in english
    rare = told("en", verdict=verdict_row(chance_under_no_effect=1e-9))
    assert "by chance in fewer than 1 case in 1,000,000." in rare
    one = told("en", verdict=verdict_row(lines_expected_wrong=0.05, families_with_data=1))
    assert "so do not rely on this one alone." in one
    assert "only one group of metrics can be compared; better: 4" in one
    assert "wrong by chance, and there are 9 of them here" in english

    russian = told("ru", scorecard=scorecard)
    assert "Вывод: CRM окупается." in russian
    assert "Показатель cycle: 23,2 дн. → 17,1 дн., снижение на 6,1 дн. (−26 %)" in russian
    assert "95-процентный доверительный интервал: от −10,4 дн. до −1,9 дн." in russian
    assert "случайно примерно в 1 случае из 240." in russian


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(
    ("verdict", "english", "russian"),
    [
        (verdict_row("pays_off"), "the CRM pays off.", "CRM окупается."),
        (
            # money does not say so
            verdict_row("pays_off", net_effect_ci_low=-1.0),
            "work has improved since go-live. Whether that covers the costs",
            "после внедрения CRM работа пошла лучше. Покрывает ли это расходы",
        ),
        (
            verdict_row("pays_off", net_effect_ci_low=None),
            "work has improved since go-live. Whether that covers the costs",
            "после внедрения CRM работа пошла лучше. Покрывает ли это расходы",
        ),
        (
            verdict_row("eats_the_budget", reason="money"),
            "the CRM eats the budget: it brings less than it costs.",
            "CRM съедает бюджет: приносит меньше, чем стоит.",
        ),
        (
            verdict_row("eats_the_budget"),
            "the CRM eats the budget: more has got worse than better.",
            "CRM съедает бюджет: ухудшилось больше, чем улучшилось.",
        ),
        (
            verdict_row("no_effect", families_with_data=8, families_better=3, families_worse=1),
            "no effect on the whole: of 8 groups of metrics, 3 got better and 1 got worse",
            "в целом эффекта нет: групп показателей — 8, из них улучшилось 3, ухудшилось 1",
        ),
        (
            verdict_row("no_effect", families_better=0, families_worse=0),
            "no effect: a change of 20% would have been seen",
            "эффекта нет: изменение на 20 % было бы заметно",
        ),
        (
            verdict_row("cannot_tell_yet", can_tell_from=date(2027, 3, 1), months_to_compare=12),
            "it is too early to tell: a change of 20% could not be seen before 1 March 2027.",
            "судить рано: изменение на 20 % можно будет заметить не раньше 1 марта 2027.",
        ),
        (
            # windows never get that long, whatever the day
            verdict_row("cannot_tell_yet", can_tell_from=date(2026, 3, 1), months_to_compare=31),
            "it cannot be told by comparing 12 months: a change of 20% would be seen in 31.",
            "по 12 мес. судить нельзя: изменение на 20 % будет заметно, только если"
            " сравнивать по 31 мес.",
        ),
        (
            verdict_row("cannot_tell_yet"),
            "it cannot be told: there are too few cases",
            "судить нельзя: наблюдений слишком мало",
        ),
        (
            verdict_row("not_enough_data", reason="too_few_families"),
            "there is not enough data to judge.",
            "данных слишком мало, чтобы судить.",
        ),
        (
            verdict_row("not_enough_data", reason="go_live_missing", go_live_date=None),
            "none yet, since nobody has said when the CRM went live.",
            "его пока нет, потому что не указана дата внедрения CRM.",
        ),
    ],
)
def test_each_verdict_is_one_sentence_in_both_languages(
    verdict: dict[str, object], english: str, russian: str, language: str
) -> None:
    said = told(language, verdict=verdict)
    title = {"en": "Verdict: ", "ru": "Вывод: "}[language]
    expected = {"en": english, "ru": russian}[language]
    assert said.splitlines()[1].startswith(title + expected)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            "no effect: a change up to the goal (of 20% where there is none) would have been seen",
        ),
        ("ru", "эффекта нет: изменение размером с цель (где её нет — на 20 %) было бы заметно"),
    ],
)
def test_where_goals_are_set_they_are_what_was_looked_for(language: str, said: str) -> None:
    scorecard = [scored("conversion", "not_distinguishable", goal_value=12.0)]
    assert said in told(
        language,
        verdict=verdict_row("no_effect", families_better=0, families_worse=0),
        scorecard=scorecard,
    )


def test_without_a_go_live_there_is_a_sentence_on_how_to_set_it() -> None:
    verdict = verdict_row("not_enough_data", reason="go_live_missing", go_live_date=None)
    scorecard = [scored("cycle", "no_data", warning="go_live_missing", change=None)]
    for language in ("en", "ru"):
        said = told(language, verdict=verdict, scorecard=scorecard)
        assert "crm-effect --vars '{crm_go_live_date: 2025-05-01}' run" in said
        assert "cycle" not in said.lower()


def test_what_was_recorded_differently_says_what_to_check() -> None:
    row = scored(
        "response_time",
        "not_comparable",
        coverage_kind="answered",
        coverage_before=0.38,
        coverage_after=0.92,
    )
    said = told("en", scorecard=[row])
    assert "share of requests with an answer: 0.38 before and 0.92 after." in said
    assert "set the var recorded_alike: [response_time]" in said
    assert "доля обращений с ответом: до внедрения 0,38, после 0,92." in told("ru", scorecard=[row])


@pytest.mark.parametrize(
    ("goal", "english", "russian"),
    [
        ({"goal_status": "met"}, "16.0 days by 31 March 2027: met", "31 марта 2027: достигнута"),
        ({"goal_status": "on_the_way"}, "2027: not met yet", "2027: пока не достигнута"),
        ({"goal_status": "missed"}, "2027: missed", "16,0 дн., срок 31 марта 2027: не достигнута"),
        ({"goal_status": None}, "2027: cannot be judged", "2027: судить нельзя"),
        (
            {"goal_status": "on_the_way", "goal_value": None},
            "a change from a “before” that is not known, by 31 March 2027",
            "задана как изменение, но значения «до» нет; срок 31 марта 2027",
        ),
        ({"goal_status": "no_goal", "goal_value": None, "goal_date": None}, "", ""),
    ],
)
def test_a_goal_is_said_with_its_day_and_how_it_stands(
    goal: dict[str, object], english: str, russian: str
) -> None:
    row = scored("sales_cycle", "better", goal_value=16, goal_date=date(2027, 3, 31)) | goal
    for code, said in (("en", english), ("ru", russian)):
        words = goal_in_words(row, "RUB", Language(code)).replace("\N{NO-BREAK SPACE}", " ")
        assert words.endswith(said)
        assert bool(words) == bool(said)


def test_every_kind_of_record_and_every_status_has_its_words() -> None:
    catalog = (REPOSITORY / "seeds/metric_catalog.csv").read_text("utf-8").splitlines()
    kinds = {kind for line in catalog[1:] for kind in line.rpartition(",")[2].split()}
    assert "answered" in kinds
    for code in ("en", "ru"):
        language = Language(code)
        assert [kind for kind in kinds if not language.has(f"kind_{kind}")] == []


def test_money_is_arithmetic_and_says_so() -> None:
    text = told("en", roi=ROI)
    assert "revenue RUB 1,000,000 → RUB 1,300,000 (+RUB 300,000)" in text
    assert "+RUB 100,000 by the number of leads, +RUB 250,000 by conversion, −RUB 50,000" in text
    assert (
        "less added costs: +RUB 240,000 a month (95% confidence interval: +RUB 140,000 to "
        "+RUB 340,000). The costs of the CRM were paid back in Sep 2025." in text
    )
    assert "not proof that the CRM is the cause" in text
    assert "а не доказательство" in told("ru", roi=ROI)
    assert "revenue counts as margin" not in text
    assert "revenue counts as margin" in told("en", roi=ROI | {"gross_margin_rate": 1.0})
    unpaid = ROI | {"net_effect_ci_high": -1.0, "net_effect_ci_low": -9.0, "payback_month": None}
    assert "not paid back yet" in told("en", roi=unpaid)
    unknown = ROI | {"net_effect_ci_low": -9.0, "payback_month": None}
    assert "cannot be told yet" in told("en", roi=unknown)
    no_net = ROI | {"net_effect": None, "payback_month": None, "warning": None}
    without_costs = told("en", roi=no_net)
    assert "paid back" not in without_costs
    assert "not proof" in without_costs
    assert "gross_margin_rate" not in without_costs
    without_margin = told("en", roi=no_net | {"warning": "margin_unknown"})
    assert "set the var gross_margin_rate." in without_margin


def test_what_to_do_next_are_the_three_gravest_findings() -> None:
    findings = [
        *(finding(f"m{place}", "medium", 90 - place) for place in range(4)),
        finding("grave", "high", 24.68),
        finding("small", "low", 99),
    ]
    findings = sorted_findings(findings)
    text = told("en", findings=findings)
    assert "1. Name of grave (important): 1,234 of 5,000, 24.7%. Do this." in text
    assert "3. Name of m1 (worth doing)" in text
    assert "m2" not in text
    assert "6 findings in all" in text
    russian = told("ru", findings=findings)
    assert "1. Название grave (важно): 1 234 из 5 000, 24,7 %." in russian
    assert "Всего 6 замечаний" in russian
    assert "nothing wrong" in told("en", findings=[])
    assert "nothing wrong" not in told("en", findings=None)


def test_missing_reference_data_is_named_by_file_with_what_it_gives() -> None:
    said = told("en", empty_seeds=("costs", "price_index"))
    assert "costs.csv: customer acquisition cost, what the CRM costs" in said
    assert "price_index.csv: money of different years" in said
    assert "costs.csv: стоимость привлечения клиента" in told("ru", empty_seeds=("costs",))


def test_too_little_data_is_said_without_a_word_on_luck() -> None:
    nothing = dict.fromkeys(("before_from", "before_last_month", "after_from", "after_last_month"))
    text = told(
        "en",
        verdict=verdict_row(
            "not_enough_data",
            **nothing,
            families_with_data=0,
            families_better=0,
            chance_under_no_effect=None,
        ),
    )
    assert "Verdict: there is not enough data to judge" in text
    assert "by chance" not in text


def test_differing_seasons_and_measurements_by_hand_are_said() -> None:
    scorecard = [
        scored("cycle", "better", warning="different_seasons"),
        scored("response", "better", before_source="manual", warning="measured_by_hand"),
    ]
    text = told("en", scorecard=scorecard)
    assert "part of the change may be seasonal" in text
    assert "(before: measured by hand)" in text


def test_marts_of_an_older_version_have_no_verdict() -> None:
    assert told("en", verdict=None) == ""


def test_a_metric_without_a_comparison_is_not_said_to_be_without_events() -> None:
    for warning, result in (
        ("source_missing", "source_missing"),
        ("history_too_short", "not_comparable"),
        (None, "not_comparable"),
    ):
        assert result_of(scored("cycle", "no_data", warning=warning)) == result
    assert result_of(scored("cycle", "better")) == "better"


# -- the demo portal


def figures_of(portal: Built) -> list[tuple]:
    with duckdb.connect() as connection:
        connection.execute(f"attach '{portal.env['CRM_MARTS_DB']}' as crm (read_only)")
        return connection.execute(
            "select metric_code, unit, before.value, after.value "
            "from crm.marts.metric_windows as before "
            "inner join crm.marts.metric_windows as after using (metric_code, unit) "
            "where before.window_name = 'before' and after.window_name = 'after'"
        ).fetchall()


@pytest.mark.parametrize("code", ["en", "ru"])
def test_the_table_shows_the_windows_of_the_marts(demo_portal: Built, code: str) -> None:
    language = Language(code)
    shown = demo_portal.run("report", "--lang", code).stdout
    rows = [row for row in shown.splitlines() if row.startswith("│")]
    figures = figures_of(demo_portal)
    assert len(figures) == 10
    for metric, unit, before, after in figures:
        assert None not in (before, after), metric
        cells = [language.figure(value, unit, "RUB") for value in (before, after)]
        assert any(all(f" {cell} " in row for cell in cells) for row in rows), metric


def test_a_scheduler_reads_the_same_figures(demo_portal: Built) -> None:
    answer = demo_portal.run("--log-format", "json", "report")
    lines = [json.loads(line) for line in answer.stdout.splitlines()]
    metrics = {line["metric_code"]: line for line in lines if line["event"] == "metric"}
    for metric, _, before, after in figures_of(demo_portal):
        assert (metrics[metric]["before"], metrics[metric]["after"]) == (before, after)
    assert sum(line["event"] == "scorecard" for line in lines) == 10
    assert [line["event"] for line in lines[-2:]] == ["verdict", "page"]


def test_the_summary_is_read_from_the_top(demo_portal: Built) -> None:
    for code, said in {
        "en": (
            "Data: the demo portal",
            "Verdict: ",
            "What to do next:",
            "│ Conversion",
            "Raw rows",
        ),
        "ru": ("Данные: демонстрац", "Вывод: ", "Что делать дальше:", "│ Конверсия", "Исходных"),
    }.items():
        text = demo_portal.run("report", "--lang", code).stdout
        places = [text.index(words) for words in said]
        assert places == sorted(places)


@long
def test_the_rejected_rows_are_listed_on_request(demo_portal: Built) -> None:
    assert "unreadable:" not in demo_portal.run("report").stdout
    assert "unreadable:" in demo_portal.run("report", "--rejected").stdout


# -- one's own portal, with nothing but what ships

CASE = REPOSITORY.parent / "shared/cases/shipped-seeds"


def ran(folder: Path, env: dict[str, str], *arguments: str) -> Answer:
    return MiniProject(REPOSITORY, env).run(*arguments)


@long
@pytest.mark.skipif(not CASE.is_dir(), reason="the cases are not beside the project")
def test_a_portal_of_ones_own_gets_no_figure_of_another_company(
    tmp_path: Path, demo_portal: Built
) -> None:
    env = {
        **demo_portal.env,
        "CRM_RAW_DB": str(tmp_path / "raw.duckdb"),
        "CRM_WAREHOUSE_DB": str(tmp_path / "warehouse.duckdb"),
        "CRM_MARTS_DB": str(tmp_path / "crm.duckdb"),
    }
    dumps = tmp_path / "dumps"
    shutil.copytree(CASE, dumps, ignore=shutil.ignore_patterns("*.md"))
    assert ran(tmp_path, env, "load-files", str(dumps)).returncode == 0
    answer = ran(tmp_path, env, "run", "--lang", "en")
    assert answer.returncode == 0, answer.stderr
    said = answer.stdout
    assert f"Data: {tmp_path / 'raw.duckdb'}" in said
    assert "Reference data: as it ships, without any of the company's own" in said
    assert "Verdict: none yet, since nobody has said when the CRM went live." in said
    assert "costs.csv: customer acquisition cost" in said
    assert "business_processes.csv: automation level" in said
    assert "loss_reasons.csv: " in said
    with duckdb.connect(env["CRM_MARTS_DB"], read_only=True) as connection:
        statuses = connection.execute(
            "select metric_code, value_status, count(value) from marts.metric_values "
            "where metric_code in ('cac', 'automation_level') group by all"
        ).fetchall()
        assert {row[1:] for row in statuses} == {("source_missing", 0)}
        assert connection.execute(
            "select sum(closed_deals), sum(revenue) from marts.metric_average_deal_size "
            "where period_grain = 'year' and segment_type = 'all'"
        ).fetchone() == (24, 24_000)
        verdict, reason = connection.execute(
            "select verdict, reason from marts.crm_verdict"
        ).fetchone()
        assert (verdict, reason) == ("not_enough_data", "go_live_missing")
    # and with a go-live: nothing is compared that has no costs
    answer = ran(tmp_path, env, "--vars", "{crm_go_live_date: 2025-07-01}", "run", "--lang", "ru")
    assert answer.returncode == 0, answer.stderr
    assert "окупились" not in answer.stdout
    assert "Стоимость привлечения клиента: нет исходных данных" in answer.stdout
