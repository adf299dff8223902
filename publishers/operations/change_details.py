"""Read the details of a change: what may stand in them, and what they say. What is wrong is told as a ChangeRefused."""

from typing import Any

from marketplace.core.errors import Invalid

#: member of UpdateInformation -> field of a product
TEXTS = {
    "ProductTitle": "name",
    "ShortDescription": "short_description",
    "LongDescription": "description",
    "SupportDescription": "support_contact",
    "UpdateFrequency": "update_frequency",
    "Coverage": "coverage",
    "Licence": "licence",
    "SourceUrl": "source_url",
}


class ChangeRefused(Invalid):
    """A change that is wrong; `error_code` is AWS's word for it."""

    def __init__(self, error_code: str, message: str) -> None:
        self.error_code = error_code
        super().__init__(message)


def only(details: dict[str, Any], *members: str) -> None:
    """Refuse members that are not known."""
    unknown = sorted(set(details) - set(members))
    if unknown:
        known = f"known are {', '.join(members)}" if members else "there are none"
        raise ChangeRefused("INVALID_INPUT", f"Details have no members {', '.join(unknown)[:500]}; {known}.")


def text_of(details: Any, member: str) -> str:
    """Return a member that has to be a text, empty where it is left out."""
    value = details.get(member, "") if isinstance(details, dict) else None
    if not isinstance(value, str):
        raise ChangeRefused("INVALID_INPUT", f"{member} must be a text.")
    return value


def entries_of(details: dict[str, Any], member: str) -> list[dict[str, Any]]:
    """Return a member that has to be a list of objects, one at least."""
    value = details.get(member)
    if not isinstance(value, list) or not value or not all(isinstance(entry, dict) for entry in value):
        raise ChangeRefused("INVALID_INPUT", f"{member} must be a list of one object or more.")
    return value


def information_of(details: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a product that the document of UpdateInformation or CreateProduct gives."""
    only(details, *TEXTS, "Categories", "Dictionary")
    found: dict[str, Any] = {
        field_name: text_of(details, member) for member, field_name in TEXTS.items() if member in details
    }
    if "Categories" in details:
        categories = details["Categories"]
        if not isinstance(categories, list) or len(categories) != 1 or not isinstance(categories[0], str):
            raise ChangeRefused("INVALID_INPUT", "Categories must be a list of one category.")
        found["category"] = categories[0]
    if "Dictionary" in details:
        rows = details["Dictionary"]
        if not isinstance(rows, list):
            raise ChangeRefused("INVALID_INPUT", "Dictionary must be a list of objects with Column, Type and Meaning.")
        found["dictionary"] = [
            {name.lower(): text_of(row, name) for name in ("Column", "Type", "Meaning")} for row in rows
        ]
    return found


def terms_of(details: dict[str, Any]) -> str:
    """Return the text of the document of UpdateLegalTerms.

    AWS takes the address of a document or the version of a contract of its own; here the text itself is given, which is
    what subscribers accept, and which therefore may not change behind an address.
    """
    only(details, "Terms")
    form = '{"Terms": [{"Type": "LegalTerm", "Documents": [{"Type": "CustomDsa", "Content": "The text."}]}]}'
    wrong = ChangeRefused("INVALID_INPUT", f"Give the text of one document: {form}")
    terms = entries_of(details, "Terms")
    if len(terms) != 1 or terms[0].get("Type") != "LegalTerm":
        raise wrong
    documents = terms[0].get("Documents")
    if not isinstance(documents, list) or len(documents) != 1 or not isinstance(documents[0], dict):
        raise wrong
    content = text_of(documents[0], "Content")
    if documents[0].get("Type") not in {"CustomDsa", "CustomEula"} or not content.strip():
        raise wrong
    return content
