"""Texts that people and programs give."""

from marketplace.core.errors import Invalid


def check_text(value: str, *, field: str, longest: int, needed: bool = True) -> str:
    """Return the text as it is: what a program has written it reads again. Raises Invalid naming the field."""
    if needed and not value.strip():
        raise Invalid("This field is needed.", field=field)
    if len(value) > longest:
        raise Invalid(f"Use at most {longest:,} characters.", field=field)
    if "\x00" in value:
        raise Invalid("A NUL character cannot be stored.", field=field)
    return value
