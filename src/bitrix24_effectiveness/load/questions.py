"""What a portal is asked for: the calls of each batch, and the rows in its answer.

A question shrinks when an answer does not come in time, and grows again with those that do.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.load.methods import PAGE, Method, Row

CALLS = 50
"""Calls that one batch may hold."""

_FIRST = 2
_STALLED = 5


class PortalError(ConfigurationError):
    """The portal did not answer, or refused; says what to do about it."""

    def __init__(
        self,
        code: str,
        text: str,
        *,
        passes: bool = False,
        of_method: bool = True,
        is_slow: bool = False,
        retry_after: float | None = None,
    ) -> None:
        """Takes Bitrix24's code, or one of this program.

        Args:
            code: The code.
            text: What to tell a person.
            passes: It may be well a little later.
            of_method: Another method may be well; else the whole portal is out of reach.
            is_slow: The answer did not come in the time that the portal gives itself.
            retry_after: Seconds after which the portal wants to be asked again.
        """
        super().__init__(text)
        self.code = code
        self.passes = passes
        self.of_method = of_method
        self.is_slow = is_slow
        self.retry_after = retry_after


class Question(ABC):
    """Something that takes a row of batches to answer."""

    halts = True
    """Whether the portal need not go on after a call that failed."""

    def __init__(self, method: Method) -> None:
        """Asks nothing yet."""
        self.method = method
        self.has_more = True
        self.limit = CALLS
        self.shrunk = 0
        self._asked = 0

    def calls(self) -> dict[str, str]:
        """The calls of the next batch by their names."""
        calls = {f"p{number}": call for number, call in enumerate(self._calls())}
        self._asked = len(calls)
        return calls

    def shrink(self) -> bool:
        """Halves the next batch; False if there is nothing to halve."""
        if self._asked < 2:
            return False
        self.limit = self._asked // 2
        self.shrunk += 1
        return True

    def accept(self) -> None:
        """Takes the last answer for good: what follows goes on behind it."""
        self.limit = min(CALLS, self.limit + 1)

    def forgiven(self, answer: Row) -> set[str]:
        """Calls that failed in a way that says that there is nothing to be had."""
        return set()

    @abstractmethod
    def _calls(self) -> Iterator[str]: ...

    @abstractmethod
    def read(self, answer: Row) -> None:
        """Reads the `result` of a batch; another one to the same calls may follow.

        Raises:
            PortalError: it makes no sense, and the calls are to be made again.
        """


class WholeList(Question):
    """All rows of a method that cannot be walked; page by page, should it have pages."""

    def __init__(self, method: Method) -> None:
        """Begins at the first page."""
        super().__init__(method)
        self.after = 0
        self.rows: list[Row] = []
        self._start: int | None = None

    def _calls(self) -> Iterator[str]:
        start = {"start": self._start} if self._start else {}
        yield call(self.method, {**self.method.parameters, **start})

    def read(self, answer: Row) -> None:
        """Keeps the rows of the page."""
        rows = self.method.rows(of_calls(answer, "result")["p0"])
        # a row may come twice, and there is no order by which to tell
        self.rows = list({row[self.method.key_field]: row for row in rows}.values())
        self._start = of_calls(answer, "result_next").get("p0")
        self.has_more = self._start is not None


class Fields(Question):
    """Names of the fields of a kind of CRM objects, custom ones as other methods call them."""

    def __init__(self, entity_type: int) -> None:
        """Takes the number of the kind."""
        given = {"entityTypeId": entity_type, "useOriginalUfNames": "Y"}
        super().__init__(Method("crm.item.fields", "crm", given, "fields"))
        self.names: set[str] = set()

    def _calls(self) -> Iterator[str]:
        yield call(self.method, {**self.method.parameters})

    def read(self, answer: Row) -> None:
        """Keeps the names."""
        self.names = set(of_calls(answer, "result")["p0"].get("fields") or ())
        self.has_more = False


class Walk(Question):
    """Rows in the order of their key: each page asks for what comes after the one before.

    Within a batch a page refers to the answer of the page before it. The first batch is small,
    since the calls after the last page are for nothing. Only an empty page is the last: where the
    webhook's user may not see a row, a page is short and more may follow.
    """

    def __init__(
        self,
        method: Method,
        columns: Sequence[str],
        after: int = 0,
        since: str | None = None,
        up_to: int | None = None,
        expected: int | None = None,
    ) -> None:
        """Begins after a key.

        Args:
            method: The method.
            columns: Raw columns to ask for.
            after: Leaves out rows up to this key.
            since: Leaves out rows that were neither created nor changed since (ISO 8601).
            up_to: Leaves out rows above this key.
            expected: How many rows there are, if that was counted: with them the walk ends.
        """
        super().__init__(method)
        self.after = after
        self.rows: list[Row] = []
        self._columns, self._since, self._up_to = columns, since, up_to
        self._expected = expected
        self._pages = _FIRST if expected is None else -(-expected // PAGE)
        self._stalled = 0
        self._last = after
        self._is_short = False

    def _calls(self) -> Iterator[str]:
        for number in range(max(1, min(self._pages, self.limit))):
            after = self.method.reference(f"p{number - 1}") if number else self.after
            page = self.method.page(self._columns, after, self._since, self._up_to)
            yield call(self.method, page)

    def read(self, answer: Row) -> None:
        """Keeps the rows up to the first page that is not full."""
        self.rows, self._last, self.has_more, self._is_short = [], self.after, True, False
        seen: set[int] = set()
        for result in of_calls(answer, "result").values():
            page = self.method.rows(result)
            for row in page:
                self._take(row, seen)
            if not page:
                self.has_more = False
            if len(page) < PAGE:
                # what follows in the batch refers to a row that is not there
                self._is_short = True
                break

    def _take(self, row: Row, seen: set[int]) -> None:
        try:
            key = int(row[self.method.key_field])
        except (KeyError, TypeError, ValueError):
            text = f"{self.method.name}: a row has no ID"
            raise PortalError("disorder", text, passes=True) from None
        if key > self._last:
            self.rows.append(row)
            self._last = key
            seen.add(key)
        elif key > self.after and key not in seen:
            # what comes late would be taken for what came already
            text = f"{self.method.name}: rows do not come in the order of their ID"
            raise PortalError("disorder", text, passes=True)

    def accept(self) -> None:
        """Goes on behind the last row."""
        super().accept()
        self._stalled = 0 if self._last > self.after else self._stalled + 1
        if self.has_more and self._stalled == _STALLED:
            raise PortalError("", f"{self.method.name}: gives the same rows again and again")
        self.after = self._last
        if self._expected is not None:
            self._expected -= len(self.rows)
            self.has_more = self.has_more and self._expected > 0
        self._pages = 1 if self._is_short else min(CALLS, max(self._pages, _FIRST) * 5)


class Many(Question):
    """One call for each of many items; `results` are those of the last batch, by item."""

    def __init__(self, method: Method, items: Sequence[Any]) -> None:
        """Takes the items; none is nothing to ask."""
        super().__init__(method)
        self.results: list[tuple[Any, Any]] = []
        self._items = items
        self._done = self._read = 0
        self.has_more = bool(items)

    def _calls(self) -> Iterator[str]:
        for item in self._items[self._done : self._done + self.limit]:
            yield call(self.method, self.parameters(item))

    @abstractmethod
    def parameters(self, item: Any) -> Row:
        """Parameters of the call for an item."""

    @abstractmethod
    def result(self, name: str, answer: Row) -> Any:
        """What the call of this name has brought."""

    def read(self, answer: Row) -> None:
        """Keeps the results of the calls that were answered, one after the other."""
        answered = of_calls(answer, "result").keys() | self.forgiven(answer)
        self.results = []
        for number, item in enumerate(self._items[self._done : self._done + self._asked]):
            if f"p{number}" not in answered:
                break
            self.results.append((item, self.result(f"p{number}", answer)))

    def accept(self) -> None:
        """Goes on with the items that are left."""
        super().accept()
        self._done += len(self.results)
        self.has_more = self._done < len(self._items)


class Existing(Many):
    """Which of many keys the portal has a row for, fifty to a call."""

    def __init__(self, method: Method, keys: Sequence[int]) -> None:
        """Takes the keys."""
        super().__init__(method, [keys[n : n + PAGE] for n in range(0, len(keys), PAGE)])

    def parameters(self, item: Sequence[int]) -> Row:
        """A list of keys is a filter everywhere."""
        return self.method.asked({self.method.key: list(item)}, ["id"], start=-1)

    def result(self, name: str, answer: Row) -> set[int]:
        """The keys that came."""
        rows = self.method.rows(of_calls(answer, "result")[name])
        return {int(row[self.method.key_field]) for row in rows}


class Counts(Many):
    """How many rows the portal has in many ranges of keys: after the first, up to the second."""

    def parameters(self, item: tuple[int, int]) -> Row:
        """The first page of a range, since no method counts without it."""
        conditions = {f">{self.method.key}": item[0], f"<={self.method.key}": item[1]}
        return self.method.asked(conditions, ["id"], start=0)

    def result(self, name: str, answer: Row) -> int | None:
        """The count; None where the portal does not say it."""
        total = of_calls(answer, "result_total").get(name)
        return None if total is None else int(total)


class Messages(Many):
    """The messages of many chats, as rows of a raw table: without texts, without names."""

    halts = False

    def parameters(self, item: int) -> Row:
        """The session, which its activity names."""
        return {"SESSION_ID": item}

    def forgiven(self, answer: Row) -> set[str]:
        """A session that is no more, or that the webhook's user may not see, has no messages."""
        errors = of_calls(answer, "result_error").items()
        return {name for name, error in errors if error.get("error") in _NO_SESSION}

    def result(self, name: str, answer: Row) -> list[Row] | None:
        """The rows of a session; None where it cannot be read."""
        history = of_calls(answer, "result").get(name)
        if history is None:
            return None
        people = history.get("users") or {}
        return [
            {
                "ID": message.get("id"),
                "SESSION_ID": history.get("sessionId"),
                "SENDER_ID": message.get("senderid"),
                "SENDER_KIND": _kind(str(message.get("senderid") or "0"), people),
                "SENT_AT": message.get("date"),
            }
            # PHP writes an empty object as a list
            for message in dict(history.get("message") or {}).values()
        ]


_NO_SESSION = {"ACCESS_DENIED", "INVALID_SESSION_ID"}


def _kind(sender: str, people: Any) -> str | None:
    """Who wrote a message; None: somebody of whom the portal says nothing."""
    if sender == "0":
        return "system"
    person = people.get(sender) if isinstance(people, dict) else None
    if not person:
        return None
    if person.get("bot"):
        return "bot"
    return "client" if person.get("connector") else "operator"


def of_calls(answer: Row, part: str) -> dict[str, Any]:
    """A part of the answer to a batch by the names of its calls.

    PHP writes an array without keys as a list, and an empty one always.
    """
    given = answer.get(part) or {}
    if isinstance(given, list):
        return {f"p{number}": value for number, value in enumerate(given)}
    return given


def call(method: Method, parameters: Row) -> str:
    """One call within a batch."""
    return f"{method.name}?{urlencode(list(_flat(parameters)), quote_via=quote)}"


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Nested parameters by the names that PHP gives them: `filter[>ID]`, `select[]`."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}[{key}]" if name else key)
    elif isinstance(value, list):
        for inner in value:
            yield f"{name}[]", inner
    else:
        yield name, value
