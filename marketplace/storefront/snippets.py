"""Code that a subscriber can paste: filled with this installation's address and the reader's own data set."""

from dataclasses import dataclass

from django.conf import settings

#: stands where the reader's own id will be once they subscribe
PLACEHOLDER = "YOUR-DATA-SET-ID"


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
  --data-urlencode "limit=100"
"""


def _fill(template: str, data_set_id: str) -> str:
    return template.format(url=settings.PUBLIC_URL, region=settings.S3_REGION, data_set=data_set_id or PLACEHOLDER)


def snippets(*, data_set_id: str = "", holds_files: bool = True) -> list[Snippet]:
    """Return the snippets of a page; data_set_id: the reader's entitled data set, empty before subscribing.

    Without files there is nothing to export and there are no rows to read.
    """
    listing = Snippet("boto3", "boto3", "python", _fill(_BOTO3, data_set_id))
    if not holds_files:
        return [listing]
    return [
        listing,
        Snippet("export", "Export to S3", "python", _fill(_BOTO3, data_set_id) + "\n" + _fill(_EXPORT, data_set_id)),
        Snippet("rows", "curl", "bash", _fill(_CURL, data_set_id)),
    ]


def auto_export_call(*, data_set_id: str) -> str:
    """Return the call that sets up an auto-export of a data set."""
    return _fill(_AUTO_EXPORT, data_set_id)
