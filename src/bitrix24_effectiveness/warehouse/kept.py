"""Tables that crm-effect keeps over runs beside what dbt builds, and publishes with the marts."""

from __future__ import annotations

from bitrix24_effectiveness.files import literal, quote

RUN_HISTORY = "run_history"
MODEL_TIMINGS = "model_timings"
VERDICT_HISTORY = "verdict_history"
METRIC_CHANGES = "metric_changes"
METRIC_ALERTS = "metric_alerts"

# table -> what it is; column -> its type, and what it is
KEPT: dict[str, tuple[str, dict[str, tuple[str, str]]]] = {
    RUN_HISTORY: (
        "One row per run and phase that it came to, of the runs of crm-effect that had the lock. "
        "What is published ends before its own publication. / Строка на каждый этап каждого "
        "запуска; этапа публикации самих этих витрин здесь ещё нет.",
        {
            "run_id": (
                "text not null",
                "UTC instant at which the run began; the same as in data_quality_results / "
                "Начало запуска, UTC",
            ),
            "command": ("text not null", "Command, such as run / Команда"),
            "phase": (
                "text not null",
                "load, check (of the settings, and whether anything has changed), guard, build, "
                "publish, rollback (to an earlier publication) / Этап",
            ),
            "started_at": ("timestamp not null", "When the phase began, UTC / Начало этапа, UTC"),
            "seconds": (
                "double precision not null",
                "How long it took, seconds / Длительность, секунды",
            ),
            "status": (
                "text not null",
                "ok, unchanged (nothing to build), failed, stopped (by Ctrl-C or SIGTERM) / Итог",
            ),
            "rows_read": (
                "bigint",
                "Load: rows that the portal gave; build: rows of the raw tables; null: not known / "
                "Прочитано строк; null: неизвестно",
            ),
            "rows_rejected": (
                "bigint",
                "Build: raw rows that could not be used; null: not known / "
                "Отклонено строк; null: неизвестно",
            ),
            "version": ("text not null", "Version of the project / Версия проекта"),
            "as_of": (
                "timestamp",
                "What the marts are as of, UTC; null before a build has ended / "
                "По какой момент данные, UTC; null: сборка не закончена",
            ),
            "message": (
                "text",
                "Why it failed, without secrets; null: it did not / "
                "Причина неудачи, без секретов; null: неудачи не было",
            ),
        },
    ),
    MODEL_TIMINGS: (
        "One row per run and table that dbt built, of the last hundred builds. / Строка на каждую "
        "таблицу, которую построил dbt, за последние сто сборок.",
        {
            "run_id": ("text not null", "As in run_history / Как в run_history"),
            "model": ("text not null", "Model or seed of dbt / Модель или справочник dbt"),
            "seconds": (
                "double precision not null",
                "How long it took, seconds / Длительность, секунды",
            ),
        },
    ),
    VERDICT_HISTORY: (
        "One row per build: what crm_verdict said then. / Строка на каждую сборку: вывод, каким он "
        "был тогда.",
        {
            "run_id": ("text not null", "As in run_history / Как в run_history"),
            "as_of": (
                "timestamp",
                "What the marts were as of, UTC / По какой момент были данные, UTC",
            ),
            "verdict": ("text not null", "As in crm_verdict / Вывод, как в crm_verdict"),
            "is_preliminary": ("boolean", "As in crm_verdict / Предварительный ли"),
            "families_better": ("bigint", "Families better / Семейств лучше"),
            "families_worse": ("bigint", "Families worse / Семейств хуже"),
            "net_effect": (
                "double precision",
                "As in crm_roi, a month; null: not known / Чистый эффект в месяц",
            ),
            "net_effect_ci_low": ("double precision", "Its lower bound / Нижняя граница"),
            "net_effect_ci_high": ("double precision", "Its upper bound / Верхняя граница"),
        },
    ),
    METRIC_CHANGES: (
        "One row per publication and figure of metric_values whose period was complete and ripe "
        "when it was published, and that is another one since this publication; of the last "
        "hundred publications that changed any. / Строка на каждую публикацию и каждое значение "
        "metric_values за полный и уже устоявшийся период, которое стало в ней другим; за "
        "последние сто публикаций с такими изменениями.",
        {
            "found_at": (
                "timestamp not null",
                "When the two publications were compared, just before the newer one, UTC / "
                "Когда найдено: перед самой публикацией, UTC",
            ),
            "previous_published_at": (
                "timestamp not null",
                "Instant of the publication that had the old figure, UTC / "
                "Время публикации с прежним значением, UTC",
            ),
            "metric_key": ("text not null", "As in metric_values / Как в metric_values"),
            "metric_code": ("text not null", "As in metric_catalog / Код показателя"),
            "period_grain": ("text not null", "month, quarter or year / Месяц, квартал или год"),
            "period_start": ("date not null", "First day of the period / Первый день периода"),
            "period_end": ("date not null", "Last day of the period / Последний день периода"),
            "segment_type": (
                "text not null",
                "all is the whole company / Вид сегмента; all — вся компания",
            ),
            "segment_id": ("text not null", "Member of the segment / Элемент сегмента"),
            "segment_name": ("text", "Its name then / Его название тогда"),
            "old_value": (
                "double precision",
                "Figure as published before, in the unit of the metric; null: there was none / "
                "Прежнее значение; null: его не было",
            ),
            "new_value": (
                "double precision",
                "Figure as published now; null: there is none any more / "
                "Новое значение; null: его больше нет",
            ),
            "old_numerator": ("double precision", "Numerator before / Прежний числитель"),
            "new_numerator": ("double precision", "Numerator now / Новый числитель"),
            "old_denominator": (
                "double precision",
                "Denominator before; null for sums / Прежний знаменатель; у сумм его нет",
            ),
            "new_denominator": (
                "double precision",
                "Denominator now; null for sums / Новый знаменатель; у сумм его нет",
            ),
            "new_value_status": (
                "text",
                "value_status of the figure now; null: the row is no longer there / "
                "Статус нового значения; null: строки больше нет",
            ),
            "change_pct": (
                "double precision",
                "100 x (new - old) / |old|; 0 where only numerator and denominator changed; null "
                "where one of the values is null or the old one is 0 / Изменение, %; null, если "
                "сравнить нельзя",
            ),
            "why": (
                "text not null",
                "All causes that there is evidence of, separated by commas: late_rows (dated in "
                "the period, not there before), deleted_rows (gone since), changed_settings (vars "
                "or seeds), new_version (or other models); else changed_rows / Причины",
            ),
            "how_known": (
                "text not null",
                "The evidence: how many rows behind the metric's figures of the period came or "
                "went, which vars and seeds differ, which versions. Of all segments together / "
                "Из чего это следует: по всем сегментам вместе",
            ),
        },
    ),
    METRIC_ALERTS: (
        "One row per alert of the seed alerts and month that called for it. / Строка на каждое "
        "оповещение из справочника alerts и месяц, который его вызвал.",
        {
            "found_at": (
                "timestamp not null",
                "When it was found, just before the publication, UTC / Когда найдено, UTC",
            ),
            "alert_id": ("text not null", "As in the seed / Как в справочнике"),
            "metric_code": ("text not null", "As in metric_catalog / Код показателя"),
            "segment_type": ("text not null", "As in metric_values / Вид сегмента"),
            "segment_id": ("text not null", "As in metric_values / Элемент сегмента"),
            "segment_name": ("text", "Its name then / Его название тогда"),
            "period_start": ("date not null", "First day of the month / Первый день месяца"),
            "value": ("double precision not null", "Figure of the month / Значение за месяц"),
            "low": (
                "double precision",
                "Told because below it; null: however low / Нижняя граница; null: её нет",
            ),
            "high": (
                "double precision",
                "Told because above it; null: however high / Верхняя граница; null: её нет",
            ),
            "months": (
                "bigint",
                "Months before it that make the usual range; null: the threshold is of the seed / "
                "По скольким прежним месяцам найден обычный диапазон; null: порог из справочника",
            ),
        },
    ),
}


def definition(schema: str, table: str) -> list[str]:
    """Statements that make a table with its descriptions."""
    about, columns = KEPT[table]
    name = f"{quote(schema)}.{table}"
    typed = ", ".join(f"{column} {kind}" for column, (kind, _) in columns.items())
    return [
        f"create table {name} ({typed})",
        f"comment on table {name} is '{literal(about)}'",
        *(
            f"comment on column {name}.{column} is '{literal(what)}'"
            for column, (_, what) in columns.items()
        ),
    ]
