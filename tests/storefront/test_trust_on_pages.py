"""Freshness and quality where people and programs read them: product page, cards, /api; and each part of the score exactly."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from publishers.models import (
    Asset,
    CheckState,
    Contract,
    ContractCheck,
    DataSet,
    Delay,
    Product,
    Profile,
    ProfiledTable,
    ProfileState,
    PublishedDataSet,
    Revision,
)
from publishers.queries.freshness import freshness_of
from publishers.queries.measured import list_measured
from publishers.queries.quality import quality_of

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def shown(url: str) -> str:
    """Return a page with its white space made one."""
    answer = Client().get(url)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def update(product, **values) -> None:
    Product.objects.filter(pk=product.pk).update(**values)
    product.refresh_from_db()


@pytest.fixture
def history(product, publisher):
    """A second data set of the product that came daily, was four days late once, and is late by a day now."""
    data_set = DataSet.objects.create(owner=publisher.organization, name="Arrivals", description="x")
    now = timezone.now()
    came = [now - days * DAY for days in (20, 19, 18, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2.1)]
    Revision.objects.bulk_create(Revision(data_set=data_set, created_at=at, finalized_at=at) for at in came)
    entry = PublishedDataSet.objects.create(product=product, data_set=data_set)
    Delay.objects.create(
        data_set=data_set, promise="P1D", due_at=came[2] + DAY, noticed_at=came[2] + DAY, ended_at=came[3]
    )
    update(product, frequency="DAILY")
    return entry


@pytest.fixture
def unmeasured(product):
    """The product before any of its revisions was profiled or checked."""
    Profile.objects.all().delete()
    ContractCheck.objects.all().delete()
    return product


def quality_at(product, at=None):
    at = at or timezone.now()
    measured = list_measured(product=product, at=at)
    return quality_of(measured, freshness=freshness_of(measured, at=at), dictionary=product.dictionary)


def test_the_page_says_what_is_promised_and_how_it_was_kept(product, history):
    page = shown(f"/products/{product.pk}")
    assert "later than promised" in page
    assert "On schedule" not in page
    assert "A new revision every day, by the product's frequency." in page
    assert "Late since" in page
    assert 'aria-label="The last 19 periods of Arrivals: 13 on time, 1 late, 5 missing"' in page
    assert "<dt>On time in 12 months</dt><dd>68 %, 13 of 19</dd>" in page
    assert "Alarms</h3>" in page
    assert "<td>Missing</td>" not in page
    # the table behind the strip, and the other data set, which is in time, are a link away
    table = shown(f"/products/{product.pk}?freshness={history.pk}")
    assert f"?freshness={history.pk}#periods" in page
    assert [table.count(f"<td>{state}</td>") for state in ("On time", "Late", "Missing")] == [13, 1, 5]
    other = product.published_data_sets.exclude(pk=history.pk).get()
    assert f"?freshness={other.pk}#freshness" in page
    assert 'class="strip"' not in shown(f"/products/{product.pk}?freshness={other.pk}")
    shown(f"/products/{product.pk}?freshness=%00")


def test_a_product_in_time_says_so_on_page_and_card(product, subscriber):
    assert 'id="freshness"' not in shown(f"/products/{product.pk}")
    update(product, frequency="DAILY")
    page = shown(f"/products/{product.pk}")
    assert page.count("On schedule") == 2
    assert "later than promised" not in page
    assert "later than promised" not in shown("/catalogue")


def test_a_card_is_late_by_the_same_rule(product, history):
    assert shown("/catalogue").count("later than promised") == 1


def test_freshness_over_the_api(product, history):
    found = Client().get(f"/api/catalogue/{product.pk}/freshness").json()
    assert (found["is_promised"], found["is_late"], found["periods"], found["periods_on_time"]) == (True, True, 19, 13)
    assert found["share_on_time"] == 13 / 19
    assert found["worst_lateness_s"] == int((5 * DAY - 1.1 * DAY).total_seconds())
    late = next(each for each in found["data_sets"] if each["is_late"])
    assert late["data_set_id"] == history.pk
    assert late["promise"] == {
        "every": "P1D",
        "allowed_s": 95040,
        "latency_s": None,
        "retention_s": None,
        "is_contract": False,
    }
    assert [period["state"] for period in late["periods"][:6]] == ["ON_TIME"] * 2 + ["LATE"] + ["MISSING"] * 3
    assert late["periods"][2]["lateness_s"] == found["worst_lateness_s"]
    assert len(late["delays"]) == 1
    assert Client().get(f"/api/catalogue/prod-{'0' * 13}/freshness").status_code == 404


# --- quality ----------------------------------------------------------------------------------------------------------
def test_each_part_of_the_score_is_computed_from_what_is_kept(
    unmeasured, product, data_set, finalized_revision, history
):
    update(product, dictionary=[{"column": "id", "meaning": ""}, {"column": "delay", "meaning": "Minutes late"}])
    contract = Contract.objects.create(data_set=data_set, major=1, minor=0, patch=0, document={})
    ContractCheck.objects.create(
        revision=finalized_revision,
        contract=contract,
        digest="0" * 64,
        state=CheckState.FAILED,
        results=[{"rule": str(n), "passed": n != 3} for n in range(4)],
        finished_at=timezone.now(),
    )
    ContractCheck.objects.create(revision=finalized_revision, contract=contract, digest="1" * 64)  # waits
    profile = Profile.objects.create(revision=finalized_revision, state=ProfileState.DONE, is_partial=True)
    columns = [{"name": "id", "nulls": 0}, {"name": "delay", "nulls": 3}, {"name": "gate", "nulls": 7}, {"name": "at"}]
    ProfiledTable.objects.create(profile=profile, name="departures", row_count=10, columns=columns)
    found = quality_at(product)
    assert {part.key: (part.share, part.weight) for part in found.parts} == {
        "contract": (3 / 4, 30),
        "freshness": (13 / 19, 25),
        "completeness": (30 / 40, 20),
        "description": (1 / 4, 15),
        "fixity": (1, 10),
    }
    assert found.score == int(22.5 + 25 * 13 / 19 + 15 + 3.75 + 10)
    words = {part.key: part.found for part in found.parts}
    assert words["contract"] == "3 of 4 rules passed"
    assert words["completeness"] == "30 of 40 cells filled, of the part that could be measured"
    page = shown(f"/products/{product.pk}")
    assert f'href="#quality"><span class="quality" title="Quality score {found.score} of 100">' in page
    assert "3 of 4 rules passed" in page
    shape = Client().get(f"/api/catalogue/{product.pk}/quality").json()
    assert shape["score"] == found.score
    assert shape["parts"][0]["weight"] == 30.0


def test_parts_that_are_not_known_raise_the_weight_of_the_others(unmeasured, product):
    found = quality_at(product)
    assert [(part.key, part.weight) for part in found.known] == [("description", 60), ("fixity", 40)]
    assert found.score == 60 * sum(bool(row["meaning"]) for row in product.dictionary) // len(product.dictionary) + 40
    assert "not checked against a contract" in found.parts[0].found


def test_fewer_than_two_known_parts_make_no_badge(unmeasured, product):
    update(product, dictionary=[])
    assert quality_at(product).score is None
    assert "#quality" not in shown(f"/products/{product.pk}")
    assert Client().get(f"/api/catalogue/{product.pk}/quality").json()["score"] is None


def test_a_revoked_revision_is_not_measured(product, finalized_revision):
    Revision.objects.filter(pk=finalized_revision.pk).update(revoked_at=timezone.now())
    assert Asset.objects.filter(revision=finalized_revision).exists()
    assert [part.key for part in quality_at(product).known] == ["description"]
