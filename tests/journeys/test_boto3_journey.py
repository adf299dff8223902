"""The journey that must never break, by program: boto3, and plain HTTP where AWS has no API."""

import csv
import hashlib
import io

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.journeys.client import Customer, flights_csv


def test_a_revision_reaches_the_subscribers_bucket_and_is_read_by_token(exchange):
    content = flights_csv()
    publisher, subscriber = Customer(exchange, "Publisher"), Customer(exchange, "Subscriber")
    data_set = publisher.create_data_set("Departures")
    first = publisher.dx.create_revision(DataSetId=data_set, Comment="First")["Id"]
    publisher.import_by_signed_url(data_set, first, "airlines.csv", b"carrier,name\nUA,United\n")
    publisher.finalize(data_set, first)
    product = publisher.list_product(data_set, "Departures of New York")

    found = requests.get(f"{exchange.url}/api/catalogue", params={"q": "departures new york"}, timeout=30).json()
    assert product["id"] in [item["id"] for item in found["items"]]
    entitled = subscriber.subscribe(product)
    assert subscriber.dx.get_data_set(DataSetId=entitled)["OriginDetails"] == {"ProductId": product["id"]}
    bucket = f"journey-{first[:12]}"
    subscriber.connect_bucket(bucket)
    subscriber.export_automatically(entitled, bucket)

    second = publisher.dx.create_revision(DataSetId=data_set, Comment="The year 2013")["Id"]
    publisher.import_by_signed_url(data_set, second, "flights.csv", content)
    publisher.finalize(data_set, second)
    delivery = subscriber.delivery_of(second)

    key = f"{second}/flights.csv"
    sha256 = hashlib.sha256(content).hexdigest()
    assert subscriber.sha256_of(bucket, key) == sha256
    (line,) = subscriber.receipt(delivery["id"])
    assert (line["key"], line["sha256"], line["size_bytes"]) == (key, sha256, len(content))
    # the publisher sees the same receipt
    theirs = publisher.call("GET", f"/api/published-deliveries/{delivery['id']}/receipt")["items"]
    assert [(o["key"], o["sha256"]) for o in theirs] == [(key, sha256)]
    # the first revision was published before the auto-export was set up; the test object says that it was
    test_object = f"_ADX-TEST-ACCOUNTID#{subscriber.credentials['account_id']}"
    there = {o["Key"] for o in subscriber.s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert there == {key, test_object}

    (asset,) = subscriber.dx.list_revision_assets(DataSetId=entitled, RevisionId=second)["Assets"]
    expected = list(csv.DictReader(io.StringIO(content.decode())))
    page = subscriber.call(
        "GET", f"/data/{entitled}/revisions/{second}/assets/{asset['Id']}/rows", params={"limit": 1000}
    )
    assert page["row_count"] == len(expected) == 336_776
    assert [str(row["flight"]) for row in page["rows"]] == [row["flight"] for row in expected[:1000]]
    page = subscriber.call(
        "GET",
        f"/data/{entitled}/revisions/{second}/assets/{asset['Id']}/rows",
        params={"limit": 2, "cursor": page["next_cursor"]},
    )
    assert [row["tailnum"] for row in page["rows"]] == [row["tailnum"] for row in expected[1000:1002]]


def test_an_export_by_hand_uses_the_callers_bucket_and_pattern(exchange):
    publisher, subscriber = Customer(exchange, "Publisher"), Customer(exchange, "Subscriber")
    data_set = publisher.create_data_set("Small")
    revision = publisher.dx.create_revision(DataSetId=data_set)["Id"]
    publisher.import_by_signed_url(data_set, revision, "a.csv", b"x\n1\n")
    publisher.finalize(data_set, revision)
    entitled = subscriber.subscribe(publisher.list_product(data_set, "Small"))
    bucket = f"byhand-{revision[:12]}"
    subscriber.connect_bucket(bucket)
    job = subscriber.dx.create_job(
        Type="EXPORT_REVISIONS_TO_S3",
        Details={
            "ExportRevisionsToS3": {
                "DataSetId": entitled,
                "RevisionDestinations": [
                    {
                        "RevisionId": revision,
                        "Bucket": bucket,
                        "KeyPattern": "in/${Revision.CreatedAt.Year}/${Asset.Name}",
                    }
                ],
            }
        },
    )
    assert job["State"] == "WAITING"
    subscriber.dx.start_job(JobId=job["Id"])
    done = subscriber.wait_for_job(job["Id"])
    year = subscriber.dx.get_revision(DataSetId=entitled, RevisionId=revision)["CreatedAt"].year
    assert subscriber.s3.get_object(Bucket=bucket, Key=f"in/{year}/a.csv")["Body"].read() == b"x\n1\n"
    assert done["Details"]["ExportRevisionsToS3"]["DataSetId"] == entitled
    with pytest.raises(subscriber.dx.exceptions.ConflictException):
        subscriber.dx.start_job(JobId=job["Id"])


def test_tags_and_encryption_are_kept_and_answered(exchange):
    publisher, subscriber = Customer(exchange, "Publisher"), Customer(exchange, "Subscriber")
    data_set = publisher.create_data_set("Tagged")
    revision = publisher.dx.create_revision(DataSetId=data_set, Tags={"source": "pier"})["Id"]
    source = f"tagged-{revision[:12]}"
    publisher.connect_bucket(source)
    publisher.s3.put_object(Bucket=source, Key="a.csv", Body=b"x\n1\n")
    details = {
        "AssetSources": [{"Bucket": source, "Key": "a.csv"}],
        "DataSetId": data_set,
        "RevisionId": revision,
    }
    tags = {"Tags": [{"Key": "team", "Value": "tides"}]}
    job = publisher.dx.create_job(
        Type="IMPORT_ASSETS_FROM_S3", Details={"ImportAssetsFromS3": details}, AssetConfiguration=tags
    )
    assert job["AssetConfiguration"] == tags
    publisher.dx.start_job(JobId=job["Id"])
    assert publisher.wait_for_job(job["Id"])["AssetConfiguration"] == tags
    assert publisher.dx.get_revision(DataSetId=data_set, RevisionId=revision)["Tags"] == {"source": "pier"}

    publisher.finalize(data_set, revision)
    entitled = subscriber.subscribe(publisher.list_product(data_set, "Tagged"))
    bucket = f"sealed-{revision[:12]}"
    subscriber.connect_bucket(bucket)
    export = {"RevisionDestination": {"Bucket": bucket}, "Encryption": {"Type": "AES256"}}
    action = subscriber.dx.create_event_action(
        Event={"RevisionPublished": {"DataSetId": entitled}},
        Action={"ExportRevisionToS3": export},
        Tags={"cost": "lab"},
    )
    assert action["Tags"] == {"cost": "lab"}
    assert action["Action"]["ExportRevisionToS3"]["Encryption"] == {"Type": "AES256"}
    second = publisher.dx.create_revision(DataSetId=data_set)["Id"]
    publisher.import_by_signed_url(data_set, second, "b.csv", b"x\n2\n")
    publisher.finalize(data_set, second)
    delivery = subscriber.delivery_of(second)
    (line,) = subscriber.receipt(delivery["id"])
    assert subscriber.s3.head_object(Bucket=bucket, Key=line["key"])["ServerSideEncryption"] == "AES256"
    assert subscriber.sha256_of(bucket, line["key"]) == hashlib.sha256(b"x\n2\n").hexdigest()
    answered = subscriber.dx.get_job(JobId=delivery["id"])["Details"]["ExportRevisionsToS3"]
    assert (answered["Encryption"], answered["EventActionArn"]) == ({"Type": "AES256"}, action["Arn"])

    export["Encryption"] = {"Type": "aws:kms", "KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/k"}
    with pytest.raises(subscriber.dx.exceptions.ValidationException, match="aws:kms is not offered"):
        subscriber.dx.create_event_action(
            Event={"RevisionPublished": {"DataSetId": entitled}}, Action={"ExportRevisionToS3": export}
        )


def test_bad_input_is_answered_with_the_modelled_error_and_nothing_moves(exchange):
    publisher, stranger = Customer(exchange, "Publisher"), Customer(exchange, "Stranger")
    data_set = publisher.create_data_set("Guarded")
    revision = publisher.dx.create_revision(DataSetId=data_set)["Id"]
    dx = publisher.dx

    with pytest.raises(dx.exceptions.ValidationException) as caught:
        dx.update_revision(DataSetId=data_set, RevisionId=revision, Finalized=True)
    assert "no assets" in str(caught.value)
    assert dx.update_revision(DataSetId=data_set, RevisionId=revision)["Finalized"] is False  # {} changes nothing
    with pytest.raises(dx.exceptions.ValidationException):
        dx.update_revision(DataSetId=data_set, RevisionId=revision, Comment="half", Finalized=True)
    assert dx.get_revision(DataSetId=data_set, RevisionId=revision)["Comment"] == ""  # both or neither
    with pytest.raises(stranger.dx.exceptions.ResourceNotFoundException) as caught:
        stranger.dx.get_data_set(DataSetId=data_set)
    assert caught.value.response["ResourceType"] == "DATA_SET"
    with pytest.raises(stranger.dx.exceptions.ResourceNotFoundException):
        stranger.dx.update_revision(DataSetId=data_set, RevisionId=revision, Comment="mine")

    publisher.import_by_signed_url(data_set, revision, "a.csv", b"x\n1\n")
    publisher.finalize(data_set, revision)
    with pytest.raises(dx.exceptions.ConflictException) as caught:
        dx.update_revision(DataSetId=data_set, RevisionId=revision, Finalized=True)
    assert caught.value.response["ResourceId"] == revision
    with pytest.raises(dx.exceptions.ConflictException):
        dx.update_revision(DataSetId=data_set, RevisionId=revision, Comment="changed")
    details = {"AssetName": "b", "DataSetId": data_set, "RevisionId": revision, "Md5Hash": "A" * 22 + "=="}
    with pytest.raises(dx.exceptions.ConflictException):
        dx.create_job(Type="IMPORT_ASSET_FROM_SIGNED_URL", Details={"ImportAssetFromSignedUrl": details})
    assert len(dx.list_revision_assets(DataSetId=data_set, RevisionId=revision)["Assets"]) == 1

    with pytest.raises(dx.exceptions.ValidationException) as caught:  # an owned data set cannot be auto-exported
        publisher.export_automatically(data_set, "anything")
    with pytest.raises(dx.exceptions.ValidationException):
        dx.list_data_sets(MaxResults=201)
    with pytest.raises(dx.exceptions.ValidationException):
        dx.create_data_set(AssetType="S3_SNAPSHOT", Name="x" * 257, Description="y")

    wrong = boto3.client(
        "dataexchange",
        region_name="us-east-1",
        endpoint_url=exchange.url,
        aws_access_key_id=publisher.credentials["access_key_id"],
        aws_secret_access_key="not the secret",
        config=Config(retries={"max_attempts": 0}),
    )
    with pytest.raises(ClientError) as refused:
        wrong.list_data_sets()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert (
        requests.get(
            f"{exchange.url}/v1/data-sets", headers={"Authorization": "Bearer entt_nonsense"}, timeout=10
        ).status_code
        == 403
    )


def test_pages_of_lists_are_whole_and_without_repeats(exchange):
    publisher = Customer(exchange, "Publisher")
    made = [publisher.create_data_set(f"Number {n}") for n in range(5)]
    pages = publisher.dx.get_paginator("list_data_sets").paginate(PaginationConfig={"PageSize": 2})
    assert [d["Id"] for page in pages for d in page["DataSets"]] == made[::-1]


def test_a_bearer_token_works_on_the_same_urls(exchange):
    publisher = Customer(exchange, "Publisher")
    data_set = publisher.create_data_set("By token")
    answer = publisher.call("GET", f"/v1/data-sets/{data_set}")
    assert answer["Name"] == "By token"
    assert answer["Arn"] == f"arn:aws:dataexchange:us-east-1:{publisher.credentials['account_id']}:data-sets/{data_set}"
