"""A run that fails, and one that changes what people have seen, is told to a command."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from email import message_from_string
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from bitrix24_effectiveness import notify
from bitrix24_effectiveness.alerts import Alert
from bitrix24_effectiveness.changes import Change
from bitrix24_effectiveness.log import Log
from bitrix24_effectiveness.notify import Told
from running import REPOSITORY, MiniProject, long

CHANGE = Change("conversion", "month", date(2026, 3, 1), 10.0, 12.0, 20.0, "late_rows, new_version")
ALERTS = [
    Alert("a", "conversion", "all", "all", None, date(2026, 10, 1), 4.0, 5.5, 20.0, 12),
    Alert("b", "cac", "channel", "ads", "Ads", date(2026, 10, 1), 900.0, None, 800.0, None),
]
METRICS = {
    "conversion": {"name_en": "Conversion", "name_ru": "Конверсия", "unit": "percent"},
    "cac": {"name_en": "Acquisition cost", "name_ru": "Стоимость привлечения", "unit": "money"},
}
KEYS = {
    "version",
    "event",
    "command",
    "at",
    "exit_code",
    "message",
    "source",
    "crm_effect",
    "past_changes",
    "past_changes_count",
    "alerts",
    "text",
}


def keeper(folder: Path) -> tuple[str, Path]:
    """A command that adds what it is told to a file, and the file."""
    script, out = folder / "keep it.py", folder / "told.jsonl"
    script.write_text("import sys; open(sys.argv[1], 'a').write(sys.stdin.read() + '\\n')", "utf-8")
    return f"'{sys.executable}' '{script}' '{out}'", out


def told_in(path: Path) -> list[dict]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_a_failure_is_told_with_its_reason_and_without_secrets(mini: MiniProject) -> None:
    command, out = keeper(mini.folder)
    env = {"CRM_ON_FAILURE": command, "CRM_ON_CHANGE": command, "MY_TOKEN": "hunter22"}
    answer = mini.run("publish", **env)
    assert (answer.returncode, answer.stderr.count("\n")) == (1, 1)
    lost = str(mini.folder / "hunter22.duckdb")
    assert mini.run("run", "--lang", "ru", CRM_RAW_DB=lost, **env).returncode == 2
    first, second = told_in(out)
    assert set(first) == KEYS
    assert (first["version"], first["event"], first["exit_code"]) == (1, "failure", 1)
    assert first["message"] == "nothing to publish: run `crm-effect build` first"
    assert first["text"] == f"crm-effect publish failed:\n{first['message']}"
    assert second["text"].startswith("crm-effect run завершился ошибкой")
    assert "***.duckdb" in second["message"]
    assert "hunter22" not in out.read_text("utf-8")
    # what a person watches is not told
    assert mini.run("report", **env).returncode == 2
    assert len(told_in(out)) == 2


@long
def test_a_run_that_changes_nothing_of_the_past_tells_nothing(mini: MiniProject) -> None:
    command, out = keeper(mini.folder)
    # the report needs marts that are not here: told as a failure after the publication
    assert mini.run("run", CRM_ON_CHANGE=command).returncode == 4
    assert mini.run("publish", CRM_ON_CHANGE=command, CRM_ON_FAILURE=command).returncode == 0
    assert told_in(out) == []


@pytest.mark.parametrize(
    ("code", "is_told"),
    [(0, True), (1, True), (2, True), (4, True), (143, True), (3, False), (130, False)],
)
def test_who_held_the_lock_and_a_person_at_the_keyboard_are_not_told(
    tmp_path: Path, code: int, is_told: bool
) -> None:
    command, out = keeper(tmp_path)
    told = Told("run", changes=[CHANGE])
    env = os.environ | {"CRM_ON_FAILURE": command, "CRM_ON_CHANGE": command}
    told.tell(code, "why" if code else None, Log("text"), env)
    # at most one message, also of a run that has both
    assert len(told_in(out)) == is_told


def test_what_changed_is_told_for_machines_and_for_people(tmp_path: Path) -> None:
    command, out = keeper(tmp_path)
    for language in ("en", "ru"):
        told = Told("run", language, "p.bitrix24.ru", [CHANGE] * 25, ALERTS, METRICS)
        told.tell(0, None, Log("text"), os.environ | {"CRM_ON_CHANGE": command})
    english, russian = told_in(out)
    assert english["past_changes_count"] == 25
    assert len(english["past_changes"]) == 20
    assert english["past_changes"][0] == {
        "metric_code": "conversion",
        "period_grain": "month",
        "period_start": "2026-03-01",
        "old_value": 10.0,
        "new_value": 12.0,
        "change_pct": 20.0,
        "why": "late_rows, new_version",
    }
    assert [alert["alert_id"] for alert in english["alerts"]] == ["a", "b"]
    assert english["message"] is None
    lines = english["text"].splitlines()
    assert lines[:4] == [
        "crm-effect run has published (p.bitrix24.ru):",
        "Conversion, 2026-10: 4.0%, unusually low; the 12 months before it make 5.5% the lowest to "
        "be expected",
        "Acquisition cost (Ads), 2026-10: 900, above 800",
        "Conversion, 2026-03: was published as 10.0%, is 12.0% now (late rows, new version)",
    ]
    assert lines[-1] == "and 5 more, in the table metric_changes"
    assert russian["text"].splitlines()[3].endswith("(строки пришли с опозданием, новая версия)")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("/no/such/program", "CRM_ON_FAILURE: [Errno 2] No such file"),
        ("'", "CRM_ON_FAILURE: No closing quotation"),
        ("sh -c 'echo one >&2; echo two hunter22 >&2; exit 7'", "ended with 7: two ***\n"),
        ("sh -c 'sleep 30 & wait'", "it did not end within 1 seconds"),
    ],
)
def test_a_command_that_fails_is_one_line_and_changes_no_exit_code(
    mini: MiniProject, monkeypatch: pytest.MonkeyPatch, command: str, said: str
) -> None:
    monkeypatch.setattr(notify, "SECONDS", 1)
    started = time.monotonic()
    answer = mini.run("publish", CRM_ON_FAILURE=command, MY_TOKEN="hunter22")
    assert answer.returncode == 1
    assert answer.stderr.count("\n") == 2
    assert said in answer.stderr
    assert time.monotonic() - started < 20


# -- examples, each against a server of this machine


@contextmanager
def http_server(status: int = 200) -> Iterator[tuple[str, list[tuple[str, dict]]]]:
    heard: list[tuple[str, dict]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((self.path, json.loads(body)))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", heard
        finally:
            server.shutdown()
            thread.join()


def tell_example(name: str, env: dict[str, str], capsys: pytest.CaptureFixture[str]) -> str:
    script = REPOSITORY / "examples" / "notify" / name
    told = Told("run", "ru", "p.bitrix24.ru", [CHANGE], ALERTS, METRICS)
    environment = os.environ | env | {"CRM_ON_CHANGE": f"'{sys.executable}' '{script}'"}
    told.tell(0, None, Log("json"), environment)
    return capsys.readouterr().out


def test_telegram(capsys: pytest.CaptureFixture[str]) -> None:
    with http_server() as (url, heard):
        env = {"TELEGRAM_API": url, "TELEGRAM_TOKEN": "1:abc", "TELEGRAM_CHAT": "42"}
        assert tell_example("telegram.py", env, capsys) == ""
    ((path, body),) = heard
    assert path == "/bot1:abc/sendMessage"
    assert body["chat_id"] == "42"
    assert body["text"].startswith(
        "crm-effect run опубликовал витрины (p.bitrix24.ru):\nКонверсия,"
    )
    with http_server(401) as (url, _):
        said = tell_example("telegram.py", env | {"TELEGRAM_API": url}, capsys)
    assert "HTTP Error 401" in said
    assert "1:abc" not in said


def test_a_chat_of_bitrix24(capsys: pytest.CaptureFixture[str]) -> None:
    with http_server() as (url, heard):
        env = {"NOTIFY_WEBHOOK": f"{url}/rest/1/key/", "NOTIFY_DIALOG": "chat42"}
        assert tell_example("bitrix24_chat.py", env, capsys) == ""
    ((path, body),) = heard
    assert path == "/rest/1/key/im.message.add.json"
    assert set(body) == {"DIALOG_ID", "MESSAGE"}
    assert "Конверсия" in body["MESSAGE"]


@contextmanager
def mail_server() -> Iterator[tuple[int, list[str]]]:
    """As much of SMTP as a client without a login needs."""
    heard: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection, connection.makefile("rwb", buffering=0) as lines:
                lines.write(b"220 here\r\n")
                is_data = False
                for line in lines:
                    text = line.decode("ascii").rstrip("\r\n")
                    heard.append(text)
                    if is_data:
                        is_data = text != "."
                        answer = b"" if is_data else b"250 taken\r\n"
                    elif text == "data":
                        is_data, answer = True, b"354 go on\r\n"
                    else:
                        answer = b"221 bye\r\n" if text.lower() == "quit" else b"250 ok\r\n"
                    lines.write(answer)
                    if text.lower() == "quit":
                        return

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1], heard
        thread.join(10)


def test_mail(capsys: pytest.CaptureFixture[str]) -> None:
    with mail_server() as (port, heard):
        env = {
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(port),
            "MAIL_FROM": "crm@example.com",
            "MAIL_TO": "boss@example.com",
        }
        assert tell_example("mail.py", env, capsys) == ""
    assert "mail FROM:<crm@example.com>" in "\n".join(heard)
    assert "rcpt TO:<boss@example.com>" in "\n".join(heard)
    sent = message_from_string("\n".join(heard[heard.index("data") + 1 :]), policy=default)
    assert sent["Subject"] == "crm-effect run опубликовал витрины (p.bitrix24.ru)"
    assert "Конверсия, 2026-10" in sent.get_content()
    # a password is never sent where the line cannot be encrypted
    with mail_server() as (port, heard):
        secret = {"SMTP_PORT": str(port), "SMTP_USER": "me", "SMTP_PASSWORD": "hunter22"}
        said = tell_example("mail.py", env | secret, capsys)
    assert "STARTTLS" in said
    assert "hunter22" not in said + "".join(heard)
