"""Raw tables, as the base models read them, judged by Great Expectations."""

from bitrix24_effectiveness.guard.judge import check_raw_tables, guard, read_suites
from bitrix24_effectiveness.guard.results import Finding

__all__ = ["Finding", "check_raw_tables", "guard", "read_suites"]
