"""The lasting address of a published revision: what it holds, how it is cited, and how exactly this content is had again."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from marketplace.core.errors import NotFound
from marketplace.core.middleware import MemberRequest
from marketplace.storefront import product_page
from marketplace.storefront.snippets import digest_snippets
from marketplace.storefront.views.standards import DOCUMENTS, count, respond
from publishers.models import Asset
from publishers.queries.manifests import manifest_digest, manifest_of
from publishers.queries.publications import get_published_revision, newer_publication
from publishers.standards import citations
from publishers.standards.describe import cited_revision
from subscriptions.queries import get_shown_product, may_read

FILES_PER_PAGE = 100
MANIFEST, CITATION, BIBTEX = "manifest.txt", "CITATION.cff", "citation.bib"


@require_safe
def product_revision(request: MemberRequest, product_id: str, revision_id: str) -> HttpResponse:
    """Show a published revision. A revoked one stays, with the reason and without its files."""
    viewer = request.organization if request.membership else None
    found = get_shown_product(product_id=product_id, viewer=viewer)
    publication = get_published_revision(product=found, revision_id=revision_id)
    revision, entry = publication.revision, publication.published_data_set
    is_readable = revision.revoked_at is None
    files = Asset.objects.filter(revision=revision).order_by("name") if is_readable else Asset.objects.none()
    paginator = Paginator(files, FILES_PER_PAGE)
    paginator.count = publication.asset_count if is_readable else 0  # type: ignore[attr-defined]
    digest = manifest_digest(revision=revision)
    words = cited_revision(product=found, publication=publication, digest=digest)
    context = {
        "product": found,
        "publication": publication,
        "revision": revision,
        "entry": entry,
        "is_readable": is_readable,
        "newer": newer_publication(publication=publication),
        "page": paginator.get_page(request.GET.get("page")),
        "digest": digest,
        "cited": words,
        "citation": citations.plain(words),
        "bibtex": citations.bibtex(words),
        "has_access": viewer is not None
        and may_read(organization=viewer, data_set_id=entry.pk, revision_id=revision.pk, at=timezone.now()),
        "snippets": digest_snippets(digest=digest) if digest and is_readable else [],
        "is_findable": product_page.is_findable(found),
        "address": words.url,
    }
    return render(request, "storefront/revision.html", context)


@require_safe
def product_revision_file(request: MemberRequest, product_id: str, revision_id: str, name: str) -> HttpResponse:
    """Give the manifest of a published revision, or its citation as a file."""
    count(request, kind="metadata", most=DOCUMENTS)
    viewer = request.organization if request.membership else None
    found = get_shown_product(product_id=product_id, viewer=viewer)
    publication = get_published_revision(product=found, revision_id=revision_id)
    digest = manifest_digest(revision=publication.revision)
    words = cited_revision(product=found, publication=publication, digest=digest)
    if name == CITATION:
        text, kind = citations.citation_file(words), "application/yaml"
    elif name == BIBTEX:
        text, kind = citations.bibtex(words), "application/x-bibtex"
    elif name == MANIFEST and digest and publication.revision.revoked_at is None:
        text, kind = manifest_of(Asset.objects.filter(revision=publication.revision).iterator()), "text/plain"
    else:
        raise NotFound("FILE", name)
    answer = respond(request, text, content_type=kind, is_private=True)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
