"""What a subscriber answers before the publisher decides, and whom the publisher lets in without deciding.

A question is {"key", "label", "kind", "help", "is_required", "choices"}: key is made here and stays with the question when
it is changed or moved, so that answers can be read by it; choices is empty but for the kind `choice`. A rule is one of
{"kind": "verified_organization"}, {"kind": "email_domain", "value": "example.org"} and
{"kind": "account", "value": "123456789012"}; any one that fits lets the subscriber in.
"""

import re
import secrets
from typing import Any

from marketplace.core.errors import Invalid
from publishers.operations.texts import check_text

#: kind of a question -> what it asks for, in words
KINDS: dict[str, str] = {
    "text": "Short text",
    "long_text": "Long text",
    "choice": "One of several",
    "checkbox": "A statement to agree to",
    "url": "Web address",
    "email": "E-mail address",
    "country": "Country",
}
MOST_QUESTIONS = 20
MOST_CHOICES = 50
LABEL, HELP, CHOICE = 200, 300, 100
MOST_RULES = 100
RULES = ("verified_organization", "email_domain", "account")
_KEY = re.compile(r"[a-z0-9]{8}")
_DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_ACCOUNT = re.compile(r"[1-9][0-9]{11}")


def new_key() -> str:
    """Return the key of a new question."""
    return secrets.token_hex(4)


def check_questions(rows: Any) -> list[dict[str, Any]]:
    """Return questions as they are stored. Raises Invalid, field `questions`, saying which one is wrong and how."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Invalid("Questions are a list of objects.", field="questions")
    if len(rows) > MOST_QUESTIONS:
        raise Invalid(f"Ask at most {MOST_QUESTIONS} questions.", field="questions")
    checked = [_question(row, number) for number, row in enumerate(rows, start=1)]
    keys = [row["key"] for row in checked]
    if len(set(keys)) != len(keys):
        raise Invalid("Two questions have the same key.", field="questions")
    return checked


def _question(row: dict[str, Any], number: int) -> dict[str, Any]:
    label = _line(row.get("label"), number, "The question", LABEL, needed=True)
    kind = row.get("kind", "text")
    if kind not in KINDS:
        raise Invalid(f"Question {number}: choose one of {', '.join(KINDS)}.", field="questions")
    choices = row.get("choices") or []
    if not isinstance(choices, list):
        raise Invalid(f"Question {number}: choices are a list of texts.", field="questions")
    choices = [_line(choice, number, "A choice", CHOICE, needed=True) for choice in choices]
    if kind == "choice" and not 2 <= len(set(choices)) == len(choices) <= MOST_CHOICES:
        raise Invalid(f"Question {number}: give 2 to {MOST_CHOICES} different choices.", field="questions")
    key = row.get("key") or new_key()
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise Invalid(f"Question {number}: a key has 8 of the characters a-z and 0-9.", field="questions")
    return {
        "key": key,
        "label": label,
        "kind": kind,
        "help": _line(row.get("help"), number, "The help", HELP, needed=False),
        "is_required": row.get("is_required") is True,
        "choices": choices if kind == "choice" else [],
    }


def _line(value: Any, number: int, what: str, longest: int, *, needed: bool) -> str:
    text = " ".join(value.split()) if isinstance(value, str) else ""
    try:
        return check_text(text, field="questions", longest=longest, needed=needed)
    except Invalid as error:
        told = "is missing." if needed and not text else f"is wrong. {error.message}"
        raise Invalid(f"Question {number}: {what[0].lower()}{what[1:]} {told}", field="questions") from None


def check_rules(rows: Any) -> list[dict[str, str]]:
    """Return rules as they are stored, none twice. Raises Invalid, field `approval_rules`."""
    if not isinstance(rows, list) or len(rows) > MOST_RULES:
        raise Invalid(f"Rules are a list of at most {MOST_RULES}.", field="approval_rules")
    checked: list[dict[str, str]] = []
    for row in rows:
        rule = _rule(row)
        if rule not in checked:
            checked.append(rule)
    return checked


def _rule(row: Any) -> dict[str, str]:
    kind = row.get("kind") if isinstance(row, dict) else None
    value = row.get("value", "") if isinstance(row, dict) else ""
    if kind == "verified_organization":
        return {"kind": kind}
    value = value.strip().lower().removeprefix("@") if isinstance(value, str) else ""
    if kind == "email_domain":
        if not _DOMAIN.fullmatch(value):
            raise Invalid(f"{value[:60]!r} is not a domain, such as example.org.", field="approval_rules")
        return {"kind": kind, "value": value}
    if kind == "account":
        if not _ACCOUNT.fullmatch(value):
            raise Invalid(f"{value[:60]!r} is not an account id of 12 digits.", field="approval_rules")
        return {"kind": kind, "value": value}
    raise Invalid(f"A rule is one of {', '.join(RULES)}.", field="approval_rules")
