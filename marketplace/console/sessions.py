"""Where somebody is signed in: which browser, from which address, last seen when."""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from marketplace.core.errors import NotFound
from marketplace.core.models import User

#: a session is written down as seen at most this often by each process
SEEN_EVERY_S = 300
_MOST_REMEMBERED = 10_000
_AGENT_LENGTH = UserSession._meta.get_field("user_agent").max_length
_BROWSERS = (
    ("Edge", r"Edg(?:e|A|iOS)?/"),
    ("Opera", r"OPR/"),
    ("Firefox", r"(?:Firefox|FxiOS)/"),
    ("Chrome", r"(?:Chrome|CriOS|Chromium)/"),
    ("Safari", r"Version/.*Safari/"),
)
_SYSTEMS = (
    ("Android", r"Android"),
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("Windows", r"Windows"),
    ("macOS", r"Mac OS X|Macintosh"),
    ("ChromeOS", r"CrOS"),
    ("Linux", r"Linux"),
)


def device_of(user_agent: str) -> str:
    """Say a browser in words: `Firefox on Windows`; a program that names itself otherwise by its first word."""
    browser = next((name for name, pattern in _BROWSERS if re.search(pattern, user_agent)), "")
    system = next((name for name, pattern in _SYSTEMS if re.search(pattern, user_agent)), "")
    if browser:
        return f"{browser} on {system}" if system else browser
    return user_agent.split("/")[0].split(" ")[0][:40] or "Unknown browser"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """One place where somebody is signed in. address: the IP it was last seen from."""

    id: int
    device: str
    address: str
    started_at: datetime
    seen_at: datetime
    is_current: bool


def list_sessions(*, user: User, current_key: str, at: datetime) -> list[SignedIn]:
    """Return the living sessions of a person, the asking one first, then the latest seen."""
    living = Session.objects.filter(session_key=OuterRef("session_key"), expire_date__gt=at)
    rows = UserSession.objects.filter(Exists(living), user_id=user.pk).order_by("-last_seen_at")
    found = [
        SignedIn(
            id=row.pk,
            device=device_of(row.user_agent),
            address="" if row.ip == "0.0.0.0" else row.ip,  # noqa: S104 - stands for an address that is not known
            started_at=row.created_at,
            seen_at=row.last_seen_at,
            is_current=row.session_key == current_key,
        )
        for row in rows
    ]
    return sorted(found, key=lambda each: not each.is_current)


def end_session(*, user: User, session_id: int) -> None:
    """Sign a person out in one place. Raises NotFound alike for a missing session and for somebody else's."""
    row = UserSession.objects.filter(user_id=user.pk, pk=session_id).first()
    if row is None:
        raise NotFound("SESSION", str(session_id))
    row.end()


def end_other_sessions(*, user: User, current_key: str | None) -> int:
    """Sign a person out everywhere but in one place; return in how many."""
    rows = list(UserSession.objects.filter(user_id=user.pk).exclude(session_key=current_key or ""))
    keys = [row.session_key for row in rows]
    ended, _ = Session.objects.filter(session_key__in=keys).delete()
    UserSession.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return ended


class SessionsMiddleware:
    """Keep up when and from where each session was last seen; signing in has written the session down."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._seen: dict[str, float] = {}
        self._lock = threading.Lock()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        key = request.session.session_key
        if key and request.user.is_authenticated and self._is_due(key):
            self._write(request, key)
        return self.get_response(request)

    def _is_due(self, key: str) -> bool:
        """Return True when this process has known the session for so long without writing it down."""
        now = time.monotonic()
        with self._lock:
            if len(self._seen) > _MOST_REMEMBERED:
                self._seen.clear()
            last = self._seen.setdefault(key, now)
            if now - last < SEEN_EVERY_S:
                return False
            self._seen[key] = now
        return True

    def _write(self, request: HttpRequest, key: str) -> None:
        row = UserSession(
            user_id=int(request.user.pk or 0),
            session_key=key,
            ip=request.META.get("REMOTE_ADDR") or "0.0.0.0",  # noqa: S104
            user_agent=request.META.get("HTTP_USER_AGENT", "")[:_AGENT_LENGTH],
            last_seen_at=timezone.now(),
        )
        UserSession.objects.bulk_create(
            [row],
            update_conflicts=True,
            unique_fields=["session_key"],
            update_fields=["ip", "user_agent", "last_seen_at"],
        )
