"""Every operation of /api: who may call it, and that strangers learn nothing."""

import json
import re

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from jobs.models import Job
from jobs.operations import event_actions, exports, imports
from marketplace.console.api.authentication import ANY_MEMBER, PUBLIC
from marketplace.core import scopes
from marketplace.core.models import AccessKey, ApiToken, AuditRecord, Event, Notification, WebhookEndpoint
from marketplace.core.operations.credentials import create_access_key
from marketplace.core.operations.team import invite_member
from marketplace.core.operations.webhooks import create_webhook
from publishers.models import Product, Revision
from publishers.operations.revisions import create_revision
from subscriptions.models import DataGrant, SavedSearch
from tests import sources
from tests.api.conftest import Program, token_of
from tests.asking import waiting_row
from tests.conftest import actor_of
from tests.grants import give_data_grant

pytestmark = pytest.mark.django_db
METHODS = ("get", "post", "put", "patch", "delete")
MISSING = "0" * 32


def operations() -> list[tuple[str, str, str]]:
    """Return (method, path with every id missing, scope) of all operations, read from the routes."""
    (api,) = [p for p in get_resolver().url_patterns if str(p.pattern) == "api/"]
    found = []
    for pattern in api.url_patterns:
        view = getattr(pattern.callback, "cls", None)
        if view is None:
            continue
        path = "/api/" + re.sub(r"<[^>]+>", MISSING, str(pattern.pattern))
        found += [(m, path, getattr(view, m).required_scope) for m in METHODS if hasattr(view, m)]
    return found


def test_every_operation_declares_a_known_scope_or_is_public():
    declared = operations()
    assert len(declared) == 153
    assert {scope for _, _, scope in declared} <= set(scopes.SCOPES) | {PUBLIC, ANY_MEMBER}
    assert [(m, p) for m, p, scope in declared if scope == PUBLIC] == [
        ("get", "/api/catalogue"),
        ("get", f"/api/catalogue/{MISSING}"),
        ("get", f"/api/catalogue/{MISSING}/documents"),
        ("get", f"/api/catalogue/{MISSING}/documents/{MISSING}"),
        ("get", "/api/data-requests"),
        ("get", f"/api/data-requests/{MISSING}"),
    ]
    assert [(m, p) for m, p, scope in declared if scope == ANY_MEMBER] == [("get", "/api/whoami")]


def test_nobody_gets_further_than_401_without_credentials(anonymous, monkeypatch):
    monkeypatch.setattr("marketplace.console.api.operation.PUBLIC_CALLS", 1000)
    for method, path, scope in operations():
        answer = anonymous.call(method, path)
        if scope == PUBLIC:
            assert answer.status_code in {200, 404}, (method, path)
            continue
        assert answer.status_code == 401, (method, path)
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="entrepot"'
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "NotAuthenticated"


def test_a_token_without_the_scope_is_refused_and_told_which_one(publisher, program_of):
    for method, path, scope in operations():
        if scope in {PUBLIC, ANY_MEMBER}:
            continue
        other = "data:read" if scope != "data:read" else "catalogue:read"
        answer = program_of(publisher, other).call(method, path)
        assert answer.status_code == 403, (method, path)
        assert repr(scope) in answer.json()["detail"]
    refused = AuditRecord.objects.filter(scope=publisher.organization_id, action="api.refused", result="denied")
    assert refused.count() == len([o for o in operations() if o[2] not in {PUBLIC, ANY_MEMBER}])


@pytest.fixture
def resources(publisher, subscriber, agreement, entitled_data_set, connection, product, data_set, finalized_revision):
    """Return an id of every kind with whose it is, and the paths below which it stands."""
    now = timezone.now()
    action = event_actions.create_event_action(
        organization=subscriber.organization,
        published_data_set=entitled_data_set,
        connection=connection,
        key_pattern="",
        actor=actor_of(subscriber),
        at=now,
    )
    export = exports.create_export(
        organization=subscriber.organization,
        published_data_set=entitled_data_set,
        revision=finalized_revision,
        connection=connection,
        key_pattern="",
        actor=actor_of(subscriber),
        at=now,
    )
    draft = create_revision(data_set=data_set, comment="", actor=actor_of(publisher), at=now)
    brought = imports.create_import_from_signed_url(
        organization=publisher.organization,
        revision=draft,
        name="later.csv",
        md5="A" * 22 + "==",
        actor=actor_of(publisher),
        at=now,
    )
    grant = give_data_grant(publisher, subscriber, data_set)
    asked = waiting_row(subscriber, product)
    token_of(subscriber)
    key, _ = create_access_key(membership=subscriber, name="Key", actor=actor_of(subscriber), at=now)
    token = ApiToken.objects.get(organization=subscriber.organization)
    invitation, _ = invite_member(
        organization=subscriber.organization,
        email="invited@example.org",
        role="viewer",
        by=subscriber,
        actor=actor_of(subscriber),
        at=now,
    )
    told = Notification.objects.create(membership=subscriber, topic="delivery.failed", source_key="fact")
    saved = SavedSearch.objects.create(organization=subscriber.organization, user=subscriber.user, name="Mine")
    webhook, _ = create_webhook(
        organization=subscriber.organization, url="https://example.org/hook", actor=actor_of(subscriber), at=now
    )
    return [
        ("products/{}", product.pk),
        ("data-sets/{}", data_set.pk),
        ("data-grants/{}", grant.pk),
        ("source-connections/{}", sources.unreachable_source(publisher).pk),
        ("received-data-grants/{}", grant.pk),
        ("subscription-requests/{}", asked.pk),
        ("received-subscription-requests/{}", asked.pk),
        ("subscriptions/{}", agreement.pk),
        ("storage-connections/{}", connection.pk),
        ("auto-exports/{}", action.pk),
        ("deliveries/{}", export.pk),
        ("published-deliveries/{}", export.pk),
        ("imports/{}", brought.pk),
        ("tokens/{}", token.pk),
        ("access-keys/{}", key.pk),
        ("webhooks/{}", webhook.pk),
        ("invitations/{}", invitation.pk),
        ("notifications/{}", told.pk),
        ("saved-searches/{}", saved.pk),
    ]


def test_a_strangers_ids_and_missing_ids_get_the_same_answer(resources, stranger, program_of, product, data_set):
    program = program_of(stranger)
    asked = 0
    declared = operations()
    for pattern, there in resources:
        base = "/api/" + pattern.format(MISSING)
        for method, path, _ in declared:
            if path != base and not path.startswith(base + "/"):
                continue
            body = {"is_enabled": False} if "auto-exports" in path and method == "patch" else None
            if method == "patch" and "data-grants" in path:
                body = {"ends_at": None}
            if method == "patch" and "notifications" in path:
                body = {"is_read": True}
            if path.endswith("/decline"):
                body = {"reason": "Say what you need it for."}
            if method == "post" and path.endswith("data-sets"):
                body = {"data_set_id": data_set.pk}
            if method == "post" and path.endswith("viewers"):
                body = {"account_id": "123456789012"}
            if path.endswith("/logo") or "/files/" in path:
                continue  # takes an image or another file: the same lookup, tried below
            missing = program.call(method, path, body)
            theirs = program.call(method, path.replace(MISSING, there, 1), body)
            assert missing.status_code == theirs.status_code == 404, (method, path, theirs.content)
            shapes = []
            for answer in (missing, theirs):
                problem = answer.json()
                assert problem.pop("request_id") == answer.headers["X-Request-Id"]
                shapes.append(str(problem).replace(there, MISSING))
            assert shapes[0] == shapes[1]
            asked += 1
    assert asked == 65
    answer = program.client.put(
        f"/api/products/{product.pk}/logo",
        b"x",
        content_type="image/png",
        headers={"Authorization": f"Bearer {program.token}"},
    )
    assert answer.status_code == 404
    headers = {"Authorization": f"Bearer {program.token}"}
    put = program.client.put(f"/api/products/{product.pk}/files/a.csv?kind=SAMPLE", b"a\n1\n", headers=headers)
    assert put.status_code == 404
    assert product.documents.count() == 1
    # nothing of all this moved anything
    assert Product.objects.get(pk=product.pk).state == "PUBLISHED"
    assert DataGrant.objects.filter(accepted_at=None, deleted_at=None).count() == 1
    assert Revision.objects.filter(finalized_at__isnull=False).count() == 1
    assert Job.objects.filter(state="WAITING").count() == 2
    assert AccessKey.objects.filter(revoked_at=None).count() == 1
    assert WebhookEndpoint.objects.filter(disabled_at=None, previous_secret_until=None).count() == 1
    assert Event.objects.filter(detail_type="Webhook Test").count() == 0


def test_whoami_tells_organization_role_and_scopes(publisher, program_of):
    answer = program_of(publisher, "publish:read", "data:read").call("GET", "/api/whoami")
    body = answer.json()
    assert body["organization"] == {
        "account_id": publisher.organization.account_id,
        "name": publisher.organization.name,
    }
    assert (body["role"], body["credential"], body["scopes"]) == ("owner", "token", ["data:read", "publish:read"])
    assert ApiToken.objects.get(organization=publisher.organization).last_used_at is not None


@pytest.mark.parametrize("service", ["dataexchange", "execute-api"])
def test_an_access_key_signs_requests_and_a_signature_of_a_change_works_once(publisher, service, settings):
    key, secret = create_access_key(membership=publisher, name="SDK", actor=actor_of(publisher), at=timezone.now())
    body = json.dumps({"name": "Tides", "category": "Weather", "terms": "t"})
    headers = {"Content-Type": "application/json", "Host": "testserver"}
    request = AWSRequest("POST", "http://testserver/api/products", headers=headers, data=body)
    SigV4Auth(Credentials(key.access_key_id, secret), service, settings.S3_REGION).add_auth(request)
    client = Client(headers=dict(request.headers))
    first = client.post("/api/products", body, content_type="application/json")
    again = client.post("/api/products", body, content_type="application/json")
    assert (first.status_code, again.status_code, again.headers["Retry-After"]) == (201, 429, "1")
    forged = client.post("/api/products", body.replace("Tides", "Winds"), content_type="application/json")
    assert (forged.status_code, forged.json()["code"]) == (401, "NotAuthenticated")
    assert [p.name for p in Product.objects.all()] == ["Tides"]


def test_a_session_needs_a_csrf_token_to_change_something(publisher):
    client = Client(enforce_csrf_checks=True)
    client.force_login(publisher.user)
    assert client.get("/api/whoami").json()["credential"] == "user"
    refused = client.post("/api/products", {}, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "PermissionDenied")


def test_a_session_cannot_turn_itself_into_a_lasting_credential(publisher):
    client = Client()
    client.force_login(publisher.user)
    body = {"name": "Mine", "scopes": ["publish:read"]}
    refused = client.post("/api/tokens", body, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (403, "NotFromASession")
    assert ApiToken.objects.count() == 0


def test_a_credential_cannot_create_one_that_may_do_more(publisher, program_of):
    program = program_of(publisher, "keys:write", "publish:read")
    wide = program.call("POST", "/api/tokens", {"name": "Wide", "scopes": ["publish:write"]})
    key = program.call("POST", "/api/access-keys", {"name": "Wide"})
    assert [wide.status_code, key.status_code] == [403, 403]
    assert wide.json()["code"] == key.json()["code"] == "BeyondTheCaller"
    narrow = program.call("POST", "/api/tokens", {"name": "Narrow", "scopes": ["publish:read"]})
    assert narrow.status_code == 201
    assert Program(narrow.json()["token"]).call("GET", "/api/products").status_code == 200
    assert AccessKey.objects.count() == 0
