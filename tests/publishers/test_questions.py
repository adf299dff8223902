"""Questions to subscribers and rules of approval: the shape in which they are stored."""

import pytest

from marketplace.core.errors import Invalid
from publishers.operations.questions import MOST_QUESTIONS, check_questions, check_rules

WHOLE = {
    "key": "0a1b2c3d",
    "label": "What will you use it for?",
    "kind": "choice",
    "help": "In a word.",
    "is_required": True,
    "choices": ["Research", "Trading"],
}


def test_a_question_is_kept_as_it_was_asked_under_a_key_of_its_own():
    assert check_questions([WHOLE]) == [WHOLE]
    (made,) = check_questions([{"label": "  Who\nare you? "}])
    assert len(made.pop("key")) == 8
    assert made == {"label": "Who are you?", "kind": "text", "help": "", "is_required": False, "choices": []}
    assert check_questions([WHOLE | {"kind": "text"}])[0]["choices"] == []


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ("text", "a list"),
        ([1], "a list"),
        ([{"label": ""}], "Question 1: the question is missing"),
        ([WHOLE, {"label": "x" * 201}], "Question 2: the question is wrong. Use at most 200"),
        ([WHOLE | {"kind": "password"}], "choose one of"),
        ([WHOLE | {"choices": ["One"]}], "2 to 50 different choices"),
        ([WHOLE | {"choices": ["One", "One"]}], "2 to 50 different choices"),
        ([WHOLE | {"choices": "One"}], "a list of texts"),
        ([WHOLE | {"choices": ["One", ""]}], "a choice is missing"),
        ([WHOLE | {"help": "x" * 301}], "the help is wrong"),
        ([WHOLE | {"key": "../../.."}], "a key has 8"),
        ([WHOLE, WHOLE], "the same key"),
        ([WHOLE | {"label": "a\x00b"}], "NUL"),
        ([{"label": "x"}] * (MOST_QUESTIONS + 1), "at most 20"),
    ],
)
def test_a_wrong_question_is_named(rows, sentence):
    with pytest.raises(Invalid, match=sentence) as caught:
        check_questions(rows)
    assert caught.value.field == "questions"


def test_rules_are_kept_once_and_in_one_spelling():
    rules = [
        {"kind": "verified_organization", "value": "ignored"},
        {"kind": "email_domain", "value": " @Example.ORG "},
        {"kind": "email_domain", "value": "example.org"},
        {"kind": "account", "value": "123456789012"},
    ]
    assert check_rules(rules) == [
        {"kind": "verified_organization"},
        {"kind": "email_domain", "value": "example.org"},
        {"kind": "account", "value": "123456789012"},
    ]


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "everybody"},
        {"kind": "email_domain", "value": "org"},
        {"kind": "email_domain", "value": "exa mple.org"},
        {"kind": "email_domain", "value": "a@b.org"},
        {"kind": "email_domain", "value": "-a.org"},
        {"kind": "email_domain"},
        {"kind": "account", "value": "012345678901"},
        {"kind": "account", "value": "12345"},
        {"kind": "account", "value": 123456789012},
        "account",
    ],
)
def test_a_rule_that_fits_nobody_is_refused(rule):
    with pytest.raises(Invalid) as caught:
        check_rules([rule])
    assert caught.value.field == "approval_rules"
