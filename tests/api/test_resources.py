"""What /api does: each noun once from end to end, through HTTP."""

import io
from datetime import timedelta

import pytest
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.utils import timezone
from PIL import Image

from jobs.models import EventAction, Job
from marketplace.core import work
from marketplace.core.models import ApiToken, StorageConnection
from publishers.models import Product
from tests.api.conftest import Program
from tests.conftest import connect, make_listable

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_product_is_made_described_listed_and_taken_back(publisher, data_set, finalized_revision, program_of):
    program = program_of(publisher)
    made = program.call(
        "POST",
        "/api/products",
        {"name": "Tides", "category": "Weather", "terms": "v1", "dictionary": [{"column": "h", "meaning": "Metres"}]},
    ).json()
    assert made["state"] == "DRAFT"
    missing = ["short_description", "description", "support_contact", "data_sets", "samples"]
    assert [m["field"] for m in made["missing"]] == missing
    assert made["dictionary"] == [{"column": "h", "type": "", "meaning": "Metres"}]
    path = f"/api/products/{made['id']}"
    early = program.call("POST", f"{path}/publish")
    assert (early.status_code, early.json()["code"]) == (409, "ProductNotReady")
    changed = program.call(
        "PATCH", path, {"short_description": "s", "description": "d", "support_contact": "c", "terms": "v2"}
    ).json()
    assert (changed["offer"]["number"], changed["offer"]["terms"]) == (2, "v2")
    entry = program.call(
        "POST", f"{path}/data-sets", {"data_set_id": data_set.pk, "history_rule": "LAST", "history_count": 1}
    )
    assert entry.status_code == 201
    assert program.call("DELETE", f"{path}/data-sets/{data_set.pk}").status_code == 204
    again = program.call("POST", f"{path}/data-sets", {"data_set_id": data_set.pk}).json()
    assert program.call("POST", f"{path}/sample").status_code == 201
    published = program.call("POST", f"{path}/publish").json()
    assert (published["state"], published["missing"]) == ("PUBLISHED", [])
    assert [d["entitled_data_set_id"] for d in published["data_sets"]] == [again["entitled_data_set_id"]]
    fixed = program.call("DELETE", f"{path}/data-sets/{data_set.pk}")
    assert (fixed.status_code, fixed.json()["code"]) == (409, "DataSetsAreFixed")
    assert program.call("POST", f"{path}/unpublish").json()["state"] == "UNPUBLISHED"
    assert Program().call("GET", f"/api/catalogue/{made['id']}").status_code == 404


@pytest.mark.parametrize("as_form", [True, False])
def test_a_logo_is_set_as_form_field_or_as_body(publisher, product, program_of, as_form):
    picture = io.BytesIO()
    Image.new("RGB", (600, 300), "navy").save(picture, "JPEG")
    program = program_of(publisher)
    headers = {"Authorization": f"Bearer {program.token}"}
    path = f"/api/products/{product.pk}/logo"
    if as_form:
        picture.name = "logo.jpg"
        picture.seek(0)
        content = encode_multipart(BOUNDARY, {"logo": picture})
        answer = program.client.put(path, content, content_type=MULTIPART_CONTENT, headers=headers)
    else:
        answer = program.client.put(path, picture.getvalue(), content_type="image/jpeg", headers=headers)
    assert answer.status_code == 200, answer.content
    assert answer.json()["logo_url"].startswith("http")
    stored = Product.objects.get(pk=product.pk)
    assert (stored.logo_width, stored.logo_height) == (256, 128)
    refused = program.client.put(path, b"GIF89a", content_type="image/gif", headers=headers)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "logo")


def test_the_catalogue_is_searched_page_by_page_by_anybody(publisher, product, anonymous, program_of):
    program = program_of(publisher)
    for number in range(4):
        made = program.call(
            "POST",
            "/api/products",
            {
                "name": f"Tides {number}",
                "category": "Weather",
                "terms": "t",
                "short_description": "s",
                "description": "d",
                "support_contact": "c",
            },
        ).json()
        make_listable(Product.objects.get(pk=made["id"]), publisher)
        program.call(
            "POST",
            f"/api/products/{made['id']}/data-sets",
            {"data_set_id": product.published_data_sets.get().data_set_id},
        )
        assert program.call("POST", f"/api/products/{made['id']}/publish").status_code == 200
    work.run_due()
    names, cursor = [], ""
    while cursor is not None:
        page = anonymous.call(
            "GET", f"/api/catalogue?q=tides&limit=3&sort=name&cursor={cursor}".removesuffix("&cursor=")
        )
        names += [item["name"] for item in page.json()["items"]]
        cursor = page.json()["next_cursor"]
    assert names == ["Tides 0", "Tides 1", "Tides 2", "Tides 3"]
    other = anonymous.call("GET", "/api/catalogue?category=Mobility&category=Health").json()["items"]
    assert [item["name"] for item in other] == ["Departures of New York"]
    account = publisher.organization.account_id
    assert len(anonymous.call("GET", f"/api/catalogue?publisher={account}").json()["items"]) == 5
    assert anonymous.call("GET", "/api/catalogue?publisher=123456789012").json()["items"] == []
    shown = anonymous.call("GET", f"/api/catalogue/{product.pk}").json()
    assert shown["publisher"] == {"account_id": account, "name": "Publisher"}
    assert (shown["offer"]["price_minor"], shown["offer"]["terms"]) == (0, "Use it well.")
    assert shown["data_sets"][0]["data_set_id"] == product.published_data_sets.get().pk


def test_a_subscription_entitles_until_it_is_ended(subscriber, product, program_of):
    program = program_of(subscriber)
    offer = program.call("GET", f"/api/catalogue/{product.pk}").json()["offer"]
    body = {"product_id": product.pk, "offer_version_id": offer["offer_version_id"], "accept_terms": True}
    stale = program.call("POST", "/api/subscriptions", body | {"offer_version_id": "0" * 32})
    assert (stale.status_code, stale.json()["code"]) == (409, "OfferHasChanged")
    made = program.call("POST", "/api/subscriptions", body)
    assert (made.status_code, made.json()["terms"]) == (201, "Use it well.")
    (entitlement,) = program.call("GET", "/api/entitlements").json()["items"]
    assert entitlement["data_set_id"] == product.published_data_sets.get().pk
    assert entitlement["subscription_id"] == made.json()["id"]
    assert program.call("POST", "/api/subscriptions", body).json()["code"] == "AlreadySubscribed"
    path = f"/api/subscriptions/{made.json()['id']}"
    assert program.call("DELETE", path).status_code == 204
    assert program.call("GET", path).json()["ended_at"] is not None
    assert program.call("GET", "/api/entitlements").json()["items"] == []


def test_a_delivery_is_set_up_made_and_receipted_on_both_sides(
    publisher,
    subscriber,
    product,
    entitled_data_set,
    bucket_name,
    finalized_revision,
    make_revision,
    program_of,
    settings,
):
    program = program_of(subscriber)
    store = {
        "name": "Lab",
        "endpoint_url": settings.S3_ENDPOINT_URL,
        "region": settings.S3_REGION,
        "bucket": bucket_name,
        "access_key_id": settings.S3_ACCESS_KEY_ID,
        "secret_access_key": settings.S3_SECRET_ACCESS_KEY,
    }
    wrong = program.call("POST", "/api/storage-connections", store | {"secret_access_key": "wrong"})
    assert (wrong.status_code, wrong.json()["code"], StorageConnection.objects.count()) == (422, "StorageNotProved", 0)
    made = program.call("POST", "/api/storage-connections", store, Idempotency_Key="store")
    connection = made.json()
    assert (made.status_code, connection["is_proved"]) == (201, True)
    assert settings.S3_SECRET_ACCESS_KEY not in made.content.decode()
    assert program.call("POST", "/api/storage-connections", store, Idempotency_Key="store").json() == connection
    assert program.call("POST", f"/api/storage-connections/{connection['id']}/test").json()["is_proved"] is True

    body = {"data_set_id": entitled_data_set.pk, "storage_connection_id": connection["id"]}
    auto = program.call("POST", "/api/auto-exports", body | {"key_pattern": "auto/${Asset.Name}"}).json()
    paused = program.call("PATCH", f"/api/auto-exports/{auto['id']}", {"is_enabled": False}).json()
    assert paused["is_enabled"] is False
    assert program.call("PATCH", f"/api/auto-exports/{auto['id']}", {"is_enabled": True}).json()["is_enabled"] is True

    export = program.call(
        "POST", "/api/exports", body | {"revision_id": finalized_revision.pk, "key_pattern": "once/${Asset.Name}"}
    )
    assert (export.status_code, export.json()["state"]) == (201, "IN_PROGRESS")
    second = make_revision({"b.csv": b"x\n1\n", "c.csv": b"x\n2\n"})
    work.run_due()
    deliveries = program.call("GET", "/api/deliveries?state=COMPLETED").json()["items"]
    assert [d["auto_export_id"] for d in deliveries] == [auto["id"], None]
    newest = deliveries[0]
    assert (newest["objects_done"], newest["objects_total"], newest["revision_id"]) == (2, 2, second.pk)
    assert program.call("GET", f"/api/deliveries?data_set_id={'0' * 32}").json()["items"] == []

    lines, cursor = [], None
    while True:
        query = f"?limit=1&cursor={cursor}" if cursor else "?limit=1"
        page = program.call("GET", f"/api/deliveries/{newest['id']}/receipt{query}").json()
        lines += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [line["key"] for line in lines] == ["auto/b.csv", "auto/c.csv"]
    assert sorted(lines[0]) == sorted(
        [
            "key",
            "name",
            "size_bytes",
            "sha256",
            "etag",
            "attempts",
            "method",
            "verified_by",
            "started_at",
            "finished_at",
        ]
    )
    theirs = program_of(publisher)
    seen = theirs.call("GET", f"/api/published-deliveries/{newest['id']}").json()
    assert seen["subscriber"] == {"account_id": subscriber.organization.account_id, "name": "Subscriber"}
    assert "bucket" not in seen
    receipt = theirs.call("GET", f"/api/published-deliveries/{newest['id']}/receipt").json()["items"]
    assert [line["sha256"] for line in receipt] == [line["sha256"] for line in lines]
    assert theirs.call("GET", f"/api/deliveries/{newest['id']}").status_code == 404
    done = program.call("POST", f"/api/deliveries/{newest['id']}/retry")
    assert (done.status_code, done.json()["code"]) == (409, "JobNotFailed")

    assert program.call("DELETE", f"/api/auto-exports/{auto['id']}").status_code == 204
    assert EventAction.objects.get().deleted_at is not None
    assert program.call("DELETE", f"/api/storage-connections/{connection['id']}").status_code == 204
    assert program.call("GET", "/api/storage-connections").json()["items"] == []


def test_a_failed_export_shows_its_cause_and_is_retried(
    subscriber, entitled_data_set, connection, finalized_revision, program_of
):
    program = program_of(subscriber)
    body = {
        "data_set_id": entitled_data_set.pk,
        "storage_connection_id": connection.pk,
        "revision_id": finalized_revision.pk,
    }
    job = program.call("POST", "/api/exports", body).json()
    StorageConnection.objects.filter(pk=connection.pk).update(bucket="no-such-bucket-here")
    work.run_due()
    failed = program.call("GET", f"/api/deliveries/{job['id']}").json()
    assert failed["state"] == "ERROR"
    assert "no-such-bucket-here" in failed["cause"]
    StorageConnection.objects.filter(pk=connection.pk).update(bucket=connection.bucket)
    retried = program.call("POST", f"/api/deliveries/{job['id']}/retry").json()
    assert (retried["state"], retried["run"], retried["cause"]) == ("IN_PROGRESS", 2, "")
    work.run_due()
    assert program.call("GET", f"/api/deliveries/{job['id']}").json()["state"] == "COMPLETED"


def test_a_readers_token_cannot_export_data_of_its_own_organization_as_publisher(
    publisher, data_set, finalized_revision, bucket_name, program_of
):
    own = connect(publisher, bucket_name)
    body = {"data_set_id": data_set.pk, "revision_id": finalized_revision.pk, "storage_connection_id": own.pk}
    refused = program_of(publisher, "subscriptions:write").call("POST", "/api/exports", body)
    assert (refused.status_code, Job.objects.count()) == (403, 0)
    assert program_of(publisher).call("POST", "/api/exports", body).json()["data_set_id"] == data_set.pk


def test_an_import_from_a_url_is_created_and_started(publisher, data_set, draft_revision, program_of):
    program = program_of(publisher)
    body = {"data_set_id": data_set.pk, "revision_id": draft_revision.pk, "url": "https://1.1.1.1/a.csv?sig=secret"}
    inside = program.call("POST", "/api/imports", body | {"url": "http://169.254.169.254/latest"})
    assert (inside.status_code, inside.json()["code"]) == (422, "AddressRefused")
    made = program.call("POST", "/api/imports", body | {"asset_name": "b.csv"})
    assert (made.status_code, made.json()["state"]) == (201, "IN_PROGRESS")
    assert made.json()["source_url"] == "https://1.1.1.1/a.csv"
    listed = program.call("GET", "/api/imports?state=IN_PROGRESS").json()["items"]
    assert [i["id"] for i in listed] == [made.json()["id"]]
    assert program.call("GET", f"/api/imports/{made.json()['id']}").json()["objects_total"] == 1


def test_tokens_and_keys_are_made_listed_and_revoked(publisher, program_of):
    program = program_of(publisher)
    until = (timezone.now() + timedelta(days=400)).isoformat()
    body = {"name": "Machine", "scopes": ["publish:read"]}
    late = program.call("POST", "/api/tokens", body | {"expires_at": until})
    assert [e["field"] for e in late.json()["errors"]] == ["expires_at"]
    made = program.call("POST", "/api/tokens", body).json()
    machine = Program(made["token"])
    assert machine.call("GET", "/api/products").status_code == 200
    listed = program.call("GET", "/api/tokens?limit=1").json()
    assert (listed["items"][0]["id"], "token" in listed["items"][0]) == (made["id"], False)
    assert listed["next_cursor"] is not None
    assert program.call("DELETE", f"/api/tokens/{made['id']}").status_code == 204
    assert machine.call("GET", "/api/products").status_code == 401
    assert ApiToken.objects.get(pk=made["id"]).revoked_at is not None
    key = program.call("POST", "/api/access-keys", {"name": "SDK"}).json()
    assert (len(key["secret_access_key"]), key["access_key_id"][:4]) == (40, "ENTK")
    assert "secret_access_key" not in program.call("GET", "/api/access-keys").json()["items"][0]
    assert program.call("DELETE", f"/api/access-keys/{key['id']}").status_code == 204
    assert program.call("GET", "/api/access-keys").json()["items"] == []


def test_a_cursor_belongs_to_its_list(publisher, stranger, program_of):
    mine = program_of(publisher)
    for number in range(3):
        mine.call("POST", "/api/products", {"name": f"P{number}", "category": "Weather", "terms": "t"})
    first = mine.call("GET", "/api/products?limit=2").json()
    rest = mine.call("GET", f"/api/products?limit=2&cursor={first['next_cursor']}").json()
    assert [p["name"] for p in first["items"] + rest["items"]] == ["P2", "P1", "P0"]
    assert rest["next_cursor"] is None
    for program, path in ((program_of(stranger), "/api/products"), (mine, "/api/subscriptions")):
        answer = program.call("GET", f"{path}?cursor={first['next_cursor']}")
        assert (answer.status_code, answer.json()["code"]) == (422, "BadPageToken")
        assert answer.json()["errors"][0]["field"] == "cursor"
