"""Imports of tables of a lake: each expression becomes an asset that says which tables it matched."""

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from django.utils import timezone

from jobs.models import Job, Transfer
from jobs.operations import lifecycle, tag_policies
from jobs.operations.tag_policies import (
    PER_REVISION,
    create_import_from_tag_policy,
    matches,
    role_arn_of,
    tag_policy_details,
)
from jobs.tasks import run_job
from marketplace.core import work
from marketplace.core.errors import Invalid, LimitExceeded, NotFound
from marketplace.core.models import SourceConnection, WorkItem
from marketplace.core.operations.sources import remove_source_connection
from publishers.models import AssetType
from publishers.operations import data_sets, revisions
from publishers.operations.revisions import AssetNameTaken, AssetTypeDiffers, RevisionIsFinalized
from tests import sources
from tests.conftest import actor_of
from tests.jobs.parties import again, receipts

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def lake():
    made = sources.filled_lake()
    yield made
    made.stop()


@pytest.fixture
def source(publisher, lake, settings):
    settings.EGRESS_ALLOWLIST = [*settings.EGRESS_ALLOWLIST, lake.address]
    return sources.register_lake(publisher, lake)


@pytest.fixture
def draft(publisher):
    """An empty draft of a data set for tables of a lake."""
    actor, at = actor_of(publisher), timezone.now()
    made = data_sets.create_data_set(
        owner=publisher.organization,
        name="Lake, curated",
        description="By tags.",
        asset_type=AssetType.LAKE_FORMATION_DATA_PERMISSION,
        actor=actor,
        at=at,
    )
    return revisions.create_revision(data_set=made, comment="", actor=actor, at=at)


def policy(*permissions, **tags):
    """Return a part of the request; tags: key to values."""
    expression = [{"TagKey": key, "TagValues": list(values)} for key, values in tags.items()]
    return {"Expression": expression, "Permissions": list(permissions)}


def create(revision, member, source, *, database=None, table=None, **changes):
    organization = member.organization
    given = {
        "catalog_id": organization.account_id,
        "role_arn": role_arn_of(organization=organization, connection_id=source.pk),
    }
    return create_import_from_tag_policy(
        organization=organization,
        revision=revision,
        database=database,
        table=table,
        actor=actor_of(member),
        at=timezone.now(),
        **given | changes,
    )


def start(job, member):
    lifecycle.start_job(job=job, actor=actor_of(member), at=timezone.now())
    work.run_due()
    job.refresh_from_db()
    return job


def valid_as(shape, value):
    """Return what the service model finds wrong with a value."""
    model = ServiceModel(Loader().load_service_model("dataexchange", "service-2"))
    return ParamValidator().validate(value, model.shape_for(shape)).generate_report()


def found_by(asset):
    return [(tuple(match["namespace"]), match.get("table", "")) for match in asset.details["Matched"]]


def test_each_expression_becomes_an_asset_that_names_what_it_matched(draft, publisher, source):
    made = create(
        draft,
        publisher,
        source,
        database=policy("DESCRIBE", domain=["sales", "finance"]),
        table=policy("DESCRIBE", "SELECT", domain=["sales"], sensitivity=["public"]),
        asset_tags={"team": "lake"},
    )
    job = start(made, publisher)
    assert (job.state, job.objects_done, job.bytes_done) == ("COMPLETED", 2, 0)
    found = {asset.name: asset for asset in draft.assets.all()}
    namespaces = found["database policy domain=sales|finance"]
    tables = found["table policy domain=sales,sensitivity=public"]
    assert found_by(namespaces) == [(("sales",), ""), (("sales", "eu"), "")]
    assert found_by(tables) == [(("sales",), "orders"), (("sales", "eu"), "orders")]
    assert tables.details["Matched"][0] == {
        "namespace": ["sales"],
        "table": "orders",
        "location": "s3://lake/sales/orders",
        "tags": {"domain": "sales", "sensitivity": "public"},
        "columns": [
            {"name": "id", "type": "long", "is_nullable": False, "comment": "Key"},
            {"name": "amount", "type": "decimal(10, 2)", "is_nullable": True, "comment": ""},
        ],
    }
    organization = publisher.organization
    permission = tables.details["LakeFormationDataPermissionAsset"]
    assert permission == {
        "LakeFormationDataPermissionDetails": {
            "LFTagPolicy": {
                "CatalogId": organization.account_id,
                "ResourceType": "TABLE",
                "ResourceDetails": {
                    "Table": {
                        "Expression": [
                            {"TagKey": "domain", "TagValues": ["sales"]},
                            {"TagKey": "sensitivity", "TagValues": ["public"]},
                        ]
                    }
                },
            }
        },
        "LakeFormationDataPermissionType": "LFTagPolicy",
        "Permissions": ["DESCRIBE", "SELECT"],
        "RoleArn": f"arn:aws:iam::{organization.account_id}:role/{source.pk}",
    }
    for asset in found.values():
        assert valid_as("LakeFormationDataPermissionAsset", asset.details["LakeFormationDataPermissionAsset"]) == ""
        assert (asset.size_bytes, asset.vault_key, asset.tags) == (0, "", {"team": "lake"})
        assert sources.Lake.SECRET_KEY not in str(asset.details)
    assert [(line.key, line.name, line.state, line.asset_id) for line in receipts(job)] == [
        ("database", namespaces.name, "DONE", namespaces.pk),
        ("table", tables.name, "DONE", tables.pk),
    ]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"tier": ["gold"]}, [(("sales",), "orders")]),  # of the namespace
        ({"tier": ["bronze"]}, [(("sales",), "refunds")]),  # the table's own is stronger
        ({"tier": ["gold", "bronze"]}, [(("sales",), "orders"), (("sales",), "refunds")]),
        ({"tier": ["silver"], "sensitivity": ["public"]}, [(("sales", "eu"), "orders")]),
        ({"sensitivity": ["secret"]}, [(("hr",), "salaries")]),
    ],
)
def test_a_table_inherits_the_tags_of_its_namespace(draft, publisher, source, tags, expected):
    job = start(create(draft, publisher, source, table=policy("SELECT", **tags)), publisher)
    assert job.state == "COMPLETED"
    assert found_by(draft.assets.get()) == expected


def test_all_keys_must_match_each_by_any_value():
    expression = policy("SELECT", a=["1", "2"], b=["3"])["Expression"]
    assert matches(expression, {"a": "2", "b": "3", "c": "4"})
    assert not matches(expression, {"a": "2"})
    assert not matches(expression, {"a": "2", "b": "4"})
    assert not matches(expression, {"A": "2", "b": "3"})
    assert not matches(expression, {})


def test_an_expression_that_matches_nothing_ends_the_job_and_says_so(draft, publisher, source):
    made = create(
        draft,
        publisher,
        source,
        database=policy("DESCRIBE", domain=["sales"]),
        table=policy("SELECT", domain=["sales"], tier=["platinum"]),
    )
    job = start(made, publisher)
    assert (job.state, job.objects_done, job.errors[0]["code"]) == ("ERROR", 1, "VALIDATION_EXCEPTION")
    assert "No table of Lake matches domain=sales,tier=platinum" in job.cause
    assert [asset.name for asset in draft.assets.all()] == ["database policy domain=sales"]


def test_what_matches_too_much_ends_the_job(draft, publisher, source, monkeypatch):
    monkeypatch.setattr(tag_policies, "MOST_MATCHED", 1)
    job = start(create(draft, publisher, source, table=policy("SELECT", domain=["sales"])), publisher)
    assert (job.state, job.errors[0]["code"]) == ("ERROR", "VALIDATION_EXCEPTION")
    assert "Narrow the expression" in job.cause
    assert draft.assets.count() == 0


def test_a_catalogue_that_holds_too_much_ends_the_job(draft, publisher, source, monkeypatch):
    monkeypatch.setattr(tag_policies, "MOST_TABLES", 2)
    job = start(create(draft, publisher, source, table=policy("SELECT", domain=["none"])), publisher)
    assert (job.state, job.errors[0]["code"]) == ("ERROR", "VALIDATION_EXCEPTION")
    assert "more than 2 tables" in job.cause


def test_credentials_that_were_changed_end_the_job_and_a_retry_goes_on(draft, publisher, source, lake):
    made = create(draft, publisher, source, table=policy("SELECT", tier=["gold"]))
    SourceConnection.objects.filter(pk=source.pk).update(client_id="SOMEBODY")
    job = start(made, publisher)
    assert (job.state, job.errors[0]["code"]) == ("ERROR", "ACCESS_DENIED_EXCEPTION")
    assert "refused the credentials" in job.cause
    SourceConnection.objects.filter(pk=source.pk).update(client_id=lake.ACCESS_KEY)
    lifecycle.retry_job(job=job, actor=actor_of(publisher), at=timezone.now())
    work.run_due()
    job.refresh_from_db()
    assert (job.state, job.objects_done) == ("COMPLETED", 1)


def test_a_catalogue_that_is_away_is_asked_again_later(draft, publisher, source, lake, settings):
    made = create(draft, publisher, source, table=policy("SELECT", tier=["gold"]))
    SourceConnection.objects.filter(pk=source.pk).update(uri="http://127.0.0.1:1")
    settings.EGRESS_ALLOWLIST = [*settings.EGRESS_ALLOWLIST, "127.0.0.1:1"]
    job = start(made, publisher)
    assert (job.state, WorkItem.objects.get(task="jobs.run_job").state) == ("IN_PROGRESS", "PENDING")
    SourceConnection.objects.filter(pk=source.pk).update(uri=lake.uri)
    again()
    job.refresh_from_db()
    assert (job.state, job.objects_done) == ("COMPLETED", 1)


def test_a_second_run_changes_nothing(draft, publisher, source):
    """The worker died between the asset and its receipt; meanwhile the catalogue went away."""
    job = start(create(draft, publisher, source, table=policy("SELECT", tier=["gold"])), publisher)
    before = draft.assets.get()
    run_job(job_id=job.pk)
    Job.objects.filter(pk=job.pk).update(state="IN_PROGRESS", objects_done=0)
    Transfer.objects.filter(job=job).update(state="PENDING", asset=None)
    remove_source_connection(connection=source, actor=actor_of(publisher), at=timezone.now())
    run_job(job_id=job.pk)
    job.refresh_from_db()
    after = draft.assets.get()
    assert (job.state, job.objects_done) == ("COMPLETED", 1)
    assert (after.pk, after.details, after.updated_at) == (before.pk, before.details, before.updated_at)


def test_a_job_tells_its_details_by_the_members_of_the_model(draft, publisher, source):
    database = policy("DESCRIBE", domain=["sales"])
    details = tag_policy_details(create(draft, publisher, source, database=database))
    assert details == {
        "CatalogId": publisher.organization.account_id,
        "RoleArn": role_arn_of(organization=publisher.organization, connection_id=source.pk),
        "DataSetId": draft.data_set_id,
        "RevisionId": draft.pk,
        "Database": database,
    }
    assert valid_as("ImportAssetsFromLakeFormationTagPolicyResponseDetails", details) == ""


OTHER = "arn:aws:iam::123456789012:role/" + "0" * 32


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"catalog_id": "123456789012"}, "CatalogId"),
        ({"role_arn": OTHER}, "RoleArn"),
        ({"role_arn": "arn:aws:iam::123456789012:role/Admin"}, "RoleArn"),
        ({"role_arn": ""}, "RoleArn"),
        ({"table": None}, "Table"),
        ({"table": {}}, "Table.Expression"),
        ({"table": policy("SELECT")}, "Table.Expression"),
        ({"table": policy("SELECT", a=[])}, "Table.Expression"),
        ({"table": policy("SELECT", a=["1", "1"])}, "Table.Expression"),
        ({"table": policy("SELECT", a=["v" * 257])}, "Table.Expression"),
        ({"table": policy("SELECT", a=[1])}, "Table.Expression"),
        ({"table": policy("SELECT", a=["x\x00"])}, "Table.Expression"),
        ({"table": policy("SELECT", **{"k" * 129: ["1"]})}, "Table.Expression"),
        ({"table": policy("SELECT", **{str(n): ["1"] for n in range(51)})}, "Table.Expression"),
        (
            {"table": {"Expression": [{"TagKey": "a", "TagValues": ["1"]}] * 2, "Permissions": ["SELECT"]}},
            "Table.Expression",
        ),
        ({"table": policy(a=["1"])}, "Table.Permissions"),
        ({"table": policy("ALTER", a=["1"])}, "Table.Permissions"),
        ({"table": policy("SELECT", "SELECT", a=["1"])}, "Table.Permissions"),
        ({"table": None, "database": policy("SELECT", a=["1"])}, "Database.Permissions"),
        ({"table": {"Expression": "all", "Permissions": ["SELECT"]}}, "Table.Expression"),
        ({"table": {"Expression": ["all"], "Permissions": ["SELECT"]}}, "Table.Expression"),
    ],
)
def test_a_wrong_member_is_named(draft, publisher, source, changes, field):
    with pytest.raises(Invalid) as caught:
        create(draft, publisher, source, **{"table": policy("SELECT", tier=["gold"])} | changes)
    assert caught.value.field == field
    assert Job.objects.count() == 0


def test_long_expressions_and_those_with_slashes_have_names_that_can_be_told_apart(draft, publisher, source):
    values = ["v" * 250 + str(n) for n in range(9)]
    long = create(draft, publisher, source, table=policy("SELECT", a=values))
    other = create(draft, publisher, source, table=policy("SELECT", a=[*values, "x"]))
    names = [receipts(job)[0].name for job in (long, other)]
    assert names[0] != names[1]
    assert max(map(len, names)) <= 1024
    slash = create(draft, publisher, source, table=policy("SELECT", path=["a//b/../c"]))
    assert receipts(slash)[0].name == "table policy path=a__b_.._c"


def test_what_cannot_become_assets_is_refused_before_anything_runs(
    draft, publisher, stranger, source, data_set, settings
):
    wanted = {"table": policy("SELECT", tier=["gold"])}
    files = revisions.create_revision(data_set=data_set, comment="", actor=actor_of(publisher), at=timezone.now())
    with pytest.raises(AssetTypeDiffers):
        create(files, publisher, source, **wanted)
    with pytest.raises(NotFound):
        create(draft, publisher, SourceConnection(), **wanted)
    with pytest.raises(NotFound):
        create(draft, stranger, source, **wanted)
    settings.QUOTAS = settings.QUOTAS | {PER_REVISION: 1}
    with pytest.raises(LimitExceeded) as caught:
        create(draft, publisher, source, database=policy("DESCRIBE", domain=["sales"]), **wanted)
    assert (caught.value.limit_name, caught.value.limit_value) == (PER_REVISION, 1)
    assert Job.objects.count() == 0
    start(create(draft, publisher, source, **wanted), publisher)
    settings.QUOTAS = settings.QUOTAS | {PER_REVISION: 20}
    with pytest.raises(AssetNameTaken):
        create(draft, publisher, source, **wanted)
    revisions.finalize_revision(revision=draft, actor=actor_of(publisher), at=timezone.now())
    draft.refresh_from_db()
    with pytest.raises(RevisionIsFinalized):
        create(draft, publisher, source, table=policy("SELECT", tier=["silver"]))
