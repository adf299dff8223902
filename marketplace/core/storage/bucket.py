"""A bucket of an S3-compatible store: how its objects are read, written, copied and signed for."""

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from threading import BoundedSemaphore, Lock
from typing import Any
from urllib.parse import quote, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from marketplace.core import egress
from marketplace.core.storage.faults import StorageFault, explain

MIB = 1024 * 1024
#: One GET read, and one part of a streamed upload.
CHUNK = 1 * MIB
PART = 16 * MIB
#: S3 refuses a CopyObject above 5 GB; larger objects are copied in parts of 256 MB.
COPY_LIMIT = 5 * 10**9
COPY_PART = 256 * MIB
PRESIGNED_S = 300
#: Streams of more than one chunk at a time in this process. Each holds a part, so this bounds the memory of a worker
#: whatever its jobs move; smaller objects pass beside them.
LARGE_STREAMS = 4

_client_lock = Lock()
_large_streams = BoundedSemaphore(LARGE_STREAMS)


@dataclass(frozen=True)
class ObjectInfo:
    """What HEAD says of an object."""

    size_bytes: int
    etag: str
    content_type: str
    sha256: str  # hexadecimal, empty when the store keeps none


@dataclass(frozen=True)
class ListedObject:
    """An object as a listing shows it."""

    key: str
    size_bytes: int
    modified_at: datetime


@dataclass(frozen=True)
class Listing:
    """One page of one level of a bucket; next_token is empty on the last."""

    folders: list[str]
    objects: list[ListedObject]
    next_token: str


@dataclass(frozen=True)
class Digests:
    """Digests over all bytes of an object, in hexadecimal."""

    size_bytes: int
    sha256: str
    md5: str


@cache
def _session() -> boto3.session.Session:
    return boto3.session.Session()


def s3_client(*, endpoint_url: str, region: str, access_key_id: str, secret: str, **config: Any) -> Any:
    """Return a client that never looks into the environment of the machine for a proxy or for credentials.

    One session for all: it keeps the parsed service model, without which a client takes 25 times as long to make. Its
    clients may be used by many threads, but only one thread at a time may make one (boto3 guide, "Multithreading").
    """
    with _client_lock:
        return _session().client(
            "s3",
            endpoint_url=endpoint_url,
            region_name=region,
            aws_access_key_id=access_key_id,
            aws_secret_access_key=secret,
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, proxies={}, **config),
        )


def _at_rest(encryption: str) -> dict[str, str]:
    return {"ServerSideEncryption": encryption} if encryption else {}


class Bucket:
    """One bucket at one endpoint under one key. Methods raise StorageFault; they are safe to use from many threads."""

    def __init__(
        self,
        *,
        endpoint_url: str,
        region: str,
        name: str,
        access_key_id: str,
        secret: str,
        is_ours: bool,
        part: int = PART,
    ) -> None:
        self.endpoint_url = endpoint_url.rstrip("/")
        self.region = region
        self.name = name
        self.is_ours = is_ours
        self.part_bytes = part
        client = s3_client(
            endpoint_url=self.endpoint_url,
            region=region,
            access_key_id=access_key_id,
            secret=secret,
            connect_timeout=10,
            read_timeout=120,
            retries={"max_attempts": 3, "mode": "standard"},
            max_pool_connections=16,
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        self.client: Any = client if is_ours else egress.guard_botocore(client)

    def __repr__(self) -> str:
        return f"Bucket({self.name} at {urlsplit(self.endpoint_url).netloc})"

    def _call(self, method: str, **parameters: Any) -> Any:
        try:
            return getattr(self.client, method)(Bucket=self.name, **parameters)
        except (ClientError, BotoCoreError, OSError, egress.AddressRefused) as error:
            raise explain(error, bucket=self.name, endpoint=self.endpoint_url) from error

    def shares_store_with(self, other: "Bucket") -> bool:
        """Return True when the other bucket lives at the same endpoint, so that a server-side copy can work."""
        return self.endpoint_url == other.endpoint_url

    def check_exists(self) -> None:
        """Raise StorageFault("no_bucket") when the bucket does not exist. Some stores would create it on the first write."""
        try:
            self.client.head_bucket(Bucket=self.name)
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
                error.response["Error"]["Code"] = "NoSuchBucket"
                raise explain(error, bucket=self.name, endpoint=self.endpoint_url) from error
            # 403: a key that may write but not look; the test write that follows decides
        except (BotoCoreError, OSError, egress.AddressRefused) as error:
            raise explain(error, bucket=self.name, endpoint=self.endpoint_url) from error

    def make_sibling(self, name: str) -> None:
        """Create another bucket at our own store; one that exists is no error."""
        try:
            self.client.create_bucket(Bucket=name)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in {"BucketAlreadyExists", "BucketAlreadyOwnedByYou"}:
                raise explain(error, bucket=name, endpoint=self.endpoint_url) from error

    # --- small objects ----------------------------------------------------------------------------------------------
    def put(self, key: str, body: bytes, *, content_type: str = "application/octet-stream") -> str:
        """Write a small object and return its ETag."""
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        answer = self._call("put_object", Key=key, Body=body, ContentType=content_type, ChecksumSHA256=digest)
        return str(answer["ETag"]).strip('"')

    def delete(self, key: str) -> None:
        """Delete an object; deleting one that is not there is no error."""
        self._call("delete_object", Key=key)

    def head(self, key: str) -> ObjectInfo:
        """Return size, ETag and type. Raises StorageFault("no_object") when there is none."""
        answer = self._call("head_object", Key=key, ChecksumMode="ENABLED")
        checksum = answer.get("ChecksumSHA256", "")
        return ObjectInfo(
            size_bytes=int(answer["ContentLength"]),
            etag=str(answer["ETag"]).strip('"'),
            content_type=answer.get("ContentType", ""),
            sha256=base64.b64decode(checksum).hex() if checksum and "-" not in checksum else "",
        )

    def find(self, key: str) -> ObjectInfo | None:
        """Return what `head` returns, or None when there is no such object."""
        try:
            return self.head(key)
        except StorageFault as fault:
            if fault.cause == "no_object":
                return None
            raise

    def list_keys(self, prefix: str = "", *, limit: int = 1000) -> list[str]:
        """Return up to `limit` keys below a prefix, in the store's order."""
        answer = self._call("list_objects_v2", Prefix=prefix, MaxKeys=min(limit, 1000))
        return [entry["Key"] for entry in answer.get("Contents", [])]

    def walk(self, prefix: str = "") -> Iterator[ListedObject]:
        """Yield every object below a prefix, in the store's order, a thousand a call. Raises StorageFault."""
        more: dict[str, str] = {}
        while True:
            answer = self._call("list_objects_v2", Prefix=prefix, MaxKeys=1000, **more)
            yield from (ListedObject(o["Key"], o["Size"], o["LastModified"]) for o in answer.get("Contents", []))
            if not answer.get("IsTruncated"):
                return
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    def browse(self, prefix: str, *, after: str = "", limit: int = 100) -> Listing:
        """Return one level under a prefix, from after a token of the page before. Raises StorageFault."""
        more = {"ContinuationToken": after} if after else {}
        answer = self._call("list_objects_v2", Prefix=prefix, Delimiter="/", MaxKeys=limit, **more)
        objects = [
            ListedObject(o["Key"], o["Size"], o["LastModified"])
            for o in answer.get("Contents", [])
            if o["Key"] != prefix
        ]
        folders = [p["Prefix"] for p in answer.get("CommonPrefixes", [])]
        return Listing(folders, objects, answer.get("NextContinuationToken", ""))

    # --- reading ----------------------------------------------------------------------------------------------------
    def read(self, key: str) -> Iterator[bytes]:
        """Yield an object's bytes in chunks of 1 MiB."""
        body = self._call("get_object", Key=key)["Body"]
        try:
            while chunk := body.read(CHUNK):
                yield chunk
        except Exception as error:
            raise explain(error, bucket=self.name, endpoint=self.endpoint_url) from error
        finally:
            body.close()

    def read_start(self, key: str, length: int) -> bytes:
        """Return the first bytes of an object, at most `length`; only these are asked for. Raises StorageFault."""
        try:
            return bytes(self._call("get_object", Key=key, Range=f"bytes=0-{length - 1}")["Body"].read())
        except StorageFault as fault:
            if isinstance(fault.__cause__, ClientError) and "InvalidRange" in str(fault.__cause__):
                return b""  # an empty object has no first byte
            raise

    def digest(self, key: str, *, progress: Any = None) -> Digests:
        """Read an object once and return its digests; `progress(bytes_read)` is called per chunk."""
        sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
        for chunk in self.read(key):
            sha256.update(chunk)
            md5.update(chunk)
            size += len(chunk)
            if progress is not None:
                progress(size)
        return Digests(size, sha256.hexdigest(), md5.hexdigest())

    # --- writing streams --------------------------------------------------------------------------------------------
    def write(
        self,
        key: str,
        chunks: Iterable[bytes],
        *,
        content_type: str,
        size_bytes: int | None = None,
        encryption: str = "",
        ensure: Any = None,
    ) -> tuple[str, Digests]:
        """Write a stream as parts of 16 MiB, each with its checksum; return (ETag, digests).

        size_bytes: what is expected, None when nobody knows. Above one chunk the stream waits for one of the
        LARGE_STREAMS places before its first byte is read, so that no source is kept waiting with an open answer.
        encryption: AES256 asks the store to encrypt the object at rest; empty leaves it to the bucket.
        `ensure()` is called before each part and before completion, and may raise to stop; the open upload is then
        aborted and nothing stands in the bucket.
        """
        sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
        parts: list[dict[str, Any]] = []
        upload_id = ""
        buffer = bytearray()
        new_object = {"Key": key, "ContentType": content_type} | _at_rest(encryption)

        def send(last: bool) -> None:
            nonlocal upload_id, buffer
            if ensure is not None:
                ensure()
            checksum = base64.b64encode(hashlib.sha256(buffer).digest()).decode()
            if last and not upload_id:
                answer = self._call("put_object", Body=buffer, ChecksumSHA256=checksum, **new_object)
                parts.append({"ETag": answer["ETag"]})
                return
            if not upload_id:
                created = self._call("create_multipart_upload", ChecksumAlgorithm="SHA256", **new_object)
                upload_id = created["UploadId"]
            number = len(parts) + 1
            answer = self._call(
                "upload_part", Key=key, UploadId=upload_id, PartNumber=number, Body=buffer, ChecksumSHA256=checksum
            )
            buffer = bytearray()
            parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": checksum})

        is_large = size_bytes is None or size_bytes > CHUNK
        with _large_streams if is_large else nullcontext():
            try:
                for chunk in chunks:
                    sha256.update(chunk)
                    md5.update(chunk)
                    size += len(chunk)
                    buffer += chunk
                    if len(buffer) >= self.part_bytes:
                        send(last=False)
                if buffer or not parts:
                    send(last=True)
                if ensure is not None:
                    ensure()
                etag = str(parts[0]["ETag"])
                if upload_id:
                    etag = self.complete_upload(key, upload_id, parts)
            except BaseException:
                if upload_id:
                    self.abort_upload(key, upload_id)
                raise
        return etag.strip('"'), Digests(size, sha256.hexdigest(), md5.hexdigest())

    # --- multi-part uploads of others -------------------------------------------------------------------------------
    def create_upload(self, key: str, *, content_type: str) -> str:
        """Open a multi-part upload and return its id."""
        return str(self._call("create_multipart_upload", Key=key, ContentType=content_type)["UploadId"])

    def uploaded_parts(self, key: str, upload_id: str) -> list[dict[str, Any]]:
        """Return the parts that the store has: PartNumber, ETag, Size. Raises StorageFault("no_object") when it is gone."""
        parts: list[dict[str, Any]] = []
        marker = 0
        while True:
            answer = self._call("list_parts", Key=key, UploadId=upload_id, PartNumberMarker=marker, MaxParts=1000)
            parts += [
                {"PartNumber": p["PartNumber"], "ETag": p["ETag"], "Size": p["Size"]} for p in answer.get("Parts", [])
            ]
            if not answer.get("IsTruncated"):
                return parts
            marker = answer["NextPartNumberMarker"]

    def complete_upload(self, key: str, upload_id: str, parts: list[dict[str, Any]]) -> str:
        """Make the object out of its parts and return its ETag."""
        chosen = [{k: v for k, v in part.items() if k in {"PartNumber", "ETag", "ChecksumSHA256"}} for part in parts]
        answer = self._call("complete_multipart_upload", Key=key, UploadId=upload_id, MultipartUpload={"Parts": chosen})
        return str(answer["ETag"]).strip('"')

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Drop an open upload; one that is gone is no error."""
        try:
            self._call("abort_multipart_upload", Key=key, UploadId=upload_id)
        except StorageFault:
            return

    def abort_open_uploads(self, prefix: str, *, of: Callable[[str], bool]) -> None:
        """Drop the open uploads of some keys, which runs that were killed have left and the bucket's owner pays for.

        A key without the right to list them leaves them be: the bucket's own rules may remove them.
        """
        try:
            answer = self._call("list_multipart_uploads", Prefix=prefix)
        except StorageFault:
            return
        for entry in answer.get("Uploads", []):
            if of(entry["Key"]):
                self.abort_upload(entry["Key"], entry["UploadId"])

    # --- copying ----------------------------------------------------------------------------------------------------
    def copy_from(
        self, source: "Bucket", source_key: str, key: str, *, size_bytes: int, encryption: str = "", ensure: Any = None
    ) -> str:
        """Copy an object within the store, server-side, and return the new ETag; above 5 GB in parts of 256 MB."""
        if ensure is not None:
            ensure()
        origin = {"Bucket": source.name, "Key": source_key}
        if size_bytes <= COPY_LIMIT:
            answer = self._call(
                "copy_object", Key=key, CopySource=origin, MetadataDirective="COPY", **_at_rest(encryption)
            )
            return str(answer["CopyObjectResult"]["ETag"]).strip('"')
        upload_id = self._call("create_multipart_upload", Key=key, **_at_rest(encryption))["UploadId"]
        try:
            parts = []
            for number, start in enumerate(range(0, size_bytes, COPY_PART), start=1):
                if ensure is not None:
                    ensure()
                end = min(start + COPY_PART, size_bytes) - 1
                answer = self._call(
                    "upload_part_copy",
                    Key=key,
                    UploadId=upload_id,
                    PartNumber=number,
                    CopySource=origin,
                    CopySourceRange=f"bytes={start}-{end}",
                )
                parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
            return self.complete_upload(key, upload_id, parts)
        except BaseException:
            self.abort_upload(key, upload_id)
            raise

    # --- URLs for browsers and clients ------------------------------------------------------------------------------
    def _presign(self, method: str, parameters: dict[str, Any], seconds: int) -> str:
        return str(
            self.client.generate_presigned_url(method, Params={"Bucket": self.name} | parameters, ExpiresIn=seconds)
        )

    def presign_get(self, key: str, *, filename: str, seconds: int = PRESIGNED_S) -> str:
        """Return a URL to download one object as an attachment; at most 300 s."""
        disposition = f"attachment; filename*=UTF-8''{quote(filename.rsplit('/', 1)[-1], safe='')}"
        return self._presign(
            "get_object",
            {
                "Key": key,
                "ResponseContentDisposition": disposition,
                "ResponseCacheControl": "no-store",
                "ResponseContentType": "application/octet-stream",
            },
            min(seconds, PRESIGNED_S),
        )

    def presign_part(self, key: str, upload_id: str, number: int, *, seconds: int = 3600) -> str:
        """Return a URL to put one part of an open upload."""
        return self._presign("upload_part", {"Key": key, "UploadId": upload_id, "PartNumber": number}, seconds)

    def presign_put(self, key: str, *, md5: str, seconds: int = 3600) -> str:
        """Return a URL to put one object whose Content-MD5 (base64) is fixed by the signature."""
        return self._presign("put_object", {"Key": key, "ContentMD5": md5}, seconds)
