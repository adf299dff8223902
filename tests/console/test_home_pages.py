"""Home, and choosing or founding an organization."""

import pytest
from django.utils import timezone

from jobs.models import JobState
from jobs.operations import exports
from marketplace.core import work
from marketplace.core.models import Membership, Organization, Role, User
from marketplace.core.operations.storage import remove_storage_connection
from tests.conftest import actor_of, connect
from tests.console.pages import member_with, sign_in


@pytest.fixture
def failed_deliveries(subscriber, entitled_data_set, connection, finalized_revision):
    """Two deliveries to a bucket that was taken away."""
    jobs = [
        exports.create_export(
            organization=subscriber.organization,
            published_data_set=entitled_data_set,
            revision=finalized_revision,
            connection=connection,
            key_pattern=pattern,
            actor=actor_of(subscriber),
            at=timezone.now(),
        )
        for pattern in ("a/${Asset.Name}", "b/${Asset.Name}")
    ]
    for job in jobs:
        exports.start(job=job, actor=actor_of(subscriber), at=timezone.now())
    remove_storage_connection(connection=connection, actor=actor_of(subscriber), at=timezone.now())
    work.run_due()
    for job in jobs:
        job.refresh_from_db()
        assert job.state == JobState.ERROR
    return jobs


def test_home_asks_a_stranger_to_sign_in(client, db):
    answer = client.get("/home")
    assert (answer.status_code, answer.url) == (302, "/accounts/login/?next=/home")


def test_home_shows_a_newcomer_the_next_step_of_both_ways(client, stranger):
    page = sign_in(client, stranger).get("/home").content.decode()
    assert page.count("Browse the catalogue</a>") == 2  # the page's action and the first step
    assert "Create a data set</a>" in page
    assert "Set up an auto-export</a>" not in page  # not the next step yet


def test_home_shows_a_viewer_no_steps_that_are_refused(client, db):
    page = sign_in(client, member_with(Role.VIEWER)).get("/home").content.decode()
    assert "Create a data set" not in page
    assert "Nothing here yet" in page


def test_home_names_one_broken_bucket_once_with_all_that_it_stopped(client, subscriber, failed_deliveries):
    page = sign_in(client, subscriber).get("/home").content.decode()
    assert page.count("2 deliveries of Departures failed") == 1
    assert "The storage connection was removed." in page


def test_home_names_a_draft_that_waits(client, publisher, draft_revision):
    page = sign_in(client, publisher).get("/home").content.decode()
    assert "Draft revision of Departures" in page
    assert f"/publish/data-sets/{draft_revision.data_set_id}/revisions/{draft_revision.pk}" in page


def test_home_says_when_nothing_waits(client, subscriber, agreement, connection):
    page = sign_in(client, subscriber).get("/home").content.decode()
    assert "Nothing needs your attention" in page
    assert "Departures" in page  # the new revision


def test_home_shows_nothing_of_others(client, stranger, failed_deliveries, draft_revision):
    page = sign_in(client, stranger).get("/home").content.decode()
    assert "Departures" not in page


def test_home_asks_the_database_no_more_for_more_rows(
    client, subscriber, failed_deliveries, make_revision, django_assert_max_num_queries
):
    connect(subscriber, failed_deliveries[0].connection.bucket)
    for _ in range(3):
        make_revision()
    sign_in(client, subscriber)
    with django_assert_max_num_queries(32):
        client.get("/home")


def test_somebody_without_an_organization_founds_one_at_home(client, db):
    user = User.objects.create_user("alone@example.org", "correct horse battery")
    client.force_login(user)
    assert 'action="/organization/new"' in client.get("/home").content.decode()
    answer = client.post("/organization/new", {"name": "Harbour Office"})
    assert (answer.status_code, answer.url) == (302, "/home")
    made = Membership.objects.get(user=user)
    assert (made.organization.name, made.role) == ("Harbour Office", Role.OWNER)


def test_an_organization_without_a_name_is_not_founded(client, stranger):
    before = Organization.objects.count()
    answer = sign_in(client, stranger).post("/organization/new", {"name": " "})
    assert answer.status_code == 422
    assert Organization.objects.count() == before


def test_a_member_switches_to_another_of_their_organizations(client, stranger):
    sign_in(client, stranger).post("/organization/new", {"name": "Second"})
    assert client.get("/home").wsgi_request.organization.name == "Second"
    answer = client.post("/organization/switch", {"organization": stranger.organization_id})
    assert answer.status_code == 302
    assert client.get("/home").wsgi_request.organization == stranger.organization


def test_a_strangers_organization_cannot_be_chosen(client, stranger, subscriber):
    sign_in(client, stranger)
    answer = client.post("/organization/switch", {"organization": subscriber.organization_id})
    assert answer.status_code == 404
    assert client.get("/home").wsgi_request.organization == stranger.organization


def test_switching_by_a_link_is_refused(client, stranger):
    assert sign_in(client, stranger).get("/organization/switch").status_code == 405


def test_the_documentation_is_open_and_names_this_installation(client, db, settings):
    answer = client.get("/docs/reference")
    assert answer.status_code == 200
    code = answer.context["snippets"]["boto3"].code
    assert f'endpoint_url="{settings.PUBLIC_URL}"' in code
    assert "YOUR-SECRET-ACCESS-KEY" in code
