"""How refusals of /api look: RFC 9457, a stable code, the members that are wrong, a request id."""

import pytest
from django.conf import settings

from marketplace.core.errors import Conflict, Denied, Invalid, LimitExceeded, NotFound
from marketplace.core.limits import TooManyRequests
from marketplace.core.problems import problem_of
from publishers.models import Product

pytestmark = pytest.mark.django_db
NEW = {"name": "Tides", "category": "Weather", "terms": "Use it well."}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound("PRODUCT", "p"), 404),
        (Conflict("PRODUCT", "p"), 409),
        (Invalid("No.", field="name"), 422),
        (Denied("No."), 403),
        (LimitExceeded("Products per account", 50), 402),
        (TooManyRequests("Requests per window", 5), 429),
    ],
)
def test_each_family_has_its_status(error, status):
    assert (problem_of(error).status, problem_of(error).code) == (status, type(error).__name__)


def test_a_problem_is_whole(publisher, program_of):
    answer = program_of(publisher).call("GET", "/api/products/prod-missing", X_Request_Id="my-request-1")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is no product prod-missing that you can see.",
        "instance": "/api/products/prod-missing",
        "code": "NotFound",
        "request_id": "my-request-1",
        "resource_type": "PRODUCT",
        "resource_id": "prod-missing",
    }


def test_members_that_are_unknown_or_of_another_type_are_named(publisher, program_of):
    program = program_of(publisher)
    unknown = program.call("POST", "/api/products", NEW | {"price": 5})
    assert (unknown.status_code, [e["field"] for e in unknown.json()["errors"]]) == (422, ["price"])
    wrong = program.call("POST", "/api/products", NEW | {"name": 7, "dictionary": [{"column": "a"}, {"type": "b"}]})
    assert [e["field"] for e in wrong.json()["errors"]] == ["name", "dictionary[1].column"]
    entry = {"data_set_id": "0" * 32, "future_rule": "yes", "history_count": "3"}
    flags = program.call("POST", "/api/products/prod-x/data-sets", entry)
    assert [e["field"] for e in flags.json()["errors"]] == ["history_count", "future_rule"]
    assert Product.objects.count() == 0


def test_a_refusal_of_the_domain_names_the_member_as_the_request_spells_it(publisher, subscriber, product, program_of):
    offer = program_of(subscriber).call("GET", f"/api/catalogue/{product.pk}").json()["offer"]
    body = {"product_id": product.pk, "offer_version_id": offer["offer_version_id"], "accept_terms": False}
    answer = program_of(subscriber).call("POST", "/api/subscriptions", body)
    assert answer.json()["code"] == "TermsNotAccepted"
    assert answer.json()["errors"] == [{"field": "accept_terms", "detail": "Accept the terms to subscribe."}]


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        ("{", "application/json", 400, "Unreadable"),
        ("[" * 100_000, "application/json", 400, "Unreadable"),
        ("[]", "application/json", 422, "InvalidInput"),
        ('{"name": NaN}', "application/json", 400, "Unreadable"),
        ('{"name": "\\u0000"}', "application/json", 422, "InvalidInput"),
        ('{"name": "\\ud800"}', "application/json", 422, "InvalidInput"),
        ("a=b", "application/x-www-form-urlencoded", 415, "UnsupportedMediaType"),
    ],
)
def test_a_body_that_cannot_be_read_is_no_fault_of_ours(publisher, program_of, content, kind, status, code):
    program = program_of(publisher)
    answer = program.client.post(
        "/api/products", content, content_type=kind, headers={"Authorization": f"Bearer {program.token}"}
    )
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_body_beyond_the_limit_is_refused(publisher, program_of):
    program = program_of(publisher)
    content = b'{"name": "' + b"x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE + b'"}'
    answer = program.client.post(
        "/api/products",
        content,
        content_type="application/json",
        headers={"Authorization": f"Bearer {program.token}"},
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "BodyTooLong")


@pytest.mark.parametrize(
    "path", ["nothing", "products/a b", "products/%00", "products/" + "x" * 41, "docs/nothing/", ""]
)
def test_a_path_that_is_not_there_is_a_problem_too(anonymous, path):
    answer = anonymous.call("GET", f"/api/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "UnknownPath")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_method_that_a_path_does_not_have_is_named(anonymous):
    answer = anonymous.call("DELETE", "/api/catalogue")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_parameters_that_make_no_sense_are_refused(publisher, program_of):
    program = program_of(publisher)
    for query, field in (("limit=0", "limit"), ("limit=201", "limit"), ("cursor=x", "cursor"), ("limt=5", "limt")):
        answer = program.call("GET", f"/api/products?{query}")
        assert (answer.status_code, [e["field"] for e in answer.json()["errors"]]) == (422, [field]), query


def test_a_fault_of_ours_is_500_with_the_request_id_and_without_details(publisher, program_of, monkeypatch, caplog):
    def broken(**_):
        raise RuntimeError("secret detail")

    monkeypatch.setattr("marketplace.console.api.views.products.list_owned_products", broken)
    answer = program_of(publisher).call("GET", "/api/products")
    assert (answer.status_code, answer.json()["code"]) == (500, "InternalError")
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]
    assert "secret detail" not in answer.content.decode()
    assert "secret detail" in caplog.text


def test_too_many_calls_of_one_token_are_told_when_to_come_back(publisher, stranger, program_of, monkeypatch):
    monkeypatch.setattr("marketplace.console.api.operation.CALLS", 3)
    program = program_of(publisher)
    statuses = [program.call("GET", "/api/whoami").status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    answer = program.call("GET", "/api/whoami")
    assert 1 <= int(answer.headers["Retry-After"]) <= 61
    assert answer.json()["limit_value"] == 3
    assert program_of(stranger).call("GET", "/api/whoami").status_code == 200
