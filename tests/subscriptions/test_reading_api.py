"""The AWS-shaped API as a reader sees it: what is entitled is shown as its own, read-only, and nothing else is shown."""

from datetime import timedelta

import pytest
import requests
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from publishers.models import Asset, DataSet
from publishers.operations import data_sets, revisions
from subscriptions.operations import end_agreement
from tests.callers import Caller
from tests.conftest import actor_of
from tests.grants import accept, give_data_grant
from tests.jobs.apis import SPECIFICATION, import_api, make_api_draft

pytestmark = pytest.mark.django_db
MISSING = "0f" * 16


def revoke(revision, member):
    return revisions.revoke_revision(
        revision=revision, comment="The figures were wrong.", actor=actor_of(member), at=timezone.now()
    )


def test_an_entitled_data_set_is_shown_under_its_own_id(subscriber, publisher, entitled_data_set, data_set, product):
    reader = Caller(subscriber)
    shown = reader.ok("GetDataSet", DataSetId=entitled_data_set.pk)
    assert (shown["Id"], shown["Origin"]) == (entitled_data_set.pk, "ENTITLED")
    assert shown["OriginDetails"] == {"ProductId": product.pk}
    assert shown["Arn"].split(":")[4] == ""
    assert not {"SourceId", "Tags"} & set(shown)
    assert data_set.pk not in str(shown)
    (listed,) = reader.ok("ListDataSets", Origin="ENTITLED")["DataSets"]
    assert listed == shown
    assert reader.ok("ListDataSets")["DataSets"] == reader.ok("ListDataSets", Origin="OWNED")["DataSets"] == []
    (owned,) = Caller(publisher).ok("ListDataSets")["DataSets"]
    assert (owned["Id"], owned["Origin"], "Tags" in owned) == (data_set.pk, "OWNED", False)
    assert reader.refused("ListDataSets", Origin="STOLEN") == (400, "Validation")


def test_owned_data_sets_come_newest_first_in_pages(publisher):
    for n in range(5):
        data_sets.create_data_set(
            owner=publisher.organization, name=f"{n}", description="x", actor=actor_of(publisher), at=timezone.now()
        )
    program, names, token = Caller(publisher), [], None
    while True:
        page = program.ok("ListDataSets", MaxResults=2, **({"NextToken": token} if token else {}))
        names += [row["Name"] for row in page["DataSets"]]
        token = page.get("NextToken")
        if not token:
            break
    assert names == ["4", "3", "2", "1", "0"]
    for wrong in (0, 201, -1):
        assert program.refused("ListDataSets", MaxResults=wrong) == (400, "Validation")
    assert program.refused("ListDataSets", NextToken="nonsense") == (400, "Validation")
    token = program.ok("ListDataSets", MaxResults=2)["NextToken"]
    assert program.refused("ListDataSets", NextToken=token, Origin="ENTITLED") == (400, "Validation")


def test_a_reader_sees_published_revisions_only_dated_by_their_publication(
    subscriber, entitled_data_set, finalized_revision, make_revision
):
    make_revision(finalize=False)
    later = make_revision()
    reader = Caller(subscriber)
    shown = reader.ok("ListDataSetRevisions", DataSetId=entitled_data_set.pk)["Revisions"]
    assert [row["Id"] for row in shown] == [later.pk, finalized_revision.pk]
    for row in shown:
        assert (row["DataSetId"], row["Finalized"], row["Arn"].split(":")[4]) == (entitled_data_set.pk, True, "")
        assert not {"SourceId", "Tags", "Revoked", "RevokedAt", "RevocationComment"} & set(row)
        published = entitled_data_set.published_revisions.get(revision=row["Id"]).published_at
        assert row["CreatedAt"].startswith(published.strftime("%Y-%m-%dT%H:%M:%S."))
    first = reader.ok("ListDataSetRevisions", DataSetId=entitled_data_set.pk, MaxResults=1)
    second = reader.ok(
        "ListDataSetRevisions", DataSetId=entitled_data_set.pk, MaxResults=1, NextToken=first["NextToken"]
    )
    assert first["Revisions"] + second["Revisions"] == shown


def test_a_revoked_revision_is_shown_with_the_reason_and_its_assets(
    subscriber, publisher, entitled_data_set, finalized_revision
):
    revoke(finalized_revision, publisher)
    reader = Caller(subscriber)
    ids = {"DataSetId": entitled_data_set.pk, "RevisionId": finalized_revision.pk}
    shown = reader.ok("GetRevision", **ids)
    assert (shown["Revoked"], shown["RevocationComment"]) == (True, "The figures were wrong.")
    assert shown["RevokedAt"] == shown["UpdatedAt"]
    assert reader.ok("ListDataSetRevisions", DataSetId=entitled_data_set.pk)["Revisions"] == [shown]
    (asset,) = reader.ok("ListRevisionAssets", **ids)["Assets"]
    assert reader.ok("GetAsset", AssetId=asset["Id"], **ids)["Name"] == "departures.csv"


def test_assets_come_by_name_descending_and_tell_their_size(subscriber, entitled_data_set, make_revision):
    revision = make_revision({"a.csv": b"1", "c.csv": b"333", "b.csv": b"22"})
    reader = Caller(subscriber)
    ids = {"DataSetId": entitled_data_set.pk, "RevisionId": revision.pk}
    shown = reader.ok("ListRevisionAssets", **ids)["Assets"]
    assert [(row["Name"], row["AssetDetails"]) for row in shown] == [
        ("c.csv", {"S3SnapshotAsset": {"Size": 3.0}}),
        ("b.csv", {"S3SnapshotAsset": {"Size": 2.0}}),
        ("a.csv", {"S3SnapshotAsset": {"Size": 1.0}}),
    ]
    assert {row["DataSetId"] for row in shown} == {entitled_data_set.pk}
    assert all("Tags" not in row for row in shown)
    first = reader.ok("ListRevisionAssets", MaxResults=2, **ids)
    assert reader.ok("ListRevisionAssets", NextToken=first["NextToken"], **ids)["Assets"] == shown[2:]


def test_the_owners_tags_are_shown_to_the_owner_alone(subscriber, publisher, entitled_data_set, finalized_revision):
    owner, reader = Caller(publisher), Caller(subscriber)
    source = finalized_revision.data_set_id
    asset = finalized_revision.assets.get()
    mine = {"DataSetId": source, "RevisionId": finalized_revision.pk}
    theirs = mine | {"DataSetId": entitled_data_set.pk}
    for arn in (
        owner.ok("GetDataSet", DataSetId=source)["Arn"],
        owner.ok("GetRevision", **mine)["Arn"],
        owner.ok("GetAsset", AssetId=asset.pk, **mine)["Arn"],
    ):
        owner.ok("TagResource", ResourceArn=arn, Tags={"secret": "project"})
    assert owner.ok("GetAsset", AssetId=asset.pk, **mine)["Tags"] == {"secret": "project"}
    for answer in (
        reader.ok("GetDataSet", DataSetId=entitled_data_set.pk),
        reader.ok("GetRevision", **theirs),
        reader.ok("GetAsset", AssetId=asset.pk, **theirs),
        reader.ok("ListRevisionAssets", **theirs),
        reader.ok("ListDataSetRevisions", DataSetId=entitled_data_set.pk),
    ):
        assert "secret" not in str(answer)


def test_a_publisher_sees_what_its_readers_see_and_which_source_it_has(
    publisher, subscriber, entitled_data_set, finalized_revision
):
    owner, reader = Caller(publisher), Caller(subscriber)
    asset = finalized_revision.assets.get()
    source, ids = finalized_revision.data_set_id, {"DataSetId": entitled_data_set.pk}
    revision = ids | {"RevisionId": finalized_revision.pk}
    assert owner.ok("GetDataSet", **ids) == reader.ok("GetDataSet", **ids) | {"SourceId": source}
    seen = reader.ok("GetRevision", **revision) | {"SourceId": finalized_revision.pk}
    assert owner.ok("GetRevision", **revision) == seen
    assert owner.ok("ListDataSetRevisions", **ids)["Revisions"] == [seen]
    for operation, members in (("ListRevisionAssets", revision), ("GetAsset", revision | {"AssetId": asset.pk})):
        assert owner.ok(operation, **members) == reader.ok(operation, **members)
    assert owner.ok("ListDataSets", Origin="ENTITLED")["DataSets"] == []
    for operation, members in (
        ("UpdateDataSet", ids | {"Name": "x"}),
        ("DeleteRevision", revision),
        ("UpdateAsset", revision | {"AssetId": asset.pk, "Name": "x"}),
    ):
        assert owner.refused(operation, **members) == (403, "AccessDenied")


def test_an_asset_that_is_missing_is_named_as_an_asset(publisher, subscriber, entitled_data_set, finalized_revision):
    for member, data_set_id in ((publisher, finalized_revision.data_set_id), (subscriber, entitled_data_set.pk)):
        refused = Caller(member).call(
            "GetAsset", DataSetId=data_set_id, RevisionId=finalized_revision.pk, AssetId=MISSING
        )
        assert (refused.status, refused.body["ResourceType"], refused.body["ResourceId"]) == (404, "ASSET", MISSING)


def test_what_is_missing_and_what_is_foreign_look_alike(
    stranger, subscriber, entitled_data_set, finalized_revision, make_revision
):
    asset, draft = finalized_revision.assets.get(), make_revision(finalize=False)
    other, reader = Caller(stranger), Caller(subscriber)
    source = finalized_revision.data_set_id
    for program, data_set_id, revision_id in (
        (other, source, finalized_revision.pk),
        (other, entitled_data_set.pk, finalized_revision.pk),
        (other, MISSING, MISSING),
        (reader, source, finalized_revision.pk),
        (reader, entitled_data_set.pk, draft.pk),
        (reader, entitled_data_set.pk, MISSING),
    ):
        ids = {"DataSetId": data_set_id, "RevisionId": revision_id}
        for operation, members in (
            ("GetRevision", ids),
            ("ListRevisionAssets", ids),
            ("GetAsset", ids | {"AssetId": asset.pk}),
        ):
            refused = program.call(operation, **members)
            assert (refused.status, refused.error, refused.body["ResourceType"]) == (
                404,
                "ResourceNotFound",
                "REVISION",
            )
    for program, data_set_id in ((other, source), (other, entitled_data_set.pk), (other, MISSING), (reader, source)):
        for operation in ("GetDataSet", "ListDataSetRevisions"):
            refused = program.call(operation, DataSetId=data_set_id)
            assert (refused.status, refused.body["ResourceType"], refused.body["ResourceId"]) == (
                404,
                "DATA_SET",
                data_set_id,
            )
    ids = {"DataSetId": entitled_data_set.pk, "RevisionId": finalized_revision.pk}
    refused = reader.call("GetAsset", AssetId=MISSING, **ids)
    assert (refused.status, refused.body["ResourceType"]) == (404, "ASSET")
    for wrong in ("short", "x" * 41, "a-b" * 11):
        assert reader.refused("GetDataSet", DataSetId=wrong) == (400, "Validation")


def test_an_asset_is_not_reached_through_another_revision(
    subscriber, entitled_data_set, finalized_revision, make_revision
):
    foreign = Asset.objects.get(revision=make_revision({"x.csv": b"1"}))
    ids = {"DataSetId": entitled_data_set.pk, "RevisionId": finalized_revision.pk}
    assert Caller(subscriber).refused("GetAsset", AssetId=foreign.pk, **ids) == (404, "ResourceNotFound")


def test_what_is_entitled_is_read_only(subscriber, entitled_data_set, finalized_revision):
    reader = Caller(subscriber)
    ids = {"DataSetId": entitled_data_set.pk, "RevisionId": finalized_revision.pk}
    asset = {"AssetId": finalized_revision.assets.get().pk, **ids}
    for operation, members in (
        ("UpdateDataSet", {"DataSetId": entitled_data_set.pk, "Name": "Mine"}),
        ("UpdateDataSet", {"DataSetId": entitled_data_set.pk}),
        ("DeleteDataSet", {"DataSetId": entitled_data_set.pk}),
        ("CreateRevision", {"DataSetId": entitled_data_set.pk}),
        ("UpdateRevision", {"Finalized": False, **ids}),
        ("RevokeRevision", {"RevocationComment": "Not mine at all.", **ids}),
        ("DeleteRevision", ids),
        ("UpdateAsset", {"Name": "x", **asset}),
        ("DeleteAsset", asset),
    ):
        assert reader.refused(operation, **members) == (403, "AccessDenied"), operation


def test_after_the_end_nothing_is_shown(subscriber, agreement, entitled_data_set, finalized_revision):
    reader = Caller(subscriber)
    end_agreement(agreement=agreement, actor=actor_of(subscriber), at=timezone.now())
    ids = {"DataSetId": entitled_data_set.pk, "RevisionId": finalized_revision.pk}
    assert reader.ok("ListDataSets", Origin="ENTITLED")["DataSets"] == []
    assert reader.refused("GetDataSet", DataSetId=entitled_data_set.pk) == (404, "ResourceNotFound")
    assert reader.refused("GetRevision", **ids) == (404, "ResourceNotFound")
    assert reader.refused("ListRevisionAssets", **ids) == (404, "ResourceNotFound")
    # and it looks like any other that is not ours, for changes too
    assert reader.refused("DeleteRevision", **ids) == (404, "ResourceNotFound")


def test_an_update_changes_what_is_given_and_no_more(publisher, data_set):
    owner = Caller(publisher)
    before = owner.ok("GetDataSet", DataSetId=data_set.pk)
    assert owner.ok("UpdateDataSet", DataSetId=data_set.pk)["UpdatedAt"] == before["UpdatedAt"]
    changed = owner.ok("UpdateDataSet", DataSetId=data_set.pk, Name="New")
    assert (changed["Name"], changed["Description"], "Tags" in changed) == ("New", before["Description"], False)
    for wrong in ({"Name": ""}, {"Name": " "}, {"Name": "x" * 257}, {"Description": "x" * 16_385}):
        assert owner.refused("UpdateDataSet", DataSetId=data_set.pk, **wrong) == (400, "Validation")


def test_creating_keeps_the_rules_of_the_model(publisher, settings):
    owner = Caller(publisher)
    wanted = {"AssetType": "S3_SNAPSHOT", "Name": "n" * 256, "Description": "d" * 16_384, "Tags": {"a": "b"}}
    made = owner.ok("CreateDataSet", **wanted)
    assert (made["Origin"], made["Tags"], len(made["Name"])) == ("OWNED", {"a": "b"}, 256)
    for wrong in ({"AssetType": "FLOPPY"}, {"Name": ""}, {"Description": " "}, {"Tags": {"aws:a": "1"}}):
        assert owner.refused("CreateDataSet", **(wanted | wrong)) == (400, "Validation")
    revision = owner.ok("CreateRevision", DataSetId=made["Id"])
    assert (revision["Finalized"], revision["Comment"], revision["Tags"]) == (False, "", {})
    assert owner.refused("CreateRevision", DataSetId=made["Id"], Comment="x" * 16_385) == (400, "Validation")
    settings.QUOTAS = settings.QUOTAS | {"Data sets per account": 1}
    over = owner.call("CreateDataSet", **wanted)
    assert (over.status, over.error, over.body["LimitName"]) == (402, "ServiceLimitExceeded", "Data sets per account")


def test_the_owner_sees_what_its_readers_see_with_the_source(publisher, subscriber, entitled_data_set, data_set):
    # a publisher that is entitled to its own data set: by an entitlement of its organization
    from subscriptions.models import Entitlement

    Entitlement.objects.filter(published_data_set=entitled_data_set).update(organization=publisher.organization)
    shown = Caller(publisher).ok("GetDataSet", DataSetId=entitled_data_set.pk)
    assert (shown["Origin"], shown["SourceId"]) == ("ENTITLED", data_set.pk)
    (revision,) = Caller(publisher).ok("ListDataSetRevisions", DataSetId=entitled_data_set.pk)["Revisions"]
    assert revision["SourceId"] == revision["Id"]


def test_the_document_of_an_api_can_be_read_until_it_is_revoked(publisher, subscriber):
    job = import_api(make_api_draft(publisher), publisher)
    assert job.state == "COMPLETED", job.errors
    revision = revisions.finalize_revision(revision=job.revision, actor=actor_of(publisher), at=timezone.now())
    entry = accept(give_data_grant(publisher, subscriber, revision.data_set), subscriber)
    owner, reader = Caller(publisher), Caller(subscriber)
    ids = {"RevisionId": revision.pk, "AssetId": revision.assets.get().pk}
    seen = reader.ok("GetAsset", DataSetId=entry.pk, **ids)["AssetDetails"]["ApiGatewayApiAsset"]
    assert requests.get(seen["ApiSpecificationDownloadUrl"], timeout=10).content == SPECIFICATION
    (listed,) = reader.ok("ListRevisionAssets", DataSetId=entry.pk, RevisionId=revision.pk)["Assets"]
    assert "ApiSpecificationDownloadUrl" not in listed["AssetDetails"]["ApiGatewayApiAsset"]
    revoke(revision, publisher)
    after = reader.ok("GetAsset", DataSetId=entry.pk, **ids)["AssetDetails"]["ApiGatewayApiAsset"]
    assert "ApiSpecificationDownloadUrl" not in after
    assert after["ApiName"] == seen["ApiName"]
    mine = owner.ok("GetAsset", DataSetId=revision.data_set_id, **ids)["AssetDetails"]["ApiGatewayApiAsset"]
    assert "ApiSpecificationDownloadUrl" in mine


@pytest.mark.parametrize("scope", ["publish:read", "subscriptions:read"])
def test_either_reading_scope_reads(subscriber, entitled_data_set, scope):
    reader = Caller(subscriber, scope)
    assert reader.ok("GetDataSet", DataSetId=entitled_data_set.pk)["Id"] == entitled_data_set.pk
    assert Caller(subscriber, "catalogue:read").refused("GetDataSet", DataSetId=entitled_data_set.pk) == (
        403,
        "AccessDenied",
    )


def test_a_page_of_data_sets_takes_as_many_statements_as_a_short_one(publisher):
    caller, now = Caller(publisher), timezone.now()

    def make(count):
        DataSet.objects.bulk_create(
            DataSet(owner=publisher.organization, name=f"{n}", description="x", created_at=now - timedelta(seconds=n))
            for n in range(count)
        )

    def pages():
        counts, token = [], None
        while True:
            more = {"NextToken": token} if token else {}
            with CaptureQueriesContext(connection) as statements:
                page = caller.ok("ListDataSets", MaxResults=200, **more)
            counts.append((len(page["DataSets"]), len(statements)))
            token = page.get("NextToken")
            if token is None:
                return counts

    make(3)
    caller.ok("ListDataSets")  # the first use of a token is noted
    ((few, statements),) = pages()
    make(500)
    assert few == 3
    assert pages() == [(200, statements), (200, statements), (103, statements)]


def test_texts_are_read_as_they_were_written(publisher):
    caller = Caller(publisher)
    written = {"Name": " Tides ", "Description": "Heights\nby the hour.\n"}
    made = caller.ok("CreateDataSet", AssetType="S3_SNAPSHOT", **written)
    assert {name: caller.ok("GetDataSet", DataSetId=made["Id"])[name] for name in written} == written
    assert caller.refused("UpdateDataSet", DataSetId=made["Id"], Name="  ") == (400, "Validation")
