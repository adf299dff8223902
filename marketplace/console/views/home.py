"""Home: what needs attention, what is new, what to do next."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from jobs.models import Job, JobState
from jobs.queries import list_deliveries, list_deliveries_of_publisher
from marketplace.console.forms import OrganizationForm
from marketplace.console.queries import (
    Beginnings,
    HomeFigures,
    get_standing,
    list_draft_products,
    list_draft_revisions,
    list_failing_connections,
    list_failures,
    list_new_revisions,
    list_stranded_auto_exports,
    list_waiting_data_grants,
)
from marketplace.core import scopes
from marketplace.core.middleware import MemberRequest
from marketplace.core.models import Organization
from marketplace.core.templatetags.ui import bytes_, compact
from subscriptions.queries import list_subscribers

PERIOD = timedelta(days=30)
EACH_KIND = 4
#: enough to say "4 deliveries of … failed" truly in all but the worst week
FAILURES_READ = 100
RECENT = 6


@dataclass(frozen=True)
class Matter:
    """Something that waits for a person: what it is, why, and where it is mended."""

    tone: str
    icon: str
    title: str
    text: str
    url: str
    verb: str


@dataclass(frozen=True)
class Step:
    """One first step of a newcomer; state: done, now or todo."""

    label: str
    text: str
    url: str
    verb: str
    state: str


def _alike(jobs: Iterable[Job]) -> list[list[Job]]:
    """Return the jobs by data set and bucket: one broken bucket is one matter, however many deliveries it stopped."""
    groups: dict[tuple[str | None, str | None], list[Job]] = {}
    for job in jobs:
        groups.setdefault((job.data_set_id, job.connection_id), []).append(job)
    return list(groups.values())


def _matters(organization: Organization, held: frozenset[str]) -> Iterable[Matter]:
    deliveries, imports = list_failures(
        organization=organization,
        since=timezone.now() - PERIOD,
        most_deliveries=FAILURES_READ,
        most_imports=EACH_KIND if "publish:write" in held else 0,
    )
    for jobs in _alike(deliveries)[:EACH_KIND]:
        newest, count = jobs[0], len(jobs)
        if count == 1:
            title, url = f"Delivery of {newest.data_set_name} failed", reverse("delivery", args=[newest.pk])
        else:
            title = f"{count} deliveries of {newest.data_set_name} failed"
            url = f"{reverse('deliveries')}?state=failed"
        yield Matter("bad", "circle-x", title, newest.cause, url, "See why")
    for grant in list_waiting_data_grants(organization=organization, at=timezone.now())[:EACH_KIND]:
        title = f"{grant.sender.name} shares {grant.published_data_set.data_set.name} with you"
        text = f"Data grant “{grant.name}” waits to be accepted."
        yield Matter("run", "handshake", title, text, f"{reverse('my-data')}#grants", "Open")
    for connection in list_failing_connections(organization=organization)[:EACH_KIND]:
        title = f"{connection.name} cannot be written to"
        yield Matter("bad", "hard-drive", title, connection.failure, reverse("storage"), "Mend")
    for action in list_stranded_auto_exports(organization=organization)[:EACH_KIND]:
        title = f"Auto-export of {action.published_data_set.data_set.name} has no bucket"
        text = f"The storage connection to {action.connection.bucket} was removed, so nothing is delivered."
        yield Matter("warn", "hard-drive", title, text, reverse("auto-exports"), "Open")
    if "publish:write" not in held:
        return
    for job in imports:
        url = reverse("import", args=[job.pk])
        yield Matter("bad", "circle-x", f"Import into {job.data_set_name} failed", job.cause, url, "See why")
    for revision in list_draft_revisions(owner=organization)[:EACH_KIND]:
        count = revision.asset_count  # type: ignore[attr-defined]
        files = "1 file waits" if count == 1 else f"{count:,} files wait"
        text = f"{files}. Subscribers get nothing of it until the revision is finalized."
        url = reverse("revision", args=[revision.data_set_id, revision.pk])
        yield Matter("run", "file-text", f"Draft revision of {revision.data_set.name}", text, url, "Review")
    for product in list_draft_products(owner=organization)[:EACH_KIND]:
        url = reverse("product-edit", args=[product.pk])
        text = "Only you can see it. Publish it to list it in the catalogue."
        yield Matter("run", "package-open", f"{product.name} is a draft", text, url, "Finish")


def steps_in_order(rows: list[tuple[bool, str, str, str, str]]) -> list[Step]:
    steps, is_next = [], True
    for is_done, label, text, url, verb in rows:
        state = "done" if is_done else "now" if is_next else "todo"
        is_next = is_next and is_done
        steps.append(Step(label, text, url, verb, state))
    return steps


def subscriber_steps(begun: Beginnings) -> list[Step]:
    """Return the way of a subscriber, from the catalogue to files in their bucket."""
    return steps_in_order(
        [
            (
                begun.has_access,
                "Subscribe to a product",
                "Search the catalogue, read the terms, accept them. Or accept a data grant that somebody gave you.",
                reverse("catalogue"),
                "Browse the catalogue",
            ),
            (
                begun.has_connected,
                "Connect a bucket",
                "Any S3-compatible bucket that you can write to.",
                reverse("storage-create"),
                "Connect a bucket",
            ),
            (
                begun.has_automated,
                "Set up an auto-export",
                "Each new revision then goes to your bucket by itself.",
                reverse("auto-export-create"),
                "Set up an auto-export",
            ),
            (
                begun.has_received,
                "Receive a first delivery",
                "Its receipt proves each file by checksum. Export what is there already, or wait for the next revision.",
                reverse("export-create"),
                "Export a revision",
            ),
        ]
    )


def publisher_steps(begun: Beginnings) -> list[Step]:
    """Return the way of a publisher, from files to a listed product."""
    return steps_in_order(
        [
            (
                begun.has_data_set,
                "Create a data set",
                "A series of revisions of one kind of data.",
                reverse("data-set-create"),
                "Create a data set",
            ),
            (
                begun.has_finalized,
                "Finalize a revision",
                "Upload or import files, then close the revision to change.",
                reverse("data-sets"),
                "Add files",
            ),
            (
                begun.has_listed,
                "Publish a product",
                "Describe the data, add terms, list it in the catalogue.",
                reverse("product-create"),
                "Create a product",
            ),
        ]
    )


def _figures(begun: Beginnings, figures: HomeFigures) -> list[tuple[str, str]]:
    shown = []
    if begun.has_access:
        shown += [
            ("Data sets you may read", compact(figures.entitled_data_sets)),
            ("Auto-exports on", compact(figures.auto_exports)),
            ("Received, 30 days", compact(figures.received)),
            ("Bytes received, 30 days", bytes_(figures.received_bytes)),
        ]
    if begun.publishes:
        shown += [
            ("Products listed", compact(figures.listed)),
            ("Subscribers", compact(figures.subscribers)),
            ("Delivered, 30 days", compact(figures.sent)),
            ("Bytes delivered, 30 days", bytes_(figures.sent_bytes)),
        ]
    return shown


@require_safe
@login_required
def home(request: MemberRequest) -> HttpResponse:
    """Show a member what waits and what is new; somebody without an organization founds one here."""
    if request.membership is None:
        return render(request, "console/welcome.html", {"form": OrganizationForm()})
    organization = request.organization
    held = scopes.allowed(request.membership)
    now = timezone.now()
    begun, figures = get_standing(organization=organization, at=now, since=now - PERIOD)
    recent = list(list_deliveries(organization=organization)[:RECENT])
    sent = list(list_deliveries_of_publisher(owner=organization)[:RECENT]) if begun.publishes else []
    context = {
        "matters": list(_matters(organization, held)),
        "figures": _figures(begun, figures),
        "recent": recent,
        "live": any(job.state == JobState.IN_PROGRESS for job in recent),
        "sent": sent,
        "subscribers": list_subscribers(owner=organization)[:RECENT] if begun.publishes else [],
        "revisions": list_new_revisions(organization=organization, at=now)[:RECENT],
        "begun": begun,
        "subscriber_steps": subscriber_steps(begun) if "subscriptions:write" in held else [],
        "publisher_steps": publisher_steps(begun) if "publish:write" in held else [],
    }
    return render(request, "console/home.html", context)
