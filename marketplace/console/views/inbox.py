"""Pages of the inbox: what a member was told, how they want to be told, and the way out that stands in each mail."""

from dataclasses import dataclass
from datetime import datetime

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.text import slugify
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.core import scopes
from marketplace.core.errors import Invalid
from marketplace.core.middleware import MemberRequest
from marketplace.core.models import Notification
from marketplace.core.operations import inbox
from marketplace.core.pages import member_page
from marketplace.core.queries.inbox import (
    Choice,
    count_marked_at,
    count_unread,
    fill_subjects,
    get_notification,
    list_choices,
    list_notifications,
    list_subjects,
    topics_of,
)
from marketplace.core.topics import TOPICS

#: every role has it: what of an inbox a member sees is decided topic by topic
SCOPE = "events:read"
SUBJECTS_PER_PAGE = 20
EACH_SUBJECT = 3
PER_PAGE = 50
#: topic -> icon and its tone; others have a bell
ICONS: dict[str, tuple[str, str]] = {
    "revision.published": ("database", "accent"),
    "revision.revoked": ("ban", "bad"),
    "data_set.notified": ("info", "run"),
    "delivery.failed": ("circle-x", "bad"),
    "delivery.completed": ("package-check", "ok"),
    "request.decided": ("clipboard-check", "run"),
    "data_grant.received": ("handshake", "run"),
    "search.matched": ("search", "accent"),
    "data_request.answered": ("life-buoy", "run"),
    "request.received": ("inbox", "run"),
    "request.expiring": ("timer", "warn"),
    "subscription.started": ("user-plus", "ok"),
    "data_grant.accepted": ("handshake", "ok"),
    "product.reviewed": ("badge-check", "run"),
    "credential.expiring": ("key-round", "warn"),
    "team.changed": ("users", "run"),
    "approval.wanted": ("shield-check", "warn"),
}


@dataclass(frozen=True)
class Line:
    """A notification with the icon of its topic."""

    notification: Notification
    icon: str
    tone: str


@dataclass(frozen=True)
class Group:
    """An object with its lines; more: how many notifications about it are not among them."""

    key: str
    label: str
    unread: int
    lines: list[Line]
    more: int


def _line(notification: Notification) -> Line:
    return Line(notification, *ICONS.get(notification.topic, ("bell", "")))


@require_safe
@member_page(SCOPE)
def notifications(request: MemberRequest) -> HttpResponse:
    """Show the inbox by object, the object with the newest notification first; ?about= shows all of one object."""
    membership, held = request.membership, scopes.allowed(request.membership)
    offered = {slugify(topic.group): topic.group for topic in topics_of(held).values()}
    everything = list_notifications(membership=membership, held=held)
    chosen, about = request.GET.get("group", ""), request.GET.get("about", "").replace("\x00", "")
    only_unread = request.GET.get("show") == "unread"
    shown = everything
    if only_unread:
        shown = shown.filter(read_at=None)
    if chosen in offered:
        shown = shown.filter(topic__in=[name for name, topic in TOPICS.items() if topic.group == offered[chosen]])
    number = request.GET.get("page")
    if about:
        page = Paginator(shown.filter(subject_key=about), PER_PAGE).get_page(number)
        lines = [_line(row) for row in page.object_list]
        unread = everything.filter(subject_key=about, read_at=None).count()
        label = lines[0].notification.subject_label if lines else ""
        groups = [Group(about, label, unread, lines, 0)] if lines else []
    else:
        page = Paginator(list_subjects(shown), SUBJECTS_PER_PAGE).get_page(number)  # type: ignore[assignment]
        groups = [
            Group(s.key, s.label, s.unread, [_line(row) for row in s.newest], s.count - len(s.newest))
            for s in fill_subjects(shown, page.object_list, each=EACH_SUBJECT)  # type: ignore[arg-type]
        ]
    marked_at = _instant(request.GET.get("marked", ""))
    context = {
        "page": page,
        "groups": groups,
        "about": about,
        "about_label": groups[0].label if about and groups else "",
        "only_unread": only_unread,
        "chosen": chosen if chosen in offered else "",
        "offered": offered,
        "unread": count_unread(membership=membership, held=held),
        "has_any": bool(groups) or everything.exists(),
        "marked": count_marked_at(membership=membership, held=held, marked_at=marked_at) if marked_at else 0,
        "marked_at": request.GET.get("marked", ""),
    }
    return render(request, "console/inbox.html", context)


def _instant(text: str) -> datetime | None:
    """Return the aware instant that a text names, None for anything else."""
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found is not None and timezone.is_aware(found) else None


def _back(request: HttpRequest) -> str:
    """Return the page of the inbox that a form was on; another address is not followed."""
    asked = request.POST.get("next", "")
    inbox_path = reverse("notifications")
    return asked if asked == inbox_path or asked.startswith(f"{inbox_path}?") else inbox_path


@require_POST
@member_page(SCOPE)
def notification_open(request: MemberRequest, notification_id: str) -> HttpResponse:
    """Mark a notification as read and go to the page that it is about."""
    notification = get_notification(
        membership=request.membership, held=scopes.allowed(request.membership), notification_id=notification_id
    )
    inbox.mark_notification(notification=notification, is_read=True, at=timezone.now())
    path = notification.path
    if not url_has_allowed_host_and_scheme(path, allowed_hosts=None) or not path.startswith("/"):
        path = reverse("notifications")
    return HttpResponseRedirect(path)


@require_POST
@member_page(SCOPE)
def notification_mark(request: MemberRequest, notification_id: str) -> HttpResponse:
    """Mark one notification as read, or as unread with read=no."""
    notification = get_notification(
        membership=request.membership, held=scopes.allowed(request.membership), notification_id=notification_id
    )
    inbox.mark_notification(
        notification=notification, is_read=request.POST.get("read", "yes") != "no", at=timezone.now()
    )
    return HttpResponseRedirect(f"{_back(request)}#notification-{notification.pk}")


@require_POST
@member_page(SCOPE)
def notifications_read(request: MemberRequest) -> HttpResponse:
    """Mark everything, or what is about one object, as read; the next page offers to take it back."""
    now = timezone.now()
    marked = inbox.mark_all_read(
        membership=request.membership,
        held=scopes.allowed(request.membership),
        at=now,
        subject_key=request.POST.get("about", "").replace("\x00", ""),
    )
    if not marked:
        return HttpResponseRedirect(_back(request))
    return HttpResponseRedirect(f"{reverse('notifications')}?{urlencode({'marked': now.isoformat()})}")


@require_POST
@member_page(SCOPE)
def notifications_undo(request: MemberRequest) -> HttpResponse:
    """Make unread again what was marked as read at one instant."""
    marked_at = _instant(request.POST.get("marked", ""))
    if marked_at is not None:
        inbox.take_back_marking(
            membership=request.membership, held=scopes.allowed(request.membership), marked_at=marked_at
        )
    return redirect("notifications")


@require_http_methods(["GET", "HEAD", "POST"])
@member_page(SCOPE)
def notification_settings(request: MemberRequest) -> HttpResponse:
    """Choose what one is told of, in the portal and by mail."""
    membership, held = request.membership, scopes.allowed(request.membership)
    refusal = None
    if request.method == "POST":
        here, mailed = set(request.POST.getlist("in_app")), set(request.POST.getlist("email"))
        topics = set(topics_of(held)) | here | mailed
        try:
            inbox.choose_topics(
                membership=membership,
                held=held,
                choices={topic: (topic in here, topic in mailed) for topic in topics},
                actor=request.actor,
            )
        except Invalid as error:
            refusal = error
        else:
            return HttpResponseRedirect(f"{reverse('notification-settings')}?saved=1")
    groups: dict[str, list[Choice]] = {}
    for choice in list_choices(membership=membership, held=held):
        groups.setdefault(choice.about.group, []).append(choice)
    context = {"groups": groups, "refusal": refusal, "saved": "saved" in request.GET and not refusal}
    return render(request, "console/inbox_settings.html", context, status=422 if refusal else 200)


@never_cache
@csrf_exempt  # mail programs post here by themselves (RFC 8058); the link is the proof
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whether the mails of a topic shall end; a POST ends them, for people and for mail programs alike."""
    is_done = request.method == "POST"
    topic = inbox.unsubscribe(token=token) if is_done else inbox.read_unsubscribe_token(token)[1]
    return render(request, "console/inbox_unsubscribe.html", {"topic": TOPICS[topic], "is_done": is_done})
