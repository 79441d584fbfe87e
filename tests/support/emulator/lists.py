"""Answers of list methods: filter, order, page and select the rows of a table."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from emulator.errors import RestError
from emulator.methods import USER_BASIC, USER_BRIEF, Method
from emulator.parameters import Parameters, elements
from emulator.portal import MULTIPLE, PERSONAL, Portal, Row, Table, personal_value
from emulator.values import comparable, less

PAGE = 50

_CONDITION = re.compile(r"(!><|!=%|!%=|><|>=|<=|=%|%=|!=|!@|!%|>|<|@|%|=|!|\?)?(.*)")

Condition = tuple[str, str, Any]
Order = tuple[tuple[str, str], ...]


class Lists:
    """Serves the list methods of a portal."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self._remembered: OrderedDict[Any, list[Any]] = OrderedDict()
        self._last_page: dict[Any, list[Any]] = {}

    def answer(self, method: Method, parameters: Parameters, repeat: bool = False) -> Row:
        """The answer to a call without its `time`: `result`, `total` and perhaps `next`.

        With `repeat` the page before comes once more in front of this one, if this one goes on
        where it ended, and the first rows of this one come twice.
        """
        given = {name.lower(): value for name, value in parameters.items()}
        table = self.portal.tables.get(method.table) or Table(method.table)
        if not table.rows:
            return {"result": {method.inside: []} if method.inside else [], "total": 0}
        fields = self._fields(table, method)
        names = method.names(fields)
        conditions = _conditions(given.get("filter") or {}, method, names)
        order = _order(given, method, names)
        start = _start(given)

        if not method.paged:
            page = self._all(table, method, conditions, order)
            answer: Row = {"total": len(page) if method.counts else 0}
        elif start < 0:
            page = list(islice(self._matching(table, method, conditions, order), PAGE))
            answer = {"total": 0}
        else:
            found = self._all(table, method, conditions, order)
            page = found[start : start + PAGE]
            unseen = self.portal.unseen.get(table.name, set())
            answer = {"total": len(found) - len(unseen.intersection(found))}
            if start + PAGE < len(found):
                answer = {"next": start + PAGE} | answer
        selected = _selected(given, method, table, names)
        kind = (method.table, tuple(selected))
        before, self._last_page[kind] = self._last_page.get(kind, []), page
        if repeat:
            after = next((v for o, n, v in conditions if (o, n) == (">", table.key)), None)
            page = [k for k in before if start > 0 or _goes_on(k, after)] + page + page[:7]
        unseen = self.portal.unseen.get(table.name, ())
        seen = [key for key in page if key in table.rows and key not in unseen]
        rows = _rows(table, method, selected, seen)
        return {"result": {method.inside: rows} if method.inside else rows} | answer

    def described(self, method: Method) -> Row:
        """The fields of a universal list by their names: `crm/universal/crm-item-fields.md`."""
        table = self.portal.tables.get(method.table) or Table(method.table)
        return {
            method.name_of(name): {
                "type": "integer" if name in method.numbers else "string",
                "isReadOnly": name == table.key,
                "isMultiple": name in MULTIPLE,
                "isDynamic": name.startswith("UF_"),
                "title": name,
                "upperName": name,
            }
            for name in self._fields(table, method)
        }

    def _fields(self, table: Table, method: Method) -> list[str]:
        fields = [*table.fields, *PERSONAL.get(table.name, ())]
        if table.name != "users" or "user" in self.portal.scopes:
            return fields
        visible = USER_BASIC if "user_basic" in self.portal.scopes else USER_BRIEF
        return [name for name in fields if name in visible]

    def _all(
        self, table: Table, method: Method, conditions: list[Condition], order: Order | None
    ) -> list[Any]:
        """All keys that match, remembered until the table changes: pages ask again and again."""
        question = (table.name, table.version, repr(conditions), order)
        found = self._remembered.get(question)
        if found is None:
            found = list(self._matching(table, method, conditions, order))
            self._remembered[question] = found
            if len(self._remembered) > 8:
                self._remembered.popitem(last=False)
        return found

    def _matching(
        self, table: Table, method: Method, conditions: list[Condition], order: Order | None
    ) -> Iterable[Any]:
        """Keys that match in their order; with an order by id one after the other, as asked."""
        keys = table.keys
        if order and order[0][0] == table.key:
            low, conditions = _begin(table, conditions)
            walk = keys[low:] if order[0][1] == "ASC" else keys[low:][::-1]
            # only among users some are hidden
            if not conditions and table.name != "users":
                return walk
            return self._passing(table, walk, conditions)
        found = list(self._passing(table, keys, conditions))
        if order is None:
            found.sort(key=lambda key: str(key)[::-1])
        for name, direction in reversed(order or ()):
            found.sort(
                key=lambda key, name=name: comparable(table.rows[key].get(name)),
                reverse=direction == "DESC",
            )
        return found

    @staticmethod
    def _passing(table: Table, keys: Iterable[Any], conditions: list[Condition]) -> Iterator[Any]:
        tests = [_test(condition) for condition in conditions]
        for key in keys:
            row = table.rows.get(key)
            # bots, among others, are users that the method does not return
            hidden = row is None or row.get("USER_TYPE") in ("bot", "email", "imconnector")
            if not hidden and all(test(row) for test in tests):
                yield key


def _begin(table: Table, conditions: list[Condition]) -> tuple[int, list[Condition]]:
    """Where in the keys to begin, and the conditions that are left to test."""
    low, left = 0, []
    for operator, name, value in conditions:
        kind, number = comparable(value) if _scalar(value) else (0, None)
        if name == table.key == "ID" and kind == 1 and operator in (">", ">="):
            cut = bisect_right if operator == ">" else bisect_left
            low = max(low, cut(table.keys, number))
        else:
            left.append((operator, name, value))
    return low, left


def _bad(method: Method, what: str, name: str) -> RestError:
    if method.bad_argument == "INVALID_ARG_VALUE":
        text = f"Invalid {what}: field '{name}' is not allowed in {what}"
        return RestError("INVALID_ARG_VALUE", text)
    if method.bad_argument == "0" and what == "order":
        return RestError("0", "Invalid sorting key (internal error)")
    return RestError("", f"Failed to get list. General error. ({what}: {name})")


def _conditions(given: Any, method: Method, names: dict[str, str]) -> list[Condition]:
    if not isinstance(given, dict | list):
        raise RestError("", "Parameter 'filter' must be array.")
    if not given:
        return []
    if not method.filters or isinstance(given, list):
        raise _bad(method, "filter", str(given))
    conditions = []
    for condition, value in given.items():
        match = _CONDITION.fullmatch(condition)
        operator, name = (match[1] or ""), match[2]
        known = names.get(method.aliases.get(name, name))
        allowed = method.filterable is None or name in method.filterable
        if known is None or not allowed or operator not in method.operators:
            raise _bad(method, "filter", condition)
        conditions.append((operator, known, value if _scalar(value) else elements(value)))
    return conditions


def _scalar(value: Any) -> bool:
    return not isinstance(value, dict | list)


def _order(given: Parameters, method: Method, names: dict[str, str]) -> Order | None:
    asked = given.get("order") or {}
    if method.one_order:
        name = given.get("sort")
        asked = {name: asked or "ASC"} if name else {}
    elif not isinstance(asked, dict):
        raise RestError("", "Parameter 'order' must be array.")
    if not asked:
        return method.default_order
    order = []
    for name, direction in asked.items():
        known = names.get(method.aliases.get(name, name))
        allowed = method.sortable is None or name in method.sortable
        if known is None or not allowed or str(direction).upper() not in ("ASC", "DESC"):
            raise _bad(method, "order", name)
        order.append((known, str(direction).upper()))
    return tuple(order)


def _start(given: Parameters) -> int:
    try:
        start = int(given.get("start") or 0)
    except (TypeError, ValueError):
        return 0
    return start


def _selected(given: Parameters, method: Method, table: Table, names: dict[str, str]) -> list[str]:
    """The fields to deliver; unknown ones are left out."""
    everything = [
        name
        for name in dict.fromkeys(names.values())
        if table.name == "users" or name not in MULTIPLE
    ]
    asked = elements(given["select"]) if given.get("select") else ["*", "UF_*"]
    if not method.selects:
        return everything
    selected: dict[str, None] = dict.fromkeys([table.key])
    for name in asked:
        if name == "*":
            custom = method.inside == "items"
            selected |= dict.fromkeys(n for n in everything if custom or not n.startswith("UF_"))
        elif name == "UF_*":
            selected |= dict.fromkeys(n for n in everything if n.startswith("UF_"))
        elif name in names:
            selected[names[name]] = None
    return list(selected)


def _rows(table: Table, method: Method, selected: list[str], page: list[Any]) -> list[Row]:
    stored = [(method.name_of(name), name) for name in selected if name in table.fields]
    numbers = [(said, name) for said, name in stored if name in method.numbers]
    personal = [(method.name_of(name), name) for name in selected if name not in table.fields]
    rows = []
    for key in page:
        row = table.rows[key]
        delivered = {said: row[name] for said, name in stored}
        for said, name in numbers:
            delivered[said] = _number(row[name])
        for said, name in personal:
            delivered[said] = personal_value(table.name, name, key)
        if table.name == "tasks":
            delivered |= _people_of_task(row, selected)
        rows.append(delivered)
    return rows


def _goes_on(key: Any, after: Any) -> bool:
    """Whether a page of what comes after a key follows the page that held `key`."""
    return after is not None and not less(after, key)


def _number(value: Any) -> Any:
    kind, number = comparable(value)
    if kind != 1:
        return value
    return int(number) if number.is_integer() else number


def _people_of_task(row: Row, selected: list[str]) -> Row:
    """What comes with a task unasked: its group, and its people with their names."""
    people: Row = {"group": []}
    for name, key in (("CREATED_BY", "creator"), ("RESPONSIBLE_ID", "responsible")):
        if name in selected:
            person = row.get(name)
            said = personal_value("tasks", key, row["ID"])
            people[key] = {"id": person, "name": said, "link": f"/company/personal/user/{person}/"}
    if "STATUS" in selected:
        people["subStatus"] = row.get("STATUS")
    return people


def _like(pattern: str) -> re.Pattern[str]:
    parts = (re.escape(part) for part in pattern.split("%"))
    return re.compile(".*".join(parts), re.IGNORECASE | re.DOTALL)


def _test(condition: Condition) -> Callable[[Row], bool]:
    """The test of a row that a condition means."""
    operator, name, value = condition
    negated = operator.startswith("!")
    operator = operator.removeprefix("!")
    if operator in ("%", "?"):
        pattern = _like(f"%{value}%")
    elif operator in ("=%", "%="):
        pattern = _like(str(value))
    else:
        pattern = None

    def passes(row: Row) -> bool:
        found = row.get(name)
        if pattern is not None:
            return bool(pattern.fullmatch(str(found or ""))) is not negated
        if operator in ("", "=", "@"):
            among = value if isinstance(value, list) else [value]
            held = found if isinstance(found, list) else [found]
            return any(_same(one, other) for one in held for other in among) is not negated
        if comparable(found)[0] == 0:
            return False
        if isinstance(value, list) and operator != "><":
            # no page says so; PHP makes a number of each element, and any of them will do
            return not value or any(compares(found, _as_php_number(one)) for one in value)
        if operator == "><":
            inside = not less(found, value[0]) and not less(value[1], found)
            return inside is not negated
        return compares(found, value)

    def compares(found: Any, value: Any) -> bool:
        passed = less(value, found) if operator[0] == ">" else less(found, value)
        return passed or (operator.endswith("=") and _same(found, value))

    return passes


def _as_php_number(value: Any) -> Any:
    return int(bool(value)) if isinstance(value, dict | list) else value


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, bool):
        return str(other).lower() in (("true", "1", "y") if one else ("false", "0", "n"))
    return comparable(one) == comparable(other)
