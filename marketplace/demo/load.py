"""Bring the demo in: publishers with products, and a subscriber whose auto-exports run. Harmless to run again."""

import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Min, OuterRef, Subquery
from django.utils import timezone

from jobs.models import EventAction
from jobs.operations.event_actions import create_event_action
from marketplace.core import storage
from marketplace.core.actors import Actor
from marketplace.core.models import Membership, Organization, StorageConnection, User
from marketplace.core.operations.organizations import create_organization
from marketplace.core.operations.storage import create_storage_connection
from marketplace.core.operations.users import make_operator
from marketplace.demo.catalogue import FREQUENCIES, PUBLISHERS, RIGHTS, DemoProduct, DemoPublisher
from publishers.models import DataSet, PersonalData, Product, PublishedRevision, Revision
from publishers.operations import data_sets, documents, products, revisions, search
from publishers.queries.products import current_offer_version
from subscriptions import data_requests, requests, saved_searches
from subscriptions.models import SavedSearch
from subscriptions.operations import accept_offer
from subscriptions.queries import list_entitled_data_sets, living_agreement

SUBSCRIBER = ("Northwind Research", "subscriber@demo.entrepot.example")
OPERATOR = ("Exchange operations", "operator@demo.entrepot.example")
SUBSCRIBED = ("New York departures by quarter", "Seattle daily weather", "Technology share prices 2000 to 2010")
LANDING_BUCKET = "northwind-landing"
Say = Callable[[str], None]


def passwords() -> dict[str, str]:
    """Return {e-mail: password} of the demo's people, made once and kept in the state directory (mode 0600)."""
    emails = [publisher.email for publisher in PUBLISHERS] + [SUBSCRIBER[1], OPERATOR[1]]
    path = Path(settings.STATE_DIRECTORY or tempfile.gettempdir()) / "demo-logins.json"
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    for email in emails:
        known.setdefault(email, secrets.token_urlsafe(9))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(known, file, indent=1)
    return known


def load(say: Say) -> None:
    """Create what is missing of the demo, publisher by publisher."""
    logins = passwords()
    with tempfile.TemporaryDirectory() as directory:
        for publisher in PUBLISHERS:
            _publisher(publisher, logins[publisher.email], Path(directory), say)
        held_back = _subscriber(logins[SUBSCRIBER[1]], say)
        for product, revision_id in held_back:
            _finalize(product, revision_id)
    _conversation(say)
    operator, _ = _member(*OPERATOR, logins[OPERATOR[1]])
    make_operator(user=operator.user, actor=Actor(kind="system"), at=timezone.now())
    say("Demo logins:")
    say(f"  subscriber  {SUBSCRIBER[1]}  {logins[SUBSCRIBER[1]]}")
    for publisher in PUBLISHERS:
        say(f"  publisher   {publisher.email}  {logins[publisher.email]}")
    say(f"  operator    {OPERATOR[1]}  {logins[OPERATOR[1]]}")


def _member(name: str, email: str, password: str) -> tuple[Membership, bool]:
    found = Membership.objects.select_related("organization", "user").filter(user__email=email).first()
    if found is not None:
        return found, False
    with transaction.atomic():
        user = User.objects.create_user(email, password, name=name)
        actor = Actor(kind="system")
        return create_organization(name=name, owner=user, actor=actor, at=timezone.now()), True


def _actor(member: Membership) -> Actor:
    return Actor(kind="user", user_id=member.user_id, organization_id=member.organization_id)


def _publisher(publisher: DemoPublisher, password: str, directory: Path, say: Say) -> None:
    member, is_new = _member(publisher.name, publisher.email, password)
    if is_new:
        Organization.objects.filter(pk=member.organization_id).update(about=publisher.about, is_verified=True)
        member.organization.refresh_from_db()
    for entry in publisher.products:
        if not Product.objects.filter(owner=member.organization, name=entry.name, published_at__isnull=False).exists():
            _product(member, entry, publisher.email, directory)
            say(f"listed {entry.name}")


def _product(member: Membership, entry: DemoProduct, email: str, directory: Path) -> None:
    """List one product. All releases but the last are finalized now, spread over the weeks before."""
    actor, now = _actor(member), timezone.now()
    data_set = DataSet.objects.filter(owner=member.organization, name=entry.name).first()
    if data_set is None:
        start = now - timedelta(days=100)
        data_set = data_sets.create_data_set(
            owner=member.organization, name=entry.name, description=entry.short, actor=actor, at=start
        )
    releases = list(entry.releases(directory))
    for index, (comment, files) in enumerate(releases):
        at = now - timedelta(days=7 * (len(releases) - index - 1), hours=3)
        revision = Revision.objects.filter(data_set=data_set, comment=comment).first()
        if revision is None:
            revision = revisions.create_revision(data_set=data_set, comment=comment, actor=actor, at=at)
        for name, content in files.items():
            _asset(revision, name, content, actor, at)
        is_last_of_watched = entry.name in SUBSCRIBED and index == len(releases) - 1
        if not revision.is_finalized and not is_last_of_watched:
            revisions.finalize_revision(revision=revision, actor=actor, at=at)
    product = Product.objects.filter(owner=member.organization, name=entry.name).first()
    if product is None:
        product = products.create_product(
            owner=member.organization,
            name=entry.name,
            category=entry.category,
            short_description=entry.short,
            description=entry.description,
            update_frequency=entry.frequency,
            coverage=entry.coverage,
            licence=entry.licence,
            source_url=entry.source_url,
            support_contact=email,
            terms=entry.terms,
            dictionary=[{"column": c, "type": t, "meaning": m} for c, t, m in entry.dictionary],
            frequency=FREQUENCIES[entry.frequency],
            regions=[entry.region],
            personal_data=PersonalData.NONE,
            licence_rights=RIGHTS[entry.terms],
            actor=actor,
            at=now,
        )
    if not product.published_data_sets.exists():
        products.add_data_set(product=product, data_set=data_set, actor=actor, at=now)
    if not product.documents.exists():
        documents.make_sample(product=product, actor=actor, at=now)
    product = products.publish_product(product=product, actor=actor, at=now)
    _backdate(product)


def _backdate(product: Product) -> None:
    """Have each release published when it was finalized: an exchange that lives does not begin all at once."""
    published = PublishedRevision.objects.filter(published_data_set__product=product)
    finalized_at = Revision.objects.filter(pk=OuterRef("revision_id")).values("finalized_at")
    published.update(published_at=Subquery(finalized_at))
    product.published_at = published.aggregate(first=Min("published_at"))["first"]
    product.save(update_fields=["published_at"])
    search.refresh(product=product)


def _asset(revision: Revision, name: str, content: bytes, actor: Actor, at: datetime) -> None:
    asset_id = hashlib.sha256(f"demo:{revision.pk}:{name}".encode()).hexdigest()[:32]
    if revision.is_finalized or revision.assets.filter(pk=asset_id).exists():
        return
    key = f"assets/{asset_id}"
    kind = "text/csv" if name.endswith(".csv") else "application/vnd.apache.parquet"
    etag, digests = storage.vault().write(key, iter([content]), content_type=kind)
    revisions.add_asset(
        revision=revision,
        asset_id=asset_id,
        name=name,
        digests=digests,
        etag=etag,
        vault_key=key,
        content_type=kind,
        actor=actor,
        at=at,
    )


def _subscriber(password: str, say: Say) -> list[tuple[Product, str]]:
    """Subscribe to three products and export each automatically; return the drafts whose finalizing sets that going."""
    member, _ = _member(*SUBSCRIBER, password)
    actor, now = _actor(member), timezone.now()
    connection = StorageConnection.objects.filter(organization=member.organization, bucket=LANDING_BUCKET).first()
    if connection is None:
        storage.vault().make_sibling(LANDING_BUCKET)
        connection = create_storage_connection(
            organization=member.organization,
            name="Landing zone",
            endpoint_url=settings.S3_ENDPOINT_URL,
            region=settings.S3_REGION,
            bucket=LANDING_BUCKET,
            access_key_id=settings.S3_ACCESS_KEY_ID,
            secret_access_key=settings.S3_SECRET_ACCESS_KEY,
            actor=actor,
            at=now,
        )
        say(f"connected bucket {LANDING_BUCKET}")
    drafts = []
    for name in SUBSCRIBED:
        product = Product.objects.select_related("owner").get(name=name, owner__is_verified=True)
        if living_agreement(organization=member.organization, product=product) is None:
            accept_offer(
                organization=member.organization,
                product=product,
                offer_version_id=current_offer_version(product=product).pk,
                terms_accepted=True,
                user=member.user,
                actor=actor,
                at=now,
            )
        entitled = list_entitled_data_sets(organization=member.organization, at=timezone.now()).get(product=product)
        if not EventAction.objects.filter(organization=member.organization, published_data_set=entitled).exists():
            create_event_action(
                organization=member.organization,
                published_data_set=entitled,
                connection=connection,
                key_pattern="",
                actor=actor,
                at=now,
            )
        draft = Revision.objects.filter(data_set=entitled.data_set_id, finalized_at=None).order_by("created_at").first()
        if draft is not None:
            drafts.append((product, draft.pk))
    return drafts


def _finalize(product: Product, revision_id: str) -> None:
    owner = Membership.objects.select_related("organization", "user").get(organization=product.owner, role="owner")
    revision = Revision.objects.select_related("data_set").get(pk=revision_id)
    revisions.finalize_revision(revision=revision, actor=_actor(owner), at=timezone.now())


#: what the publisher of the product with approval asks, and what the demo's subscriber answers
ASKED = "New York airport weather"
QUESTIONS = [
    {"key": "00000001", "label": "What will you use the data for?", "kind": "long_text", "is_required": True},
    {"key": "00000002", "label": "Where is your team?", "kind": "country", "is_required": True},
]
ANSWERS = {"00000001": "Explaining taxi times on the ground by wind and visibility, hour by hour.", "00000002": "DE"}


def _conversation(say: Say) -> None:
    """Have people ask: a product whose publisher decides with a request that waits, a wish on the board, a saved search."""
    asker = Membership.objects.select_related("organization", "user").get(user__email=SUBSCRIBER[1])
    if SavedSearch.objects.filter(organization=asker.organization).exists():
        return
    actor, now = _actor(asker), timezone.now()
    product = Product.objects.select_related("owner").get(name=ASKED, owner__is_verified=True)
    host = Membership.objects.select_related("organization", "user").get(organization=product.owner, role="owner")
    products.update_product(
        product=product, requires_approval=True, questions=QUESTIONS, actor=_actor(host), at=now - timedelta(days=9)
    )
    product.refresh_from_db()
    requests.create_request(
        organization=asker.organization,
        product=product,
        offer_version_id=current_offer_version(product=product).pk,
        terms_accepted=True,
        answers=ANSWERS,
        user=asker.user,
        actor=actor,
        at=now - timedelta(days=3),
    )
    wish = data_requests.create_data_request(
        organization=asker.organization,
        user=asker.user,
        title="Hourly ferry departures in New York harbour",
        description="Every sailing with its scheduled and its actual time, from 2015 on. CSV or Parquet, updated each week.",
        category="Mobility",
        actor=actor,
        at=now - timedelta(days=5),
    )
    data_requests.vote(data_request=wish, organization=host.organization, actor=_actor(host), at=now)
    data_requests.answer(
        data_request=wish,
        organization=host.organization,
        user=host.user,
        text="Sailings are being prepared for spring. Until then our airport weather has wind and visibility of the same hours.",
        product=product,
        actor=_actor(host),
        at=now - timedelta(days=2),
    )
    saved_searches.save_search(
        organization=asker.organization,
        user=asker.user,
        name="Weather, at least daily",
        query="category=Weather&frequency=DAILY",
        alerts=True,
        actor=actor,
        at=now,
    )
    say("asked for data")
