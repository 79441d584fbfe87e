"""The demo portal: a made-up Bitrix24 with a planted effect of a CRM go-live."""

from .command import demo as command
from .generator import TABLES, DemoError, generate

__all__ = ["TABLES", "DemoError", "command", "generate"]
