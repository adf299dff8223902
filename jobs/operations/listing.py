"""Which objects of a bucket an import takes: all below a prefix, or those that a manifest in the bucket names."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice

from marketplace.core.errors import Invalid
from marketplace.core.storage import Bucket

LARGEST_MANIFEST = 20 * 1024 * 1024


def find(bucket: Bucket, *, prefix: str, manifest_key: str, most: int) -> list[str]:
    """Return up to `most` keys, each once. Folder markers, which end in a slash, are no objects.

    Raises StorageFault, and Invalid for a manifest that cannot be read or names other buckets.
    """
    if manifest_key:
        info = bucket.head(manifest_key)
        if info.size_bytes > LARGEST_MANIFEST:
            raise Invalid(f"The manifest {manifest_key} may have at most {LARGEST_MANIFEST:,} bytes.")
        keys: Iterable[str] = read_manifest(b"".join(bucket.read(manifest_key)), bucket=bucket.name)
    else:
        keys = (found.key for found in bucket.walk(prefix) if not found.key.endswith("/"))
    return list(islice(dict.fromkeys(keys), most))


def read_manifest(content: bytes, *, bucket: str) -> Iterator[str]:
    """Yield the keys of a manifest: JSON `{"entries": [{"url": "s3://bucket/key"}]}` as Amazon Redshift has it, or
    one key or s3:// URL per line. Raises Invalid.
    """
    try:
        text = content.decode("utf-8-sig")
        document = json.loads(text) if text.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        raise Invalid("The manifest must be UTF-8: JSON with `entries`, or one key per line.") from None
    if document is None:
        lines: Iterable[object] = (line.strip() for line in text.splitlines() if line.strip())
    elif isinstance(document, dict) and isinstance(document.get("entries"), list):
        lines = [entry.get("url") if isinstance(entry, dict) else None for entry in document["entries"]]
    else:
        raise Invalid('A JSON manifest looks like {"entries": [{"url": "s3://bucket/key"}]}.')
    for line in lines:
        yield _key(line, bucket)


def _key(line: object, bucket: str) -> str:
    if not isinstance(line, str):
        raise Invalid('Each entry of a JSON manifest has a `url` such as "s3://bucket/key".')
    if not line.startswith("s3://"):
        return line
    named, _, key = line.removeprefix("s3://").partition("/")
    if named != bucket:
        raise Invalid(f"The manifest names {line[:200]}, which is not in the bucket {bucket}.")
    return key
