"""Models of publishing: data sets with revisions and assets; products with offers."""

from publishers.models.data_sets import Asset, AssetType, DataSet, Revision, Upload, UploadState
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
    "Asset",
    "AssetType",
    "Category",
    "DataSet",
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
