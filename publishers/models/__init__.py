"""Models of publishing: data sets with revisions and assets; products with offers."""

from publishers.models.change_sets import (
    ChangeSet,
    ChangeSetEntity,
    ChangeSetIntent,
    ChangeSetState,
    FailureCode,
)
from publishers.models.data_sets import LIMITS, Asset, AssetType, DataSet, Revision, Upload, UploadState
from publishers.models.products import (
    Category,
    HistoryRule,
    Offer,
    OfferVersion,
    Product,
    ProductSearch,
    ProductState,
    PublishedDataSet,
    PublishedRevision,
)

__all__ = [
    "LIMITS",
    "Asset",
    "AssetType",
    "Category",
    "ChangeSet",
    "ChangeSetEntity",
    "ChangeSetIntent",
    "ChangeSetState",
    "DataSet",
    "FailureCode",
    "HistoryRule",
    "Offer",
    "OfferVersion",
    "Product",
    "ProductSearch",
    "ProductState",
    "PublishedDataSet",
    "PublishedRevision",
    "Revision",
    "Upload",
    "UploadState",
]
