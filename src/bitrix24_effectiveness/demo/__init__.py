"""The demo portal: a made-up Bitrix24 with a planted effect of a CRM go-live."""

from .command import demo as command
from .company import GO_LIVE, seed_files, settled, write_seeds
from .generator import TABLES, DemoError, generate

__all__ = [
    "GO_LIVE",
    "TABLES",
    "DemoError",
    "command",
    "generate",
    "seed_files",
    "settled",
    "write_seeds",
]
