"""Whether the CRM pays off, in words: what changed, how sure that is, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console

from bitrix24_effectiveness.language import Language
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.warehouse import Reader, Row

_FINDINGS = 5
_SEVERITIES = ("high", "medium", "low")


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
        _Writer(console, told, told.verdict, language).write()


class _Writer:
    def __init__(self, console: Console, told: Verdict, verdict: Row, language: str) -> None:
        self._console = console
        self._told = told
        self._verdict = verdict
        self._language = Language(language, "verdict")
        self._word = self._language.word
        self._number = self._language.number

    def write(self) -> None:
        verdict = self._verdict
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
        verdict = self._verdict
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
                row[f"name_{self._language.code}"]
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
            name=row[f"name_{self._language.code}"],
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
        verdict = self._verdict
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
                count=self._language.whole(row["evidence_count"]),
                base=self._language.whole(row["evidence_base"]),
                share=self._number(row["evidence_share_pct"]),
            )
            self._say(
                f"  {place}. [{self._word(row['severity'])}] {row[f'name_{self._language.code}']}: "
                f"{evidence}. {row[f'advice_{self._language.code}']}"
            )
        if len(findings) > _FINDINGS:
            self._say(self._word("more", count=len(findings)))

    def _say(self, text: str = "", style: str | None = None) -> None:
        self._console.print(text, style=style, markup=False)

    def _signed(self, value: float | None) -> str:
        return self._number(value, is_signed=True)
