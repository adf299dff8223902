"""The text of API tokens and access keys: `ent` + kind letter + `_` + 32 base62 + 6 base62 of their CRC32."""

import hashlib
import re
import secrets
import string
import zlib

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
TOKEN = re.compile(r"ent[a-z]_[0-9A-Za-z]{38}")
HINT_LENGTH = 9


def _base62(number: int, length: int) -> str:
    digits = ""
    while len(digits) < length:
        number, rest = divmod(number, 62)
        digits = ALPHABET[rest] + digits
    return digits


def new_token(kind: str) -> str:
    """Return a token of a kind (one letter) with 190 random bits; the checksum lets scanners reject look-alikes offline."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(32))
    return f"ent{kind}_{body}{_base62(zlib.crc32(body.encode()), 6)}"


def is_well_formed(token: str) -> bool:
    """Return True when the shape and the checksum are right; says nothing about whether the token exists."""
    return bool(TOKEN.fullmatch(token)) and _base62(zlib.crc32(token[5:37].encode()), 6) == token[37:]


def digest(token: str) -> str:
    """Return the SHA-256 that is kept in place of the token. A plain hash is enough above 112 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_access_key_id() -> str:
    """Return 20 characters, `ENTK` and 16 of A-Z2-7, as AWS access key ids are shaped."""
    return "ENTK" + "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(16))


def new_secret() -> str:
    """Return a 40-character secret for SigV4."""
    return "".join(secrets.choice(ALPHABET) for _ in range(40))
