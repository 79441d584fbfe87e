"""Raw tables judged by Great Expectations before anything is built."""

from bitrix24_effectiveness.guard.judge import check_raw_tables, guard, read_suites
from bitrix24_effectiveness.guard.results import Finding

__all__ = ["Finding", "check_raw_tables", "guard", "read_suites"]
