"""What an object store did not do, in a word for programs and a sentence for people."""

from urllib.parse import urlsplit

from botocore.exceptions import ClientError, EndpointConnectionError

from marketplace.core import egress


class StorageFault(Exception):
    """An object store did not do what was asked; `cause` is one word, the text is a sentence for people."""

    def __init__(self, cause: str, sentence: str) -> None:
        self.cause = cause
        super().__init__(sentence)

    @property
    def is_temporary(self) -> bool:
        """Return True when trying again later may help."""
        return self.cause in {"unreachable", "busy"}


def explain(error: Exception, *, bucket: str, endpoint: str) -> StorageFault:
    """Return the fault with a sentence that says what is wrong and what to do."""
    host = urlsplit(endpoint).netloc
    reason = getattr(error, "kwargs", {}).get("error", error)  # botocore wraps what was raised below it
    if isinstance(reason, egress.AddressRefused):
        return StorageFault("refused", reason.message)
    if isinstance(error, EndpointConnectionError) or not isinstance(error, ClientError):
        return StorageFault(
            "unreachable", f"The endpoint {host} cannot be reached. Check the URL and that the store is running."
        )
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code == "NoSuchBucket":
        return StorageFault(
            "no_bucket", f"The bucket {bucket} does not exist at {host}. Create it, or correct its name."
        )
    if code in {"NoSuchKey", "NotFound", "404"} or status == 404:
        return StorageFault("no_object", f"The object does not exist in the bucket {bucket}.")
    if code == "InvalidAccessKeyId":
        return StorageFault("unauthorized", f"{host} does not know this access key id. Check it, or make a new key.")
    if code == "SignatureDoesNotMatch":
        return StorageFault("unauthorized", f"{host} refused the signature: the secret access key is wrong.")
    if status in {401, 403}:
        return StorageFault(
            "unauthorized", f"The key may not do this in the bucket {bucket}. Allow it to put, get and delete objects."
        )
    if status in {412, 409}:
        return StorageFault("exists", f"The object exists already in the bucket {bucket}.")
    if status >= 500 or status == 429 or code in {"SlowDown", "RequestTimeout"}:
        return StorageFault("busy", f"{host} is busy ({code or status}).")
    return StorageFault("rejected", f"{host} refused the request: {code or status}.")
