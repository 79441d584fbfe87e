"""Who reached out, in which thread, and when a person answered."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from .context import Run
from .crm import UNKNOWN, Crm

CHANNELS = ("call", "email", "form", "chat")
PLANNED_WORK = ("CRM_TODO", "CRM_TASKS_TASK")
CHAT = "IMOPENLINES_SESSION"
# of things at the same time an activity comes first, then a message, then the new unit itself
OF_ACTIVITY, OF_MESSAGE, OF_UNIT = range(3)


@dataclass(frozen=True)
class Activity:
    """A known activity at its time, or a message of a chat.

    A chat without messages answers itself where its state says so: ``has_time`` is false, since
    nobody knows when. Where the state says nothing (``is_unknown``) nobody knows whether.
    """

    order: int
    number: int
    at: datetime
    kind: str | None
    thread_id: str
    is_touch: bool
    is_contact: bool
    is_response: bool
    is_message_out: bool
    is_by_robot: bool
    responsible_id: str | None
    responder_id: str
    has_time: bool = True
    is_unknown: bool = False
    is_sent: bool = False

    @property
    def place(self) -> tuple[datetime, int, int]:
        return (self.at, self.order, self.number)


@dataclass(frozen=True)
class Touch:
    """The client reaches out."""

    at: datetime
    order: int
    number: int
    request_channel: str
    employee_id: str


@dataclass
class Request:
    """One row per request."""

    thread_id: str
    start_at: datetime
    request_channel: str
    channel_id: str
    employee_id: str
    is_answered: bool
    is_unknown: bool
    answered_at: datetime | None
    waited: timedelta | None
    waited_working: timedelta | None
    waiting_working: timedelta

    @cached_property
    def segments(self) -> dict[str, str]:
        return {
            "all": "all",
            "request_channel": self.request_channel,
            "channel": self.channel_id,
            "employee": self.employee_id,
        }

    @property
    def is_timed(self) -> bool:
        """Waits, or was answered at a known time."""
        return not self.is_unknown and (self.waited is not None or not self.is_answered)

    def within(self, limit: timedelta, as_of: datetime) -> bool | None:
        """Answered in less than ``limit``; None while it is too early to judge, or untimed."""
        if not self.is_timed or self.start_at + limit > as_of:
            return None
        return self.waited is not None and self.waited < limit

    def is_late(self, horizon: timedelta) -> bool:
        return self.waited is not None and self.waited >= horizon

    def within_working(self, limit: timedelta) -> bool | None:
        if not self.is_timed or self.waiting_working < limit:
            return None
        return self.waited_working is not None and self.waited_working < limit


class Requests:
    """Activities, touches, responses and requests of a portal."""

    def __init__(self, run: Run, crm: Crm, channel_of_client: dict[str, str]):
        self.run = run
        self.crm = crm
        self.channel_of_client = channel_of_client
        known = run.known("crm_activity", "created")
        self.has_activities = bool(known)
        self.bots = {
            row["id"] for row in run.staged["users"] if (row["user_type"] or "").lower() == "bot"
        }
        self.calls: dict[str, list[dict[str, Any]]] = {}
        for call in run.known("telephony_call", "call_start_date"):
            if call["crm_activity_id"]:
                self.calls.setdefault(call["crm_activity_id"], []).append(call)
        self.messages: dict[str, list[dict[str, Any]]] = {}
        for message in run.staged["openline_message"]:
            self.messages.setdefault(message["session_id"], []).append(message)
        activities = [self._activity(row) for row in known]
        activities += self._messages(known)
        self.activities = [activity for activity in activities if run.is_known(activity.at)]

        self.touches: dict[str, list[Touch]] = {}
        self.responses: dict[str, list[Activity]] = {}
        for activity in self.activities:
            if activity.is_touch:
                self.touches.setdefault(activity.thread_id, []).append(
                    Touch(
                        activity.at,
                        activity.order,
                        activity.number,
                        activity.kind,
                        activity.responsible_id or UNKNOWN,
                    )
                )
            if activity.is_response or activity.is_unknown:
                self.responses.setdefault(activity.thread_id, []).append(activity)
        self.first_touch_at = {
            thread: min(touch.at for touch in touches) for thread, touches in self.touches.items()
        }
        self.first_contact_act_at: dict[str, datetime] = {}
        for activity in self.activities:
            if activity.is_contact:
                earliest = self.first_contact_act_at.get(activity.thread_id, activity.at)
                self.first_contact_act_at[activity.thread_id] = min(earliest, activity.at)
        for responses in self.responses.values():
            responses.sort(key=lambda response: response.place)
        if self.has_activities:
            self._add_unit_touches()
            self.requests = [
                request for thread in self.touches for request in self._requests_of(thread)
            ]
        else:
            self.requests = []

    # -- activities

    def _thread_of(self, owner_type_id: str, owner_id: str) -> str:
        if owner_type_id == "1":
            return f"lead_{owner_id}"
        if owner_type_id == "2":
            deal = self.crm.deals_by_id.get(owner_id)
            return deal.thread_id if deal else f"deal_{owner_id}"
        if owner_type_id == "3":
            return f"client_{self.crm.client_of(None, owner_id)}"
        return f"client_{self.crm.client_of(owner_id, None)}"

    def _activity(self, row: dict[str, Any]) -> Activity:
        type_id, direction = row["type_id"], row["direction"]
        calls = self.calls.get(row["id"], []) if type_id == "2" else []
        calls.sort(key=lambda call: (call["call_start_date"], len(call["id"]), call["id"]))
        at = row["start_time"] if type_id in ("1", "2", "4") else None
        at = at or row["created"]
        if calls:
            at = calls[0]["call_start_date"]

        kind = None
        if type_id == "2":
            kind = "call"
        elif type_id == "4":
            kind = "email"
        elif row["provider_id"] == "CRM_WEBFORM":
            kind = "form"
        elif row["provider_id"] in PLANNED_WORK:
            kind = None
        elif type_id == "6" and (direction in ("1", "2") or row["is_incoming_channel"]):
            kind = "chat"

        # an informational call is a robot's
        calls_of_people = [call for call in calls if call["call_type"] != "5"]
        connected_calls = [call for call in calls_of_people if _is_connected(call)]
        is_completed = bool(row["completed"])
        is_connected = bool(connected_calls) if calls else is_completed

        is_touch = (
            (kind in ("call", "email", "chat") and direction == "1")
            or (kind == "chat" and bool(row["is_incoming_channel"]) and direction != "2")
            or (kind == "form" and direction != "2")
        )
        # one activity is the whole chat: the answers are inside, whichever its direction
        is_chat = kind == "chat" and row["provider_id"] == CHAT
        is_silent_chat = is_chat and row["associated_entity_id"] not in self.messages
        if is_chat and not is_silent_chat:
            is_touch = False
        state = row["result_status"] if is_silent_chat and is_touch else None
        statuses = self.run.vars["chat_result_statuses"]
        is_answered_chat = state in {str(status) for status in statuses["answered"]}
        is_known_chat = is_answered_chat or state in {str(s) for s in statuses["unanswered"]}
        is_message_out = (
            kind in ("email", "chat") and direction == "2" and is_completed and not is_chat
        )
        is_call_out = kind == "call" and direction == "2" and is_connected
        is_pick_up = kind == "call" and direction == "1" and is_connected

        author_id, responsible_id = row["author_id"], row["responsible_id"]
        is_by_robot = author_id == "0" or (author_id or responsible_id) in self.bots
        picked_up_by_bot = (responsible_id or author_id) in self.bots
        is_response = (
            ((is_message_out or is_call_out) and not is_by_robot)
            or (is_pick_up and not picked_up_by_bot)
            or is_answered_chat
        )
        portal_user_id = connected_calls[0]["portal_user_id"] if connected_calls else None
        author = None if author_id == "0" else author_id
        return Activity(
            order=OF_ACTIVITY,
            number=int(row["id"]),
            at=at,
            kind=kind,
            thread_id=self._thread_of(row["owner_type_id"], row["owner_id"]),
            is_touch=is_touch,
            is_contact=is_touch
            or (direction in ("1", "2") and row["provider_id"] not in PLANNED_WORK),
            is_response=is_response,
            is_message_out=is_message_out,
            is_by_robot=is_by_robot,
            responsible_id=responsible_id,
            responder_id=portal_user_id or responsible_id or author or UNKNOWN,
            has_time=not is_answered_chat,
            is_unknown=is_silent_chat and is_touch and not is_known_chat,
            is_sent=direction == "2" and row["provider_id"] not in PLANNED_WORK,
        )

    def _messages(self, activities: list[dict[str, Any]]) -> list[Activity]:
        """The messages of the chats; those of a session belong to its first activity."""
        chats: dict[str, dict[str, Any]] = {}
        for row in sorted(activities, key=lambda row: int(row["id"]), reverse=True):
            is_chat = row["provider_id"] == CHAT and row["type_id"] == "6"
            if is_chat and (row["direction"] in ("1", "2") or row["is_incoming_channel"]):
                chats[row["associated_entity_id"]] = row
        found = []
        for session_id, messages in self.messages.items():
            chat = chats.get(session_id)
            for message in messages if chat else []:
                kind = (message["sender_kind"] or "").lower()
                is_bot = kind == "bot" or (kind == "operator" and message["sender_id"] in self.bots)
                is_of_person = kind == "operator" and not is_bot
                found.append(
                    Activity(
                        order=OF_MESSAGE,
                        number=int(message["id"]),
                        at=message["sent_at"],
                        kind="chat",
                        thread_id=self._thread_of(chat["owner_type_id"], chat["owner_id"]),
                        is_touch=kind == "client",
                        is_contact=kind in ("client", "operator", "bot"),
                        is_response=is_of_person,
                        is_message_out=is_of_person or is_bot,
                        is_by_robot=is_bot,
                        responsible_id=chat["responsible_id"],
                        responder_id=(message["sender_id"] if is_of_person else None)
                        or chat["responsible_id"]
                        or UNKNOWN,
                        # who wrote it is not known: an answer, perhaps
                        is_unknown=kind not in ("client", "operator", "bot", "system"),
                        is_sent=is_of_person or is_bot,
                    )
                )
        return found

    # -- touches of new units

    def _add_unit_touches(self) -> None:
        starts_request = {
            row["source_id"].upper(): row["request_channel"]
            for row in self.run.seeds["channels"]
            if row["request_channel"]
        }
        for unit in self.crm.units:
            request_channel = starts_request.get((unit.source_id or "").upper())
            # a lead that our own call or letter made is no request either
            first = self.first_contact_act_at.get(unit.thread_id)
            if request_channel is None or (first is not None and first <= unit.created_at):
                continue
            self.touches.setdefault(unit.thread_id, []).append(
                Touch(unit.created_at, OF_UNIT, unit.number, request_channel, unit.employee_id)
            )

    # -- requests

    def _channel_of_thread(self, thread_id: str) -> str:
        kind, _, rest = thread_id.partition("_")
        if kind == "client":
            return self.channel_of_client.get(rest, UNKNOWN)
        if kind == "deal":
            deal = self.crm.deals_by_id.get(rest)
            return deal.channel_id if deal else UNKNOWN
        lead = self.crm.leads_by_id.get(rest)
        if lead and lead.source_id:
            return lead.channel_id
        deals = self._deals_of_lead.get(rest, [])
        if deals:
            return min(deals, key=lambda deal: (deal.created_at, deal.number)).channel_id
        return UNKNOWN

    @cached_property
    def _deals_of_lead(self) -> dict[str, list]:
        deals: dict[str, list] = {}
        for deal in self.crm.deals:
            if deal.lead_id:
                deals.setdefault(deal.lead_id, []).append(deal)
        return deals

    def _requests_of(self, thread_id: str) -> list[Request]:
        responses = self.responses.get(thread_id, [])
        response_times = [response.at for response in responses]
        groups: dict[int, list[Touch]] = {}
        for touch in self.touches[thread_id]:
            groups.setdefault(bisect_left(response_times, touch.at), []).append(touch)
        found = []
        for index, touches in groups.items():
            first = min(touches, key=lambda touch: (touch.at, touch.order, touch.number))
            response = responses[index] if index < len(responses) else None
            working = self.run.working_time
            is_unknown = response is not None and response.is_unknown
            is_answered = response is not None and not is_unknown
            answered_at = response.at if is_answered and response.has_time else None
            found.append(
                Request(
                    thread_id=thread_id,
                    start_at=first.at,
                    request_channel=first.request_channel,
                    channel_id=self._channel_of_thread(thread_id),
                    employee_id=response.responder_id if is_answered else first.employee_id,
                    is_answered=is_answered,
                    is_unknown=is_unknown,
                    answered_at=answered_at,
                    waited=answered_at - first.at if answered_at else None,
                    waited_working=working(first.at, answered_at) if answered_at else None,
                    waiting_working=working(first.at, self.run.as_of),
                )
            )
        return found

    def has_response(self, thread_id: str) -> bool:
        return any(response.is_response for response in self.responses.get(thread_id, []))

    def may_have_response(self, thread_id: str) -> bool:
        """There is an answer, or nobody can say that there is none."""
        return bool(self.responses.get(thread_id))

    def first_contact(self, deal) -> datetime:
        """The earliest of: its lead's creation, the first touch of its thread, its creation."""
        times = [deal.created_at]
        if deal.lead_id in self.crm.leads_by_id:
            times.append(self.crm.leads_by_id[deal.lead_id].created_at)
        if deal.thread_id in self.first_touch_at:
            times.append(self.first_touch_at[deal.thread_id])
        return min(times)


def _is_connected(call: dict[str, Any]) -> bool:
    if call["call_failed_code"] is not None:
        return call["call_failed_code"] == "200"
    return (call["call_duration"] or 0) > 0
