"""What is known of the data of revisions."""

from django.db.models import Prefetch, QuerySet

from publishers.models import Product, Profile, ProfiledTable, PublishedRevision, Revision


def _with_tables() -> QuerySet[Profile]:
    ordered = ProfiledTable.objects.order_by("position", "pk")
    return Profile.objects.prefetch_related(Prefetch("tables", queryset=ordered))


def get_profile(revision: Revision) -> Profile | None:
    """Return the profile of a revision with its tables, in two statements; None where it was never measured."""
    return _with_tables().filter(pk=revision.pk).first()


def newest_profile(product: Product) -> Profile | None:
    """Return the profile of the newest readable revision that a product publishes, in two statements."""
    newest = (
        PublishedRevision.objects.filter(
            published_data_set__product=product, published_data_set__closed_at=None, revision__revoked_at=None
        )
        .order_by("-revision__finalized_at", "-pk")
        .values("revision")[:1]
    )
    return _with_tables().filter(pk__in=newest).first()


def parquet_keys(*, revision_id: str) -> set[str]:
    """Return the objects of the vault that the profile of a revision names; empty for a revision that is gone."""
    rows = ProfiledTable.objects.filter(profile=revision_id).values_list("parquet", flat=True)
    return {part["key"] for parts in rows for part in parts}
