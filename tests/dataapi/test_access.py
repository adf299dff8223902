"""Who may read rows and files: one door, and missing looks like forbidden."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from django.conf import settings
from django.test import Client
from django.utils import timezone

from dataapi import cache, door, views
from marketplace.core.actors import SYSTEM
from marketplace.core.models import AuditRecord, RateCounter, Role
from marketplace.core.operations.credentials import create_access_key, revoke_api_token
from publishers.models import Asset
from publishers.operations.revisions import revoke_revision
from subscriptions.operations import end_agreement
from tests.conftest import actor_of
from tests.dataapi.conftest import Program, path_of, token_of

pytestmark = pytest.mark.django_db(transaction=True)
MISSING = "0f" * 16


@pytest.fixture
def path(entitled_data_set, finalized_revision) -> str:
    return path_of(entitled_data_set, finalized_revision)


def doors_of(path: str) -> list[str]:
    """Every path below /data that leads to a file's bytes or names."""
    data_set, revision = path.split("/")[2], path.split("/")[4]
    return [
        f"{path}/rows",
        f"{path}/download",
        f"{path.replace(revision, 'latest')}/rows",
        f"/data/{data_set}/revisions/{revision}/assets",
        f"/data/{data_set}/rows",
    ]


def without_ids(answer) -> dict:
    document = answer.json()
    return {k: v for k, v in document.items() if k not in {"request_id", "instance", "resource_id", "detail"}}


def test_a_subscriber_reads_through_every_door(program, path):
    for door_path in doors_of(path):
        answer = program.get(door_path)
        assert answer.status_code == 200, door_path
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Request-Id"]


def test_a_stranger_and_the_owner_see_what_somebody_sees_who_asks_for_nothing(stranger, publisher, path):
    for member in (stranger, publisher):
        other = Program(token_of(member))
        for door_path in doors_of(path):
            foreign, missing = other.get(door_path), other.get(door_path.replace(path.split("/")[2], MISSING))
            assert (foreign.status_code, missing.status_code) == (404, 404), door_path
            assert without_ids(foreign) == without_ids(missing)
            assert "departures" not in foreign.content.decode()


def test_an_asset_of_another_revision_is_not_found(program, path, make_revision, entitled_data_set):
    other = Asset.objects.get(revision=make_revision({"second.csv": b"a\n1\n"}))
    assert program.get(f"{path.rsplit('/', 1)[0]}/{other.pk}/rows").status_code == 404


def test_a_draft_is_not_readable(program, path, entitled_data_set, draft_revision):
    for door_path in doors_of(path_of(entitled_data_set, draft_revision))[:2]:
        assert program.get(door_path).status_code == 404


def test_a_revoked_revision_is_gone_on_the_next_request_and_so_is_its_cursor(
    program, publisher, make_revision, entitled_data_set
):
    revision = make_revision({"numbers.csv": b"n\n1\n2\n3\n"})
    path = path_of(entitled_data_set, revision)
    cursor = program.read(f"{path}/rows", limit=1)["next_cursor"]
    revoke_revision(revision=revision, comment="The numbers were wrong.", actor=actor_of(publisher), at=timezone.now())
    assert program.get(f"{path}/rows", cursor=cursor).status_code == 404
    assert program.get(f"/data/{entitled_data_set.pk}/rows", cursor=cursor).status_code == 404
    assert program.get(f"{path}/download").status_code == 404
    assert program.get(f"{path.rsplit('/', 1)[0]}").status_code == 404


def test_an_ended_subscription_closes_every_door(program, path, agreement, subscriber):
    assert program.read(f"{path}/rows")["row_count"] == 2
    end_agreement(agreement=agreement, actor=actor_of(subscriber), at=timezone.now())
    for door_path in doors_of(path):
        assert program.get(door_path).status_code == 404, door_path


def test_a_right_that_ends_while_the_caller_waits_ends_the_answer_too(
    program, path, agreement, subscriber, monkeypatch
):
    asset = Asset.objects.get(pk=path.rsplit("/", 1)[1])
    monkeypatch.setattr(views, "ASK_AGAIN_S", 0.0)
    with ThreadPoolExecutor(1) as pool:
        with cache._locked(cache.key_of(asset)):  # another process builds the table, slowly
            answer = pool.submit(program.get, f"{path}/rows")
            while not cache._builds:
                time.sleep(0.01)
            end_agreement(agreement=agreement, actor=actor_of(subscriber), at=timezone.now())
        assert answer.result(60).status_code == 404


@pytest.mark.parametrize("token", ["entt_nonsense", "", "x" * 43])
def test_a_wrong_token_is_answered_401(path, token):
    answer = Program(token).get(f"{path}/rows")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_nobody_is_answered_401_and_not_a_login_page(path):
    for door_path in doors_of(path):
        answer = Client().get(door_path)
        assert (answer.status_code, answer.json()["code"]) == (401, "NotAuthenticated")


def test_a_revoked_token_ends_on_the_next_request(path, subscriber):
    text = token_of(subscriber)
    assert Program(text).get(f"{path}/rows").status_code == 200
    token = subscriber.organization.api_tokens.get()
    revoke_api_token(token=token, actor=SYSTEM, at=timezone.now())
    assert Program(text).get(f"{path}/rows").status_code == 401


def test_a_token_without_the_scope_is_refused_and_the_refusal_is_recorded(path, subscriber):
    other = Program(token_of(subscriber, "subscriptions:read", "subscriptions:write"))
    for door_path in doors_of(path):
        assert other.get(door_path).status_code == 403, door_path
    refused = AuditRecord.objects.filter(action="api.refused", result="denied")
    assert refused.count() == len(doors_of(path))


def test_a_signature_opens_the_same_door(live_server, path, subscriber):
    key, secret = create_access_key(membership=subscriber, name="key", actor=SYSTEM, at=timezone.now())

    def call(signing_secret: str) -> requests.Response:
        request = AWSRequest("GET", f"{live_server.url}{path}/rows?limit=1")
        credentials = Credentials(key.access_key_id, signing_secret)
        SigV4Auth(credentials, "dataexchange", settings.S3_REGION).add_auth(request)
        return requests.get(request.url, headers=dict(request.headers), timeout=30)

    assert call(secret).json()["rows"] == [{"id": 1, "delay": 5}]
    assert call("not the secret").status_code == 401


def test_a_signed_in_member_reads_and_a_viewer_does_not(path, subscriber):
    browser = Client()
    browser.force_login(subscriber.user, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert browser.get(f"{path}/rows").json()["row_count"] == 2
    subscriber.role = Role.VIEWER
    subscriber.save(update_fields=["role"])
    assert browser.get(f"{path}/rows").status_code == 403


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
def test_nothing_can_be_changed(path, program, method):
    answer = getattr(program.client, method)(f"{path}/rows", headers=program.headers)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")


def test_calls_are_counted_per_credential(path, program, monkeypatch):
    monkeypatch.setattr(door, "CALLS", 3)
    assert [program.get(f"{path}/rows").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert int(program.get(f"{path}/rows").headers["Retry-After"]) <= door.WINDOW_S
    assert RateCounter.objects.filter(key__startswith="data:token:").count() == 1


def test_a_download_link_gives_the_very_bytes_as_an_attachment_for_five_minutes(program, path):
    answer = program.read(f"{path}/download")
    asset = Asset.objects.get(pk=path.rsplit("/", 1)[1])
    assert (answer["name"], answer["size_bytes"], answer["sha256"]) == (asset.name, asset.size_bytes, asset.sha256)
    left = datetime.fromisoformat(answer["expires_at"]) - timezone.now()
    assert timedelta(seconds=280) < left <= timedelta(seconds=300)
    got = requests.get(answer["url"], timeout=10)
    assert got.content == b"id,delay\n1,5\n2,-3\n"
    assert got.headers["Content-Disposition"] == "attachment; filename*=UTF-8''departures.csv"
    assert AuditRecord.objects.filter(action="asset.downloaded", subject_id=asset.pk).count() == 1


def test_a_download_can_lead_straight_to_the_file(program, path):
    answer = program.get(f"{path}/download", redirect="1")
    assert answer.status_code == 302
    assert (answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert requests.get(answer.headers["Location"], timeout=10).content == b"id,delay\n1,5\n2,-3\n"


def test_lists_name_what_can_be_read(program, path, entitled_data_set, finalized_revision):
    (data_set,) = program.read("/data/data-sets")["items"]
    assert (data_set["id"], data_set["name"]) == (entitled_data_set.pk, "Departures")
    (revision,) = program.read(f"/data/{entitled_data_set.pk}/revisions")["items"]
    assert (revision["id"], revision["asset_count"]) == (finalized_revision.pk, 1)
    (asset,) = program.read(f"/data/{entitled_data_set.pk}/revisions/latest/assets")["items"]
    assert (asset["name"], asset["has_rows"]) == ("departures.csv", True)


def test_lists_come_in_pages(program, make_revision, entitled_data_set):
    revision = make_revision({f"{n}.csv": b"a\n" for n in range(5)})
    base, seen, query = f"/data/{entitled_data_set.pk}/revisions/{revision.pk}/assets", [], {"limit": 2}
    while query:
        answer = program.read(base, **query)
        seen += [asset["name"] for asset in answer["items"]]
        query = {"limit": 2, "cursor": answer["next_cursor"]} if answer["next_cursor"] else {}
    assert seen == [f"{n}.csv" for n in range(5)]
    wrong = program.get(base, cursor="nonsense")
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "cursor")


@pytest.mark.parametrize("rest", ["", "nothing", f"{MISSING}/revisions/{MISSING}/assets/x%00/rows", "../api"])
def test_an_unknown_path_is_a_problem_too(program, rest):
    answer = program.get(f"/data/{rest}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
