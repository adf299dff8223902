"""What lies in a connected bucket, to choose from before an import."""

from typing import Any

from marketplace.console.api.authentication import Caller
from marketplace.console.api.operation import ApiView, operation
from marketplace.console.api.paging import Page
from marketplace.console.api.serializers.board import BucketEntry, BucketQuery
from marketplace.core.errors import Conflict
from marketplace.core.queries.storage import get_storage_connection
from marketplace.core.storage import StorageFault, bucket_of


class BucketUnreadable(Conflict):
    message = "The bucket cannot be read."


class BucketEntriesView(ApiView):
    tag = "Storage connections"

    @operation("list_bucket_entries", scope="publish:write", asks=BucketQuery, lists=BucketEntry)
    def get(self, caller: Caller, connection_id: str, query: dict[str, Any]) -> Page:
        """List one level of a connected bucket: its folders and files below a prefix, in the store's order.

        A page holds at most `limit` of both together. What is chosen is imported by `POST /api/imports`.
        """
        connection = get_storage_connection(organization=caller.organization, connection_id=connection_id)
        prefix = query["prefix"].replace("\x00", "")
        try:
            found = bucket_of(connection).browse(prefix, after=query.get("cursor", ""), limit=query["limit"])
        except StorageFault as fault:
            raise BucketUnreadable("STORAGE_CONNECTION", connection.pk, str(fault)) from None
        folders = [{"is_folder": True, "key": key, "size_bytes": None, "modified_at": None} for key in found.folders]
        files = [
            {"is_folder": False, "key": o.key, "size_bytes": o.size_bytes, "modified_at": o.modified_at}
            for o in found.objects
        ]
        return Page(folders + files, found.next_token or None)
