"""Check digits of numbers that name people, their accounts and cards; each takes the bare characters, no separators.

Sources: ISO/IEC 7812-1 (Luhn), ISO 13616 and ISO 7064 (IBAN), SSA POMS RM 10201, HMRC NIM39110, Real Decreto 1553/2005 (DNI),
DM 23 December 1976 (codice fiscale), Receita Federal (CPF), INSEE (NIR), § 139b AO (Steuer-ID), RvIG (BSN), UIDAI (Verhoeff).
"""

from __future__ import annotations

import re
from collections import Counter

#: country -> characters of its IBAN. Source: SWIFT IBAN registry, release 99.
IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28,
    "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28,
    "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24,
    "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26,
    "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip
#: (first digits, how many digits a number with them has). Source: the brands' published ranges of issuers.
_CARDS = (
    (re.compile(r"4"), (13, 16, 19)),  # Visa
    (re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),  # Mastercard
    (re.compile(r"3[47]"), (15,)),  # American Express
    (re.compile(r"3(?:0[0-5]|[689])"), (14, 16, 19)),  # Diners Club
    (re.compile(r"35(?:2[89]|[3-8])"), (16, 17, 18, 19)),  # JCB
    (re.compile(r"6(?:011|4[4-9]|5)"), (16, 17, 18, 19)),  # Discover
    (re.compile(r"62|81"), (16, 17, 18, 19)),  # UnionPay
    (re.compile(r"5018|5020|5038|5893|6304|6759|676[1-3]"), (13, 14, 15, 16, 17, 18, 19)),  # Maestro
)
_DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
_CODICE = re.compile(r"[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPR-T][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]")
#: value of a character at an odd place of a codice fiscale; digits count as the first ten letters do
_ODD = {letter: value for value, letter in enumerate("BAKPLCQDREVOSFTGUHMINJWZYX")}
_NIR = re.compile(r"[12]\d\d(?:0[1-9]|1[0-2]|[2-3]\d|4[0-2]|[5-9]\d)(?:\d\d|2[AB])\d{8}")
_NINO = re.compile(r"(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]")
#: numbers that stood in advertisements and were taken out of use
_VOID_SSN = {"078051120", "219099999"}
_VERHOEFF_D = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_VERHOEFF_P = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def passes_luhn(digits: str) -> bool:
    """Return True when the last digit fits those before it."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_card(digits: str) -> bool:
    """Return True for a number of a known brand's range and length that passes the check, not one of zeros alone."""
    is_known = any(len(digits) in lengths and prefix.match(digits) for prefix, lengths in _CARDS)
    return is_known and len(set(digits)) > 1 and passes_luhn(digits)


def is_iban(text: str) -> bool:
    """Return True for an account number of its country's length whose remainder by 97 is 1."""
    return IBAN_LENGTHS.get(text[:2]) == len(text) and remainder_97(text[4:] + text[:4]) == 1


def remainder_97(text: str) -> int:
    """Return the remainder of digits and letters, A as 10 to Z as 35."""
    return int("".join(str(int(character, 36)) for character in text)) % 97


def is_ssn(digits: str) -> bool:
    """Return True for a number that the Social Security Administration may have given."""
    if len(digits) != 9 or digits in _VOID_SSN:
        return False
    return digits[:3] not in {"000", "666"} and digits[0] != "9" and digits[3:5] != "00" and digits[5:] != "0000"


def is_nino(text: str) -> bool:
    """Return True for a UK national insurance number; it has no check digit."""
    return _NINO.fullmatch(text) is not None


def is_dni(text: str) -> bool:
    """Return True for a Spanish DNI or NIE whose letter fits."""
    digits = text[:-1].translate(str.maketrans("XYZ", "012"))
    return len(text) == 9 and digits.isdigit() and text[-1] == _DNI[int(digits) % 23]


def is_codice_fiscale(text: str) -> bool:
    """Return True for an Italian tax code whose last letter fits, letters in the place of digits among them."""
    if not _CODICE.fullmatch(text):
        return False
    total = 0
    for place, character in enumerate(text[:15], start=1):
        letter = chr(ord("A") + int(character)) if character.isdigit() else character
        total += _ODD[letter] if place % 2 else ord(letter) - ord("A")
    return text[15] == chr(ord("A") + total % 26)


def is_bsn(digits: str) -> bool:
    """Return True for a Dutch citizen service number: 8 or 9 digits that pass the test by 11."""
    if len(digits) not in {8, 9} or not int(digits):
        return False
    padded = digits.zfill(9)
    return (sum(int(padded[place]) * (9 - place) for place in range(8)) - int(padded[8])) % 11 == 0


def is_nir(text: str) -> bool:
    """Return True for a French social security number with its key."""
    if not _NIR.fullmatch(text):
        return False
    number = int(text[:13].replace("2A", "19").replace("2B", "18"))
    return int(text[13:]) == 97 - number % 97


def is_steuer_id(digits: str) -> bool:
    """Return True for a German tax id: one digit twice or three times among the first ten, and the check digit."""
    if len(digits) != 11 or digits[0] == "0":
        return False
    repeated = [count for count in Counter(digits[:10]).values() if count > 1]
    if repeated not in ([2], [3]):
        return False
    product = 10
    for digit in digits[:10]:
        product = 2 * ((int(digit) + product) % 10 or 10) % 11
    return (11 - product) % 10 == int(digits[10])


def is_cpf(digits: str) -> bool:
    """Return True for a Brazilian taxpayer number whose two check digits fit."""
    if len(digits) != 11 or len(set(digits)) == 1:
        return False
    for length in (9, 10):
        total = sum(int(digit) * (length + 1 - place) for place, digit in enumerate(digits[:length]))
        if total * 10 % 11 % 10 != int(digits[length]):
            return False
    return True


def is_aadhaar(digits: str) -> bool:
    """Return True for an Indian Aadhaar number that passes Verhoeff's check."""
    if len(digits) != 12 or digits[0] in "01":
        return False
    state = 0
    for place, digit in enumerate(reversed(digits)):
        state = int(_VERHOEFF_D[state][int(_VERHOEFF_P[place % 8][int(digit)])])
    return state == 0
