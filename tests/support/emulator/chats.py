"""The history of a chat, as its page describes it.

`api-reference/imopenlines/openlines/sessions/imopenlines-session-history-get.md`
"""

from __future__ import annotations

from typing import Any

from emulator.errors import RestError
from emulator.parameters import Parameters
from emulator.portal import CANARY, Portal, Row


def history(portal: Portal, parameters: Parameters) -> Row:
    """The messages of a session with those who wrote them; texts and names are personal."""
    given = {name.upper(): value for name, value in parameters.items()}
    if not given.get("SESSION_ID") and not given.get("CHAT_ID"):
        raise RestError("MISSING_REQUIRED_PARAM", "Session ID or Chat ID must be provided")
    session = str(given.get("SESSION_ID"))
    table = portal.tables.get("openline_message")
    rows = [row for row in table.rows.values() if row["SESSION_ID"] == session] if table else []
    if not rows or session in portal.unseen.get("openline_session", ()):
        text = "You cannot open this conversation as you do not have sufficient rights"
        raise RestError("ACCESS_DENIED", text, 400)
    kinds = {row["SENDER_ID"]: row["SENDER_KIND"] for row in rows}
    return {
        "chatId": int(session) + 1000,
        "canJoin": "Y",
        "sessionId": int(session),
        "userId": f"chat{int(session) + 1000}",
        "message": {row["ID"]: _message(row, session) for row in reversed(rows)},
        "users": {key: _person(key, kind) for key, kind in kinds.items() if key != "0"} or [],
        "chat": {session: {"id": session, "name": f"{CANARY} chat {session}", "type": "lines"}},
        "files": [],
    }


def _message(row: Row, session: str) -> Row:
    text = f"{CANARY} text of {row['ID']}"
    return {
        "id": row["ID"],
        "chatid": str(int(session) + 1000),
        "senderid": row["SENDER_ID"],
        "recipientid": f"chat{int(session) + 1000}",
        "date": row["SENT_AT"],
        "text": text,
        "textlegacy": text,
        "params": {},
    }


def _person(key: str, kind: str) -> dict[str, Any]:
    return {
        "id": key,
        "name": f"{CANARY} name of {key}",
        "active": True,
        "bot": kind == "bot",
        "connector": kind == "client",
        "externalAuthId": "imconnector" if kind == "client" else "default",
        "type": "bot" if kind == "bot" else "user",
    }
