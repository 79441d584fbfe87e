"""Whether the CRM pays off, in words: how sure that is, what changed, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.console import Console

from bitrix24_effectiveness.language import Language, wrapped
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.warehouse import Reader, Row

_FINDINGS = 3
_SEVERITIES = ("high", "medium", "low")
# of a chance that is smaller still, nothing more is said
_MOST_CASES = 1_000_000
_CHANGED = ("better", "worse", "explained_by_trend")
_OPEN = ("cannot_tell_yet", "not_enough_data")
ADOPTION = {
    "demand_touched_pct": ("demand_touched", "demand_judged"),
    "deals_with_activity_pct": ("deals_with_activity", "deals_judged"),
    "within_sla_pct": ("requests_within_sla", "requests_judged_sla"),
    "employees_at_work_pct": ("employees_at_work", "employees_in_charge"),
    "tasks_done_in_time_pct": ("tasks_done_in_time", "tasks_due"),
    "automation_level_pct": ("automated_processes", "total_processes"),
}
"""Shares of `crm_adoption` -> what each is a share of what."""


@dataclass(frozen=True)
class Verdict:
    """What the marts say of before and after; None is what is not published."""

    verdict: Row | None
    scorecard: list[Row]
    roi: Row | None
    findings: list[Row] | None
    base_currency: str | None
    names: dict[str, dict[str, str]] = field(default_factory=dict)
    """Metric -> language -> its name, with what is compared where that is not its headline."""
    empty_seeds: tuple[str, ...] = ()
    """Seeds of the company that hold nothing, though a figure needs them."""
    comparison_months: int = 12
    """Most months of each window."""
    adoption: list[Row] = field(default_factory=list)
    """Complete months since go-live of `crm_adoption`, of all employees together."""


def read_verdict(reader: Reader, settings: Row) -> Verdict:
    """Reads the marts of before and after, made with the settings of `run_settings`."""
    verdicts = reader.table_if_there("crm_verdict")
    roi = reader.table_if_there("crm_roi")
    findings = reader.table_if_there("crm_findings")
    catalog = {row["metric_code"]: row for row in reader.rows("select * from metric_catalog")}
    scorecard = reader.table_if_there("crm_scorecard") or []
    scorecard.sort(key=lambda row: list(catalog).index(row["metric_code"]))
    return Verdict(
        verdicts[0] if verdicts else None,
        scorecard,
        roi[0] if roi else None,
        None if findings is None else sorted_findings(findings),
        settings.get("base_currency"),
        _names(catalog, reader.table_if_there("metric_windows") or []),
        tuple(_empty_seeds(reader, scorecard)),
        settings.get("comparison_months") or 0,
        sorted(
            (
                row
                for row in reader.table_if_there("crm_adoption") or []
                if row["is_complete"] and row["segment_type"] == "all"
            ),
            key=lambda row: row["month_start"],
        ),
    )


def _names(catalog: dict[str, Row], windows: list[Row]) -> dict[str, dict[str, str]]:
    names = {
        code: {language: row[f"name_{language}"] for language in ("en", "ru")}
        for code, row in catalog.items()
    }
    for row in windows:
        code = row["metric_code"]
        if row["measure"] != catalog[code]["headline_column"]:
            for language in ("en", "ru"):
                measure = row[f"measure_name_{language}"]
                name = catalog[code][f"name_{language}"]
                if measure != name:
                    names[code][language] = f"{name} ({measure[:1].lower()}{measure[1:]})"
    return names


def _empty_seeds(reader: Reader, scorecard: list[Row]) -> Iterator[str]:
    if reader.table_if_there("crm_finding_rows") is not None:
        for (seed,) in reader.tuples(
            "select entity_id from crm_finding_rows "
            "where finding_code = 'reference_data_missing' order by entity_id"
        ):
            yield seed
    warnings = " ".join(row["warning"] or "" for row in scorecard)
    if "too_few_months" in warnings or "history_too_short" in warnings:
        yield "manual_baseline"
    if "prices_not_deflated" in warnings:
        yield "price_index"


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
    """Prints in `ru` or `en` the verdict, what changed, what it is worth and what to do next."""
    if told.verdict is None:
        return
    said = VerdictInWords(told, told.verdict, language)

    def say(text: str = "", style: str | None = None) -> None:
        text = wrapped(text, console.width)
        console.print(text, style=style, markup=False, soft_wrap=True)

    say()
    say(said.title(), style="bold")
    words = Language(language, "verdict")
    if said.has_go_live:
        for place, text in enumerate(said.certainty()):
            say(text if place else words.word("how_sure", text=text))
        for text in (*said.changes(), *said.cautions(), *said.money()):
            say(text)
    else:
        say(said.how_to_set_go_live())
    on_the_way = said.on_the_way()
    if on_the_way:
        say(said.on_the_way_title())
    for text in on_the_way:
        say(f"  - {text}")
    missing, (steps, closing) = said.missing(), said.next_steps()
    if missing:
        say(words.word("missing"))
    for text in missing:
        say(f"  - {text}")
    if steps:
        say(words.word("next"))
        for place, text in enumerate(steps, 1):
            say(f"  {place}. {text}")
        say(closing)
    elif closing:
        say(f"{words.word('next')} {closing}")


class VerdictInWords:
    """The verdict in the sentences that the terminal and the page share."""

    def __init__(self, told: Verdict, verdict: Row, code: str) -> None:
        """Takes what was read, the row of its verdict, and `ru` or `en`."""
        self._told = told
        self._verdict = verdict
        self._language = Language(code, "verdict")
        self._word = self._language.word

    @property
    def has_go_live(self) -> bool:
        """Whether it is known when the CRM went live."""
        return bool(self._verdict["reason"] != "go_live_missing")

    def title(self) -> str:
        """The verdict in one sentence."""
        key = "title_preliminary" if self._is_preliminary else "title"
        return self._word(key, verdict=self._answer())

    @property
    def _is_preliminary(self) -> bool:
        # marts of an earlier version do not say
        return bool(self._verdict.get("is_preliminary"))

    def how_to_set_go_live(self) -> str:
        """What to do where the go-live is not known."""
        return self._word("set_go_live")

    # -- the answer

    def _answer(self) -> str:
        verdict = self._verdict
        answer = verdict["verdict"]
        if answer == "pays_off":
            # a result that money does not confirm is not called so
            is_paid = (verdict["net_effect_ci_low"] or 0) > 0
            return self._word("pays_off" if is_paid else "pays_off_without_money")
        if answer == "eats_the_budget":
            return self._word(f"eats_the_budget_by_{verdict['reason']}")
        if answer == "cannot_tell_yet":
            day, months = verdict["can_tell_from"], verdict["months_to_compare"]
            longest = self._told.comparison_months
            if months and months > longest:
                # waiting does not help: the windows never get that long
                return self._word(
                    "cannot_tell_in_window", n=longest, needed=months, change=self._looked_for()
                )
            if day is None:
                return self._word("cannot_tell_at_all", change=self._looked_for())
            return self._word(
                "cannot_tell_yet", day=self._language.day(day), change=self._looked_for()
            )
        if answer == "no_effect":
            counts = {way: verdict[f"families_{way}"] for way in ("better", "worse")}
            if any(counts.values()):
                # too few of them for another answer, and not nothing
                return self._word("no_effect_mixed", n=verdict["families_with_data"], **counts)
            return self._word("no_effect", change=self._looked_for())
        if answer == "not_enough_data" and verdict["reason"] == "go_live_missing":
            return self._word("no_go_live")
        return self._word(answer)

    def _looked_for(self) -> str:
        """How large a change was looked for."""
        # marts of an earlier version know no goals
        goals = (row.get("goal_value") for row in self._told.scorecard)
        is_by_goals = any(goal is not None for goal in goals)
        return self._word("change_to_goals" if is_by_goals else "change_of_a_fifth")

    def certainty(self) -> Iterator[str]:
        """How sure the verdict is; the first sentence goes on after a heading."""
        verdict = self._verdict
        if not verdict["families_with_data"]:
            return
        text = self._word(
            "sure",
            n=verdict["families_with_data"],
            **{name: verdict[f"families_{name}"] for name in ("better", "worse", "level")},
        )
        chance = verdict["chance_under_no_effect"]
        if chance and chance < 0.5 and verdict["families_better"]:
            is_rare = chance < 1 / _MOST_CASES
            cases = self._language.whole(_MOST_CASES if is_rare else _rounded(1 / chance))
            text += " " + self._word("luck_is_rare" if is_rare else "luck", cases=cases)
        yield text
        if self._is_preliminary:
            yield self._word(
                "preliminary",
                n=self._told.comparison_months,
                day=self._language.day(verdict["final_from"]),
            )
        wrong = verdict["lines_expected_wrong"]
        if wrong:
            # the marts count 5 % of the intervals
            yield self._word("lines", n=round(wrong / 0.05))

    # -- what changed

    def changes(self) -> Iterator[str]:
        """Each metric: how it changed, or why that cannot be said."""
        scorecard = self._told.scorecard
        for status in _CHANGED:
            changed = [row for row in scorecard if row["status"] == status]
            if changed:
                yield self._word(f"changed_{status}")
            for row in changed:
                yield f"  - {self._change(row)}"
        level = [
            row[f"name_{self._language.code}"]
            for row in scorecard
            if row["status"] == "not_distinguishable"
        ]
        if level:
            yield self._word("changed_not_distinguishable", metrics=", ".join(level))
        silent = [row for row in scorecard if row["status"] in ("not_comparable", "no_data")]
        if silent:
            yield self._word("changed_not_comparable")
        for row in silent:
            yield f"  - {self._name(row)}: {why_not(row, self._language)}"

    def cautions(self) -> Iterator[str]:
        """What to bear in mind when reading the changes."""
        scorecard = self._told.scorecard
        if any(row["evidence"] == "weak" for row in scorecard):
            yield self._word("weak")
        warnings = {code for row in scorecard for code in codes_of(row["warning"])}
        for code in ("different_seasons", "prices_not_deflated"):
            if code in warnings:
                yield self._word(f"caution_{code}")

    def _name(self, row: Row) -> str:
        name: str = row[f"name_{self._language.code}"]
        return self._told.names.get(row["metric_code"], {}).get(self._language.code, name)

    def _change(self, row: Row) -> str:
        words = change_in_words(row, self._told.base_currency, self._language)
        text = f"{self._name(row)}: {words}"
        if row["status"] == "worse":
            text += self._word("see", metric=row["metric_code"])
        return text

    # -- what it is worth

    def money(self) -> Iterator[str]:
        """What the change is worth, in one paragraph; nothing where the marts do not say."""
        roi = self._told.roi
        if roi is None:
            return
        money = self._amount
        parts = [
            self._word(
                "roi",
                before=money(roi["revenue_before"]),
                after=money(roi["revenue_after"]),
                change=money(roi["revenue_change"], True),
                volume=money(roi["volume_effect"], True),
                conversion=money(roi["conversion_effect"], True),
                size=money(roi["deal_size_effect"], True),
            )
        ]
        if roi["net_effect"] is not None:
            parts += self._net_effect(roi)
        elif "margin_unknown" in codes_of(roi["warning"]):
            parts.append(self._word("margin_unknown"))
        parts.append(self._word("arithmetic"))
        yield " ".join(parts)

    def _net_effect(self, roi: Row) -> Iterator[str]:
        money = self._amount
        low, high = roi["net_effect_ci_low"], roi["net_effect_ci_high"]
        yield self._word("net", net=money(roi["net_effect"], True))
        if low is not None:
            yield self._word("net_interval", low=money(low, True), high=money(high, True))
        if roi["gross_margin_rate"] == 1:
            yield self._word("margin_is_revenue")
        if roi["payback_month"]:
            yield self._word("paid_back", month=self._language.month(roi["payback_month"]))
        elif low is not None and low <= 0 <= high:
            yield self._word("payback_unknown")
        else:
            yield self._word("not_paid_back")

    # -- on the way

    def on_the_way_title(self) -> str:
        """Which month `on_the_way` tells of."""
        return self._word("on_the_way", month=self._language.month(self._month["month_start"]))

    def on_the_way(self) -> list[str]:
        """While there is no final verdict: whether people work in the CRM, a line for a share."""
        is_open = self._is_preliminary or self._verdict["verdict"] in _OPEN
        if not is_open or not self._told.adoption:
            return []
        return [
            self._word(
                f"adoption_{share}",
                share=self._language.figure(self._month[share], "percent", None),
                part=self._language.whole(self._month[part]),
                whole=self._language.whole(self._month[whole]),
            )
            for share, (part, whole) in ADOPTION.items()
            if self._month[share] is not None
        ]

    @property
    def _month(self) -> Row:
        return self._told.adoption[-1]

    # -- what to do next

    def missing(self) -> list[str]:
        """Files of reference data that the company has not filled in, with what each gives."""
        return [f"{seed}.csv: {self._word(f'seed_{seed}')}" for seed in self._told.empty_seeds]

    def next_steps(self) -> tuple[list[str], str]:
        """What to do next, three steps at most, and a sentence after them."""
        if self._told.findings is None:
            return [], ""
        # what is missing is said apart
        findings = [
            row for row in self._told.findings if row["finding_code"] != "reference_data_missing"
        ]
        if not findings:
            return [], self._word("no_findings")
        steps = [self._step(row) for row in findings[:_FINDINGS]]
        return steps, self._word("more", n=len(findings))

    def _step(self, row: Row) -> str:
        evidence = self._word(
            "evidence",
            count=self._language.whole(row["evidence_count"]),
            base=self._language.whole(row["evidence_base"]),
            share=self._language.figure(row["evidence_share_pct"], "percent", None),
        )
        name, advice = (row[f"{key}_{self._language.code}"] for key in ("name", "advice"))
        return f"{name} ({self._word(row['severity'])}): {evidence}. {advice}"

    def _amount(self, value: float | None, is_signed: bool = False) -> str:
        write = self._language.signed if is_signed else self._language.figure
        return write(value, "money", self._told.base_currency)

    def _number(self, value: float) -> str:
        return self._language.number(value)


def change_in_words(row: Row, currency: str | None, language: Language) -> str:
    """Before, after and change of a row of the scorecard, with its interval and evidence."""
    unit, change, share = row["unit"], row["change"], row["change_pct"]
    text = language.word(
        "grew" if change > 0 else "fell",
        before=language.figure(row["before_value"], unit, currency),
        after=language.figure(row["after_value"], unit, currency),
        change=language.signed(abs(change), unit, currency).lstrip("+"),
        share=""
        if share is None or unit == "percent"
        else f" ({language.signed(share, 'share', None)})",
    )
    if row["change_ci_low"] is not None and row["change_ci_high"] is not None:
        text += language.word(
            "interval",
            low=language.signed(row["change_ci_low"], unit, currency),
            high=language.signed(row["change_ci_high"], unit, currency),
        )
    if row.get("evidence"):
        text += language.word(f"evidence_{row['evidence']}")
    source = row["before_source"]
    return text + (language.word(f"before_{source}") if source in ("manual", "journal") else "")


def goal_in_words(row: Row, currency: str | None, language: Language) -> str:
    """The goal of a row of the scorecard, its last day and how it stands; empty without one."""
    if row.get("goal_date") is None:
        return ""
    day = language.day(row["goal_date"])
    if row["goal_value"] is None:
        return language.word("goal_without_before", day=day)
    return language.word(
        "goal_by",
        value=language.figure(row["goal_value"], row["unit"], currency),
        day=day,
        status=language.word(f"goal_{row['goal_status'] or 'not_judged'}"),
    )


def codes_of(warning: str | None) -> list[str]:
    """Codes of the scorecard's `warning`, without what stands behind a colon."""
    return [part.partition(":")[0].strip() for part in (warning or "").split(",") if part.strip()]


def why_not(row: Row, language: Language) -> str:
    """Why a metric is not compared, and what to check."""
    if row["status"] == "not_comparable" and row["coverage_before"] is not None:
        kind = f"kind_{row['coverage_kind']}"
        return language.word(
            "recorded_differently",
            kind=language.word(kind if language.has(kind) else "kind_other"),
            before=language.number(row["coverage_before"]),
            after=language.number(row["coverage_after"]),
            metric=row["metric_code"],
        )
    reasons = [
        language.word(f"warning_{code}")
        for code in codes_of(row["warning"])
        if language.has(f"warning_{code}")
    ]
    return "; ".join(reasons) or language.word("no_data")


def _rounded(cases: float) -> int:
    """To two digits: more would pretend to a precision that is not there."""
    size = 1
    while cases >= 100 * size:
        size *= 10
    return round(cases / size) * size
