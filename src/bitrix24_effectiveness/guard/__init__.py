"""Raw tables judged by Great Expectations before anything is built."""

from bitrix24_effectiveness.guard.guard import check_raw_tables, guard
from bitrix24_effectiveness.guard.results import Finding

__all__ = ["Finding", "check_raw_tables", "guard"]
