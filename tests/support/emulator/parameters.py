"""Parameters of a request: PHP's nested names, and JSON."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

import orjson

Parameters = dict[str, Any]

_PART = re.compile(r"\[([^\]]*)\]")


def parse_query(text: str) -> Parameters:
    """Reads `filter[>ID]=7&select[]=ID` as PHP does: arrays become dictionaries."""
    parsed: Parameters = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        head, bracket, _ = name.partition("[")
        parts = [head, *(_PART.findall(name[len(head) :]) if bracket else [])]
        place = parsed
        for part in parts[:-1]:
            place = place.setdefault(part, {})
        place[parts[-1] or str(len(place))] = value
    return parsed


def parse_body(body: bytes, content_type: str) -> Parameters:
    """Reads the body of a POST. An empty one has no parameters."""
    if not body:
        return {}
    if "json" in content_type:
        given = orjson.loads(body)
        return given if isinstance(given, dict) else {}
    return parse_query(body.decode())


def elements(value: Any) -> list[Any]:
    """The elements of an array, however it was passed; a single value is an array of one."""
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else [value]


def php_array(values: dict[str, Any]) -> dict[str, Any] | list[Any]:
    """An array as PHP writes it to JSON: with keys 0, 1, 2... or without any it is a list."""
    if list(values) == [str(position) for position in range(len(values))]:
        return list(values.values())
    return values
