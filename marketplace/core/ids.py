"""Identifiers. Source: reference pattern `[a-zA-Z0-9]{30,40}`, in every AWS example 32 lowercase hexadecimal digits."""

import secrets


def new_id() -> str:
    """Return 32 lowercase hexadecimal digits."""
    return secrets.token_hex(16)


def new_account_id() -> str:
    """Return 12 digits that do not start with 0, as AWS account ids are written."""
    return str(secrets.randbelow(9 * 10**11) + 10**11)


def new_product_id() -> str:
    """Return `prod-` and 13 lowercase letters and digits."""
    return "prod-" + "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(13))


def new_agreement_id() -> str:
    """Return `agmt-` and 25 lowercase letters and digits."""
    return "agmt-" + "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(25))
