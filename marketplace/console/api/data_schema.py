"""The description of /data, whose views are no operations of REST framework: rows are passed on as they lie in the file."""

from typing import Any

from dataapi.views import DEFAULT_ROWS, LATEST, MOST_ROWS
from marketplace.awsapi.paging import DEFAULT_SIZE, MOST

Document = dict[str, Any]

TAG = "Data"
_TEXT = {"type": "string"}
_TIME = {"type": "string", "format": "date-time"}
_NUMBER = {"type": "integer", "minimum": 0}
_ID = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_NUMBER_OR_NULL = {"type": ["integer", "null"], "minimum": 0}
_CURSOR = {
    "name": "cursor",
    "in": "query",
    "required": False,
    "schema": _TEXT,
    "description": "`next_cursor` of the page before; the first page has none.",
}
_LABELS: Document = {
    "data_set_id": {"schema": _ID, "description": "An entitled data set."},
    "revision_id": {
        "schema": {"type": "string", "pattern": f"^(?:[0-9a-f]{{32}}|{LATEST})$"},
        "description": f"A readable revision, or `{LATEST}`.",
    },
    "asset_id": {"schema": _ID, "description": "A file of the revision."},
}
_REVISION = "/data/{data_set_id}/revisions/{revision_id}"
_ASSET = f"{_REVISION}/assets/{{asset_id}}"


def _object(members: Document, description: str = "") -> Document:
    made: Document = {"type": "object", "properties": members, "required": list(members)}
    return made | ({"description": description} if description else {})


def _page(item: str, **members: Document) -> Document:
    items = {"type": "array", "items": {"$ref": f"#/components/schemas/{item}"}}
    return _object({**members, "items": items, "next_cursor": _TEXT_OR_NULL})


SCHEMAS: Document = {
    "ReadableDataSet": _object(
        {
            "id": _ID,
            "name": _TEXT,
            "description": _TEXT,
            "asset_type": _TEXT,
            "product_id": _TEXT_OR_NULL,
            "product_name": _TEXT_OR_NULL,
            "data_grant_id": _TEXT_OR_NULL,
            "publisher": _TEXT,
        }
    ),
    "ReadableDataSetPage": _page("ReadableDataSet"),
    "ReadableRevision": _object({"id": _ID, "comment": _TEXT, "published_at": _TIME, "asset_count": _NUMBER}),
    "ReadableRevisionPage": _page("ReadableRevision", data_set_id=_ID),
    "ReadableAsset": _object(
        {
            "id": _ID,
            "name": _TEXT,
            "asset_type": _TEXT,
            "size_bytes": _NUMBER_OR_NULL,
            "sha256": _TEXT_OR_NULL,
            "has_rows": {"type": "boolean"},
        }
    ),
    "ReadableAssetPage": _page("ReadableAsset", data_set_id=_ID, revision_id=_ID),
    "Rows": _object(
        {
            "data_set_id": _ID,
            "revision_id": _ID,
            "asset_id": _ID,
            "columns": {"type": "array", "items": {"type": "object"}, "description": "Name and type of each column."},
            "row_count": _NUMBER | {"description": "Of the whole file."},
            "next_cursor": _TEXT_OR_NULL,
            "rows": {"type": "array", "items": {"type": "object"}, "description": "Values by column name."},
        },
        "A page of a file's rows. It may hold fewer than asked for when they are long.",
    ),
    "Download": _object(
        {
            "url": _TEXT,
            "expires_at": _TIME,
            "size_bytes": _NUMBER,
            "sha256": _TEXT,
            "name": _TEXT,
            "data_set_id": _ID,
            "revision_id": _ID,
            "asset_id": _ID,
        },
        "A link to the file at the store.",
    ),
}


def _limit(least: int, most: int) -> Document:
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": least}
    return {"name": "limit", "in": "query", "required": False, "schema": schema}


def _query(name: str, description: str) -> Document:
    return {"name": name, "in": "query", "required": False, "schema": _TEXT, "description": description}


_LIST = [_limit(DEFAULT_SIZE, MOST), _CURSOR]
_ROWS = [_limit(DEFAULT_ROWS, MOST_ROWS), _CURSOR]
#: path -> operation id, summary, further text, parameters of the query, shape of the answer
_OPERATIONS: dict[str, tuple[str, str, str, list[Document], str]] = {
    "/data/data-sets": (
        "list_readable_data_sets",
        "List the data sets that you may read",
        "",
        _LIST,
        "ReadableDataSetPage",
    ),
    "/data/{data_set_id}/revisions": (
        "list_readable_revisions",
        "List the readable revisions of a data set, newest first",
        "",
        _LIST,
        "ReadableRevisionPage",
    ),
    f"{_REVISION}/assets": (
        "list_readable_assets",
        "List the assets of a revision by name",
        "Those that are no files have no size, no SHA-256 and no rows.",
        _LIST,
        "ReadableAssetPage",
    ),
    "/data/{data_set_id}/rows": (
        "read_newest_rows",
        "Read rows of the newest revision",
        "A cursor stays with the revision that it began in, also when a newer one arrives meanwhile.",
        [*_ROWS, _query("file", "Name of the file, where the revision has several tables.")],
        "Rows",
    ),
    f"{_ASSET}/rows": ("read_rows", "Read rows of a file", "", _ROWS, "Rows"),
    f"{_ASSET}/download": (
        "get_download",
        "Get a link to a file, which lives five minutes",
        "",
        [_query("redirect", "`1` leads to the file at once, with 302.")],
        "Download",
    ),
}


def described() -> Document:
    """Return `paths` and `components` of /data, as a part to merge."""
    paths: Document = {}
    for path, (operation_id, summary, text, query, shape) in _OPERATIONS.items():
        labels = [
            {"name": name, "in": "path", "required": True} | label
            for name, label in _LABELS.items()
            if f"{{{name}}}" in path
        ]
        responses: Document = {
            "200": _answer("application/json", shape),
            "default": _answer("application/problem+json", "Problem"),
        }
        if shape == "Download":
            responses["302"] = {"description": "With `redirect=1`."}
        scope = "Needs the scope `data:read`: read rows and download files of entitled data."
        paths[path] = {
            "get": {
                "operationId": operation_id,
                "summary": summary,
                "description": f"{text}\n\n{scope}".strip(),
                "tags": [TAG],
                "security": [{"token": []}, {"signature": []}],
                "parameters": labels + query,
                "responses": responses,
            }
        }
    return {"tags": [], "paths": paths, "components": {"schemas": SCHEMAS}}


def _answer(kind: str, shape: str) -> Document:
    return {"description": "", "content": {kind: {"schema": {"$ref": f"#/components/schemas/{shape}"}}}}
