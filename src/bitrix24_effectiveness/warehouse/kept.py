"""Tables that crm-effect keeps over runs beside what dbt builds, and publishes with the marts."""

from __future__ import annotations

from bitrix24_effectiveness.files import literal, quote

RUN_HISTORY = "run_history"
MODEL_TIMINGS = "model_timings"

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
