"""Pages and /api of registered databases and lake catalogues."""

import json

import pytest
from django.utils import timezone

from jobs.operations.data_shares import share_arn
from marketplace.core.models import Role, SourceConnection
from tests import sources
from tests.api.conftest import Program, token_of
from tests.conftest import actor_of
from tests.console.pages import let_confirmation_lapse, member_with, sign_in
from tests.webserver import WebServer, plain

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def database():
    with sources.database() as made:
        yield made


@pytest.fixture(autouse=True)
def allowed(settings, database):
    settings.EGRESS_ALLOWLIST = [*settings.EGRESS_ALLOWLIST, database.address]
    return settings.EGRESS_ALLOWLIST


@pytest.fixture
def source(publisher, database):
    return sources.register_database(publisher, database)


@pytest.fixture
def wanted(database):
    """A form that registers."""
    return database.registration | {"kind": "database"}


@pytest.fixture
def catalogue(allowed):
    """A form that registers a catalogue, which answers as the specification says: with nothing in it."""
    server = WebServer()
    allowed.append(server.address)
    server.answers["/v1/config"] = plain(json.dumps({"defaults": {}, "overrides": {}}).encode())
    server.answers["/v1/namespaces"] = plain(json.dumps({"namespaces": []}).encode())
    yield {"kind": "catalogue", "name": "Lake", "uri": server.url, "authentication": "TOKEN", "secret": "the token"}
    server.stop()


# --- pages ------------------------------------------------------------------------------------------------------------
def test_the_list_shows_state_and_arn_but_no_secret(client, publisher, source):
    page = " ".join(sign_in(client, publisher).get("/sources").content.decode().split())
    assert "Works" in page
    assert source.address in page
    assert share_arn(organization=publisher.organization, connection_id=source.pk, name="SCHEMA.TABLE") in page
    assert sources.PASSWORD not in page


def test_buckets_and_sources_stand_side_by_side(client, publisher, source):
    sign_in(client, publisher)
    assert 'href="/sources"' in client.get("/storage").content.decode()
    assert 'href="/storage"' in client.get("/sources").content.decode()


def test_a_database_is_registered_after_a_test(client, publisher, wanted):
    answer = sign_in(client, publisher, confirmed=True).post("/sources/new", wanted)
    assert (answer.status_code, answer.url) == (302, "/sources")
    made = SourceConnection.objects.get(organization=publisher.organization)
    assert (made.kind, made.database, made.is_proved) == ("POSTGRESQL", wanted["database"], True)


def test_a_catalogue_is_registered_after_a_test(client, publisher, catalogue):
    sign_in(client, publisher, confirmed=True)
    form = client.get("/sources/new?kind=catalogue")
    assert "Catalogue URI" in form.content.decode()
    answer = client.post("/sources/new", catalogue)
    assert (answer.status_code, answer.url) == (302, "/sources")
    made = SourceConnection.objects.get(organization=publisher.organization)
    assert (made.kind, made.uri, made.authentication) == ("ICEBERG_REST", catalogue["uri"], "TOKEN")
    page = client.get("/sources").content.decode()
    assert f"arn:aws:iam::{publisher.organization.account_id}:role/{made.pk}" in page
    assert "the token" not in page


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"database": "no_such_database"}, "database", "does not exist at"),
        ({"password": "wrong"}, "password", "or the password"),
        ({"sslmode": "require"}, "sslmode", "does not offer encryption"),
        ({"host": "10.0.0.1", "port": 5432, "sslmode": "require"}, "host", "private network"),
        ({"port": 22}, "port", "Port 22 cannot be used for a database"),
        ({"port": "x"}, "port", "Enter a whole number"),
        ({"name": ""}, "name", "This field is required"),
    ],
)
def test_a_refusal_stands_at_its_field_and_keeps_the_input(client, publisher, wanted, change, field, sentence):
    answer = sign_in(client, publisher, confirmed=True).post("/sources/new", wanted | change)
    form = answer.context["form"]
    assert answer.status_code == 422
    assert list(form.errors) == [field]
    assert sentence in form.errors[field][0]
    page = answer.content.decode()
    assert f'value="{(wanted | change)["username"]}"' in page
    assert sources.PASSWORD not in page
    assert not SourceConnection.objects.exists()


def test_the_same_database_twice_conflicts(client, publisher, source, wanted):
    answer = sign_in(client, publisher, confirmed=True).post("/sources/new", wanted)
    assert answer.status_code == 409
    assert "This source is already registered." in answer.content.decode()
    assert SourceConnection.objects.count() == 1


def test_a_late_form_is_not_done_and_comes_back_filled_but_for_the_password(client, publisher, wanted):
    sign_in(client, publisher, confirmed=True)
    let_confirmation_lapse(client)
    answer = client.post("/sources/new", wanted)
    assert answer.status_code == 302
    assert answer.url.startswith("/accounts/reauthenticate/?next=%2Fsources%2Fnew%3Fkind%3Ddatabase")
    assert wanted["database"] in answer.url
    assert sources.PASSWORD.replace(" ", "+") not in answer.url
    assert sources.PASSWORD not in str(dict(client.session))
    assert not SourceConnection.objects.exists()
    sign_in(client, publisher, confirmed=True)
    page = client.get("/sources/new", {"kind": "catalogue", "warehouse": "curated"}).content.decode()
    assert 'value="curated"' in page


def test_a_failing_test_is_said_and_remembered(client, publisher, source):
    SourceConnection.objects.filter(pk=source.pk).update(database="gone")
    answer = sign_in(client, publisher).post(f"/sources/{source.pk}/test", follow=True)
    page = answer.content.decode()
    assert "The test of Warehouse failed. The database gone does not exist" in page
    assert "Failing" in page
    source.refresh_from_db()
    assert not source.is_proved
    SourceConnection.objects.filter(pk=source.pk).update(database=source.database)


def test_a_removed_source_is_gone_from_the_list_and_its_secret_from_the_row(client, publisher, source):
    answer = sign_in(client, publisher).post(f"/sources/{source.pk}/remove", follow=True)
    assert "No source is registered" in answer.content.decode()
    source.refresh_from_db()
    assert (source.removed_at is not None, bytes(source.sealed_secret)) == (True, b"")


@pytest.mark.parametrize("action", ["test", "remove"])
def test_a_strangers_source_is_not_found(client, stranger, source, action):
    assert sign_in(client, stranger).post(f"/sources/{source.pk}/{action}").status_code == 404
    source.refresh_from_db()
    assert source.removed_at is None


@pytest.mark.parametrize("role", [Role.VIEWER, Role.SUBSCRIBER])
def test_who_does_not_publish_sees_the_list_and_may_change_nothing(client, wanted, role):
    sign_in(client, member_with(role), confirmed=True)
    page = client.get("/sources")
    assert page.status_code == 200
    assert "/sources/new" not in page.content.decode()
    assert client.post("/sources/new", wanted).status_code == 403
    assert not SourceConnection.objects.exists()


# --- /api -------------------------------------------------------------------------------------------------------------
def as_body(form):
    return {name: value for name, value in form.items() if name != "kind"}


def test_a_program_registers_tests_and_removes_a_database(publisher, wanted):
    program = Program(token_of(publisher))
    body = {"kind": "POSTGRESQL"} | as_body(wanted)
    made = program.call("POST", "/api/source-connections", body)
    assert made.status_code == 201, made.content
    shown = made.json()
    assert (shown["kind"], shown["database"], shown["is_proved"], shown["uri"]) == (
        "POSTGRESQL",
        wanted["database"],
        True,
        "",
    )
    assert sources.PASSWORD not in made.content.decode()
    path = f"/api/source-connections/{shown['id']}"
    assert program.call("GET", path).json() == shown
    listed = program.call("GET", "/api/source-connections?kind=POSTGRESQL").json()["items"]
    assert [item["id"] for item in listed] == [shown["id"]]
    assert program.call("GET", "/api/source-connections?kind=ICEBERG_REST").json()["items"] == []
    again = program.call("POST", "/api/source-connections", body)
    assert (again.status_code, again.json()["code"]) == (409, "SourceConnectionExists")
    SourceConnection.objects.filter(pk=shown["id"]).update(database="gone")
    failed = program.call("POST", f"{path}/test").json()
    assert (failed["is_proved"], "does not exist" in failed["failure"]) == (False, True)
    assert program.call("DELETE", path).status_code == 204
    assert program.call("GET", path).status_code == 404


def test_a_program_registers_a_catalogue(publisher, catalogue):
    program = Program(token_of(publisher))
    made = program.call("POST", "/api/source-connections", {"kind": "ICEBERG_REST"} | as_body(catalogue)).json()
    assert (made["kind"], made["uri"], made["authentication"], made["port"]) == (
        "ICEBERG_REST",
        catalogue["uri"],
        "TOKEN",
        0,
    )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"uri": "https://catalog.example.org"}, "uri"),
        ({"password": None}, "password"),
        ({"kind": "MYSQL"}, "kind"),
        ({"port": "5432"}, "port"),
        ({"password": "wrong"}, "password"),
        ({"tables": []}, "tables"),
    ],
)
def test_a_wrong_member_is_named(publisher, wanted, change, field):
    body = {
        name: value for name, value in ({"kind": "POSTGRESQL"} | as_body(wanted) | change).items() if value is not None
    }
    answer = Program(token_of(publisher)).call("POST", "/api/source-connections", body)
    assert answer.status_code in {400, 422}, answer.content
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not SourceConnection.objects.exists()


def test_a_program_without_the_scope_is_refused(publisher, source, wanted):
    program = Program(token_of(publisher, ["publish:read"]))
    assert program.call("GET", "/api/source-connections").status_code == 200
    assert program.call("POST", "/api/source-connections", {"kind": "POSTGRESQL"} | as_body(wanted)).status_code == 403
    assert program.call("DELETE", f"/api/source-connections/{source.pk}").status_code == 403


def test_lists_go_page_by_page(publisher, source, catalogue):
    from marketplace.core.operations.sources import create_iceberg_source

    create_iceberg_source(
        organization=publisher.organization,
        actor=actor_of(publisher),
        at=timezone.now(),
        **as_body(catalogue),
    )
    program = Program(token_of(publisher))
    first = program.call("GET", "/api/source-connections?limit=1").json()
    second = program.call("GET", f"/api/source-connections?limit=1&cursor={first['next_cursor']}").json()
    assert [item["kind"] for item in first["items"] + second["items"]] == ["ICEBERG_REST", "POSTGRESQL"]
    assert second["next_cursor"] is None
