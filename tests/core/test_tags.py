"""Tags: merged and taken away by their owner alone, within AWS's bounds, whatever the resource."""

import pytest
from django.utils import timezone

from marketplace.core.errors import Invalid, NotFound
from marketplace.core.models import AuditRecord
from marketplace.core.operations.tags import change_tags, check_tags
from publishers.operations.data_sets import delete_data_set
from tests.callers import Caller
from tests.conftest import actor_of
from tests.grants import accept, give_data_grant
from tests.jobs.parties import auto_export
from tests.together import outcomes

pytestmark = pytest.mark.django_db


def tag(row, member, kind="DATA_SET", **changes):
    return change_tags(row=row, resource_type=kind, actor=actor_of(member), at=timezone.now(), **changes)


def audited(row) -> list[list[str]]:
    found = AuditRecord.objects.filter(action="tags.changed", subject_id=row.pk).order_by("pk")
    return [record.detail["keys"] for record in found]


def test_no_tags_are_an_empty_map():
    assert check_tags(None) == {}


def test_as_many_and_as_long_tags_as_aws_has_are_accepted():
    most = {f"{n:02}" + "k" * 126: "v" * 256 for n in range(50)}
    assert check_tags(most) == most
    assert check_tags({"k": "", "Aws": "a", "laws:x": "b"}) == {"k": "", "Aws": "a", "laws:x": "b"}


@pytest.mark.parametrize(
    ("tags", "sentence"),
    [
        ({str(n): "" for n in range(51)}, "at most 50 tags"),
        ({"": "v"}, "1 to 128 characters"),
        ({"k" * 129: "v"}, "1 to 128 characters"),
        ({"k": "v" * 257}, "at most 256"),
        ({"aws:created": "v"}, "reserved"),
        ({"AWS:created": "v"}, "reserved"),
        ({"k\x00": "v"}, "NUL"),
        ({"k": "\x00"}, "NUL"),
    ],
)
def test_tags_beyond_the_bounds_are_refused(tags, sentence):
    with pytest.raises(Invalid, match=sentence) as caught:
        check_tags(tags)
    assert caught.value.field == "tags"


def test_tags_are_merged_and_taken_away_and_each_change_is_recorded(data_set, publisher):
    tag(data_set, publisher, add={"a": "1", "b": "2"})
    tag(data_set, publisher, add={"b": "3", "c": "4"})
    tag(data_set, publisher, remove=["a", "never there"])
    data_set.refresh_from_db()
    assert data_set.tags == {"b": "3", "c": "4"}
    assert audited(data_set) == [["a", "b"], ["b", "c"], ["a", "never there"]]


def test_a_change_that_changes_nothing_is_not_recorded(data_set, publisher):
    tag(data_set, publisher, add={"a": "1"})
    tag(data_set, publisher, add={"a": "1"})
    tag(data_set, publisher, remove=["b"])
    assert audited(data_set) == [["a"]]


def test_the_bound_counts_what_is_there_already(data_set, publisher):
    tag(data_set, publisher, add={str(n): "" for n in range(50)})
    with pytest.raises(Invalid, match="at most 50"):
        tag(data_set, publisher, add={"one more": ""})
    tag(data_set, publisher, add={"7": "again"})
    tag(data_set, publisher, remove=["8"], add={"one more": ""})
    data_set.refresh_from_db()
    assert (len(data_set.tags), data_set.tags["7"], "8" in data_set.tags) == (50, "again", False)


def test_what_was_deleted_meanwhile_is_not_found(data_set, publisher):
    delete_data_set(data_set=data_set, actor=actor_of(publisher), at=timezone.now())
    data_set.pk = data_set.id
    with pytest.raises(NotFound):
        tag(data_set, publisher, add={"a": "1"})


@pytest.mark.django_db(transaction=True)
def test_two_taggers_at_once_lose_nothing(data_set, publisher):
    found = outcomes(*(lambda n=n: tag(data_set, publisher, add={f"k{n}": "v"}) for n in range(4)))
    assert not [one for one in found if isinstance(one, Exception)]
    data_set.refresh_from_db()
    assert sorted(data_set.tags) == ["k0", "k1", "k2", "k3"]


def test_a_finalized_revision_and_its_assets_can_still_be_tagged(finalized_revision, publisher):
    asset = finalized_revision.assets.get()
    tag(finalized_revision, publisher, "REVISION", add={"a": "1"})
    tag(asset, publisher, "ASSET", add={"b": "2"})
    finalized_revision.refresh_from_db()
    asset.refresh_from_db()
    assert (finalized_revision.tags, asset.tags) == ({"a": "1"}, {"b": "2"})


def arns_of(program, revision, asset) -> list[str]:
    ids = {"DataSetId": revision.data_set_id, "RevisionId": revision.pk}
    return [
        program.ok("GetDataSet", DataSetId=revision.data_set_id)["Arn"],
        program.ok("GetRevision", **ids)["Arn"],
        program.ok("GetAsset", AssetId=asset.pk, **ids)["Arn"],
    ]


def test_every_kind_of_resource_is_tagged_by_its_arn(
    publisher, subscriber, entitled_data_set, finalized_revision, connection
):
    owner, reader = Caller(publisher), Caller(subscriber)
    grant = give_data_grant(publisher, subscriber, finalized_revision.data_set)
    action = auto_export(subscriber, entitled_data_set, connection)
    arns = [(owner, arn) for arn in arns_of(owner, finalized_revision, finalized_revision.assets.get())]
    arns.append((owner, owner.ok("GetDataGrant", DataGrantId=grant.pk)["Arn"]))
    arns.append((reader, reader.ok("GetEventAction", EventActionId=action.pk)["Arn"]))
    for program, arn in arns:
        assert program.call("TagResource", ResourceArn=arn, Tags={"a": "1", "b c": "2/3"}).status == 204
        assert program.call("UntagResource", ResourceArn=arn, TagKeys=["a", "x&y"]).status == 204
        assert program.call("ListTagsForResource", ResourceArn=arn).body == {"tags": {"b c": "2/3"}}, arn
    assert owner.ok("GetDataSet", DataSetId=finalized_revision.data_set_id)["Tags"] == {"b c": "2/3"}
    assert "Tags" not in reader.ok("GetDataSet", DataSetId=entitled_data_set.pk)


def test_what_is_entitled_has_no_tags(publisher, subscriber, entitled_data_set):
    reader = Caller(subscriber)
    arn = reader.ok("GetDataSet", DataSetId=entitled_data_set.pk)["Arn"]
    for operation, members in (
        ("ListTagsForResource", {}),
        ("TagResource", {"Tags": {"a": "1"}}),
        ("UntagResource", {"TagKeys": ["a"]}),
    ):
        assert reader.refused(operation, ResourceArn=arn, **members) == (403, "AccessDenied")
    guessed = arn.replace("::", f":{subscriber.organization.account_id}:")
    assert reader.refused("ListTagsForResource", ResourceArn=guessed)[1] == "ResourceNotFound"


def test_a_foreign_resource_is_not_found_whoever_the_arn_names(publisher, stranger, finalized_revision):
    owner, other = Caller(publisher), Caller(stranger)
    for arn in arns_of(owner, finalized_revision, finalized_revision.assets.get()):
        mine = arn.replace(publisher.organization.account_id, stranger.organization.account_id)
        for tried in (arn, mine):
            assert other.refused("TagResource", ResourceArn=tried, Tags={"a": "1"})[1] == "ResourceNotFound"
    finalized_revision.refresh_from_db()
    assert finalized_revision.tags == {}


def test_a_receiver_cannot_tag_the_grant_that_it_was_given(publisher, subscriber, finalized_revision):
    grant = give_data_grant(publisher, subscriber, finalized_revision.data_set)
    accept(grant, subscriber)
    arn = Caller(publisher).ok("GetDataGrant", DataGrantId=grant.pk)["Arn"]
    assert Caller(subscriber).refused("TagResource", ResourceArn=arn, Tags={"a": "1"})[1] == "ResourceNotFound"


@pytest.mark.parametrize(
    "arn",
    [
        "x",
        "arn:aws:s3:us-east-1:123456789012:data-sets/" + "0" * 32,
        "arn:aws:dataexchange:us-east-1:123456789012:jobs/" + "0" * 32,
        "arn:aws:dataexchange:us-east-1:123456789012:data-sets/short",
        "arn:aws:dataexchange:us-east-1:123456789012:data-sets/" + "0" * 32 + "\n",
        "arn:aws:dataexchange:us-east-1:123456789012:data-sets/" + "0" * 32 + "/../x",
        "arn:aws:dataexchange:us-east-1:12345:data-sets/" + "0" * 32,
    ],
)
def test_what_names_no_taggable_resource_is_refused(publisher, arn):
    assert Caller(publisher).refused("ListTagsForResource", ResourceArn=arn) == (400, "Validation")


def test_another_region_is_another_place(publisher, data_set):
    program = Caller(publisher)
    arn = program.ok("GetDataSet", DataSetId=data_set.pk)["Arn"]
    region = arn.split(":")[3]
    assert program.refused("ListTagsForResource", ResourceArn=arn.replace(region, "moon-1"))[1] == "ResourceNotFound"


def test_reading_and_writing_need_their_scope(publisher, data_set):
    arn = Caller(publisher).ok("GetDataSet", DataSetId=data_set.pk)["Arn"]
    reads, elsewhere = Caller(publisher, "publish:read"), Caller(publisher, "subscriptions:read", "subscriptions:write")
    assert reads.call("ListTagsForResource", ResourceArn=arn).status == 200
    assert reads.refused("TagResource", ResourceArn=arn, Tags={"a": "1"}) == (403, "AccessDenied")
    assert elsewhere.refused("ListTagsForResource", ResourceArn=arn) == (403, "AccessDenied")
    assert elsewhere.refused("TagResource", ResourceArn=arn, Tags={"a": "1"}) == (403, "AccessDenied")


def test_tags_that_cannot_be_stored_are_refused_at_the_door(publisher, data_set):
    program = Caller(publisher)
    arn = program.ok("GetDataSet", DataSetId=data_set.pk)["Arn"]
    for tags in ({"a\x00": "1"}, {"aws:x": "1"}, {str(n): "" for n in range(51)}, {"": "x"}):
        assert program.refused("TagResource", ResourceArn=arn, Tags=tags) == (400, "Validation")
    data_set.refresh_from_db()
    assert data_set.tags == {}
