"""Code that is ready to paste: for a new token, for a new access key, and for the documentation."""

from dataclasses import dataclass

from django.conf import settings

#: stand in the documentation where a reader's own values will be
TOKEN, KEY_ID, SECRET = "$ENTREPOT_TOKEN", "YOUR-ACCESS-KEY-ID", "YOUR-SECRET-ACCESS-KEY"


@dataclass(frozen=True)
class Snippet:
    """One block of code. file_name: what it is saved as when it can be downloaded, else empty."""

    label: str
    language: str
    code: str
    file_name: str = ""


_BEARER_ENV = """\
ENTREPOT_URL={url}
ENTREPOT_TOKEN={token}
"""
_BEARER_CURL = """\
curl --header "Authorization: Bearer {token}" \\
  "{url}/v1/data-sets?origin=ENTITLED"
"""
_BEARER_PYTHON = """\
import requests

session = requests.Session()
session.headers["Authorization"] = "Bearer {token}"
answer = session.get("{url}/v1/data-sets", params={{"origin": "ENTITLED"}})
answer.raise_for_status()
for data_set in answer.json()["DataSets"]:
    print(data_set["Id"], data_set["Name"])
"""
_KEY_ENV = """\
AWS_ACCESS_KEY_ID={key_id}
AWS_SECRET_ACCESS_KEY={secret}
AWS_DEFAULT_REGION={region}
AWS_ENDPOINT_URL_DATAEXCHANGE={url}
"""
_KEY_BOTO3 = """\
import boto3

exchange = boto3.client(
    "dataexchange",
    endpoint_url="{url}",
    region_name="{region}",
    aws_access_key_id="{key_id}",
    aws_secret_access_key="{secret}",
)
for page in exchange.get_paginator("list_data_sets").paginate(Origin="ENTITLED"):
    for data_set in page["DataSets"]:
        print(data_set["Id"], data_set["Name"])
"""
_KEY_PROFILE = """\
# ~/.aws/config
[profile entrepot]
region = {region}
services = entrepot
aws_access_key_id = {key_id}
aws_secret_access_key = {secret}

[services entrepot]
dataexchange =
  endpoint_url = {url}
marketplace_catalog =
  endpoint_url = {url}
marketplace_agreement =
  endpoint_url = {url}
"""
_KEY_CLI = """\
export AWS_ACCESS_KEY_ID={key_id}
export AWS_SECRET_ACCESS_KEY={secret}
aws dataexchange list-data-sets --origin ENTITLED \\
  --endpoint-url {url} --region {region}
"""
_RELEASE = """\
import base64, hashlib, time
import requests

content = open("prices.csv", "rb").read()
md5 = base64.b64encode(hashlib.md5(content).digest()).decode()

revision = exchange.create_revision(DataSetId="YOUR-DATA-SET-ID", Comment="Monday")["Id"]
job = exchange.create_job(
    Type="IMPORT_ASSET_FROM_SIGNED_URL",
    Details={
        "ImportAssetFromSignedUrl": {
            "DataSetId": "YOUR-DATA-SET-ID",
            "RevisionId": revision,
            "AssetName": "prices.csv",
            "Md5Hash": md5,
        }
    },
)
url = job["Details"]["ImportAssetFromSignedUrl"]["SignedUrl"]
requests.put(url, data=content, headers={"Content-MD5": md5}).raise_for_status()
exchange.start_job(JobId=job["Id"])
while exchange.get_job(JobId=job["Id"])["State"] in ("WAITING", "IN_PROGRESS"):
    time.sleep(1)
exchange.update_revision(DataSetId="YOUR-DATA-SET-ID", RevisionId=revision, Finalized=True)
"""
_AUTO_EXPORT = """\
exchange.create_event_action(
    Event={"RevisionPublished": {"DataSetId": "YOUR-ENTITLED-DATA-SET-ID"}},
    Action={
        "ExportRevisionToS3": {
            "RevisionDestination": {
                "Bucket": "YOUR-CONNECTED-BUCKET",
                "KeyPattern": "prices/${Revision.CreatedAt.Year}/${Asset.Name}",
            }
        }
    },
)
"""
_ROWS = """\
curl --header "Authorization: Bearer {token}" \\
  "{url}/data/YOUR-ENTITLED-DATA-SET-ID/rows?limit=100"
"""


def _fill(template: str, **values: str) -> str:
    return template.format(url=settings.PUBLIC_URL, region=settings.S3_REGION, **values)


def for_token(token: str) -> list[Snippet]:
    """Return what a program needs to use a token; the text holds the secret."""
    return [
        Snippet(".env", "bash", _fill(_BEARER_ENV, token=token), "entrepot.env"),
        Snippet("curl", "bash", _fill(_BEARER_CURL, token=token)),
        Snippet("Python", "python", _fill(_BEARER_PYTHON, token=token)),
    ]


def for_access_key(key_id: str, secret: str) -> list[Snippet]:
    """Return what a program needs to use an access key; the text holds the secret."""
    values = {"key_id": key_id, "secret": secret}
    return [
        Snippet(".env", "bash", _fill(_KEY_ENV, **values), "entrepot.env"),
        Snippet("boto3", "python", _fill(_KEY_BOTO3, **values)),
        Snippet("AWS CLI", "bash", _fill(_KEY_CLI, **values)),
        Snippet("AWS profile, for aws --profile entrepot", "ini", _fill(_KEY_PROFILE, **values)),
    ]


def for_documentation() -> dict[str, Snippet]:
    """Return the examples of the guide, with this installation's address and without anybody's secret."""
    values = {"key_id": KEY_ID, "secret": SECRET}
    return {
        "boto3": Snippet("boto3", "python", _fill(_KEY_BOTO3, **values)),
        "cli": Snippet("AWS CLI", "bash", _fill(_KEY_CLI, **values)),
        "curl": Snippet("curl", "bash", _fill(_BEARER_CURL, token=TOKEN)),
        "rows": Snippet("Rows with curl", "bash", _fill(_ROWS, token=TOKEN)),
        "release": Snippet("A new revision with boto3", "python", _RELEASE),
        "auto_export": Snippet("An auto-export with boto3", "python", _AUTO_EXPORT),
    }
