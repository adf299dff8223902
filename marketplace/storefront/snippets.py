"""Code that a subscriber can paste: filled with this installation's address and the reader's own data set."""

import json
import re
import shlex
from dataclasses import dataclass

from django.conf import settings

#: stands where the reader's own id will be once they subscribe
PLACEHOLDER = "YOUR-DATA-SET-ID"
_PLAIN = re.compile(r"[A-Za-z0-9 ._,()=+@/-]{1,200}")


@dataclass(frozen=True)
class Snippet:
    """One tab of "Use it"."""

    key: str
    label: str
    language: str
    code: str


_BOTO3 = """\
import boto3

exchange = boto3.client(
    "dataexchange",
    endpoint_url="{url}",
    region_name="{region}",
    aws_access_key_id="YOUR-ACCESS-KEY-ID",
    aws_secret_access_key="YOUR-SECRET-ACCESS-KEY",
)
pages = exchange.get_paginator("list_data_set_revisions").paginate(DataSetId="{data_set}")
for page in pages:
    for revision in page["Revisions"]:
        print(revision["Id"], revision["CreatedAt"], revision.get("Comment", ""))
"""
_EXPORT = """\
# The last one to your bucket, with a receipt
job = exchange.create_job(
    Type="EXPORT_REVISIONS_TO_S3",
    Details={{
        "ExportRevisionsToS3": {{
            "DataSetId": "{data_set}",
            "RevisionDestinations": [{{"RevisionId": revision["Id"], "Bucket": "YOUR-CONNECTED-BUCKET"}}],
        }}
    }},
)
exchange.start_job(JobId=job["Id"])
"""
_AUTO_EXPORT = """\
exchange.create_event_action(
    Event={{"RevisionPublished": {{"DataSetId": "{data_set}"}}}},
    Action={{
        "ExportRevisionToS3": {{
            "RevisionDestination": {{
                "Bucket": "YOUR-CONNECTED-BUCKET",
                "KeyPattern": "${{Revision.CreatedAt}}/${{Asset.Name}}",
            }}
        }}
    }},
)
"""
_CURL = """\
# The newest revision's rows, as JSON
curl --get "{url}/data/{data_set}/rows" \\
  --header "Authorization: Bearer $ENTREPOT_TOKEN" \\
{file_option}  --data-urlencode "limit=100"
"""
_PANDAS = """\
import os

import pandas
import requests

url = "{url}/data/{data_set}/rows"
headers = {{"Authorization": f"Bearer {{os.environ['ENTREPOT_TOKEN']}}"}}
wanted = {{"limit": 1000{file_entry}}}
rows = []
while len(rows) < 100_000:
    answer = requests.get(url, headers=headers, params=wanted, timeout=60)
    answer.raise_for_status()
    page = answer.json()
    rows += page["rows"]
    if not page["next_cursor"]:
        break
    wanted["cursor"] = page["next_cursor"]
frame = pandas.DataFrame(rows, columns=[column["name"] for column in page["columns"]])
print(frame.describe())
"""
_DUCKDB = """\
# Python with the package duckdb: download a file of the newest revision, then ask it in SQL
import os

import duckdb
import requests

url = "{url}/data/{data_set}/revisions/latest/assets"
headers = {{"Authorization": f"Bearer {{os.environ['ENTREPOT_TOKEN']}}"}}
files = requests.get(url, headers=headers, timeout=60).json()["items"]
chosen = next(file for file in files if {condition})
link = requests.get(f"{{url}}/{{chosen['id']}}/download", headers=headers, timeout=60).json()["url"]
endings = (".parquet", ".csv.gz", ".csv", ".tsv.gz", ".tsv")
path = "newest" + next(end for end in endings if chosen["name"].lower().endswith(end))
with requests.get(link, stream=True, timeout=60) as content, open(path, "wb") as file:
    for chunk in content.iter_content(1 << 20):
        file.write(chunk)
print(duckdb.sql(f"SUMMARIZE SELECT * FROM '{{path}}'"))
"""
_CLI = """\
export AWS_ACCESS_KEY_ID=YOUR-ACCESS-KEY-ID
export AWS_SECRET_ACCESS_KEY=YOUR-SECRET-ACCESS-KEY

aws dataexchange list-data-set-revisions \\
  --data-set-id {data_set} \\
  --endpoint-url {url} --region {region}
"""


def _fill(template: str, data_set_id: str, file_name: str = "") -> str:
    # A stranger chose the name, and a reader will run the code: anything but plain characters is left out.
    file_name = file_name if _PLAIN.fullmatch(file_name) else ""
    quoted = json.dumps(file_name)
    return template.format(
        url=settings.PUBLIC_URL,
        region=settings.S3_REGION,
        data_set=data_set_id or PLACEHOLDER,
        file_option=f"  --data-urlencode {shlex.quote(f'file={file_name}')} \\\n" if file_name else "",
        file_entry=f', "file": {quoted}' if file_name else "",
        condition=f'file["name"] == {quoted}' if file_name else 'file["has_rows"]',
    )


def snippets(*, data_set_id: str = "", holds_files: bool = True, file_name: str = "") -> list[Snippet]:
    """Return the snippets of a page. data_set_id: the reader's entitled data set, empty before subscribing.

    file_name: the table to read where a revision has several. Without files there is nothing to export and there are no
    rows to read.
    """
    listing, export = _fill(_BOTO3, data_set_id), _fill(_EXPORT, data_set_id)
    command_line = Snippet("cli", "AWS CLI", "bash", _fill(_CLI, data_set_id))
    if not holds_files:
        return [Snippet("boto3", "boto3", "python", listing), command_line]
    return [
        Snippet("duckdb", "DuckDB", "python", _fill(_DUCKDB, data_set_id, file_name)),
        Snippet("pandas", "pandas", "python", _fill(_PANDAS, data_set_id, file_name)),
        Snippet("boto3", "boto3", "python", f"{listing}\n{export}"),
        command_line,
        Snippet("rows", "curl", "bash", _fill(_CURL, data_set_id, file_name)),
    ]


def auto_export_call(*, data_set_id: str) -> str:
    """Return the call that sets up an auto-export of a data set."""
    return _fill(_AUTO_EXPORT, data_set_id)
