"""Answers to a publisher's questions: checked by the kind of each question, kept with the words that were asked."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator, URLValidator

from marketplace.core.countries import COUNTRIES
from marketplace.core.errors import Invalid

#: kind of question -> most characters of its answer
LONGEST = {"text": 200, "long_text": 2000, "choice": 200, "url": 200, "email": 254, "country": 2}
_MOST_NAMED = 20
_is_url = URLValidator(schemes=["http", "https"])
_is_email = EmailValidator()


class AnswersInvalid(Invalid):
    """Some answers are wrong; `errors` has a sentence for each key."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        self.errors = dict(errors)
        super().__init__("Some answers need your attention.", field="answers")


def digest_of(questions: Sequence[Mapping[str, Any]]) -> str:
    """Return what changes when a question does; a form carries it, so that nobody answers what they did not read."""
    text = json.dumps(list(questions), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def check_answers(questions: Sequence[Mapping[str, Any]], answers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return [{"key", "label", "kind", "answer"}] in the order of the questions; a tick is a boolean, the rest is text.

    questions: as Product.questions. answers: key -> answer; an optional question may be left out. Raises AnswersInvalid.
    """
    known = {question["key"] for question in questions}
    unknown = [str(key)[:100] for key in answers if key not in known][:_MOST_NAMED]
    errors = dict.fromkeys(unknown, "There is no question of this key.")
    rows = []
    for question in questions:
        try:
            answer = _checked(question, answers.get(question["key"]))
        except ValueError as error:
            errors[question["key"]] = str(error)
            continue
        rows.append({name: question[name] for name in ("key", "label", "kind")} | {"answer": answer})
    if errors:
        raise AnswersInvalid(errors)
    return rows


def _checked(question: Mapping[str, Any], given: Any) -> str | bool:
    kind, is_required = question["kind"], bool(question.get("is_required"))
    if kind == "checkbox":
        if given not in (None, True, False):
            raise ValueError("Answer true or false.")
        if is_required and not given:
            raise ValueError("Tick this to go on.")
        return bool(given)
    if given is not None and not isinstance(given, str):
        raise ValueError("Answer with a text.")
    answer = (given or "").strip().replace("\r\n", "\n")
    if not answer:
        if is_required:
            raise ValueError("Answer this question.")
        return ""
    if "\x00" in answer:
        raise ValueError("A NUL character cannot be stored.")
    if kind == "country" and answer not in COUNTRIES:
        raise ValueError("Choose a country, by its two letters as in ISO 3166.")
    if kind == "choice" and answer not in question.get("choices", []):
        raise ValueError("Choose one of the answers.")
    if len(answer) > LONGEST[kind]:
        raise ValueError(f"Use at most {LONGEST[kind]:,} characters.")
    try:
        if kind == "url":
            _is_url(answer)
        elif kind == "email":
            _is_email(answer)
    except ValidationError:
        shape = "a web address such as https://example.org" if kind == "url" else "an e-mail address"
        raise ValueError(f"Give {shape}.") from None
    return answer


def in_words(row: Mapping[str, Any]) -> str:
    """Return the answer of a row of `check_answers` as a person reads it; empty when nothing was answered."""
    answer = row.get("answer", "")
    if isinstance(answer, bool):
        return "Yes" if answer else "No"
    return COUNTRIES.get(str(answer), str(answer)) if row.get("kind") == "country" else str(answer)
