"""Whether the CRM pays off, in words: what changed, how sure that is, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Console

from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.number_format import number, whole
from bitrix24_effectiveness.warehouse import Reader, Row

_FINDINGS = 5
_SEVERITIES = ("high", "medium", "low")

_WORDS = {
    "ru": {
        "pays_off": "CRM приносит пользу",
        "eats_the_budget": "CRM съедает бюджет: стало хуже или затраты не окупаются",
        "no_effect": "эффекта нет: заметное изменение было бы видно",
        "cannot_tell_yet": "судить рано: данных после внедрения пока не хватает",
        "not_enough_data": "данных слишком мало, чтобы судить",
        "title": "Вывод: {verdict}",
        "windows": "Сравниваются {before} (до внедрения {go_live}) и {after} (после).",
        "comparable": "Сравнивается то, что сравнимо (лиды с равным сроком, месяцы без "
        "перекрытия), поэтому цифры могут отличаться от таблицы: см. описание crm_scorecard.",
        "no_go_live": "Дата внедрения не задана: укажите var crm_go_live_date.",
        "nothing_to_compare": "Дата внедрения - {go_live}. Полных месяцев для сравнения нет: "
        "проверьте var crm_go_live_date или внесите замеры «до» в seed manual_baseline.",
        "better": "Стало лучше:",
        "worse": "Стало хуже:",
        "explained_by_trend": "Изменилось, но так же менялось и до внедрения:",
        "not_distinguishable": "Изменение не отличить от случайного: {metrics}.",
        "not_comparable": "Сравнить нельзя, «до» и «после» записывали по-разному: {metrics}.",
        "no_data": "Сравнить нельзя, данных нет или мало: {metrics}.",
        "change": "{name}: {before} -> {after}{unit}, изменение {change}{share}; "
        "с уверенностью 95 % оно от {low} до {high}{points}",
        "by_hand": " («до» измерено вручную)",
        "seasons": "Осторожно: «до» и «после» - разные месяцы года, часть изменений может быть "
        "сезонной.",
        "how_sure": "Насколько это надёжно: из {with_data} групп показателей лучше {better}, "
        "хуже {worse}, без перемен {level}.",
        "luck": "Если бы ничего не изменилось, столько же групп стали бы лучше с вероятностью "
        "{chance} %.",
        "roi": "Деньги: выручка в среднем за месяц {before} -> {after}{unit} ({change}): за счёт "
        "числа обращений {volume}, конверсии {conversion}, размера сделки {size}.",
        "net": "Прирост маржи за вычетом прироста затрат на CRM: {net}{unit} в месяц.",
        "paid_back": "Затраты на CRM окупились в {month}.",
        "not_paid_back": "Затраты на CRM пока не окупились.",
        "arithmetic": "Это арифметика, а не доказательство, что причина - CRM.",
        "next": "Что делать дальше:",
        "high": "важно",
        "medium": "стоит заняться",
        "low": "мелочь",
        "evidence": "{count} из {base} ({share} %)",
        "more": "Всего находок: {count} (витрина crm_findings).",
        "no_findings": "Что делать дальше: правила проверки недостатков в работе с CRM не нашли.",
        "percent": " %",
        "minutes": " мин",
        "days": " дн.",
        "points": " п. п.",
        "lost_sales": " на обращение",
    },
    "en": {
        "pays_off": "the CRM pays off",
        "eats_the_budget": "the CRM eats the budget: results got worse, or do not cover its costs",
        "no_effect": "no effect: a change worth having would have been seen",
        "cannot_tell_yet": "it cannot be told yet: too little data after the go-live",
        "not_enough_data": "not enough data to judge",
        "title": "Verdict: {verdict}",
        "windows": "Compared are {before} (before the go-live on {go_live}) and {after} (after).",
        "comparable": "What is compared is made comparable (leads followed equally long, months "
        "that do not overlap), so figures may differ from the table: see crm_scorecard.",
        "no_go_live": "The go-live date is not set: set the var crm_go_live_date.",
        "nothing_to_compare": "The go-live date is {go_live}. There are no complete months to "
        "compare: check the var crm_go_live_date, or enter what was measured before in the seed "
        "manual_baseline.",
        "better": "Better:",
        "worse": "Worse:",
        "explained_by_trend": "Changed, but it was changing like that before the go-live:",
        "not_distinguishable": "Not to be told from chance: {metrics}.",
        "not_comparable": "Not comparable, before and after were recorded differently: {metrics}.",
        "no_data": "Not to be compared, no data or too little: {metrics}.",
        "change": "{name}: {before} -> {after}{unit}, a change of {change}{share}; with 95 % "
        "confidence it is between {low} and {high}{points}",
        "by_hand": " (before was measured by hand)",
        "seasons": "Mind: before and after are different months of the year, so a part of the "
        "changes may be the season.",
        "how_sure": "How sure: of {with_data} families of metrics {better} are better, {worse} "
        "worse, {level} level.",
        "luck": "If nothing had changed, as many families would be better with a chance of "
        "{chance} %.",
        "roi": "Money: revenue an average month {before} -> {after}{unit} ({change}): by the "
        "number of leads {volume}, by conversion {conversion}, by deal size {size}.",
        "net": "Added margin less added costs of the CRM: {net}{unit} a month.",
        "paid_back": "The costs of the CRM were paid back in {month}.",
        "not_paid_back": "The costs of the CRM are not paid back yet.",
        "arithmetic": "This is arithmetic, not proof that the CRM is the cause.",
        "next": "What to do next:",
        "high": "important",
        "medium": "worth doing",
        "low": "minor",
        "evidence": "{count} of {base} ({share} %)",
        "more": "{count} findings in all (mart crm_findings).",
        "no_findings": "What to do next: the rules find nothing wrong with the use of the CRM.",
        "percent": " %",
        "minutes": " min",
        "days": " days",
        "points": " points",
        "lost_sales": " a lead",
    },
}


@dataclass(frozen=True)
class Verdict:
    """What the marts say of before and after; None is what is not published."""

    verdict: Row | None
    scorecard: list[Row]
    roi: Row | None
    findings: list[Row] | None
    base_currency: str


def read_verdict(reader: Reader, base_currency: str) -> Verdict:
    """Reads the marts of before and after."""
    verdicts = reader.table_if_there("crm_verdict")
    roi = reader.table_if_there("crm_roi")
    findings = reader.table_if_there("crm_findings")
    order = [row["metric_code"] for row in reader.rows("select * from metric_catalog")]
    scorecard = reader.table_if_there("crm_scorecard") or []
    scorecard.sort(key=lambda row: order.index(row["metric_code"]))
    return Verdict(
        verdicts[0] if verdicts else None,
        scorecard,
        roi[0] if roi else None,
        None if findings is None else sorted_findings(findings),
        base_currency,
    )


def sorted_findings(findings: list[Row]) -> list[Row]:
    """The gravest first; of equal ones the most common, by its share."""
    return sorted(
        findings,
        key=lambda row: (_SEVERITIES.index(row["severity"]), -(row["evidence_share_pct"] or 0)),
    )


def say_verdict_as_json(told: Verdict, log: Log) -> None:
    """One JSON line for the verdict, each metric, the money and each finding."""
    if told.verdict is None:
        return
    for row in told.scorecard:
        log.event("scorecard", f"{row['name_en']}: {row['status']}", **row)
    if told.roi:
        log.event("roi", "what the change is worth: arithmetic, not proof of cause", **told.roi)
    for row in told.findings or []:
        log.event("finding", row["name_en"], **row)
    log.event("verdict", told.verdict["verdict"], **told.verdict)


def print_verdict(console: Console, told: Verdict, language: str) -> None:
    """Prints the verdict in `ru` or `en`."""
    if told.verdict is not None:
        _Writer(console, told, language).write()


class _Writer:
    def __init__(self, console: Console, told: Verdict, language: str) -> None:
        self._console = console
        self._told = told
        self._language = language

    def write(self) -> None:
        verdict = self._told.verdict
        self._say()
        self._say(
            self._word("title", verdict=self._word(verdict["verdict"])),
            style="bold",
        )
        if verdict["go_live_date"] is None:
            self._say(self._word("no_go_live"))
        elif verdict["before_from"] is None and verdict["after_from"] is None:
            self._say(self._word("nothing_to_compare", go_live=verdict["go_live_date"]))
        elif verdict["before_from"] is not None and verdict["after_from"] is not None:
            self._say(
                self._word(
                    "windows",
                    go_live=verdict["go_live_date"],
                    before=self._span("before"),
                    after=self._span("after"),
                )
                + " "
                + self._word("comparable")
            )
        self._changes()
        self._certainty()
        self._money()
        self._next()

    def _span(self, window: str) -> str:
        verdict = self._told.verdict
        return f"{verdict[f'{window}_from']:%Y-%m}..{verdict[f'{window}_last_month']:%Y-%m}"

    def _changes(self) -> None:
        for status in ("better", "worse", "explained_by_trend"):
            changed = [row for row in self._told.scorecard if row["status"] == status]
            if changed:
                self._say(self._word(status))
            for row in changed:
                self._say(f"  - {self._change(row)}")
        for status in ("not_distinguishable", "not_comparable", "no_data"):
            names = [
                row[f"name_{self._language}"]
                for row in self._told.scorecard
                if row["status"] == status
            ]
            if names:
                self._say(self._word(status, metrics=", ".join(names)))
        if any("different_seasons" in (row["warning"] or "") for row in self._told.scorecard):
            self._say(self._word("seasons"))

    def _change(self, row: Row) -> str:
        share = row["change_pct"]
        is_percent = row["unit"] == "percent"
        text = self._word(
            "change",
            name=row[f"name_{self._language}"],
            before=self._number(row["before_value"]),
            after=self._number(row["after_value"]),
            unit=self._unit(row),
            change=self._signed(row["change"]) + (self._word("points") if is_percent else ""),
            share="" if share is None or is_percent else f" ({self._signed(share)} %)",
            low=self._signed(row["change_ci_low"]),
            high=self._signed(row["change_ci_high"]),
            points=self._word("points") if is_percent else self._unit(row),
        )
        return text + (self._word("by_hand") if row["before_source"] == "manual" else "")

    def _unit(self, row: Row) -> str:
        unit = row["unit"]
        text = f" {self._told.base_currency}".rstrip() if unit == "money" else self._word(unit)
        # the scorecard's lost sales are per unit of demand
        return text + (self._word("lost_sales") if row["metric_code"] == "lost_sales" else "")

    def _certainty(self) -> None:
        verdict = self._told.verdict
        if not verdict["families_with_data"]:
            return
        text = self._word(
            "how_sure",
            **{name: verdict[f"families_{name}"] for name in ("with_data", "better", "worse")},
            level=verdict["families_level"],
        )
        chance = verdict["chance_under_no_effect"]
        if chance is not None and verdict["families_better"]:
            text += " " + self._word("luck", chance=self._number(100 * chance))
        self._say(text)

    def _money(self) -> None:
        roi = self._told.roi
        if roi is None:
            return
        unit = f" {self._told.base_currency}".rstrip()
        parts = [
            self._word(
                "roi",
                before=self._number(roi["revenue_before"]),
                after=self._number(roi["revenue_after"]),
                unit=unit,
                change=self._signed(roi["revenue_change"]),
                volume=self._signed(roi["volume_effect"]),
                conversion=self._signed(roi["conversion_effect"]),
                size=self._signed(roi["deal_size_effect"]),
            )
        ]
        if roi["net_effect"] is not None:
            parts.append(self._word("net", net=self._signed(roi["net_effect"]), unit=unit))
            month = roi["payback_month"]
            parts.append(
                self._word("paid_back", month=f"{month:%Y-%m}")
                if month
                else self._word("not_paid_back")
            )
        parts.append(self._word("arithmetic"))
        self._say(" ".join(parts))

    def _next(self) -> None:
        findings = self._told.findings
        if findings is None:
            return
        if not findings:
            self._say(self._word("no_findings"))
            return
        self._say(self._word("next"))
        for place, row in enumerate(findings[:_FINDINGS], 1):
            evidence = self._word(
                "evidence",
                count=whole(row["evidence_count"], self._language),
                base=whole(row["evidence_base"], self._language),
                share=self._number(row["evidence_share_pct"]),
            )
            self._say(
                f"  {place}. [{self._word(row['severity'])}] {row[f'name_{self._language}']}: "
                f"{evidence}. {row[f'advice_{self._language}']}"
            )
        if len(findings) > _FINDINGS:
            self._say(self._word("more", count=len(findings)))

    def _say(self, text: str = "", style: str | None = None) -> None:
        self._console.print(text, style=style, markup=False)

    def _word(self, key: str, **values: Any) -> str:
        return _WORDS[self._language][key].format(**values)

    def _number(self, value: float | None) -> str:
        return "?" if value is None else number(value, self._language)

    def _signed(self, value: float | None) -> str:
        return "?" if value is None else number(value, self._language, is_signed=True)
