"""What the page says: read from the published marts once, put into words in each language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.explain import Explanation, ExplanationInWords, months_later
from bitrix24_effectiveness.language import Language
from bitrix24_effectiveness.log import printable
from bitrix24_effectiveness.page.charts import interval_chart, months_chart
from bitrix24_effectiveness.project import Project
from bitrix24_effectiveness.report import compared, result_of, whose_data
from bitrix24_effectiveness.verdict import (
    ADOPTION,
    Verdict,
    VerdictInWords,
    codes_of,
    goal_in_words,
    read_verdict,
    why_not,
)
from bitrix24_effectiveness.warehouse import Reader, Row
from bitrix24_effectiveness.warehouse.kept import VERDICT_HISTORY

_MARTS = (
    "client_cohorts",
    "crm_adoption",
    "deal_stage_durations",
    "dim_employees",
    "employee_kpi",
    "fct_requests",
    "loss_by_stage",
    "metric_cac",
    "metric_catalog",
    "metric_contributions",
    "metric_values",
    "raw_row_counts",
    "recording_coverage",
    "rejected_rows",
)
"""Marts without which there is no page."""
_YEAR = 12
_SHOWN_EMPLOYEES = 100
_SHOWN_CHANNELS = 30
_SHOWN_STAGES = 40
_FEWEST_DOTS = 2
_SHOWN_COHORTS = 24
_SHOWN_ROWS = 20
_COHORT_MONTHS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 18, 24)
_GRAINS = ("year", "quarter", "month")
_ANSWERED_WITHIN = (5, 15, 60, 240, 1440)
_RATIOS = ("activities", "requests", "answers", "letters", "leads_per_deal")
"""Kinds of records that are counted on one of something; the others are shares."""
_PATHS = {
    "deal": "crm/deal/details/{}/",
    "lead": "crm/lead/details/{}/",
    "contact": "crm/contact/details/{}/",
    "company": "crm/company/details/{}/",
    "task": "company/personal/user/0/tasks/task/view/{}/",
    "employee": "company/personal/user/{}/",
}
"""Pages of a portal by what they show."""


@dataclass(frozen=True)
class Content:
    """All that the page shows, as the marts have it."""

    version: str
    portal_url: str
    enough_clients: int
    """Fewer new clients say nothing of their channel."""
    settings: Row
    told: Verdict
    catalog: list[Row]
    windows: dict[tuple[str, str], Row]
    months: dict[str, list[Row]]
    explanations: dict[str, Explanation]
    newest: date | None
    """First day of the newest complete month."""
    stages: list[Row]
    losses: list[Row]
    reasons: list[Row]
    cohorts: list[Row]
    channels: list[Row]
    employees: list[Row]
    adoption_by_employee: list[Row]
    """Those who had anything to do in the newest complete month."""
    finding_rows: dict[str, list[Row]]
    names: dict[str, str]
    coverage: list[Row]
    answers: list[Row]
    hours: list[tuple[datetime, int, int, int]]
    """Hour in UTC, requests, those judged, those answered in time."""
    roi_months: list[Row]
    """Months since go-live whose net effect so far is known."""
    verdicts: list[Row]
    """What earlier builds said, and this one, the last on each day of the data."""
    counts: list[Row]
    rejected: list[Row]

    def in_language(self, code: str) -> dict[str, Any]:
        """What the template shows, in `ru` or `en`."""
        return _Words(self, code).page()


def read_content(reader: Reader, project: Project) -> Content:
    """Reads the published marts.

    Raises:
        ConfigurationError: they are of a version that lacks some of them.
    """
    missing = sorted(set(_MARTS) - reader.tables())
    if missing:
        raise ConfigurationError(
            f"the published marts lack {', '.join(missing)}, which the page shows: "
            "run `crm-effect run --force`"
        )
    settings = (reader.table_if_there("run_settings") or [{}])[0]
    catalog = reader.rows("select * from metric_catalog")
    months: dict[str, list[Row]] = {}
    for row in reader.rows(
        "select * from metric_values where segment_type = 'all' and period_grain = 'month' "
        "order by period_start"
    ):
        months.setdefault(row["metric_code"], []).append(row)
    complete = [
        row["period_start"] for rows in months.values() for row in rows if row["is_complete"]
    ]
    newest = max(complete, default=None)
    first = months_later(newest, 1 - _YEAR) if newest else date.max
    after = months_later(newest, 1) if newest else date.max
    told = read_verdict(reader, settings)
    return Content(
        version=project.version,
        portal_url=project.vars["portal_url"].rstrip("/"),
        enough_clients=project.vars["min_sample_size"],
        settings=settings,
        told=told,
        catalog=catalog,
        windows={
            (row["metric_code"], row["window_name"]): row
            for row in reader.table_if_there("metric_windows") or []
        },
        months=months,
        explanations={
            row["metric_code"]: Explanation(reader, row["metric_code"], None, with_rows=False)
            for row in catalog
            if any(one["is_complete"] for one in months.get(row["metric_code"], []))
        },
        newest=newest,
        stages=reader.rows(
            "select * from deal_stage_durations order by pipeline_name, pipeline_id, stage_sort"
        ),
        losses=_losses(reader, "pipeline_name, stage_name, stage_id", "= 'all'", first),
        reasons=_losses(reader, "loss_reason_name, loss_reason_id", "<> 'all'", first),
        cohorts=_cohorts(reader),
        channels=_newest_period(
            reader,
            "metric_cac",
            "and segment_type = 'channel' and new_clients > 0 "
            "order by new_clients desc, segment_name",
        ),
        employees=_newest_period(
            reader,
            "employee_kpi",
            "and requests + tasks_due + leads + deals_won > 0 "
            "order by deals_won desc, requests desc, employee_id",
            _GRAINS[1:],
        ),
        adoption_by_employee=_adoption_by_employee(reader),
        finding_rows=_finding_rows(reader),
        names=dict(reader.tuples("select employee_id, employee_name from dim_employees")),
        coverage=_coverage(reader, told.verdict or {}, newest),
        answers=_answers(reader, first, after),
        hours=_hours(reader, first, after, settings.get("response_sla_minutes") or 60),
        roi_months=sorted(
            (
                row
                for row in reader.table_if_there("crm_roi_months") or []
                if row["net_effect_so_far"] is not None
            ),
            key=lambda row: row["month_start"],
        ),
        verdicts=_verdicts(reader),
        counts=reader.rows("select * from raw_row_counts order by raw_table"),
        rejected=reader.rows(
            "select raw_table, reason, count(*) as rejected from rejected_rows "
            "group by raw_table, reason order by raw_table, reason"
        ),
    )


def _verdicts(reader: Reader) -> list[Row]:
    if not reader.table_if_there(VERDICT_HISTORY):
        return []
    rows = reader.rows(f"select * from {VERDICT_HISTORY} where as_of is not null order by run_id")
    last_of_day = {row["as_of"].date(): row for row in rows}
    return [last_of_day[day] for day in sorted(last_of_day)]


def _losses(reader: Reader, columns: str, reasons: str, first: date) -> list[Row]:
    """Losses of the last twelve complete months."""
    return reader.rows(
        f"select {columns}, sum(lost_deals) as lost_deals, sum(lost_amount) as lost_amount "
        "from loss_by_stage where period_grain = 'month' and is_complete and period_start >= ? "
        f"and loss_reason_id {reasons} group by {columns} "
        f"order by sum(lost_deals) desc, {columns}",
        [first],
    )


def _cohorts(reader: Reader) -> list[Row]:
    places = ", ".join(map(str, _COHORT_MONTHS))
    return reader.rows(
        "select * from client_cohorts where cohort_month in "
        "(select cohort_month from client_cohorts group by cohort_month "
        f"order by cohort_month desc limit {_SHOWN_COHORTS}) "
        f"and months_since in ({places}) order by cohort_month, months_since"
    )


def _newest_period(
    reader: Reader, table: str, rest: str, grains: Sequence[str] = _GRAINS
) -> list[Row]:
    """Rows of the newest complete period of the first grain that has one."""
    for grain in grains:
        found = reader.rows(
            f"select * from {table} where period_grain = ? and period_start = "
            f"(select max(period_start) from {table} where period_grain = ? and is_complete) "
            f"{rest}",
            [grain, grain],
        )
        if found:
            return found
    return []


def _adoption_by_employee(reader: Reader) -> list[Row]:
    return reader.rows(
        "select * from crm_adoption where segment_type = 'employee' and month_start = "
        "(select max(month_start) from crm_adoption where is_complete) "
        "and demand_judged + deals_judged + requests_judged_sla + tasks_due + employees_at_work "
        "> 0 order by demand_judged desc, segment_id"
    )


def _finding_rows(reader: Reader) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    if reader.table_if_there("crm_findings"):
        for row in reader.rows(
            "select * from (select crm_finding_rows.*, row_number() over (partition by "
            "finding_code order by case when happened_at is null then 1 else 0 end, "
            "happened_at desc, finding_row_key) as place from crm_finding_rows) as placed "
            f"where place <= {_SHOWN_ROWS} order by finding_code, place"
        ):
            found.setdefault(row["finding_code"], []).append(row)
    return found


def _coverage(reader: Reader, verdict: Row, newest: date | None) -> list[Row]:
    """Coverage of each kind of record over the windows, and in the newest complete month."""
    never = date.max
    spans = {
        "before": (verdict.get("before_from"), verdict.get("before_last_month")),
        "after": (verdict.get("after_from"), verdict.get("after_last_month")),
        "newest": (newest, newest),
    }
    sums, bounds = [], []
    for name, (start, end) in spans.items():
        within = "case when month_start >= ? and month_start <= ? then"
        sums.append(
            f"1.0 * sum({within} recorded end) / nullif(sum({within} expected end), 0) as {name}"
        )
        bounds += [start or never, end or never] * 2
    return reader.rows(
        f"select record_kind, {', '.join(sums)} from recording_coverage "
        "where request_kind = 'all' group by record_kind order by record_kind",
        bounds,
    )


def _answers(reader: Reader, first: date, after: date) -> list[Row]:
    cases = [
        f"sum(case when response_minutes <= {minutes} then 1 else 0 end) as within_{minutes}"
        for minutes in _ANSWERED_WITHIN
    ]
    return reader.rows(
        "select count(*) as requests, sum(case when response_minutes is not null then 1 else 0 "
        f"end) as answered, {', '.join(cases)}, "
        "sum(case when answer_status = 'unanswered' then 1 else 0 end) as unanswered "
        "from fct_requests where requested_date >= ? and requested_date < ?",
        [first, after],
    )


def _hours(
    reader: Reader, first: date, after: date, sla: int
) -> list[tuple[datetime, int, int, int]]:
    return reader.tuples(
        "select date_trunc('hour', requested_at), count(*), "
        "sum(case when response_minutes is not null or answer_status = 'unanswered' then 1 "
        "else 0 end), "
        f"sum(case when response_minutes <= {int(sla)} then 1 else 0 end) "
        "from fct_requests where requested_date >= ? and requested_date < ? "
        "group by 1 order by 1",
        [first, after],
    )


class _Words:
    """The content in one language, as the template takes it."""

    def __init__(self, content: Content, code: str) -> None:
        self._content = content
        self._code = code
        self._language = Language(code, "page")
        self._of_verdict = Language(code, "verdict")
        self._of_explain = Language(code, "explain")
        self._currency = content.settings.get("base_currency")

    def page(self) -> dict[str, Any]:
        content, of_report = self._content, Language(self._code, "report")
        title, *sources = whose_data(content.settings, of_report)
        return {
            "code": self._code,
            "word": self._language.word,
            "title": title,
            "sources": [
                *sources,
                *compared(content.told.verdict or {}, content.settings, of_report),
            ],
            "verdict": self._verdict(),
            "cards": [self._card(metric) for metric in content.catalog],
            "year": self._year(),
            "stages": self._stages(),
            "losses": self._losses(),
            "answers": self._answers(),
            "hours": self._hours(),
            "cohorts": self._cohorts(),
            "channels": self._channels(),
            "adoption": self._adoption(),
            "employees": self._employees(),
            "findings": self._findings(),
            "verdicts": self._verdicts(),
            "coverage": self._coverage(),
            "quality": self._quality(),
            "settings": self._settings(),
        }

    # -- the verdict

    def _verdict(self) -> dict[str, Any]:
        told = self._content.told
        if told.verdict is None:
            return {}
        said = VerdictInWords(told, told.verdict, self._code)
        has_go_live = said.has_go_live
        steps, closing = said.next_steps()
        roi = told.roi or {}
        unknown = roi.get("warning") if has_go_live and roi.get("net_effect") is None else None
        return {
            "kind": told.verdict["verdict"],
            "title": said.title(),
            "certainty": [_sentence(text) for text in said.certainty()] if has_go_live else [],
            "money": [*said.money()] if has_go_live else [],
            "money_unknown": self._language.word(f"money_{unknown}")
            if self._language.has(f"money_{unknown}")
            else "",
            "net": self._net_effect(roi),
            "totals": [*self._totals(roi)] if has_go_live else [],
            "so_far": self._so_far() if has_go_live else None,
            "cautions": [*said.cautions()] if has_go_live else [],
            "silent": self._silent() if has_go_live else [],
            "on_the_way": said.on_the_way(),
            "on_the_way_title": _sentence(said.on_the_way_title()).rstrip(":")
            if told.adoption
            else "",
            "missing": said.missing(),
            "missing_lead": self._of_verdict.word("missing"),
            "first_step": "" if has_go_live else said.how_to_set_go_live(),
            "steps": steps,
            "after_steps": _sentence(closing),
        }

    def _silent(self) -> list[str]:
        """Why what is not compared is not, each reason with the metrics that it keeps apart."""
        reasons: dict[str, list[str]] = {}
        for row in self._content.told.scorecard:
            if row["status"] in ("no_data", "not_comparable"):
                name = row[f"name_{self._code}"]
                reasons.setdefault(why_not(row, self._of_verdict), []).append(name)
        return [f"{', '.join(names)}: {reason}" for reason, names in reasons.items()]

    def _net_effect(self, roi: Row) -> dict[str, Any] | None:
        low, high = roi.get("net_effect_ci_low"), roi.get("net_effect_ci_high")
        if low is None or high is None:
            return None
        change = roi["net_effect"]
        return self._interval(change, low, high, "money", "higher")

    def _totals(self, roi: Row) -> Iterator[str]:
        """What the CRM cost in all, and what it brought since go-live."""
        crm, net = roi.get("crm_cost_total"), roi.get("net_effect_total")
        if not crm:
            return
        yield self._language.word("total_cost", crm=self._figure(crm, "money"))
        if net is not None:
            yield self._language.word(
                "total_net",
                n=roi["months_since_go_live"],
                margin=self._signed(roi["margin_change_total"]),
                added=self._signed(roi["added_cost_total"]),
                net=self._signed(net),
                roi=self._language.signed(roi["roi_pct"], "share", None),
            )

    def _so_far(self) -> dict[str, Any] | None:
        """What the CRM has brought less what it has cost, month by month."""
        rows = self._content.roi_months
        if len(rows) < _FEWEST_DOTS:
            return None
        language = self._language
        values = [row["net_effect_so_far"] for row in rows]
        parts = ("margin_so_far", "added_cost_so_far", "crm_cost_so_far", "net_effect_so_far")
        months = [row["month_start"] for row in rows]
        return {
            "name": language.word("so_far"),
            "chart": months_chart(
                [(row["month_start"], row["net_effect_so_far"], "counted") for row in rows],
                {},
                None,
                0.0,
            ),
            "kinds": [],
            **self._ends(months, values, self._signed),
            "chart_text": language.word(
                "so_far_text",
                months=language.months(months[0], months[-1]),
                first=self._signed(values[0]),
                last=self._signed(values[-1]),
            ),
            "rows": [
                (language.month(row["month_start"]), *(self._signed(row[part]) for part in parts))
                for row in rows
            ],
        }

    def _signed(self, value: float) -> str:
        return self._language.signed(value, "money", self._currency)

    def _interval(
        self, change: float, low: float, high: float, unit: str, better_when: str
    ) -> dict[str, Any]:
        def write(value: float) -> str:
            return self._language.signed(value, unit, self._currency)

        sides = ("worse_side", "better_side")
        left, right = sides if better_when == "higher" else reversed(sides)
        return {
            "chart": interval_chart(change, low, high),
            "change": write(change),
            "low": write(low),
            "high": write(high),
            "left": self._language.word(left),
            "right": self._language.word(right),
        }

    # -- a metric

    def _card(self, metric: Row) -> dict[str, Any]:
        code, unit = metric["metric_code"], metric["unit"]
        content, language = self._content, self._language
        windows = {
            name: content.windows[code, name]
            for name in ("before", "after")
            if (code, name) in content.windows
        }
        scored: Row = next(
            (row for row in content.told.scorecard if row["metric_code"] == code), {}
        )
        status = scored.get("status") or "no_data"
        is_silent = status in ("no_data", "not_comparable")

        def figure(value: float | None) -> str:
            return language.figure(value, unit, self._currency)

        measure = windows.get("after", {}).get("measure")
        explanation = content.explanations.get(code)
        change, low, high = (
            scored.get(key) for key in ("change", "change_ci_low", "change_ci_high")
        )
        share = scored.get("change_pct") if unit != "percent" else None
        card: dict[str, Any] = {
            "code": code,
            "name": metric[f"name_{self._code}"],
            "status": status,
            "status_word": self._status_in_words(scored) if scored else language.word(status),
            "measure": windows["after"][f"measure_name_{self._code}"] if measure else "",
            "is_same_measure": measure == metric["headline_column"],
            "before": "" if scored.get("before_value") is None else figure(scored["before_value"]),
            "after": "" if scored.get("after_value") is None else figure(scored["after_value"]),
            "change": ""
            if change is None or is_silent
            else language.signed(change, unit, self._currency)
            + (f" ({language.signed(share, 'share', None)})" if share is not None else ""),
            "interval": None
            if is_silent or None in (change, low, high)
            else self._interval(
                float(change or 0), float(low or 0), float(high or 0), unit, metric["better_when"]
            ),
            "months": [
                (language.word("window_of", name=language.word(name)), self._window(row))
                for name, row in windows.items()
                if row["months"]
            ],
            "verdict": self._meaning_of_status(scored, status),
            "advice": language.word(f"worse_{code}")
            if status == "worse" and language.has(f"worse_{code}")
            else "",
            "year_before": self._year_before(code, figure),
            "notes": self._notes(scored),
            # a metric that somebody added has no words yet
            "means": language.word(f"means_{code}") if language.has(f"means_{code}") else "",
            "goal": self._goal(scored),
            **self._by_month(
                code,
                figure,
                windows,
                # of another measure the line would lie at a height that means nothing
                scored.get("goal_value") if measure == metric["headline_column"] else None,
            ),
            "formula": language.word(f"formula_{code}")
            if language.has(f"formula_{code}")
            else metric["formula"],
        }
        if explanation:
            said = ExplanationInWords(explanation, self._code)
            card |= {
                "period": said.period,
                "value": said.value,
                "numbers": said.with_numbers(),
                "windows": [*said.windows()] if not is_silent else [],
                "caution": [*said.caution()],
                "moved": [
                    {"kind": kind, "by": self._of_explain.word(kind), "title": title, "rows": rows}
                    for kind, title, rows in said.moved()
                ],
            }
        return card

    def _status_in_words(self, scored: Row) -> str:
        status = self._language.word(result_of(scored))
        if scored.get("is_preliminary"):
            return self._language.word("preliminary_status", status=status)
        return status

    def _year_before(self, code: str, figure: Any) -> str:
        """The newest complete month's value of a year before; empty where there is none."""
        if self._content.newest is None:
            return ""
        month = months_later(self._content.newest, -_YEAR)
        for row in self._content.months.get(code, []):
            if row["period_start"] == month and row["value_status"] == "measured":
                return self._language.word("a_year_before", value=figure(row["value"]))
        return ""

    def _window(self, row: Row) -> str:
        if row["first_month"] is None:
            return ""
        months = self._language.months(row["first_month"], row["last_month"])
        return f"{months} ({self._language.word('n_months', n=row['months'])})"

    def _meaning_of_status(self, scored: Row, status: str) -> str:
        # without a go-live nothing is compared, as the verdict says
        if not scored or "go_live_missing" in codes_of(scored["warning"]):
            return ""
        if status in ("no_data", "not_comparable"):
            why = why_not(scored, self._of_verdict)
            is_said = why == self._language.word(result_of(scored))
            return "" if is_said else _sentence(why)
        word = self._language.word
        if status == "not_distinguishable" and _is_beside_zero(scored):
            return word("status_by_prices")
        text = word(f"status_{status}")
        if scored["evidence"]:
            text += " " + word(f"evidence_{scored['evidence']}")
        smallest = scored["smallest_detectable_change"]
        if status == "not_distinguishable" and smallest is not None:
            change = self._language.signed(smallest, scored["unit"], self._currency)
            text += " " + word("smallest", change=change.lstrip("+"))
        return text

    def _notes(self, scored: Row) -> list[str]:
        codes = codes_of(scored.get("warning"))
        is_judged = scored.get("status") not in (None, "no_data", "not_comparable")
        if is_judged and not scored["has_vote"] and "constant" not in codes:
            codes.append("no_vote")
        keys = [f"note_{code}" for code in codes]
        return [self._language.word(key) for key in keys if self._language.has(key)]

    def _goal(self, scored: Row) -> str:
        goal = goal_in_words(scored, self._currency, self._language)
        return self._language.word("goal", goal=goal) if goal else ""

    def _by_month(
        self, code: str, figure: Any, windows: dict[str, Row], goal: float | None
    ) -> dict[str, Any]:
        language = self._language
        spans = {
            name: (row["first_month"], row["last_month"])
            for name, row in windows.items()
            if row["first_month"] is not None and row["source"] != "manual"
        }
        last = spans["after"][1] if "after" in spans else None
        months, rows = [], []
        for row in self._content.months.get(code, []):
            month, value = row["period_start"], row["value"]
            if value is None:
                kind = "none"
            elif not row["is_complete"]:
                kind = "incomplete"
            elif any(first <= month <= end for first, end in spans.values()):
                kind = "counted"
            else:
                kind = "unripe" if last and month > last else "apart"
            months.append((month, value, kind))
            status = row["value_status"] if value is None else f"month_{kind}"
            if not row["is_complete"]:
                status = "month_incomplete"
            rows.append(
                (
                    language.month(month),
                    "" if value is None else figure(value),
                    language.word(status),
                )
            )
        values = [value for _, value, _ in months if value is not None]
        if not values:
            return {"chart": None, "by_month": rows}
        return {
            "chart": months_chart(
                months, spans, self._content.settings.get("crm_go_live_date"), goal
            ),
            "kinds": list(dict.fromkeys(kind for _, _, kind in months)),
            "by_month": rows,
            **self._ends([month for month, _, _ in months], values, figure),
            "chart_text": language.word(
                "chart_text",
                months=language.months(months[0][0], months[-1][0]),
                low=figure(min(values)),
                high=figure(max(values)),
            ),
        }

    def _ends(self, months: list[date], values: list[float], figure: Any) -> dict[str, str]:
        """What stands under a line of months."""
        return {
            "chart_low": figure(min(values)),
            "chart_high": figure(max(values)),
            "first_month": self._language.month(months[0]),
            "last_month": self._language.month(months[-1]),
        }

    # -- what lies below

    def _year(self) -> str:
        newest = self._content.newest
        if newest is None:
            return ""
        return self._language.months(months_later(newest, 1 - _YEAR), newest)

    def _stages(self) -> list[dict[str, Any]]:
        rows = self._content.stages[:_SHOWN_STAGES]
        most = max((row["visits"] for row in rows), default=0) or 1
        found: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            exits = sum(row[f"exits_{way}"] for way in ("forward", "back", "lost", "won"))
            found.setdefault(self._known(row["pipeline_name"]), []).append(
                {
                    "name": self._known(row["stage_name"]),
                    "bar": round(100 * row["visits"] / most, 1),
                    "visits": self._language.whole(row["visits"]),
                    "lost": self._share(row["exits_lost"], exits),
                    "days": self._figure(row["median_days"], "ratio"),
                    "stuck": self._language.whole(row["stuck_visits"]),
                }
            )
        return [{"name": name, "rows": stages} for name, stages in found.items()]

    def _losses(self) -> dict[str, list[dict[str, Any]]]:
        return {
            "stages": self._bars(
                self._content.losses,
                lambda row: (
                    f"{self._known(row['pipeline_name'])}: {self._known(row['stage_name'])}"
                ),
            ),
            "reasons": self._bars(
                self._content.reasons, lambda row: self._known(row["loss_reason_name"])
            ),
        }

    def _bars(self, rows: list[Row], name: Any) -> list[dict[str, Any]]:
        total = sum(row["lost_deals"] for row in rows)
        most = max((row["lost_deals"] for row in rows), default=0) or 1
        return [
            {
                "name": name(row),
                "bar": round(100 * float(row["lost_deals"]) / float(most), 1),
                "deals": self._language.whole(row["lost_deals"]),
                "share": self._share(row["lost_deals"], total),
                "amount": self._figure(row["lost_amount"], "money"),
            }
            for row in rows[:_YEAR]
        ]

    def _answers(self) -> list[dict[str, Any]]:
        (row,) = self._content.answers
        if not row["requests"]:
            return []
        counts, before = [], 0
        for minutes in _ANSWERED_WITHIN:
            counts.append((f"within_{minutes}", row[f"within_{minutes}"] - before))
            before = row[f"within_{minutes}"]
        counts += [("later", row["answered"] - before), ("unanswered", row["unanswered"])]
        unknown = row["requests"] - row["answered"] - row["unanswered"]
        if unknown:
            counts.append(("unknown", unknown))
        most = max(count for _, count in counts) or 1
        return [
            {
                "name": self._language.word(f"answer_{key}"),
                "bar": round(100 * count / most, 1),
                "count": self._language.whole(count),
                "share": self._share(count, row["requests"]),
            }
            for key, count in counts
        ]

    def _hours(self) -> dict[str, Any] | None:
        """Share of requests answered in time by weekday and three hours of local time."""
        zone = ZoneInfo(self._content.settings.get("reporting_timezone") or "UTC")
        cells: dict[tuple[int, int], list[int]] = {}
        for hour, requests, judged, in_time in self._content.hours:
            local = hour.replace(tzinfo=UTC).astimezone(zone)
            cell = cells.setdefault((local.isoweekday(), local.hour // 3), [0, 0, 0])
            for place, count in enumerate((requests, judged, in_time)):
                cell[place] += count
        if not cells:
            return None
        word = self._language.word
        rows = []
        for weekday in range(1, 8):
            row = []
            for part in range(8):
                requests, judged, in_time = cells.get((weekday, part), [0, 0, 0])
                share = 100 * in_time / judged if judged else None
                row.append(
                    {
                        "share": self._figure(share, "share") if share is not None else "",
                        "heat": _heat(share),
                        "requests": self._language.whole(requests),
                    }
                )
            rows.append({"name": word(f"weekday_{weekday}"), "cells": row})
        sla = self._language.word(
            "minutes_figure", value=self._content.settings.get("response_sla_minutes") or 60
        )
        return {
            "columns": [f"{3 * part}–{3 * part + 3}" for part in range(8)],
            "rows": rows,
            "sla": sla,
        }

    def _cohorts(self) -> dict[str, Any] | None:
        found: dict[date, dict[int, Row]] = {}
        for row in self._content.cohorts:
            found.setdefault(row["cohort_month"], {})[row["months_since"]] = row
        # nobody can have left before the days of the rule have passed
        columns = [
            months
            for months in _COHORT_MONTHS
            if any(months in row and row[months]["retention_pct"] < 100 for row in found.values())
        ]
        if not columns:
            return None
        return {
            "columns": columns,
            "rows": [
                {
                    "name": self._language.month(month),
                    "clients": self._language.whole(cells[min(cells)]["clients"]),
                    "cells": [
                        {
                            "share": self._figure(cells[months]["retention_pct"], "share")
                            if months in cells
                            else "",
                            "heat": _heat(cells[months]["retention_pct"])
                            if months in cells
                            else "",
                        }
                        for months in columns
                    ],
                }
                for month, cells in found.items()
            ],
        }

    def _channels(self) -> dict[str, Any] | None:
        rows = self._content.channels
        if not rows:
            return None
        return {
            "period": self._language.period(rows[0]["period_grain"], rows[0]["period_start"]),
            "rows": [
                {
                    "name": self._known(row["segment_name"]),
                    "clients": self._language.whole(row["new_clients"]),
                    "cac": self._money_or_why(row["cac"], row),
                    "ltv": self._money_or_why(row["ltv"], row),
                    "ratio": self._figure(row["ltv_to_cac"], "ratio"),
                    **self._channel_verdict(row),
                }
                for row in rows[:_SHOWN_CHANNELS]
            ],
            "more": self._more(rows, _SHOWN_CHANNELS),
        }

    def _channel_verdict(self, row: Row) -> dict[str, Any]:
        is_said = row["is_unprofitable"] is not None
        has_enough = row["new_clients"] >= self._content.enough_clients
        key = "unprofitable" if row["is_unprofitable"] else "profitable"
        return {
            "verdict": self._language.word(key if has_enough else "too_few_clients")
            if is_said
            else "",
            "is_unprofitable": is_said and has_enough and bool(row["is_unprofitable"]),
        }

    def _adoption(self) -> dict[str, Any] | None:
        """Shares of work done in the CRM: the last months of all, and the newest of employees."""
        months = self._content.told.adoption[-_YEAR:]
        if not months:
            return None

        def cells(row: Row, shares: Sequence[str]) -> list[tuple[str, str]]:
            return [
                (
                    self._figure(row[share], "percent"),
                    self._language.word(
                        "part_of",
                        part=self._language.whole(row[part]),
                        whole=self._language.whole(row[whole]),
                    )
                    if row[share] is not None
                    else "",
                )
                for share in shares
                for part, whole in [ADOPTION[share]]
            ]

        of_month, of_employee = [*ADOPTION], [*ADOPTION]
        # one employee is at work or not, and answers for no register
        for share in ("employees_at_work_pct", "automation_level_pct"):
            of_employee.remove(share)
        return {
            "shares_of_month": of_month,
            "shares_of_employee": of_employee,
            "months": [
                (self._language.month(row["month_start"]), cells(row, of_month)) for row in months
            ],
            "month": self._language.month(months[-1]["month_start"]),
            "employees": [
                (self._known(row["segment_name"]), cells(row, of_employee))
                for row in self._content.adoption_by_employee[:_SHOWN_EMPLOYEES]
            ],
            "more": self._more(self._content.adoption_by_employee, _SHOWN_EMPLOYEES),
        }

    def _employees(self) -> dict[str, Any] | None:
        rows = self._content.employees
        if not rows:
            return None
        whole = self._language.whole
        return {
            "period": self._language.period(rows[0]["period_grain"], rows[0]["period_start"]),
            "rows": [
                {
                    "name": self._known(row["employee_name"] or row["employee_id"]),
                    "link": self._link("employee", row["employee_id"]),
                    "cells": [
                        whole(row["requests"]),
                        self._figure(row["avg_response_minutes"], "minutes"),
                        self._figure(row["within_sla_pct"], "percent"),
                        self._figure(row["tasks_done_in_time_pct"], "percent"),
                        whole(row["leads"]),
                        whole(row["deals_won"]),
                        self._figure(row["conversion_pct"], "percent"),
                        self._figure(row["revenue"], "money"),
                    ],
                }
                for row in rows[:_SHOWN_EMPLOYEES]
            ],
            "more": self._more(rows, _SHOWN_EMPLOYEES),
        }

    def _findings(self) -> list[dict[str, Any]] | None:
        findings = self._content.told.findings
        if findings is None:
            return None
        language = self._language
        found = []
        for finding in findings:
            rows = self._content.finding_rows.get(finding["finding_code"], [])
            what = finding["what_ru"] if self._code == "ru" else finding["what"]
            found.append(
                {
                    "name": finding[f"name_{self._code}"],
                    "severity": finding["severity"],
                    "severity_word": self._of_verdict.word(finding["severity"]),
                    "what": what,
                    "advice": finding[f"advice_{self._code}"],
                    "evidence": self._of_verdict.word(
                        "evidence",
                        count=language.whole(finding["evidence_count"]),
                        base=language.whole(finding["evidence_base"]),
                        share=self._figure(finding["evidence_share_pct"], "percent"),
                    ),
                    "rows": [self._finding_row(row) for row in rows],
                    "more": max(0, finding["evidence_count"] - len(rows)),
                }
            )
        return found

    def _finding_row(self, row: Row) -> dict[str, Any]:
        kind, key = row["entity_type"], row["entity_id"]
        employee = row["employee_id"]
        return {
            "kind": self._language.word(f"entity_{kind}"),
            "id": printable(key or ""),
            "link": self._link(kind, key),
            "name": printable(row["entity_name"] or ""),
            "is_employee": kind == "employee",
            "employee": printable(self._content.names.get(employee) or employee or ""),
            "day": self._language.day(self._local(row["happened_at"]))
            if row["happened_at"]
            else "",
            "amount": "" if row["amount"] is None else self._figure(row["amount"], "money"),
            "note": printable(row["note"] or ""),
        }

    def _link(self, kind: str, key: str | None) -> str:
        """The page of the portal that shows a record; empty where it has none."""
        if kind == "client" and key:
            kind, _, key = key.partition("_")
        if not self._content.portal_url or not key or not key.isdigit() or kind not in _PATHS:
            return ""
        return f"{self._content.portal_url}/{_PATHS[kind].format(key)}"

    def _coverage(self) -> list[tuple[str, ...]]:
        language = self._language
        return [
            (
                language.word(f"kind_{row['record_kind']}"),
                *(
                    self._figure(row[name], "ratio")
                    if row["record_kind"] in _RATIOS or row[name] is None
                    else self._share(row[name], 1)
                    for name in ("before", "after", "newest")
                ),
            )
            for row in self._content.coverage
            if language.has(f"kind_{row['record_kind']}")
        ]

    def _verdicts(self) -> list[tuple[str, ...]]:
        """The last verdicts over time; nothing where there is but one."""
        rows, language = self._content.verdicts, self._language
        if len(rows) < 2:
            return []
        return [
            (
                language.day(self._local(row["as_of"])),
                language.word("preliminary_status", status=language.word(f"v_{row['verdict']}"))
                if row["is_preliminary"]
                else language.word(f"v_{row['verdict']}"),
                language.whole(row["families_better"]),
                language.whole(row["families_worse"]),
                "–" if row["net_effect"] is None else self._signed(row["net_effect"]),
            )
            for row in reversed(rows[-_YEAR:])
        ]

    def _quality(self) -> dict[str, Any]:
        whole, counts = self._language.whole, self._content.counts
        kinds = ("raw_rows", "staged_rows", "superseded_rows", "rejected_rows")
        return {
            "total": [whole(sum(row[kind] or 0 for row in counts)) for kind in kinds],
            "tables": [
                (row["raw_table"], *(whole(row[kind] or 0) for kind in kinds)) for row in counts
            ],
            "reasons": [
                (row["raw_table"], row["reason"], whole(row["rejected"]))
                for row in self._content.rejected
            ],
        }

    def _settings(self) -> list[tuple[str, str]]:
        content, word = self._content, self._language.word
        shown: list[tuple[str, str]] = [(word("version"), content.version)]
        as_of = content.settings.get("as_of_at")
        if as_of:
            local = self._local(as_of)
            shown.append((word("setting_as_of_at"), f"{self._language.day(local)}, {local:%H:%M}"))
        for key, value in content.settings.items():
            if key in ("run_key", "as_of_at", "data_source", "seeds_source"):
                continue
            if value is None or value == "":
                text = word("not_set")
            elif isinstance(value, date):
                text = self._language.day(value)
            elif isinstance(value, int | float):
                text = self._language.number(value)
            else:
                text = (
                    word(f"value_{value}") if self._language.has(f"value_{value}") else str(value)
                )
            shown.append((word(f"setting_{key}"), text))
        return shown

    # -- writing

    def _local(self, instant: datetime) -> datetime:
        zone = ZoneInfo(self._content.settings.get("reporting_timezone") or "UTC")
        return instant.replace(tzinfo=UTC).astimezone(zone)

    def _figure(self, value: Any, unit: str) -> str:
        return "–" if value is None else self._language.figure(value, unit, self._currency)

    def _share(self, part: Any, whole: Any) -> str:
        return self._figure(100 * float(part) / float(whole), "share") if whole else "–"

    def _known(self, name: str | None) -> str:
        """A name that the portal gave; the marts' word for one that is not known is English."""
        if name in (None, "", "Unknown"):
            return self._of_explain.word("member_unknown")
        return printable(str(name))

    def _money_or_why(self, value: Any, row: Row) -> str:
        if value is not None:
            return self._figure(value, "money")
        status = row["value_status"]
        return "–" if status == "measured" else self._language.word(status)

    def _more(self, rows: Sequence[Row], shown: int) -> str:
        more = len(rows) - shown
        return (
            self._language.word("more_rows", count=self._language.whole(more)) if more > 0 else ""
        )


def _is_beside_zero(scored: Row) -> bool:
    """Whether a change of money is more than chance, and no more than prices may have risen."""
    low, high = scored["change_ci_low"], scored["change_ci_high"]
    return (
        scored["unit"] == "money" and low is not None and high is not None and (low > 0 or high < 0)
    )


def _heat(share: float | None) -> str:
    """A shade from 0 to 9."""
    return "" if share is None else str(min(9, int(share / 10)))


def _sentence(text: str) -> str:
    """What goes on after a heading on the terminal, by itself."""
    return text[:1].upper() + text[1:]
