"""The HTTP server of the emulator, and what one request goes through."""

from __future__ import annotations

import json
import logging
import re
import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any
from urllib.parse import urlsplit

import orjson

from emulator.chats import history
from emulator.errors import RestError
from emulator.faults import CHANGES, Fault, FaultPlan
from emulator.limits import Limits, Meter
from emulator.lists import Lists
from emulator.methods import (
    BY_ENTITY_TYPE,
    DYNAMIC,
    HISTORY,
    ITEM_FIELDS,
    METHODS,
    Method,
    of_type,
    scopes_of,
    with_original_uf,
)
from emulator.parameters import Parameters, elements, parse_body, parse_query, php_array
from emulator.portal import People, Portal, Row

BATCH_CALLS = 50
HTML = b"<html><head><title>%d</title></head><body><center>nginx</center></body></html>"

_REFERENCE = re.compile(r"\$result((?:\[[^\]]+\])+)")
_log = logging.getLogger("bitrix24-emulator")


@dataclass(frozen=True)
class Request:
    """One call that the emulator heard: an HTTP request, or a call within a batch."""

    number: int
    """Number of the HTTP request, from 1."""
    method: str
    parameters: Parameters
    batch: bool = False
    """Whether it came within a batch."""
    faults: tuple[Fault, ...] = ()

    @property
    def select(self) -> list[str]:
        """The fields that it selects, empty if it selects none by name."""
        return elements(self.parameters.get("select") or [])


class Emulator:
    """An emulated portal on a free port of loopback, from `with` to its end.

    Args:
        portal: What it serves.
        faults: What goes wrong; may be exchanged while it runs.
        limits: How much it lets itself be asked; without limits by default.
        seed: Of the changes that people make in the portal when faults say so.
    """

    user = "1"
    secret = "emulated0webhook0secret"

    def __init__(
        self,
        portal: Portal,
        faults: FaultPlan | None = None,
        limits: Limits | None = None,
        seed: int = 0,
        port: int = 0,
    ) -> None:
        self.portal = portal
        self.faults = faults or FaultPlan()
        self.requests: list[Request] = []
        self.refusal: str | None = None
        """Code of the error that every request gets from now on, e.g. `expired_token`."""
        self.moved_to: str | None = None
        """Host that the portal answers from now: every request is redirected there."""
        self.says_times_as_text = False
        """Whether `operating_reset_at` comes as text, as from some versions of PHP."""
        self._lists = Lists(portal)
        self._spent = 0.0
        self._meter = Meter(limits or Limits())
        self._people = People(portal, Random(seed))
        self._lock = threading.Lock()
        self._number = 0
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.emulator = self

    @property
    def webhook(self) -> str:
        """Address of the webhook, with a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_port}/rest/{self.user}/{self.secret}/"

    def __enter__(self) -> Emulator:
        """Begins to serve."""
        # a short poll lets the server stop at once
        serve = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        serve.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stops serving."""
        self._server.shutdown()
        self._server.server_close()

    def calls(self, method: str) -> list[Request]:
        """The calls of a method, single or within a batch."""
        return [request for request in self.requests if request.method == method]

    def begin(self) -> tuple[int, tuple[Fault, ...]]:
        """Numbers a new HTTP request and says what will go wrong with it."""
        with self._lock:
            self._number += 1
            return self._number, tuple(self.faults.at(self._number))

    def answer(
        self, number: int, path: str, parameters: Parameters, faults: tuple[Fault, ...]
    ) -> tuple[int, bytes]:
        """Status and body of the answer to an HTTP request."""
        with self._lock:
            self.portal.clock.tick()
            self._spent = 0.0
            kinds = {fault.kind: fault for fault in faults}
            if "revoke" in kinds:
                self.refusal = "NO_AUTH_FOUND"
            try:
                method = self._authorised(path)
                if "error" in kinds:
                    raise RestError(kinds["error"].code)
                if method == "batch":
                    answer = self._batch(number, parameters, faults)
                else:
                    self._change(faults)
                    self.requests.append(Request(number, method, parameters, faults=faults))
                    answer = self._call(method, parameters, "repeat" in kinds)
                if self._is_over_time():
                    return 504, HTML % 504
                return 200, orjson.dumps(answer | {"time": self._time(method)})
            except RestError as error:
                _log.debug("request %d: %s", number, error.code)
                return error.status, orjson.dumps(error.body)

    def _authorised(self, path: str) -> str:
        match = re.fullmatch(r"/rest/([^/]+)/([^/]+)/([\w.]+?)(\.json)?/?", path)
        if not match:
            raise RestError("ERROR_METHOD_NOT_FOUND")
        if self.refusal or match[1] != self.user or match[2] != self.secret:
            raise RestError(self.refusal or "NO_AUTH_FOUND")
        if not self._meter.admits():
            raise RestError("QUERY_LIMIT_EXCEEDED")
        return match[3].lower()

    def _call(self, method: str, parameters: Parameters, repeat: bool = False) -> Row:
        """The answer of one method without its `time`."""
        scopes = scopes_of(method)
        if scopes is None or method in self.portal.absent:
            raise RestError("ERROR_METHOD_NOT_FOUND")
        if not scopes & self.portal.scopes:
            raise RestError("insufficient_scope")
        if method in self.portal.denied:
            if method == "voximplant.statistic.get":
                raise RestError("ACCESS_DENIED", "Access denied!")
            raise RestError("", "Access denied.")
        if method in self.portal.broken:
            raise RestError("INTERNAL_SERVER_ERROR")
        if self._meter.exhausted(method):
            raise RestError("OPERATION_TIME_LIMIT")
        answer = self._answer(method, parameters, repeat)
        given = {name.lower(): value for name, value in parameters.items()}
        is_counted = str(given.get("start", 0)) != "-1"
        self._spent += self._meter.count(method, answer.get("total", 0) if is_counted else 0)
        return answer

    def _is_over_time(self) -> bool:
        limit = self._meter.limits.request
        return limit is not None and self._spent > limit

    def _answer(self, method: str, parameters: Parameters, repeat: bool) -> Row:
        if method == "crm.settings.mode.get":
            return {"result": self.portal.crm_mode}
        if method == HISTORY:
            return {"result": history(self.portal, parameters)}
        if method == "user.current":
            users = self._lists.answer(METHODS["user.get"], {"filter": {"ID": self.user}})
            return {"result": users["result"][0]}
        known = _list_method(method, parameters, self.portal)
        if method == ITEM_FIELDS:
            return {"result": {"fields": self._lists.described(known)}}
        return self._lists.answer(known, parameters, repeat)

    def _batch(self, number: int, parameters: Parameters, faults: tuple[Fault, ...]) -> Row:
        given = parameters.get("cmd") or {}
        commands = dict(enumerate(given)) if isinstance(given, list) else given
        halt = str(parameters.get("halt", 0)).lower() in ("1", "true", "y")
        failing = self._failing(len(commands), number, faults)
        changing = Random(-number).randrange(max(1, len(commands)))
        answers: dict[str, Row] = {}
        errors: dict[str, Any] = {}
        for position, (key, command) in enumerate((str(k), c) for k, c in commands.items()):
            if position == changing:
                self._change(faults)
            try:
                if position >= BATCH_CALLS:
                    raise RestError("ERROR_BATCH_LENGTH_EXCEEDED")
                method, _, query = str(command).partition("?")
                method = method.lower().removesuffix(".json")
                asked = _resolved(parse_query(query), answers)
                if self._is_over_time():
                    break
                self.requests.append(Request(number, method, asked, True, faults))
                if position in failing:
                    raise RestError(failing[position])
                if method == "batch":
                    raise RestError("ERROR_BATCH_METHOD_NOT_ALLOWED")
                repeat = any(fault.kind == "repeat" for fault in faults)
                answers[key] = self._call(method, asked, repeat) | {"time": self._time(method)}
            except RestError as error:
                errors[key] = error.body
                if halt:
                    break
        of = {
            f"result_{name}" if name != "result" else name: php_array(
                {key: answer[name] for key, answer in answers.items() if name in answer}
            )
            for name in ("result", "total", "next", "time")
        }
        return {"result": {"result": of.pop("result"), "result_error": php_array(errors)} | of}

    def _change(self, faults: tuple[Fault, ...]) -> None:
        for fault in faults:
            for _ in range(int(fault.number) if fault.kind in CHANGES else 0):
                getattr(self._people, fault.kind)()

    @staticmethod
    def _failing(calls: int, number: int, faults: tuple[Fault, ...]) -> dict[int, str]:
        random = Random(number)
        return {
            random.randrange(max(1, calls)): fault.code
            for fault in faults
            if fault.kind == "batch"
            for _ in range(int(fault.number))
        }

    def _time(self, method: str) -> Row:
        now = self.portal.clock.now()
        stamp, written = now.timestamp(), now.isoformat(timespec="seconds")
        reset_at = int(stamp + self._meter.reset_in(method)) + 1
        return {
            "start": stamp,
            "finish": stamp,
            "duration": 0.0,
            "processing": 0.0,
            "date_start": written,
            "date_finish": written,
            "operating_reset_at": str(reset_at) if self.says_times_as_text else reset_at,
            "operating": self._meter.operating(method),
        }


def _list_method(name: str, parameters: Parameters, portal: Portal) -> Method:
    """The list method of a name, for the kind of object that the parameters name."""
    if name in METHODS:
        return METHODS[name]
    given = {key.lower(): value for key, value in parameters.items()}
    entity_type = str(given.get("entitytypeid"))
    list_name = "crm.item.list" if name == ITEM_FIELDS else name
    method = None
    if entity_type.isdigit():
        method = BY_ENTITY_TYPE[list_name].get(int(entity_type))
        if f"{DYNAMIC}{entity_type}" in portal.tables:
            method = of_type(list_name, int(entity_type))
    if method:
        is_item = list_name == "crm.item.list" and given.get("useoriginalufnames") == "Y"
        return with_original_uf(method) if is_item else method
    if name == "crm.stagehistory.list":
        raise RestError("ENTITY_TYPE_NOT_SUPPORTED", f"Entity type {entity_type} is not supported")
    raise RestError("NOT_FOUND", "Smart process not found")


def _resolved(value: Any, answers: dict[str, Row]) -> Any:
    """Parameters with the results of earlier calls in place of `$result[call][field]`.

    No page says what becomes of a reference to what is not there. Published source of the module
    follows it as far as it goes, and puts what it found last: a page in place of one of its rows,
    all results in place of those of a call that failed.
    """
    if isinstance(value, dict):
        return {key: _resolved(inner, answers) for key, inner in value.items()}

    def found(match: re.Match[str]) -> Any:
        place: Any = {call: answer["result"] for call, answer in answers.items()}
        for part in re.findall(r"\[([^\]]+)\]", match[1]):
            try:
                place = place[int(part)] if isinstance(place, list) else place[part]
            except (LookupError, TypeError, ValueError):
                break
        return place

    whole = _REFERENCE.fullmatch(value)
    return found(whole) if whole else _REFERENCE.sub(lambda match: str(found(match)), value)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    emulator: Emulator

    def handle_error(self, request: Any, client_address: Any) -> None:
        _log.debug("the client of %s went away", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 60

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _serve(self, sent: bytes) -> None:
        emulator: Emulator = self.server.emulator
        number, faults = emulator.begin()
        kinds = {fault.kind: fault for fault in faults}
        if "slow" in kinds:
            time.sleep(kinds["slow"].number)
        if "reset_before" in kinds:
            return self._reset()
        address = urlsplit(self.path)
        if emulator.moved_to:
            return self._redirect(f"https://{emulator.moved_to}{address.path}")
        later = next((fault.retry_after for fault in faults if fault.retry_after), None)
        if "html" in kinds:
            status = int(kinds["html"].number)
            return self._send(status, HTML % status, "text/html", retry_after=later)
        parameters = parse_query(address.query)
        with suppress(json.JSONDecodeError):
            parameters |= parse_body(sent, self.headers.get("Content-Type") or "")
        status, body = emulator.answer(number, address.path, parameters, faults)
        if "reset_after" in kinds:
            return self._reset()
        if "truncated" in kinds:
            return self._send(status, body[: len(body) // 2])
        encoding = "gzip" if "gzip" in kinds else None
        self._send(status, body, cut="cut" in kinds, retry_after=later, encoding=encoding)
        return None

    def _redirect(self, address: str) -> None:
        self.send_response(301)
        self.send_header("Location", address)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(
        self,
        status: int,
        body: bytes,
        kind: str = "application/json",
        cut: bool = False,
        retry_after: str | None = None,
        encoding: str | None = None,
    ) -> None:
        self.send_response(status)
        if retry_after is not None:
            self.send_header("Retry-After", retry_after)
        if encoding:
            self.send_header("Content-Encoding", encoding)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.wfile.flush()
        if cut:
            self._reset()

    def _reset(self) -> None:
        """Closes the connection with a reset instead of a farewell."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
        self.connection.close()

    def log_message(self, format: str, *arguments: Any) -> None:
        _log.debug(format, *arguments)
