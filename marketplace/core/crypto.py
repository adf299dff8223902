"""Secrets at rest: envelope encryption, and the only module that decrypts.

A sealed secret is `kid | 0x00 | nonce 12 | wrapped data key 48 | nonce 12 | ciphertext`: a data key of its own per
secret (AES-256-GCM), wrapped by the installation's key `kid`. The additional data binds table, column, row and
organization, so that a value copied to another row does not open.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings


class SecretCannotBeOpened(Exception):
    """The key is gone or the value was moved or changed."""


def _context(*, table: str, column: str, row: str, organization: str) -> bytes:
    return "\x1f".join((table, column, row, organization)).encode()


def seal(secret: str, *, table: str, column: str, row: str, organization: str) -> bytes:
    """Encrypt a secret for one place: (table, column, row, organization)."""
    kid, key = next(iter(settings.ENCRYPTION_KEYS.items()))
    context = _context(table=table, column=column, row=row, organization=organization)
    data_key = AESGCM.generate_key(bit_length=256)
    wrap_nonce, nonce = os.urandom(12), os.urandom(12)
    wrapped = AESGCM(key).encrypt(wrap_nonce, data_key, context)
    return (
        kid.encode()
        + b"\x00"
        + wrap_nonce
        + wrapped
        + nonce
        + AESGCM(data_key).encrypt(nonce, secret.encode(), context)
    )


def unseal(sealed: bytes, *, table: str, column: str, row: str, organization: str) -> str:
    """Decrypt what `seal` made for the same place. Raises SecretCannotBeOpened."""
    kid, _, rest = sealed.partition(b"\x00")
    key = settings.ENCRYPTION_KEYS.get(kid.decode("ascii", "replace"))
    if key is None or len(rest) < 88:
        raise SecretCannotBeOpened(f"No key {kid!r} in ENCRYPTION_KEYS.")
    context = _context(table=table, column=column, row=row, organization=organization)
    try:
        data_key = AESGCM(key).decrypt(rest[:12], rest[12:60], context)
        return AESGCM(data_key).decrypt(rest[60:72], rest[72:], context).decode()
    except InvalidTag:
        raise SecretCannotBeOpened("The sealed value does not belong to this row.") from None
