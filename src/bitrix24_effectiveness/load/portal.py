"""The portal over HTTP: dlt's REST client, with the manners that Bitrix24 asks for.

dlt's helpers bring sessions, retries with back-off and `Retry-After`. What they lack is here: the
secret in the path, errors in the body of an answer, 2 requests a second, jitter, and pages by key,
fifty to a request.
"""

from __future__ import annotations

import logging
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from dlt.sources.helpers.requests import Client
from dlt.sources.helpers.rest_client.client import RESTClient
from dlt.sources.helpers.rest_client.paginators import BasePaginator
from requests import PreparedRequest, Request, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException
from tenacity import RetryCallState, wait_random

from bitrix24_effectiveness.errors import ConfigurationError
from bitrix24_effectiveness.load.methods import PAGE, Method, Row
from bitrix24_effectiveness.load.settings import Settings, Webhook
from bitrix24_effectiveness.log import Log

CALLS = 50
"""Calls that one batch may hold."""

_LONGEST_WAIT = 120
_LONGEST_REST = 600
_STALLED = 5

_PASSING = {
    "QUERY_LIMIT_EXCEEDED",
    "OPERATION_TIME_LIMIT",
    "OVERLOAD_LIMIT",
    "INTERNAL_SERVER_ERROR",
    "ERROR_UNEXPECTED_ANSWER",
}
_REFUSED = {
    "insufficient_scope",
    "INVALID_CREDENTIALS",
    "ACCESS_DENIED",
    "user_access_error",
    "allowed_only_intranet_user",
    "ERROR_METHOD_NOT_FOUND",
}
_ADVICE = {
    "NO_AUTH_FOUND": "the webhook was deleted, or its address is not copied in full: make a new "
    "one in Bitrix24 (Developer resources > Other > Incoming webhook)",
    "INVALID_CREDENTIALS": "the webhook was deleted, or its user was dismissed: make a new one",
    "expired_token": "the webhook has expired: make a new one",
    "ACCESS_DENIED": "the plan of the portal has no REST API",
    "user_access_error": "the user of the webhook may not use it",
    "OVERLOAD_LIMIT": "Bitrix24 has blocked the portal's REST API: ask its support",
    "QUERY_LIMIT_EXCEEDED": "too many requests: lower BITRIX24_REQUESTS_PER_SECOND, or stop what "
    "else asks the portal from this machine",
}


class PortalError(ConfigurationError):
    """The portal did not answer, or refused; says what to do about it."""

    def __init__(self, code: str, text: str, passes: bool = False, in_call: bool = False) -> None:
        """Takes Bitrix24's code.

        `passes`: it may be well a little later. `in_call`: of one method, not of the webhook.
        """
        super().__init__(text)
        self.code = code
        self.passes = passes
        self.is_refusal = in_call and (code in _REFUSED or "access denied" in text.lower())


@dataclass(frozen=True)
class Page:
    """What one request brought of a table."""

    rows: list[Row]
    after: int
    """Key of the last row so far; where the walk goes on."""
    asked_at: datetime
    """When it was asked for, by the portal's clock."""


class Portal:
    """A portal that can be asked for the rows of a method."""

    def __init__(self, settings: Settings, log: Log) -> None:
        """Opens no connection yet."""
        self._settings = settings
        self._log = log
        # it would write the address at level DEBUG
        logging.getLogger("urllib3").setLevel(logging.INFO)
        requests = Client(
            raise_for_status=False,
            status_codes=(),
            request_max_attempts=int(settings.attempts),
            request_backoff_factor=settings.backoff,
            request_max_retry_delay=_LONGEST_WAIT,
            retry_condition=lambda _, error: isinstance(error, PortalError) and error.passes,
        )
        session = requests.session
        session.mount(
            settings.webhook.portal, _Wire(settings.webhook, settings.requests_per_second)
        )
        # tenacity's, which dlt has put around it
        send: Any = session.send
        retry = send.retry
        retry.wait += wait_random(0, settings.backoff)
        retry.before_sleep = self._tell_retry
        self._client = RESTClient(f"{settings.webhook.portal}/rest/", session=session)

    def pages(
        self, method: Method, columns: list[str], after: int = 0, since: str | None = None
    ) -> Iterator[Page]:
        """The rows of a method, request by request, each row once, in the order of its key.

        Args:
            method: The method.
            columns: Raw columns to ask for.
            after: Leaves out rows up to this key.
            since: Leaves out rows that were neither created nor changed since (ISO 8601).

        Raises:
            PortalError: the portal refuses, or cannot be reached after all attempts.
        """
        asked = _Walk(method, columns, after, since) if method.walks else _WholeList(method)

        def check(response: Response, *_: Any, **__: Any) -> None:
            asked.read(_body(response, method))

        try:
            for answer in self._client.paginate(
                "batch",
                "POST",
                paginator=asked,
                data_selector="$",
                hooks={"response": [check]},
                allow_redirects=False,
            ):
                moment = datetime.fromisoformat(answer[0]["time"]["date_start"])
                yield Page(asked.rows, asked.after, moment)
                if asked.has_next_page:
                    self._rest(method, answer[0])
            return
        except RequestException as error:
            failure = type(error).__name__
        raise PortalError("", f"{self._settings.webhook.portal} cannot be reached ({failure})")

    def existing(self, method: Method, keys: Sequence[int]) -> set[int]:
        """Those of the keys that the portal still has a row for."""

        def check(response: Response, *_: Any, **__: Any) -> None:
            if _body(response, method)["result"].get("result_error"):
                text = f"{method.name}: not all keys could be looked up"
                raise PortalError("incomplete", text, passes=True)

        found: set[int] = set()
        for some in _parts(keys, CALLS * PAGE):
            filters: list[Row] = [{method.key: part} for part in _parts(some, PAGE)]
            calls = {
                f"p{number}": _call(method, method.page(["id"], 0, **one))
                for number, one in enumerate(filters)
            }
            answer = self._client.post(
                "batch",
                {"halt": 1, "cmd": calls},
                hooks={"response": [check]},
                allow_redirects=False,
            )
            for rows in answer.json()["result"]["result"].values():
                found |= {int(row[method.key_field]) for row in method.rows(rows)}
        return found

    def _rest(self, method: Method, answer: Row) -> None:
        """Leaves a method in peace whose time on the portal is nearly used up."""
        times = answer["result"].get("result_time") or {}
        spent = list(times.values())[-1] if times else {}
        limit = self._settings.operating_limit
        if not limit or spent.get("operating", 0) < limit or "operating_reset_at" not in spent:
            return
        seconds = min(_LONGEST_REST, max(0.0, spent["operating_reset_at"] - spent["finish"]))
        self._log.event(
            "rest",
            f"{method.name} has used {spent['operating']:.0f} s of the portal's time: "
            f"waiting {seconds:.0f} s",
            method=method.name,
            seconds=seconds,
        )
        time.sleep(seconds)

    def _tell_retry(self, state: RetryCallState) -> None:
        error = state.outcome and state.outcome.exception()
        cause = (error.code if isinstance(error, PortalError) else "") or type(error).__name__
        self._log.event(
            "retry",
            f"the portal did not answer ({cause}): attempt {state.attempt_number + 1} "
            f"of {int(self._settings.attempts)} in {state.upcoming_sleep:.1f} s",
            cause=cause,
            attempt=state.attempt_number + 1,
            seconds=round(state.upcoming_sleep, 1),
        )


class _Wire(HTTPAdapter):
    """Puts the secret into the address at the last moment, and keeps it out of what comes back.

    So nothing above, neither dlt nor its logs, traces and errors, can know it.
    """

    def __init__(self, webhook: Webhook, requests_per_second: float) -> None:
        super().__init__()
        self._webhook = webhook
        self._pause = 1 / requests_per_second if requests_per_second else 0.0
        self._next = 0.0

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + self._pause
        on_wire = request.copy()
        address = request.url or ""
        on_wire.url = address.replace("/rest/", self._webhook.path, 1)
        try:
            response = super().send(on_wire, *args, **kwargs)
        except RequestException as error:
            # a new one, raised outside: the text of this one holds the address
            failure = type(error)
        else:
            response.url, response.request = address, request
            return response
        raise failure("no answer from the portal")


def _body(response: Response, method: Method) -> Row:
    """The answer; raises what it says is wrong, so that dlt's session can try again."""
    try:
        body = response.json()
    except ValueError:
        body = None
    status = response.status_code
    is_answer = isinstance(body, dict) and isinstance(body.get("result"), dict) and "time" in body
    if not is_answer and not (isinstance(body, dict) and "error" in body):
        raise PortalError(
            f"HTTP {status}",
            f"{response.url.partition('/rest/')[0]} answers {method.name} with HTTP {status}, and "
            "not as Bitrix24 does: is this the address of a portal?",
            passes=status == 200 or status == 429 or status >= 500,
        )
    if "error" in body:
        code, text = str(body["error"]), str(body.get("error_description") or "")
        said = f"the portal refuses ({code or f'HTTP {status}'}: {text.rstrip('.')})"
        advice = _ADVICE.get(code)
        raise PortalError(
            code,
            f"{said}: {advice}" if advice else said,
            passes=code in _PASSING or status == 429 or status >= 500,
        )
    errors = body["result"].get("result_error")
    if errors and not body["result"].get("result"):
        first = next(iter(errors.values())) if isinstance(errors, dict) else errors[0]
        code, text = str(first.get("error", "")), str(first.get("error_description") or "")
        passes = code in _PASSING
        raise PortalError(code, _refusal(method, code, text), passes, in_call=True)
    return body


def _refusal(method: Method, code: str, text: str) -> str:
    if code == "insufficient_scope":
        return f"{method.name}: the webhook lacks the right (scope) `{method.scope}`: add it there"
    if code == "ERROR_METHOD_NOT_FOUND":
        return f"{method.name}: the portal has no such method"
    return f"{method.name}: the portal refuses ({code or 'no code'}: {text.rstrip('.')})"


def _parts(keys: Sequence[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(keys), size):
        yield list(keys[start : start + size])


def _call(method: Method, parameters: Row) -> str:
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


class _Asked(BasePaginator):
    """Makes the batches for a method and takes the rows out of their answers."""

    def __init__(self, method: Method, after: int = 0) -> None:
        super().__init__()
        self.method = method
        self.after = after
        self.rows: list[Row] = []
        self._has_more = False

    def init_request(self, request: Request) -> None:
        self.update_request(request)

    def update_request(self, request: Request) -> None:
        request.json = {"halt": 1, "cmd": self.calls()}

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        self._has_next_page = self._has_more

    @abstractmethod
    def calls(self) -> dict[str, str]:
        """The calls of the next batch by their names."""

    @abstractmethod
    def read(self, body: Row) -> None:
        """Takes the rows out of an answer; another answer to the same request may follow.

        Raises:
            PortalError: they make no sense, and the request is to be made again.
        """


class _WholeList(_Asked):
    """All rows of a method that cannot be walked; page by page, should it have pages."""

    def __init__(self, method: Method) -> None:
        super().__init__(method)
        self._start: int | None = None

    def calls(self) -> dict[str, str]:
        start = {"start": self._start} if self._start else {}
        return {"p0": _call(self.method, {**self.method.parameters, **start})}

    def read(self, body: Row) -> None:
        rows = self.method.rows(body["result"]["result"]["p0"])
        # a row may come twice, and there is no order by which to tell
        self.rows = list({row[self.method.key_field]: row for row in rows}.values())
        following = body["result"].get("result_next") or {}
        self._start = following.get("p0")
        self._has_more = self._start is not None


class _Walk(_Asked):
    """Rows in the order of their key: each page asks for what comes after the one before.

    Within a batch a page refers to the answer of the page before it. The first batch is small,
    since the calls after the last page are for nothing.
    """

    def __init__(self, method: Method, columns: list[str], after: int, since: str | None) -> None:
        super().__init__(method, after)
        self._page: Callable[[str | int], Row] = lambda key: method.page(columns, key, since)
        self._pages = 2
        self._stalled = 0
        self._last = after

    def calls(self) -> dict[str, str]:
        return {
            f"p{number}": _call(
                self.method,
                self._page(self.method.reference(f"p{number - 1}") if number else self.after),
            )
            for number in range(self._pages)
        }

    def read(self, body: Row) -> None:
        self.rows, self._last, self._has_more = [], self.after, True
        seen: set[int] = set()
        for answer in body["result"]["result"].values():
            page = self.method.rows(answer)
            for row in page:
                self._take(row, seen)
            if len(page) < PAGE:
                self._has_more = False
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

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        super().update_state(response, data)
        self._stalled = 0 if self._last > self.after else self._stalled + 1
        if self._has_more and self._stalled == _STALLED:
            raise PortalError("", f"{self.method.name}: gives the same rows again and again")
        self.after = self._last
        self._pages = min(CALLS, self._pages * 5)
