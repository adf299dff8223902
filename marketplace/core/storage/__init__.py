"""The gateway to object stores: our vault, and the buckets that organizations connect. Nothing else imports boto3."""

from marketplace.core.storage.bucket import (
    CHUNK,
    MIB,
    PRESIGNED_S,
    Bucket,
    Digests,
    ListedObject,
    Listing,
    ObjectInfo,
)
from marketplace.core.storage.faults import StorageFault
from marketplace.core.storage.places import (
    as_operator,
    bucket_of,
    own_bucket,
    probe_vault,
    public_vault,
    refuse_own_bucket,
    sealing_place,
    time_vault,
    vault,
)

__all__ = [
    "CHUNK",
    "MIB",
    "PRESIGNED_S",
    "Bucket",
    "Digests",
    "ListedObject",
    "Listing",
    "ObjectInfo",
    "StorageFault",
    "as_operator",
    "bucket_of",
    "own_bucket",
    "probe_vault",
    "public_vault",
    "refuse_own_bucket",
    "sealing_place",
    "time_vault",
    "vault",
]
