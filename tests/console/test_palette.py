"""Jump to: what is found, by whom, and that every place exists."""

import pytest
from django.urls import reverse
from django.utils import timezone

from jobs.operations import exports
from marketplace.console.views.palette import PLACES
from marketplace.core.models import Role
from publishers.models import DataSet
from tests.conftest import actor_of
from tests.console.pages import member_with, sign_in

pytestmark = pytest.mark.django_db


def found(client, text):
    answer = client.get("/palette", {"q": text})
    return {group.title: [item.label for item in group.items] for group in answer.context["groups"]}


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.route)
def test_every_place_has_an_address(place):
    assert reverse(place.route)


def test_everybody_finds_pages_products_and_documentation(client, product):
    assert found(client, "departures")["Data products"] == ["Departures of New York"]
    assert "Browse data products" in found(client, "browse")["Pages"]
    assert "Storage connections" not in found(client, "storage").get("Pages", [])
    assert "Publish data" in found(client, "publish")["Documentation"]
    assert "Nothing here is called" in client.get("/palette?q=zzzzzz").content.decode()


def test_a_member_finds_what_the_organization_has(client, subscriber, publisher, entitled_data_set, data_set, product):
    sign_in(client, subscriber)
    assert found(client, "departures")["My data"] == ["Departures"]
    assert "Data sets that you publish" not in found(client, "departures")
    sign_in(client, publisher)
    mine = found(client, "depart")
    assert mine["Data sets that you publish"] == ["Departures"]
    assert mine["Your products"] == ["Departures of New York"]
    assert "My data" not in mine
    assert found(client, data_set.pk[:10])["Data sets that you publish"] == ["Departures"]


def test_a_delivery_is_found_by_the_beginning_of_its_id_by_its_own_organization(
    client, subscriber, publisher, entitled_data_set, finalized_revision, connection
):
    job = exports.create_export(
        organization=subscriber.organization,
        published_data_set=entitled_data_set,
        revision=finalized_revision,
        connection=connection,
        key_pattern="",
        actor=actor_of(subscriber),
        at=timezone.now(),
    )
    sign_in(client, subscriber)
    assert found(client, job.pk[:6])["Deliveries and imports"] == [job.pk]
    sign_in(client, publisher)
    assert "Deliveries and imports" not in found(client, job.pk[:6])


def test_a_viewer_is_led_nowhere_that_refuses(client):
    sign_in(client, member_with(Role.VIEWER))
    for group in client.get("/palette").context["groups"]:
        for item in group.items:
            assert client.get(item.url).status_code < 400, item.url


def test_a_script_gets_the_part_and_a_person_the_page(client):
    part = client.get("/palette?q=docs", headers={"HX-Request": "true"})
    assert b"<html" not in part.content
    assert b'id="palette-results"' in part.content
    assert "HX-Request" in part.headers["Vary"]
    assert b"<html" in client.get("/palette?q=docs").content


def test_what_was_typed_is_shown_as_text(client):
    page = client.get("/palette", {"q": "<script>alert(1)</script>"}).content.decode()
    assert "<script>alert" not in page


def test_it_runs_few_queries(client, publisher, agreement, data_set, django_assert_max_num_queries):
    DataSet.objects.bulk_create(
        DataSet(owner=publisher.organization, name=f"Departures {n}", description="d") for n in range(40)
    )
    sign_in(client, publisher)
    for text in ("", "departures", "abcdef", "depatrures"):
        with django_assert_max_num_queries(15):
            client.get("/palette", {"q": text})
