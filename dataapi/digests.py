"""The same content again, whatever was published later: a revision by the digest over its manifest."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse

from dataapi.door import Reader, data_door
from marketplace.core.errors import NotFound
from publishers.models import Asset, PublishedRevision
from publishers.queries.manifests import manifest_of, revisions_with_digest
from subscriptions.queries import readable_revisions


@data_door
def content(request: HttpRequest, reader: Reader, digest: str) -> HttpResponse:
    """Answer the manifest of the readable revision whose files have the digest, with a link to each file.

    A revision that the caller may not read, or no more, is not found, as one that never was.
    """
    publication = _readable(reader, digest)
    files = list(Asset.objects.filter(revision=publication.revision_id).exclude(vault_key="").order_by("name"))
    base = {"data_set_id": publication.published_data_set_id, "revision_id": publication.revision_id}
    answer = {
        "digest": digest,
        **base,
        "product_id": publication.published_data_set.product_id,
        "comment": publication.revision.comment,
        "published_at": publication.published_at.isoformat(),
        "manifest": manifest_of(files),
        "files": [
            {
                "id": asset.pk,
                "name": asset.name,
                "size_bytes": asset.size_bytes,
                "sha256": asset.sha256,
                "url": settings.PUBLIC_URL
                + reverse("data-download", kwargs=base | {"asset_id": asset.pk})
                + "?redirect=1",
            }
            for asset in files
        ],
    }
    return JsonResponse(answer)


def _readable(reader: Reader, digest: str) -> PublishedRevision:
    readable = readable_revisions(organization=reader.organization, at=reader.at)
    found = revisions_with_digest(digest=digest, among=readable.order_by().values("revision"))
    publication = readable.filter(revision__in=found).order_by("-published_at", "-pk").first()
    if publication is None:
        raise NotFound("DIGEST", digest)
    return publication
