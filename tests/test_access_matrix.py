"""Every page: who may see it and who may act on it. A page without a row fails.

Programs have doors of their own, each with its own walk: /api in tests/api/test_access.py, /data in
tests/dataapi/test_access.py, /v1, /tags and the calls of the marketplace catalog in tests/awsapi/test_serve.py. The tables
below /admin are in tests/console/test_tables.py.
"""

import pytest
from allauth.usersessions.models import UserSession
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, get_resolver, reverse
from django.utils import timezone

from jobs.operations import event_actions, exports, imports
from marketplace.core.models import Notification, Role
from marketplace.core.operations.credentials import create_access_key, create_api_token
from marketplace.core.operations.inbox import unsubscribe_token
from marketplace.core.operations.team import invite_member
from publishers.operations import uploads
from subscriptions import saved_searches
from tests import sources
from tests.asking import waiting_row
from tests.conftest import actor_of, make_member
from tests.console.pages import sign_in
from tests.grants import give_data_grant
from tests.subscriptions.test_data_requests import ask

pytestmark = pytest.mark.django_db

#: statements that a page may ask of the database
STATEMENTS = 15
#: Outcomes of GET and of POST, for: nobody signed in, the owner of another organization, a viewer of the organization
#: whose thing it is, its owner. S is shown or done (or a form that says what is missing), L is sent to sign in,
#: - is not found, R is refused, . is a method that the page does not have.
EVERYONE, SIGNED_IN, ACT = ("SSSS", "...."), ("LSSS", "...."), "...."
READ, FORM, DO = ("L-SS", "...."), ("L-RS", "L-RS"), ("....", "L-RS")
OWN_READ, OWN_FORM = ("LSSS", "...."), ("LSRS", "LSRS")
#: pages of operators, whom none of the four is; what operators get: tests/console/test_operator_pages.py
OPERATED, OPERATED_FORM, OPERATED_DO = ("LRRR", "...."), ("LRRR", "LRRR"), ("....", "LRRR")

PAGES: dict[str, tuple[str, tuple[str, str]]] = {
    "healthz": ("", EVERYONE),
    "brand-css": ("", EVERYONE),
    "brand-logo": ("", ("----", "....")),  # none is set here
    "metrics": ("", ("LLLL", "....")),  # for a token, which tests/console/test_operator_pages.py has
    "operate": ("", OPERATED),
    "approvals": ("", OPERATED_FORM),
    "publisher-approval": ("publisher", OPERATED_FORM),
    "product-approval": ("publisher", OPERATED_FORM),
    "operator-organizations": ("", OPERATED),
    "operator-organization": ("publisher", OPERATED),
    "operator-organization-verified": ("publisher", OPERATED_DO),
    "operator-users": ("", OPERATED),
    "operator-user-suspend": ("publisher", OPERATED_DO),
    "operator-user-reactivate": ("publisher", OPERATED_DO),
    "branding": ("", OPERATED_FORM),
    "branding-logo": ("", OPERATED_DO),
    "fees": ("", OPERATED_FORM),
    "operator-health": ("", OPERATED),
    "email-test": ("", OPERATED_DO),
    "work-run-again": ("publisher", OPERATED_DO),
    "work-give-up": ("publisher", OPERATED_DO),
    "front": ("", EVERYONE),
    "catalogue": ("", EVERYONE),
    "product": ("publisher", EVERYONE),
    "product-document-download": ("publisher", EVERYONE),
    "publisher": ("publisher", EVERYONE),
    "docs": ("", EVERYONE),
    "docs-reference": ("", EVERYONE),
    "guide": ("", EVERYONE),
    "catalogue-atom": ("", EVERYONE),
    "product-atom": ("publisher", EVERYONE),
    "organization-atom": ("publisher", EVERYONE),
    "palette": ("", EVERYONE),
    "searches": ("", OWN_READ),
    "saved-search-create": ("", ("LSSS", "LSSS")),
    # a saved search is its member's alone
    "saved-search": ("subscriber", ("L--S", "....")),
    "saved-search-edit": ("subscriber", ("L--S", "L--S")),
    "saved-search-alerts": ("subscriber", ("....", "L--S")),
    "saved-search-delete": ("subscriber", ("....", "L--S")),
    "data-requests": ("", EVERYONE),
    "data-request-create": ("", OWN_FORM),
    "data-request": ("subscriber", EVERYONE),
    "data-request-vote": ("subscriber", ("....", "LSRS")),
    "data-request-answer": ("subscriber", ("....", "LSRS")),
    "data-request-close": ("subscriber", DO),
    "subscribe": ("publisher", ("LSRS", "LSRS")),
    "home": ("", SIGNED_IN),
    "organization-switch": ("subscriber", ("....", "L-SS")),
    "organization": ("", OWN_FORM),
    "team": ("", OWN_READ),
    "team-member": ("subscriber", FORM),
    "team-leave": ("", ("....", "LSSS")),
    "invitation-create": ("", OWN_FORM),
    "invitation-resend": ("subscriber", DO),
    "invitation-revoke": ("subscriber", DO),
    "invitation-open": ("subscriber", EVERYONE),
    "invitation": ("", ("SSSS", "SSSS")),
    "audit": ("", OWN_FORM),
    "audit-export": ("", ("LSRS", "....")),
    "account": ("", ("LSSS", "LSSS")),
    "account-sessions": ("", OWN_READ),
    "account-sessions-end": ("", ("....", "LSSS")),
    "account-session-end": ("subscriber", ("....", "L--S")),
    "organization-create": ("", ("LSSS", "LSSS")),
    "my-data": ("", OWN_READ),
    "my-data-set": ("subscriber", READ),
    "my-revision": ("subscriber", READ),
    "my-asset-download": ("subscriber", ("L-RS", "....")),
    "my-requests": ("", OWN_READ),
    "my-request": ("subscriber", READ),
    "my-request-withdraw": ("subscriber", DO),
    "data-grant-accept": ("subscriber", DO),
    "subscription-end": ("subscriber", DO),
    "storage": ("", OWN_READ),
    "storage-create": ("", OWN_FORM),
    "storage-test": ("subscriber", DO),
    "storage-remove": ("subscriber", DO),
    "sources": ("", OWN_READ),
    "source-create": ("", OWN_FORM),
    "source-test": ("publisher", DO),
    "source-remove": ("publisher", DO),
    "notifications": ("", SIGNED_IN),
    "notifications-read": ("", ("....", "LSSS")),
    "notifications-undo": ("", ("....", "LSSS")),
    "notification-settings": ("", ("LSSS", "LSSS")),
    "notification-open": ("subscriber", ("....", "L--S")),
    "notification-mark": ("subscriber", ("....", "L--S")),
    "unsubscribe": ("subscriber", ("SSSS", "SSSS")),
    "keys": ("", ("LSRS", "....")),
    "token-create": ("", OWN_FORM),
    "token-revoke": ("subscriber", DO),
    "token-rotate": ("subscriber", FORM),
    "access-key-create": ("", OWN_FORM),
    "access-key-revoke": ("subscriber", DO),
    "access-key-rotate": ("subscriber", FORM),
    "publish": ("", OWN_READ),
    "publishing-approval": ("", ("LSSS", "LSRS")),
    "subscribers": ("", OWN_READ),
    "received-requests": ("", OWN_READ),
    "received-requests-approve": ("", ("....", "LSRS")),
    "received-request": ("publisher", READ),
    "received-request-approve": ("publisher", DO),
    "received-request-decline": ("publisher", DO),
    "data-grants": ("", OWN_READ),
    "data-grant-create": ("", OWN_FORM),
    "data-grant-delete": ("publisher", DO),
    "publisher-deliveries": ("", OWN_READ),
    "usage": ("", OWN_READ),
    "publisher-delivery": ("publisher", READ),
    "data-sets": ("", OWN_READ),
    "data-set-create": ("", OWN_FORM),
    "data-set": ("publisher", READ),
    "data-set-edit": ("publisher", FORM),
    "data-set-delete": ("publisher", DO),
    "revision-create": ("publisher", DO),
    "revision": ("publisher", READ),
    "revision-edit": ("publisher", DO),
    "revision-finalize": ("publisher", DO),
    "revision-reopen": ("publisher", DO),
    "revision-delete": ("publisher", DO),
    "revision-revoke": ("publisher", DO),
    "asset-download": ("publisher", READ),
    "asset-delete": ("publisher", DO),
    "uploads": ("publisher", DO),
    "upload": ("publisher", DO),
    "upload-sign": ("publisher", DO),
    "upload-complete": ("publisher", DO),
    "products": ("", OWN_READ),
    "product-create": ("", OWN_FORM),
    "product-edit": ("publisher", ("L-SS", "L-RS")),
    "product-draft": ("publisher", DO),
    "product-draft-discard": ("publisher", DO),
    "product-publish": ("publisher", DO),
    "product-withdraw": ("publisher", DO),
    "product-viewer-add": ("publisher", DO),
    "product-viewer-remove": ("publisher", DO),
    "product-sample-make": ("publisher", DO),
    "product-dictionary-fill": ("publisher", DO),
    "product-dictionary-import": ("publisher", DO),
    "product-document-add": ("publisher", DO),
    "product-document": ("publisher", READ),
    "product-document-change": ("publisher", DO),
    "product-document-remove": ("publisher", DO),
    "product-unpublish": ("publisher", DO),
    "product-logo": ("publisher", DO),
    "product-data-set-add": ("publisher", DO),
    "product-data-set-remove": ("publisher", DO),
    "auto-exports": ("", OWN_READ),
    "auto-export-create": ("", OWN_FORM),
    "auto-export-pause": ("subscriber", DO),
    "auto-export-resume": ("subscriber", DO),
    "auto-export-delete": ("subscriber", DO),
    "deliveries": ("", OWN_READ),
    "deliveries-retry": ("", ("....", "LSRS")),
    "delivery": ("subscriber", READ),
    "delivery-retry": ("subscriber", DO),
    "export-create": ("", OWN_FORM),
    "import-create": ("publisher", FORM),
    "import": ("publisher", READ),
    "import-retry": ("publisher", DO),
}
ELSEWHERE = ("accounts/", "admin/", "api/", "data/", "^v1", "^tags", "^(?:BatchDescribeEntities")
DELETES = {"upload"}


@pytest.fixture
def things(
    publisher,
    subscriber,
    product,
    agreement,
    entitled_data_set,
    data_set,
    finalized_revision,
    make_revision,
    connection,
) -> dict[str, dict[str, str]]:
    """Return by owner the ids that stand in paths, of things that exist."""
    now = timezone.now()
    by, behalf = actor_of(publisher), actor_of(subscriber)
    draft = make_revision(finalize=False)
    upload, _ = uploads.open_upload(
        revision=draft,
        user=publisher.user,
        name="more.csv",
        size_bytes=3,
        content_type="text/csv",
        modified_ms=0,
        actor=by,
        at=now,
    )
    place = {"published_data_set": entitled_data_set, "connection": connection, "key_pattern": ""}
    action = event_actions.create_event_action(organization=subscriber.organization, actor=behalf, at=now, **place)
    export = exports.create_export(
        organization=subscriber.organization,
        revision=finalized_revision,
        actor=behalf,
        at=now,
        **place,
    )
    brought = imports.create_import_from_signed_url(
        organization=publisher.organization, revision=draft, name="later.csv", md5="A" * 22 + "==", actor=by, at=now
    )
    token, _ = create_api_token(membership=subscriber, name="Mine", wanted_scopes=["data:read"], actor=behalf, at=now)
    key, _ = create_access_key(membership=subscriber, name="Mine", actor=behalf, at=now)
    invitation, secret = invite_member(
        organization=subscriber.organization,
        email="invited@example.org",
        role=Role.VIEWER,
        by=subscriber,
        actor=behalf,
        at=now,
    )
    elsewhere = UserSession.objects.create(user=subscriber.user, ip="192.0.2.1", session_key="elsewhere")
    grant = give_data_grant(publisher, subscriber, data_set)
    wanted = ask(subscriber)
    saved = saved_searches.save_search(
        organization=subscriber.organization,
        user=subscriber.user,
        name="Mine",
        query="",
        alerts=True,
        actor=behalf,
        at=now,
    )
    asked = waiting_row(subscriber, product)
    told = Notification.objects.create(
        membership=subscriber, topic="delivery.failed", text="It failed.", path="/deliveries", source_key="fact"
    )
    return {
        "": {"slug": "subscribing"},
        "publisher": {
            "account_id": publisher.organization.account_id,
            "organization_id": publisher.organization.pk,
            "user_id": publisher.user_id,
            "item_id": 1,
            "product_id": product.pk,
            "document_id": product.documents.get().pk,
            "data_set_id": data_set.pk,
            "revision_id": draft.pk,
            "asset_id": draft.assets.get().pk,
            "upload_id": upload.pk,
            "job_id": brought.pk,
            "delivery_id": export.pk,
            "finalized_id": finalized_revision.pk,
            "source_id": sources.unreachable_source(publisher).pk,
            "data_grant_id": grant.pk,
            "request_id": asked.pk,
        },
        "subscriber": {
            "data_set_id": entitled_data_set.pk,
            "revision_id": finalized_revision.pk,
            "asset_id": finalized_revision.assets.get().pk,
            "agreement_id": agreement.pk,
            "connection_id": connection.pk,
            "saved_search_id": saved.pk,
            "data_request_id": wanted.pk,
            "token_id": token.pk,
            "member_id": subscriber.pk,
            "invitation_id": invitation.pk,
            "secret": secret,
            "session_id": elsewhere.pk,
            "notification_id": told.pk,
            "token": unsubscribe_token(subscriber, "delivery.failed"),
            "key_id": key.pk,
            "auto_export_id": action.pk,
            "job_id": export.pk,
            "data_grant_id": grant.pk,
            "request_id": asked.pk,
        },
    }


def pages() -> list[URLPattern]:
    """Return the routes that are pages, read from the routes themselves."""
    return [
        page
        for group in get_resolver().url_patterns
        for page in getattr(group, "url_patterns", [group])
        if not f"{group.pattern}{page.pattern}".startswith(ELSEWHERE)
    ]


def test_every_page_has_a_row():
    assert sorted(page.name for page in pages()) == sorted(PAGES)


def outcome(client: Client, method: str, path: str, form: dict[str, str], chatty: list[tuple[str, list[str]]]) -> str:
    """Call a page, undo what it did, and return the letter of what came."""
    body = {"data": form if method == "post" else None}
    if "/uploads" in path:
        body = {"data": {"name": "x.csv", "size": 1, "parts": [1]}, "content_type": "application/json"}
    with transaction.atomic():
        with CaptureQueriesContext(connection) as asked:
            answer = getattr(client, method)(path, **body)
        transaction.set_rollback(True)
    statements = [query["sql"] for query in asked if "SAVEPOINT" not in query["sql"]]
    if method == "get" and len(statements) > STATEMENTS:
        chatty.append((path, statements))
    assert answer.status_code in {*range(200, 500), 503}, (method, path)  # the test database has no worker: /healthz
    if answer.status_code == 401 or answer.headers.get("Location", "").startswith("/accounts/login/"):
        return "L"
    assert not answer.headers.get("Location", "").startswith("/accounts/"), (method, path)
    return {404: "-", 403: "R", 405: "."}.get(answer.status_code, "S")


def test_everybody_gets_what_the_table_says(things, publisher, subscriber, stranger):
    owners = {"": subscriber, "publisher": publisher, "subscriber": subscriber}
    wrong = []
    chatty: list[tuple[str, list[str]]] = []  # pages that ask the database too much, with what they ask
    for page in pages():
        name = page.name
        side, expected = PAGES[name]
        viewer = make_member("Viewer")
        type(viewer).objects.filter(pk=viewer.pk).update(role=Role.VIEWER, organization=owners[side].organization)
        people = [Client(), *(sign_in(Client(), m, confirmed=True) for m in (stranger, viewer, owners[side]))]
        ids = dict(things[side])
        if name == "publisher-delivery":
            ids["job_id"] = ids["delivery_id"]
        path = reverse(name, kwargs={key: ids[key] for key in page.pattern.converters})
        form = {"organization": owners[side].organization_id}  # the one that a person may switch to
        post = "delete" if name in DELETES else "post"
        got = tuple(
            "".join(outcome(person, method, path, form, chatty) for person in people) for method in ("get", post)
        )
        if got != expected:
            wrong.append((name, got, expected))
    assert wrong == []
    assert chatty == []
