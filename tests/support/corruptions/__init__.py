"""What goes wrong with raw data in reality, and what must come of each: the catalogue."""

from corruptions import delivery, formats, sense, silence
from corruptions.catalogue import CATALOGUE

__all__ = ["CATALOGUE", "delivery", "formats", "sense", "silence"]
