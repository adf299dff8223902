"""Overview of the installation: what waits, how it is, what operators changed."""

from dataclasses import dataclass

from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from marketplace.console.operator import health
from marketplace.console.operator.guard import operator_page
from marketplace.console.operator.views.frame import show
from marketplace.console.second_factor import has_second_factor
from marketplace.console.views.home import Step, steps_in_order
from marketplace.core import brand
from marketplace.core.middleware import MemberRequest
from marketplace.core.models import AuditRecord, User
from marketplace.core.queries.site import list_installation_records
from marketplace.core.templatetags.ui import bytes_, compact
from publishers.models import Product

RECORDS = 8
#: action of the installation's audit chain -> what happened, in words
ACTIONS = {
    "site.changed": "Settings changed",
    "site.logo_set": "Logo set",
    "site.logo_removed": "Logo removed",
    "user.made_operator": "Operator made",
    "user.suspended": "User suspended",
    "user.reactivated": "User re-activated",
    "work.run_again": "Parked work run again",
    "work.given_up": "Parked work given up",
}
#: what changed in "site.changed" -> in words
FIELDS = {
    "name": "name",
    "hue": "hue",
    "commission_basis_points": "commission",
    "approves_publishers": "approval of publishers",
    "approves_products": "approval of products",
}


@dataclass(frozen=True)
class Change:
    """A line of the installation's audit chain."""

    record: AuditRecord
    label: str
    about: str
    who: str


def list_changes() -> list[Change]:
    """Return the newest changes of the installation with the people behind them."""
    records = list(list_installation_records().filter(action__in=ACTIONS)[:RECORDS])
    ids = {r.actor_user_id for r in records} | {int(r.subject_id) for r in records if r.subject_type == "core.User"}
    emails = dict(User.objects.filter(pk__in=[pk for pk in ids if pk]).values_list("pk", "email"))
    return [
        Change(
            record,
            ACTIONS[record.action],
            _about(record, emails),
            emails.get(record.actor_user_id or 0, "The command line"),
        )
        for record in records
    ]


def _about(record: AuditRecord, emails: dict[int, str]) -> str:
    if record.subject_type == "core.User":
        return emails.get(int(record.subject_id), "")
    if record.action == "site.changed":
        return ", ".join(FIELDS.get(name, name) for name in record.detail)
    return str(record.detail.get("task", ""))


@require_safe
@operator_page
def operate(request: MemberRequest) -> HttpResponse:
    """Show what waits for an operator and how the installation is now."""
    measured = health.measure(at=timezone.now())
    context = {
        "health": measured,
        "parts": parts_of(measured),
        "steps": first_steps(request, sends_mail=measured.mail.sends),
        "changes": list_changes(),
        "vault": bytes_(measured.store.vault_bytes) if measured.store else "–",
    }
    return show(request, "operator/overview.html", "overview", context)


def first_steps(request: MemberRequest, *, sends_mail: bool) -> list[Step]:
    """Return what an operator sets up at the beginning; empty once all of it is done."""
    chosen, plain = brand.current(), brand.of_environment()
    is_branded = chosen != plain or (plain.name, plain.hue) != ("Entrepot", brand.DEFAULT_HUE)
    steps = steps_in_order(
        [
            (
                has_second_factor(request.user),
                "Set up a second factor",
                "An operator's account opens every door of the installation.",
                reverse("mfa_index"),
                "Set up",
            ),
            (
                is_branded,
                "Give the exchange its name and look",
                "Name, hue and logo show on every page and in every mail.",
                reverse("branding"),
                "Open branding",
            ),
            (
                sends_mail,
                "Name a mail server",
                "Without one, invitations are shown as links and nobody hears of anything by mail.",
                reverse("guide", args=["operating"]),
                "Read how",
            ),
            (
                Product.objects.listed().exists(),
                "Have a first product listed",
                "Publish one yourself, or send somebody who has data the address of this exchange.",
                reverse("data-sets"),
                "Open data sets",
            ),
        ]
    )
    return [] if all(step.state == "done" for step in steps) else steps


def parts_of(measured: health.Health) -> list[tuple[str, str, str, str]]:
    """Return (tone, part, sentence, anchor on the page of health) for each part."""
    page = reverse("operator-health")
    silent = [p for p in measured.processes if p.is_silent]
    living = [p for p in measured.workers if not p.is_silent]
    has_scheduler = any(p.name == "scheduler" and not p.is_silent for p in measured.processes)
    disk = min(measured.disks, key=lambda d: d.free_bytes / (d.total_bytes or 1), default=None)
    database, store = measured.database, measured.store
    rows = [
        (
            database.state if database else "bad",
            "Database",
            f"{bytes_(database.size_bytes)}, {database.connections} of {database.connections_most} connections"
            if database
            else "Does not answer",
        ),
        (
            "ok" if measured.broker_s is not None else "bad",
            "Broker",
            f"Answers in {1000 * measured.broker_s:.0f} ms" if measured.broker_s is not None else "Does not answer",
        ),
        (
            "ok" if store else "bad",
            "Object store",
            f"Writes in {1000 * store.write_s:.0f} ms, reads in {1000 * store.read_s:.0f} ms"
            if store
            else "Does not answer",
        ),
        (
            "bad" if not living or not has_scheduler else "warn" if silent else "ok",
            "Workers",
            f"{len(living)} at work, scheduler {'running' if has_scheduler else 'silent'}",
        ),
        (
            "warn" if measured.parked or measured.oldest_due_s > health.LATE_S else "ok",
            "Queue",
            f"{compact(sum(row.due for row in measured.work))} due, {compact(measured.parked)} parked",
        ),
        (
            disk.state if disk else "ok",
            "Disk",
            f"{bytes_(disk.free_bytes)} of {bytes_(disk.total_bytes)} free" if disk else "Not measured here",
        ),
        (
            "ok" if measured.mail.sends else "warn",
            "E-mail",
            f"Through {measured.mail.host}" if measured.mail.sends else "Only to the log: no mail server is set",
        ),
    ]
    return [(*row, f"{page}#{row[1].lower().replace(' ', '-')}") for row in rows]
