"""Answers: each kind of question takes what fits, and says what does not."""

import pytest

from subscriptions.answers import AnswersInvalid, check_answers, digest_of, in_words


def question(kind, *, required=False, **more):
    return {"key": "q", "label": "Question", "kind": kind, "help": "", "is_required": required} | more


def sentence(asked, answer):
    with pytest.raises(AnswersInvalid) as caught:
        check_answers([asked], {"q": answer})
    assert list(caught.value.errors) == ["q"]
    return caught.value.errors["q"]


@pytest.mark.parametrize(
    ("asked", "given", "kept", "words"),
    [
        (question("text"), "  A team ", "A team", "A team"),
        (question("long_text"), "One\r\nTwo", "One\nTwo", "One\nTwo"),
        (question("url"), "https://example.org/a?b=c", "https://example.org/a?b=c", "https://example.org/a?b=c"),
        (question("email"), "a@example.org", "a@example.org", "a@example.org"),
        (question("country"), "CI", "CI", "Côte d'Ivoire"),
        (question("choice", choices=["A", "B"]), "B", "B", "B"),
        (question("checkbox"), True, True, "Yes"),
        (question("checkbox"), False, False, "No"),
        (question("checkbox"), None, False, "No"),
        (question("text"), None, "", ""),
        (question("text"), "x" * 200, "x" * 200, "x" * 200),
        (question("country"), "", "", ""),
    ],
)
def test_what_fits_is_kept_with_the_words_that_were_asked(asked, given, kept, words):
    (row,) = check_answers([asked], {"q": given})
    assert row == {"key": "q", "label": "Question", "kind": asked["kind"], "answer": kept}
    assert in_words(row) == words


@pytest.mark.parametrize(
    ("asked", "given", "part"),
    [
        (question("text", required=True), " ", "Answer this question"),
        (question("text", required=True), None, "Answer this question"),
        (question("text"), "x" * 201, "at most 200"),
        (question("long_text"), "x" * 2001, "at most 2,000"),
        (question("text"), "a\x00b", "NUL"),
        (question("text"), 5, "a text"),
        (question("text"), ["a"], "a text"),
        (question("text"), True, "a text"),
        (question("url"), "javascript:alert(1)", "web address"),
        (question("url"), "ftp://example.org", "web address"),
        (question("url"), "example.org", "web address"),
        (question("email"), "nobody", "e-mail address"),
        (question("country"), "Germany", "Choose a country"),
        (question("country"), "XX", "Choose a country"),
        (question("choice", choices=["A"]), "B", "Choose one"),
        (question("choice"), "A", "Choose one"),
        (question("checkbox", required=True), False, "Tick this"),
        (question("checkbox"), "yes", "true or false"),
    ],
)
def test_what_does_not_fit_is_told_at_the_question(asked, given, part):
    assert part in sentence(asked, given)


def test_every_wrong_answer_is_told_at_once_and_unknown_keys_are_refused():
    asked = [question("text", required=True), question("url") | {"key": "site"}]
    with pytest.raises(AnswersInvalid) as caught:
        check_answers(asked, {"site": "x", "else": "y"})
    assert sorted(caught.value.errors) == ["else", "q", "site"]
    assert caught.value.errors["else"] == "There is no question of this key."


def test_the_digest_follows_every_word_of_a_question():
    first = [question("text")]
    assert digest_of(first) == digest_of([dict(reversed(list(first[0].items())))])
    for change in ({"label": "Other"}, {"help": "Say more"}, {"is_required": True}, {"kind": "url"}):
        assert digest_of([first[0] | change]) != digest_of(first)
