"""The audit log in words: what each action means, and where the object that it is about can be seen."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.urls import reverse

from jobs.models import Job
from marketplace.core.models import AccessKey, ApiToken, AuditRecord, Membership, Organization, Role, User
from publishers.models import Asset, DataSet, Product, Revision

#: area -> (label, {what happened: the sentence}); actions are spelled `area.what`
AREAS: dict[str, tuple[str, dict[str, str]]] = {
    "member": (
        "Members",
        {
            "joined": "Joined the organization",
            "left": "Left the organization",
            "removed": "Removed a member",
            "role_changed": "Changed a role",
        },
    ),
    "invitation": (
        "Invitations",
        {"created": "Invited somebody", "resent": "Sent an invitation again", "revoked": "Revoked an invitation"},
    ),
    "organization": (
        "Organization",
        {
            "created": "Created the organization",
            "updated": "Changed the organization's page",
            "ownership_transferred": "Handed the organization over",
        },
    ),
    "api_token": (
        "Tokens",
        {"created": "Created a token", "rotated": "Rotated a token", "revoked": "Revoked a token"},
    ),
    "access_key": (
        "Access keys",
        {"created": "Created an access key", "rotated": "Rotated an access key", "revoked": "Revoked an access key"},
    ),
    "audit": ("Audit log", {"exported": "Exported the audit log", "verified": "Verified the audit log"}),
    "page": ("Refused pages", {"refused": "Was refused"}),
    "api": ("Refused calls", {"refused": "Was refused a call"}),
    "data_set": (
        "Data sets",
        {
            "created": "Created a data set",
            "updated": "Changed a data set",
            "deleted": "Deleted a data set",
            "notified": "Sent a notice to receivers",
        },
    ),
    "revision": (
        "Revisions",
        {
            "created": "Created a revision",
            "updated": "Changed a revision",
            "finalized": "Finalized a revision",
            "published": "Published a revision",
            "reopened": "Opened a revision again",
            "revoked": "Revoked a revision",
            "deleted": "Deleted a revision",
        },
    ),
    "asset": (
        "Files",
        {
            "added": "Added a file",
            "renamed": "Renamed a file",
            "removed": "Removed a file",
            "downloaded": "Downloaded a file",
            "api_called": "Called a publisher's API",
        },
    ),
    "upload": (
        "Uploads",
        {"opened": "Began an upload", "completed": "Completed an upload", "aborted": "Gave an upload up"},
    ),
    "product": (
        "Products",
        {
            "created": "Created a product",
            "updated": "Changed a product",
            "published": "Published a product",
            "unpublished": "Unpublished a product",
            "submitted": "Submitted a product for approval",
            "withdrawn": "Withdrew a product from approval",
            "refused": "Refused a product",
            "draft_discarded": "Discarded changes of a product",
            "logo_set": "Set the logo of a product",
            "data_set_added": "Added a data set to a product",
            "data_set_removed": "Removed a data set from a product",
            "visibility_set": "Changed who sees a product",
            "viewer_added": "Let an organization see a product",
            "viewer_removed": "No longer let an organization see a product",
            "document_added": "Added a document to a product",
            "document_changed": "Changed a document of a product",
            "document_removed": "Removed a document of a product",
        },
    ),
    "offer": ("Offers", {"updated": "Changed an offer", "accepted": "Subscribed to a product"}),
    "agreement": ("Subscriptions", {"ended": "Ended a subscription"}),
    "data_grant": (
        "Data grants",
        {
            "created": "Shared data with an organization",
            "accepted": "Accepted a data grant",
            "extended": "Changed when a data grant ends",
            "deleted": "Deleted a data grant",
        },
    ),
    "job": (
        "Exports and imports",
        {
            "created": "Created an export or import",
            "started": "Started an export or import",
            "cancelled": "Cancelled an export or import",
            "retried": "Retried an export or import",
            "completed": "Completed an export or import",
            "failed": "Failed an export or import",
        },
    ),
    "auto_export": (
        "Auto-exports",
        {
            "created": "Set up an auto-export",
            "updated": "Changed an auto-export",
            "paused": "Paused an auto-export",
            "resumed": "Resumed an auto-export",
            "deleted": "Deleted an auto-export",
        },
    ),
    "storage_connection": (
        "Storage connections",
        {"created": "Connected a bucket", "removed": "Disconnected a bucket"},
    ),
    "source_connection": (
        "Source connections",
        {"created": "Registered a database or catalogue", "removed": "Removed a database or catalogue"},
    ),
    "webhook": (
        "Webhooks",
        {
            "created": "Created a webhook",
            "updated": "Changed a webhook",
            "enabled": "Enabled a webhook",
            "disabled": "Disabled a webhook",
            "deleted": "Deleted a webhook",
            "tested": "Tested a webhook",
            "secret_rotated": "Rotated the secret of a webhook",
            "delivery_replayed": "Sent an event again",
            "failed_replayed": "Sent failed events again",
        },
    ),
    "change_set": ("Change sets", {"started": "Started a change set", "succeeded": "Carried out a change set"}),
    "saved_search": (
        "Saved searches",
        {"created": "Saved a search", "changed": "Changed a saved search", "deleted": "Deleted a saved search"},
    ),
    "data_request": (
        "Data requests",
        {
            "created": "Asked for data",
            "answered": "Answered a data request",
            "closed": "Closed a data request",
            "voted": "Voted for a data request",
            "unvoted": "Took back a vote for a data request",
        },
    ),
    "tags": ("Tags", {"changed": "Changed tags"}),
}
#: words for members of `detail` that do not speak for themselves
_WORDS = {
    "user_id": "Person",
    "by_user_id": "By",
    "ip": "Address",
    "from": "Before",
    "to": "After",
    "code": "Reason",
    "revoked_tokens": "Tokens revoked",
    "revoked_access_keys": "Access keys revoked",
    "revoked_invitations": "Invitations revoked",
    "size_bytes": "Size in bytes",
}
_TRUNCATED = 300


def words_of(action: str) -> str:
    """Say an action in words, also one that has none here yet."""
    area, _, what = action.partition(".")
    known = AREAS.get(area, ("", {}))[1].get(what)
    return known or f"{area.replace('_', ' ')}: {what.replace('_', ' ')}".capitalize()


def action_choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """Return (area, [(value of the filter, words)]), each area beginning with all of it."""
    return [
        (label, [(f"{area}.", f"{label}: all"), *((f"{area}.{what}", words) for what, words in acts.items())])
        for area, (label, acts) in AREAS.items()
    ]


@dataclass(frozen=True, slots=True)
class Place:
    """An object of the log: what it is called, and the page that shows it, if there is one."""

    label: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One record for people. who: empty for the installation. facts: (label, value) pairs."""

    sequence: int
    at: datetime
    words: str
    action: str
    is_denied: bool
    who: str
    through: str
    about: Place
    object_id: str
    request_id: str
    facts: list[tuple[str, str]] = field(default_factory=list)


#: kind of object -> (noun, name of the page where all of them stand)
_KINDS = {
    "core.Organization": ("Organization", ""),
    "core.Membership": ("Member", "team"),
    "core.Invitation": ("Invitation", "team"),
    "core.ApiToken": ("Token", "keys"),
    "core.AccessKey": ("Access key", "keys"),
    "core.StorageConnection": ("Storage connection", "storage"),
    "core.SourceConnection": ("Source connection", "sources"),
    "core.WebhookEndpoint": ("Webhook", ""),
    "jobs.EventAction": ("Auto-export", "auto-exports"),
    "subscriptions.Agreement": ("Subscription", "my-data"),
    "subscriptions.Entitlement": ("Entitlement", "my-data"),
    "subscriptions.DataGrant": ("Data grant", ""),
    "publishers.DataSet": ("Data set", ""),
    "publishers.Revision": ("Revision", ""),
    "publishers.Asset": ("File", ""),
    "publishers.Product": ("Product", ""),
    "publishers.Upload": ("Upload", ""),
    "jobs.Job": ("Job", ""),
}


def _places(records: list[AuditRecord], organization: Organization) -> dict[tuple[str, str], Place]:
    """Return where the objects can be seen; those that are gone, or somebody else's, have a name by kind only."""
    wanted: dict[str, set[str]] = {}
    for record in records:
        wanted.setdefault(record.subject_type, set()).add(record.subject_id)
    found: dict[tuple[str, str], Place] = {}
    for kind, subjects in wanted.items():
        noun, page = _KINDS.get(kind, (kind.partition(".")[2], ""))
        for each in subjects:
            found[kind, each] = Place(noun, reverse(page) if page else "")
    owned = {"owner": organization.pk}
    if ids := wanted.get("publishers.DataSet"):
        for data_set in DataSet.objects.filter(pk__in=ids, **owned):
            found["publishers.DataSet", data_set.pk] = Place(data_set.name, reverse("data-set", args=[data_set.pk]))
    if ids := wanted.get("publishers.Revision"):
        for row in Revision.objects.filter(pk__in=ids, data_set__owner=organization.pk).select_related("data_set"):
            place = Place(f"Revision of {row.data_set.name}", reverse("revision", args=[row.data_set_id, row.pk]))
            found["publishers.Revision", row.pk] = place
    if ids := wanted.get("publishers.Asset"):
        for file in Asset.objects.filter(pk__in=ids).select_related("revision__data_set"):
            own = file.revision.data_set.owner_id == organization.pk
            url = reverse("revision", args=[file.revision.data_set_id, file.revision_id]) if own else ""
            found["publishers.Asset", file.pk] = Place(file.name, url)
    if ids := wanted.get("publishers.Product"):
        for product in Product.objects.filter(pk__in=ids):
            own = product.owner_id == organization.pk
            url = reverse("product-edit" if own else "product", args=[product.pk])
            found["publishers.Product", product.pk] = Place(product.name, url)
    if ids := wanted.get("jobs.Job"):
        for job in Job.objects.filter(pk__in=ids, organization=organization):
            is_import = str(job.type).startswith("IMPORT")
            url = reverse("import" if is_import else "delivery", args=[job.pk])
            found["jobs.Job", job.pk] = Place("Import" if is_import else "Delivery", url)
    return found


def _people(records: list[AuditRecord]) -> dict[int, str]:
    ids: set[int] = set()
    for record in records:
        named = (record.actor_user_id, record.detail.get("user_id"), record.detail.get("by_user_id"))
        ids.update(each for each in named if isinstance(each, int))
    return {user.pk: user.get_full_name() for user in User.objects.filter(pk__in=ids)} if ids else {}


def _credentials(records: list[AuditRecord]) -> dict[str, str]:
    tokens = {r.credential_id for r in records if r.actor_kind == "token"}
    keys = {r.credential_id for r in records if r.actor_kind == "access_key"}
    named: dict[str, str] = {}
    if tokens:
        named |= {token.pk: f"token “{token.name}”" for token in ApiToken.objects.filter(pk__in=tokens)}
    if keys:
        named |= {key.pk: f"access key “{key.name}”" for key in AccessKey.objects.filter(pk__in=keys)}
    return named


def _value(name: str, value: Any, people: dict[int, str]) -> str:
    if name in {"user_id", "by_user_id"}:
        return people.get(value, str(value))
    if name in {"role", "from", "to"} and value in Role.values:
        return str(Role(value).label)
    if isinstance(value, list):
        value = ", ".join(str(each) for each in value)
    return str(value)[:_TRUNCATED]


def entries_of(records: Iterable[AuditRecord], *, organization: Organization) -> list[Entry]:
    """Return records in words, in their order. Runs at most eight queries, however many there are."""
    rows = list(records)
    places, people, credentials = _places(rows, organization), _people(rows), _credentials(rows)
    entries = []
    for row in rows:
        facts = [
            (_WORDS.get(name, name.replace("_", " ").capitalize()), _value(name, value, people))
            for name, value in row.detail.items()
            if value not in (None, "", [])
        ]
        about = places[row.subject_type, row.subject_id]
        if row.subject_type == Membership._meta.label and row.detail.get("user_id") in people:
            about = Place(people[row.detail["user_id"]], about.url)
        if row.action.endswith(".refused") and row.detail.get("operation"):
            about = Place(str(row.detail["operation"])[:_TRUNCATED])
        through = credentials.get(row.credential_id, row.actor_kind.replace("_", " ") if row.credential_id else "")
        entries.append(
            Entry(
                sequence=row.sequence,
                at=row.recorded_at,
                words=words_of(row.action),
                action=row.action,
                is_denied=row.result == "denied",
                who=people.get(row.actor_user_id or 0, "Somebody") if row.actor_user_id else "",
                through=through,
                about=about,
                object_id=row.subject_id,
                request_id=row.request_id,
                facts=[*facts, ("Address", row.ip)] if row.ip else facts,
            )
        )
    return entries
