"""The tables below /admin: for operators, to be read; no secret stands in them and nothing can be changed."""

import re

import pytest
from django.db.models import BinaryField
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from marketplace.console.admin import TABLES, site
from marketplace.core.actors import SYSTEM
from marketplace.core.models import ApiToken, Organization, User
from marketplace.core.operations.credentials import create_access_key, create_api_token
from marketplace.core.operations.users import make_operator
from tests.conftest import actor_of, make_member
from tests.console.pages import sign_in

pytestmark = pytest.mark.django_db
SECRETS = re.compile(r"sealed|digest|secret|password|details|arguments|^data$|^request$")


@pytest.fixture
def desk(client):
    """A browser of an operator."""
    member = make_member("Operator")
    make_operator(user=member.user, actor=SYSTEM, at=timezone.now())
    return sign_in(client, member)


def test_each_table_names_columns_that_exist_and_none_that_holds_a_secret():
    assert len(site._registry) == len(TABLES) == 24
    for model, admin in site._registry.items():
        for name in {*admin.fields, *admin.list_display}:
            field = model._meta.get_field(name)
            assert not isinstance(field, BinaryField), (model, name)
            assert not SECRETS.search(name), (model, name)


def test_lists_and_rows_are_shown_and_searched(desk, publisher, connection, agreement):
    by = {"membership": publisher, "actor": actor_of(publisher), "at": timezone.now()}
    _, text = create_api_token(name="Loader", wanted_scopes=["data:read"], **by)
    _, secret = create_access_key(name="ETL", **by)
    shown = 0
    for model in TABLES:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        listed = desk.get(reverse(f"{name}_changelist"), {"q": "zzz"} if site._registry[model].search_fields else {})
        assert listed.status_code == 200, model
        row = model._default_manager.first()
        if row is None:
            continue
        answer = desk.get(reverse(f"{name}_change", args=[row.pk]))
        assert answer.status_code == 200, model
        content = answer.content.decode()
        assert "scrypt" not in content
        assert text not in content
        assert secret not in content
        assert 'name="_save"' not in content
        shown += 1
    assert shown > 10
    token = ApiToken.objects.get()
    assert token.digest not in desk.get(reverse("admin:core_apitoken_change", args=[token.pk])).content.decode()
    found = desk.get(reverse("admin:core_organization_changelist"), {"q": publisher.organization.account_id})
    assert [o.pk for o in found.context["cl"].result_list] == [publisher.organization_id]


def test_nothing_is_added_changed_or_deleted(desk, publisher):
    row = publisher.organization
    for method, path, form in (
        ("get", reverse("admin:core_organization_add"), {}),
        ("post", reverse("admin:core_organization_add"), {"name": "New"}),
        ("post", reverse("admin:core_organization_change", args=[row.pk]), {"name": "Other"}),
        ("get", reverse("admin:core_organization_delete", args=[row.pk]), {}),
        ("post", reverse("admin:core_organization_delete", args=[row.pk]), {"post": "yes"}),
    ):
        assert getattr(desk, method)(path, form).status_code == 403, (method, path)
    desk.post(
        reverse("admin:core_organization_changelist"), {"action": "delete_selected", "_selected_action": [row.pk]}
    )
    assert Organization.objects.get(pk=row.pk).name == row.name


def addresses():
    """Return an address of each route below /admin, read from the routes."""
    found = []

    def walk(patterns, prefix):
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if hasattr(pattern, "url_patterns"):
                walk(pattern.url_patterns, route)
            elif "(?P" not in route and not route.endswith("$"):
                found.append("/admin/" + re.sub(r"<[^>]+>", "1", route))

    walk(site.urls[0], "")
    return found


def test_only_operators_get_in_by_the_way_that_everybody_signs_in(publisher):
    stranger, nobody = sign_in(Client(), publisher), Client()
    walked = addresses()
    assert len(walked) > 100
    for path in walked:
        answer = nobody.get(path, follow=True)
        assert answer.request["PATH_INFO"] in {"/accounts/login/"}, path
        refused = stranger.get(path, follow=True)
        assert refused.status_code == 403, path
    assert nobody.post("/admin/login/", {"username": "x", "password": "y"}).url.startswith("/accounts/login/")


def test_who_was_suspended_is_out(desk):
    User.objects.filter(is_staff=True).update(is_active=False)
    assert desk.get("/admin/").status_code == 302


def test_the_sign_in_leads_to_pages_of_ours_only(desk):
    assert desk.get("/admin/login/?next=https://evil.example/").url == "/admin/"
    assert desk.get("/admin/login/?next=/admin/core/user/").url == "/admin/core/user/"


def test_a_list_asks_few_questions(desk, django_assert_max_num_queries):
    for n in range(30):
        make_member(f"Member{n}")
    with django_assert_max_num_queries(15):
        desk.get(reverse("admin:core_membership_changelist"))
