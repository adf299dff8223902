"""20,000 calls made from the model's shapes: none fails, each refusal is a modelled one, and nothing of others moves."""

from __future__ import annotations

import gc
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from django.db import connection, transaction
from django.test import Client, override_settings
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings

from marketplace.awsapi import registry, views
from marketplace.awsapi.openapi import OF_FAR_SIDES, UNKNOWN_OPERATION, errors_by_status
from marketplace.awsapi.router import UnknownRoute
from marketplace.awsapi.service import Operation, load_service
from marketplace.awsapi.target import spellings
from marketplace.console.api.schema import repeatable
from marketplace.core import storage, work
from marketplace.core.ids import new_id
from marketplace.core.models import Membership
from publishers.models import AssetType, Revision
from publishers.operations import products
from publishers.queries.data_sets import get_owned_data_set
from publishers.queries.products import current_offer_version
from subscriptions.operations import accept_offer
from tests.callers import Caller
from tests.clients.fuzzing import Call, Place, calls
from tests.clients.wire import Answer, problems_of, service_model
from tests.conftest import actor_of, connect, make_listable, make_member, put_asset

MODEL = service_model("dataexchange")
SERVICE = load_service("dataexchange")
OPERATIONS = sorted(MODEL.operation_names)
CALLS = 20_000
REPEATABLE = repeatable("dataexchange")
WITHIN_LIMITS = settings(
    max_examples=-(-CALLS // len(OPERATIONS)),
    derandomize=os.environ.get("CI") == "true",
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
_HASHES = """
    SELECT string_agg(part, ' ' ORDER BY part) FROM (
        SELECT 'data sets ' || coalesce(md5(string_agg(t::text, ',' ORDER BY t.id)), '') AS part
            FROM publishers_dataset t WHERE t.owner_id = ANY(%(others)s)
        UNION ALL SELECT 'revisions ' || coalesce(md5(string_agg(t::text, ',' ORDER BY t.id)), '')
            FROM publishers_revision t JOIN publishers_dataset d ON d.id = t.data_set_id WHERE d.owner_id = ANY(%(others)s)
        UNION ALL SELECT 'assets ' || coalesce(md5(string_agg(t::text, ',' ORDER BY t.id)), '')
            FROM publishers_asset t JOIN publishers_revision r ON r.id = t.revision_id
            JOIN publishers_dataset d ON d.id = r.data_set_id WHERE d.owner_id = ANY(%(others)s)
        UNION ALL SELECT 'products ' || coalesce(md5(string_agg(t::text, ',' ORDER BY t.id)), '')
            FROM publishers_product t WHERE t.owner_id = ANY(%(others)s)
        UNION ALL SELECT 'jobs ' || coalesce(md5(string_agg(t::text, ',' ORDER BY t.id)), '')
            FROM jobs_job t WHERE t.organization_id = ANY(%(others)s)
        UNION ALL SELECT 'event actions ' || coalesce(md5(string_agg(t::text, ',' ORDER BY t.id)), '')
            FROM jobs_eventaction t WHERE t.organization_id = ANY(%(others)s)
        UNION ALL SELECT 'connections ' || coalesce(md5(string_agg(t::text, ',' ORDER BY t.id)), '')
            FROM core_storageconnection t WHERE t.organization_id = ANY(%(others)s)
        UNION ALL SELECT 'grants ' || coalesce(md5(string_agg(t::text, ',' ORDER BY t.published_data_set_id)), '')
            FROM subscriptions_datagrant t WHERE t.receiver_id = %(stranger)s
        UNION ALL SELECT 'entitlements ' || coalesce(md5(string_agg(t::text, ',' ORDER BY t.id)), '')
            FROM subscriptions_entitlement t WHERE t.organization_id = %(stranger)s
    ) parts
"""


@dataclass
class World:
    """The caller, what it may name, and what must not move."""

    client: Client
    token: str
    places: list[Place]
    #: ids that no answer to the caller may hold
    secrets: list[str]
    others: list[str]
    stranger: str
    answered: dict[int, int] = field(default_factory=dict)

    def hashes(self) -> str:
        """Return a digest of everything that belongs to others."""
        with connection.cursor() as cursor:
            cursor.execute(_HASHES, {"others": self.others, "stranger": self.stranger})
            row = cursor.fetchone()
        return str(row[0]) if row is not None else ""


def _furnish(member: Membership, partner: Membership) -> list[dict[str, str]]:
    """Give an organization one of everything, and return the places that this makes."""
    api, theirs = Caller(member), Caller(partner)
    bucket = f"fuzz-{new_id()[:12]}"
    storage.vault().make_sibling(bucket)
    connect(member, bucket)
    published = _published(api, member)
    entitled = _published(theirs, partner)
    entitlement = accept_offer(
        organization=member.organization,
        product=products_of(partner)[0],
        offer_version_id=current_offer_version(product=products_of(partner)[0]).pk,
        terms_accepted=True,
        user=member.user,
        actor=actor_of(member),
        at=timezone.now(),
    ).entitlements.get()
    seen = {
        **entitled,
        "DataSetId": entitlement.published_data_set_id,
        "EventSourceId": entitlement.published_data_set_id,
    }
    draft = _draft(api, member)
    finalized = _draft(api, member)
    api.ok("UpdateRevision", DataSetId=finalized["DataSetId"], RevisionId=finalized["RevisionId"], Finalized=True)
    waiting = _job(api, draft)
    cancelled = _job(api, draft)
    api.ok("CancelJob", JobId=cancelled)
    action = api.ok(
        "CreateEventAction",
        Event={"RevisionPublished": {"DataSetId": seen["DataSetId"]}},
        Action={"ExportRevisionToS3": {"RevisionDestination": {"Bucket": bucket}}},
    )
    sent = _grant(api, finalized, partner)
    received = _grant(theirs, entitled, member)
    accepted = _grant(theirs, entitled, member)
    api.ok("AcceptDataGrant", DataGrantArn=accepted["DataGrantArn"])
    common = {"Bucket": bucket, "NextToken": "", "ReceiverPrincipal": partner.organization.account_id}
    common |= {"EventActionId": action["Id"], "JobId": waiting, **sent}
    return [
        common | published | {"SourceDataSetId": published["DataSetId"]},
        common | seen | {"ResourceArn": action["Arn"]} | received,
        common | draft | {"SourceDataSetId": draft["DataSetId"]} | accepted,
        common | finalized | {"SourceDataSetId": finalized["DataSetId"], "JobId": cancelled},
        common | finalized | {"ResourceArn": finalized["RevisionArn"], "SourceDataSetId": finalized["DataSetId"]},
    ]


def products_of(member: Membership) -> list[Any]:
    """Return the products of an organization, the newest first."""
    return list(member.organization.products.order_by("-created_at"))


def _draft(api: Caller, member: Membership) -> dict[str, str]:
    made = api.ok("CreateDataSet", AssetType=AssetType.S3_SNAPSHOT.value, Name="Fuzzed", Description="x")
    revision = api.ok("CreateRevision", DataSetId=made["Id"])
    asset = put_asset(Revision.objects.get(pk=revision["Id"]), "a.csv", b"x\n1\n", member)
    return {
        "DataSetId": made["Id"],
        "EventSourceId": made["Id"],
        "RevisionId": revision["Id"],
        "AssetId": asset.pk,
        "ResourceArn": made["Arn"],
        "RevisionArn": revision["Arn"],
    }


def _published(api: Caller, member: Membership) -> dict[str, str]:
    made, at, actor = _draft(api, member), timezone.now(), actor_of(member)
    api.ok("UpdateRevision", DataSetId=made["DataSetId"], RevisionId=made["RevisionId"], Finalized=True)
    product = products.create_product(
        owner=member.organization,
        name="Fuzzed",
        category="Mobility",
        short_description="x",
        description="x",
        support_contact="help@example.org",
        terms="x",
        dictionary=[],
        actor=actor,
        at=at,
    )
    data_set = get_owned_data_set(owner=member.organization, data_set_id=made["DataSetId"])
    products.add_data_set(product=product, data_set=data_set, actor=actor, at=at)
    make_listable(product, member)
    products.publish_product(product=product, actor=actor, at=at)
    work.run_due()
    return made


def _job(api: Caller, place: Place) -> str:
    details = {"DataSetId": place["DataSetId"], "RevisionId": place["RevisionId"], "AssetName": "b"}
    details["Md5Hash"] = "A" * 22 + "=="
    made = api.ok("CreateJob", Type="IMPORT_ASSET_FROM_SIGNED_URL", Details={"ImportAssetFromSignedUrl": details})
    return str(made["Id"])


def _grant(api: Caller, place: Place, receiver: Membership) -> dict[str, str]:
    made = api.ok(
        "CreateDataGrant",
        Name="Fuzzed",
        GrantDistributionScope="NONE",
        ReceiverPrincipal=receiver.organization.account_id,
        SourceDataSetId=place["DataSetId"],
    )
    return {"DataGrantId": made["Id"], "DataGrantArn": made["Arn"]}


def _deleted(api: Caller, member: Membership) -> dict[str, str]:
    """Return ids of things that were there."""
    made = _draft(api, member)
    job = _job(api, made)
    api.ok("CancelJob", JobId=job)
    place = {"DataSetId": made["DataSetId"], "RevisionId": made["RevisionId"]}
    api.ok("DeleteAsset", **place, AssetId=made["AssetId"])
    api.ok("DeleteRevision", **place)
    api.ok("DeleteDataSet", DataSetId=made["DataSetId"])
    return made | {"SourceDataSetId": made["DataSetId"], "JobId": job}


def _missing(member: Membership) -> dict[str, str]:
    """Return well-formed ids of nothing."""
    arn = f"arn:aws:dataexchange:us-east-1:{member.organization.account_id}"
    ids = {name: new_id() for name in ("DataSetId", "RevisionId", "AssetId", "JobId", "EventActionId", "DataGrantId")}
    return ids | {
        "Bucket": "no-such-bucket",
        "DataGrantArn": f"{arn}:data-grants/{new_id()}",
        "EventSourceId": new_id(),
        "NextToken": "eyJ9",
        "ReceiverPrincipal": "000000000000",
        "ResourceArn": f"{arn}:data-sets/{new_id()}",
        "SourceDataSetId": new_id(),
    }


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """One transaction for all calls of this module; it is rolled back at the end."""
    logging.disable(logging.WARNING)  # a line for each refusal, kept by the runner, is a good part of the time
    gc.freeze()
    with django_db_blocker.unblock(), transaction.atomic():
        caller, partner, stranger, ally = (make_member(name) for name in ("Caller", "Partner", "Stranger", "Ally"))
        own = _furnish(caller, partner)
        foreign = _furnish(stranger, ally)
        api = Caller(caller)
        places = [*own, *own, *foreign, _deleted(api, caller), _missing(caller)]
        ids = {value for place in foreign for name, value in place.items() if name.endswith(("Id", "Arn")) and value}
        # The interface needs none of the middleware of pages, which would be a quarter of the time.
        client = Client(raise_request_exception=False)
        with override_settings(MIDDLEWARE=["marketplace.core.middleware.RequestIdMiddleware"]):
            client.handler.load_middleware()
        yield World(
            client=client,
            token=api.headers["Authorization"],
            places=places,
            secrets=sorted(ids),
            others=[member.organization_id for member in (partner, stranger, ally)],
            stranger=stranger.organization_id,
        )
        transaction.set_rollback(True)
    gc.unfreeze()
    logging.disable(logging.NOTSET)


def _operation(call: Call) -> Operation | None:
    """Return the operation that a request reaches, None when none does."""
    path = call.path.partition("?")[0]
    try:
        return views.router().match(call.method, spellings(unquote_to_bytes(path)), host="testserver").operation
    except UnknownRoute:
        return None


def _send(world: World, call: Call) -> Any:
    return world.client.generic(
        call.method,
        call.path,
        data=call.body,
        content_type="application/json" if call.body else "",
        headers={"Authorization": world.token} | call.headers,
    )


def _check_refusal(call: Call, operation: Operation | None, answer: Any) -> None:
    error, status = answer.headers.get("x-amzn-errortype"), answer.status_code
    if operation is None:
        assert error == UNKNOWN_OPERATION, (call, status, error)
        assert status in {404, 405}
    else:
        modelled = errors_by_status(operation, SERVICE, is_repeatable=operation.name in REPEATABLE)
        assert error in modelled.get(status, []), (call, status, error, answer.content[:500])
    document = json.loads(answer.content) if call.method != "HEAD" else {"message": "of a HEAD"}
    assert str(document.get("Message") or document.get("message")), call
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("name", OPERATIONS)
def test_any_call_is_answered_or_refused_as_modelled_and_touches_nothing_of_others(name: str, world: World) -> None:
    assert registry.find(SERVICE.operations[name]) is not None
    before = world.hashes()

    @WITHIN_LIMITS
    @given(call=calls(MODEL.operation_model(name), world.places))
    def call_once(call: Call) -> None:
        # Each call finds the world as it was: an example that fails alone fails again.
        with transaction.atomic():
            operation = _operation(call)
            answer = _send(world, call)
            status = answer.status_code
            world.answered[status] = world.answered.get(status, 0) + 1
            if 200 <= status < 300 and operation is not None:
                headers = {key.lower(): value for key, value in answer.headers.items()}
                wire = Answer(operation.name, status, headers, answer.content)
                if operation.name != "SendApiAsset" and call.method != "HEAD":
                    found = problems_of(wire, MODEL.operation_model(operation.name))
                    assert found == [], (call, found)
                leaked = [secret for secret in world.secrets if secret.encode() in answer.content]
                assert leaked == [], (call, leaked)
            elif OF_FAR_SIDES.get(status) is not None:
                assert operation is not None
                assert operation.name == "SendApiAsset"
                assert answer.headers["x-amzn-errortype"] == OF_FAR_SIDES[status]
            else:
                assert 400 <= status < 500, (call, status, answer.content[:500])
                _check_refusal(call, operation, answer)
            if call.method not in {"GET", "HEAD"}:
                assert world.hashes() == before, call
            transaction.set_rollback(True)

    call_once()


def test_the_calls_were_not_all_refused(world: World) -> None:
    """Runs last: fuzz that never gets past the checks would prove nothing."""
    accepted = sum(count for status, count in world.answered.items() if status < 300)
    refused = sum(count for status, count in world.answered.items() if status >= 400)
    assert accepted > sum(world.answered.values()) // 20
    assert refused > 0
