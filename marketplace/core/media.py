"""Addresses of files that belong to pages: product images, samples. Their bucket is not the vault."""

from functools import lru_cache
from urllib.parse import quote

from django.conf import settings

from marketplace.core.storage import PRESIGNED_S, Bucket, own_bucket


@lru_cache(maxsize=1)
def _public_media() -> Bucket:
    """Return the bucket as browsers see it."""
    return own_bucket(settings.S3_MEDIA_BUCKET, for_browsers=True)


def attachment_url(key: str, *, filename: str) -> str:
    """Return a URL that downloads one file as an attachment, for five minutes."""
    return _public_media().presign_get(key, filename=filename)


def image_url(key: str, *, content_type: str) -> str:
    """Return a URL that shows one image within a page, for five minutes. Only for images that we encoded ourselves."""
    bucket = _public_media()
    shown = {"Bucket": bucket.name, "Key": key, "ResponseContentType": content_type}
    disposition = f"inline; filename*=UTF-8''{quote(key.rsplit('/', 1)[-1], safe='')}"
    shown["ResponseContentDisposition"] = disposition
    return str(bucket.client.generate_presigned_url("get_object", Params=shown, ExpiresIn=PRESIGNED_S))
