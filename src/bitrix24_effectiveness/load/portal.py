"""The portal over HTTP, with the manners that Bitrix24 asks for.

requests brings connections, tenacity the attempts. What is particular to Bitrix24 is here: the
secret in the path, errors in the body of an answer, the rate of requests, methods that must rest,
and batches that shrink between two attempts, which is why dlt's client, whose retries send the
same request again, is not used.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError as NoConnection
from requests.exceptions import ConnectTimeout, ReadTimeout, RequestException, SSLError
from tenacity import RetryCallState, Retrying, retry_if_exception
from urllib3.exceptions import NewConnectionError

from bitrix24_effectiveness.load.methods import Method, Row
from bitrix24_effectiveness.load.questions import (
    CALLS,
    Counts,
    Existing,
    Fields,
    Messages,
    PortalError,
    Question,
    Walk,
    WholeList,
    of_calls,
)
from bitrix24_effectiveness.load.settings import Settings, Webhook
from bitrix24_effectiveness.log import Log

CONNECT_SECONDS = 4.0
"""Two attempts at an address that does not answer, and the wait between, take less than ten."""

ANSWER_SECONDS = 75.0
"""The portal itself gives up after 60."""

_LONGEST_WAIT = 120.0
_LONGEST_REST = 600.0

_PASSING = {
    "QUERY_LIMIT_EXCEEDED",
    "OPERATION_TIME_LIMIT",
    "INTERNAL_SERVER_ERROR",
    "ERROR_UNEXPECTED_ANSWER",
}
_TOO_SLOW = {408, 502, 504, 524}
_RENEW = "make a new one in Bitrix24 (Developer resources > Other > Incoming webhook)"
_ADVICE = {
    "NO_AUTH_FOUND": f"the webhook was deleted, or its address is not copied in full: {_RENEW}",
    "INVALID_CREDENTIALS": f"the webhook was deleted, or its user was dismissed: {_RENEW}",
    "expired_token": f"the webhook has expired: {_RENEW}",
    "ACCESS_DENIED": "the plan of the portal has no REST API",
    "user_access_error": "the user of the webhook may not use it",
    "INVALID_REQUEST": "BITRIX24_WEBHOOK_URL must begin with https://",
    "OVERLOAD_LIMIT": "Bitrix24 has blocked the portal's REST API by hand, and only its support "
    "lifts that: write to it, and then load with a lower BITRIX24_REQUESTS_PER_SECOND",
    "PORTAL_DELETED": "the portal was deleted, or its public part is closed: on-premise, open it "
    "under Settings > Product settings > Module settings > Main module; else copy the address of "
    "the portal that you use now",
    "QUERY_LIMIT_EXCEEDED": "too many requests: lower BITRIX24_REQUESTS_PER_SECOND, or stop what "
    "else asks the portal from this machine",
}


@dataclass(frozen=True)
class Page:
    """What one request brought of a table."""

    rows: list[Row]
    after: int
    """Key of the last row so far; where the walk goes on."""
    asked_at: datetime
    """When it was asked for, by the portal's clock."""


class _MustRest(PortalError):
    """A method has used up its time on the portal."""


class Portal:
    """A portal that can be asked for the rows of a method."""

    def __init__(self, settings: Settings, log: Log) -> None:
        """Opens no connection yet."""
        self._settings = settings
        self._log = log
        # it would write the address at level DEBUG
        logging.getLogger("urllib3").setLevel(logging.INFO)
        self._session = Session()
        self._session.mount(
            settings.webhook.portal, _Wire(settings.webhook, settings.requests_per_second)
        )
        self._was_reached = False
        self._times: dict[str, Row] = {}
        """What the portal said last about its time for a method."""
        self._rests: dict[str, float] = {}
        """When a method may be asked again, by the clock of `time.monotonic`."""
        self._blocked = 0

    def rest_of(self, method: Method) -> float:
        """Seconds for which a method must be left in peace."""
        return max(0.0, self._rests.get(method.name, 0.0) - time.monotonic())

    def pages(
        self,
        method: Method,
        columns: Sequence[str],
        after: int = 0,
        since: str | None = None,
        up_to: int | None = None,
        expected: int | None = None,
    ) -> Iterator[Page | None]:
        """The rows of a method, request by request, each row once, in the order of its key.

        None in place of a page says that the method must rest: who asks on waits for it. The
        arguments are those of a `Walk`.

        Raises:
            PortalError: the portal refuses, or cannot be reached after all attempts.
        """
        question: Walk | WholeList
        if method.walks:
            question = Walk(method, columns, after, since, up_to, expected)
        else:
            question = WholeList(method)
        for moment in self._answers(question):
            yield Page(question.rows, question.after, moment) if moment else None

    def messages(self, method: Method, sessions: Sequence[int]) -> Iterator[Page | None]:
        """The messages of chats, some sessions to a page; sessions that cannot be read have none.

        `after` is the last session. None, and errors, as with `pages`.
        """
        question = Messages(method, sessions)
        for moment in self._answers(question):
            if moment is None:
                yield None
            elif question.results:
                rows = [row for _, found in question.results for row in found or ()]
                yield Page(rows, question.results[-1][0], moment)

    def fields(self, entity_type: int) -> set[str]:
        """Names of the fields of a kind of CRM objects, custom ones as `UF_CRM_...`.

        Raises:
            PortalError: as with `pages`.
        """
        question = Fields(entity_type)
        for _ in self._answers(question):
            pass
        return question.names

    def existing(self, method: Method, keys: Sequence[int]) -> set[int]:
        """Those of the keys that the portal still has a row for."""
        question = Existing(method, keys)
        found: set[int] = set()
        for moment in self._answers(question):
            if moment:
                found.update(*(keys for _, keys in question.results))
        return found

    def counts(
        self, method: Method, ranges: Sequence[tuple[int, int]]
    ) -> Iterator[list[tuple[tuple[int, int], int | None]]]:
        """How many rows there are in ranges of keys, request by request; None: not told."""
        question = Counts(method, ranges)
        for moment in self._answers(question):
            if moment:
                yield question.results

    def _answers(self, question: Question) -> Iterator[datetime | None]:
        """Asks batch by batch: when each was asked; None where the method must rest first."""
        attempts = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, PortalError) and error.passes),
            wait=self._wait,
            stop=lambda state: self._is_enough(state, question),
            before_sleep=self._tell_retry,
            reraise=True,
        )
        while question.has_more:
            time.sleep(self.rest_of(question.method))
            try:
                body = attempts(self._ask, question)
            except _MustRest as error:
                self._blocked += 1
                if self._blocked >= self._settings.attempts:
                    raise PortalError(error.code, str(error)) from None
                self._rest(question.method, self._seconds_blocked(question.method))
                yield None
                continue
            self._blocked = 0
            question.accept()
            self._note_times(question.method, body)
            yield datetime.fromisoformat(body["time"]["date_start"])

    def _ask(self, question: Question) -> Row:
        """One attempt."""
        request = {"halt": int(question.halts), "cmd": question.calls()}
        portal = self._settings.webhook.portal
        try:
            response = self._session.post(
                f"{portal}/rest/batch",
                json=request,
                timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
                allow_redirects=False,
            )
        except ReadTimeout:
            # raised outside of the block: what requests says may hold the address
            error = _slow(question.method, f"no answer within {ANSWER_SECONDS:.0f} s")
        except (ConnectTimeout, _NotConnected, SSLError) as failure:
            error = self._unreachable(failure)
        except RequestException as failure:
            self._was_reached = True
            text = f"{portal} does not answer {question.method.name} ({type(failure).__name__})"
            error = PortalError(type(failure).__name__, text, passes=True, of_method=False)
        else:
            self._was_reached = True
            try:
                body = _body(response, question)
                question.read(body["result"])
                return body
            except PortalError as refused:
                error = refused
        if error.is_slow:
            question.shrink()
        raise error

    def _unreachable(self, failure: Exception) -> PortalError:
        host = self._settings.webhook.host
        why: dict[type[Exception], str] = {
            ConnectTimeout: "no answer",
            SSLError: "its certificate is not trusted",
        }
        text = (
            f"{host} cannot be reached ({why.get(type(failure), 'no connection')}): is the name "
            "right, and does this machine reach it?"
        )
        return PortalError("unreachable", text, passes=True, of_method=False)

    # -- patience

    def _is_enough(self, state: RetryCallState, question: Question) -> bool:
        attempts = self._settings.attempts
        if not self._was_reached:
            attempts = min(attempts, 2)
        return state.attempt_number - question.shrunk >= attempts

    def _wait(self, state: RetryCallState) -> float:
        error = _error_of(state)
        if error.retry_after is not None:
            return min(error.retry_after, _LONGEST_REST)
        backoff = self._settings.backoff
        longest = _LONGEST_WAIT if self._was_reached else 1.0
        grown = min(backoff * 2 ** (state.attempt_number - 1), longest)
        return grown + random.uniform(0, min(backoff, longest))

    def _tell_retry(self, state: RetryCallState) -> None:
        error = _error_of(state)
        question: Question = state.args[0]
        is_smaller = error.is_slow and question.limit < CALLS
        smaller = f", {question.limit} calls at a time" if is_smaller else ""
        self._log.event(
            "retry",
            f"the portal did not answer ({error.code}): attempt {state.attempt_number + 1} "
            f"in {state.upcoming_sleep:.1f} s{smaller}",
            cause=error.code,
            attempt=state.attempt_number + 1,
            seconds=round(state.upcoming_sleep, 1),
        )

    # -- methods that must rest

    def _note_times(self, method: Method, body: Row) -> None:
        """Leaves a method in peace whose time on the portal is nearly used up."""
        times = list(of_calls(body["result"], "result_time").values())
        if not times:
            return
        self._times[method.name] = times[-1]
        limit = self._settings.operating_limit
        if limit and _number(times[-1].get("operating")) >= limit:
            self._rest(method, _until_reset(times[-1]))

    def _seconds_blocked(self, method: Method) -> float:
        times = self._times.get(method.name, {})
        if _number(times.get("operating")) > 0 and self._blocked == 1:
            return _until_reset(times)
        return min(self._settings.backoff * 2**self._blocked, _LONGEST_WAIT)

    def _rest(self, method: Method, seconds: float) -> None:
        self._rests[method.name] = time.monotonic() + seconds
        self._log.event(
            "rest",
            f"{method.name} has used up its time on the portal: it rests for {seconds:.0f} s",
            method=method.name,
            seconds=seconds,
        )


class _NotConnected(NoConnection):
    """No connection came about, so that nothing was asked."""


class _Wire(HTTPAdapter):
    """Puts the secret into the address at the last moment, and keeps it out of what comes back.

    So nothing above, neither logs nor errors, can know it.
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
        on_wire.url = str(request.url).replace("/rest/", self._webhook.path, 1)
        try:
            response = super().send(on_wire, *args, **kwargs)
        except RequestException as error:
            # a new one, raised outside: the text of this one holds the address
            cause = error.args[0] if error.args else None
            is_new = isinstance(getattr(cause, "reason", None), NewConnectionError)
            failure = _NotConnected if is_new else type(error)
        else:
            response.url, response.request = str(request.url), request
            return response
        raise failure("no answer from the portal")


# -- answers


def _body(response: Response, question: Question) -> Row:
    """The answer; raises what it says is wrong."""
    method, status = question.method, response.status_code
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict) or not ("error" in body or "time" in body):
        raise _not_bitrix(response, method)
    if "error" in body:
        code, text = str(body["error"]), str(body.get("error_description") or "")
        said = f"the portal refuses ({code or f'HTTP {status}'}: {text.rstrip('.')})"
        advice = _ADVICE.get(code)
        if code == "OPERATION_TIME_LIMIT":
            raise _MustRest(code, f"{method.name}: {said}")
        raise PortalError(
            code,
            f"{said}: {advice}" if advice else said,
            passes=code in _PASSING or (code not in _ADVICE and (status == 429 or status >= 500)),
            of_method=code not in _ADVICE,
            retry_after=_retry_after(response),
        )
    answer = body.get("result")
    if not isinstance(answer, dict):
        raise _not_bitrix(response, method)
    errors = of_calls(answer, "result_error")
    if errors and not answer.get("result") and not question.forgiven(answer):
        raise _refusal(method, next(iter(errors.values())))
    return body


def _not_bitrix(response: Response, method: Method) -> PortalError:
    status, portal = response.status_code, response.url.partition("/rest/")[0]
    if status in _TOO_SLOW:
        return _slow(method, f"HTTP {status}")
    if response.is_redirect:
        moved = urlsplit(response.headers["Location"]).hostname
        return PortalError(
            "moved",
            f"{portal} answers from {moved} now: was the portal renamed? Then put its new "
            "address into BITRIX24_WEBHOOK_URL",
            of_method=False,
        )
    return PortalError(
        f"HTTP {status}",
        f"{portal} answers {method.name} with HTTP {status}, and not as Bitrix24 does: is this "
        "the address of a portal?",
        passes=status == 200 or status == 429 or status >= 500,
        of_method=status == 429 or status >= 500,
        retry_after=_retry_after(response),
    )


def _slow(method: Method, what: str) -> PortalError:
    return PortalError(
        what,
        f"{method.name} is too slow ({what}): the portal does not finish within the 60 s that it "
        "gives a request; try again at night, or leave its table out by BITRIX24_SKIP_TABLES",
        passes=True,
        is_slow=True,
    )


def _refusal(method: Method, error: Row) -> PortalError:
    code, text = str(error.get("error", "")), str(error.get("error_description") or "")
    if code == "OPERATION_TIME_LIMIT":
        return _MustRest(code, f"{method.name}: it has used up its time on the portal")
    if code == "insufficient_scope":
        said = f"the webhook lacks the right (scope) `{method.scope}`: add it there"
    elif code == "ERROR_METHOD_NOT_FOUND":
        said = "the portal has no such method"
    else:
        said = f"the portal refuses ({code or 'no code'}: {text.rstrip('.')})"
    return PortalError(code, f"{method.name}: {said}", passes=code in _PASSING)


def _retry_after(response: Response) -> float | None:
    """Seconds of the header `Retry-After`, which is a number or a date."""
    given = response.headers.get("Retry-After", "").strip()
    if given.isdigit():
        return float(given)
    try:
        return max(0.0, parsedate_to_datetime(given).timestamp() - time.time())
    except ValueError:
        return None


def _until_reset(times: Row) -> float:
    """Seconds from an answer until the portal gives back some time of its method."""
    reset = _number(times.get("operating_reset_at")) - _number(times.get("finish"))
    return min(_LONGEST_REST, max(0.0, reset))


def _number(value: Any) -> float:
    """A number that may come as text; 0 if it is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0


def _error_of(state: RetryCallState) -> PortalError:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, PortalError):
        raise TypeError(f"nothing else is tried again: {error!r}")
    return error
