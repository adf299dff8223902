"""Serializers that take what is documented and nothing else: no unknown members, no "5" for 5, no "yes" for true."""

from typing import Any

from django.http import QueryDict
from rest_framework import serializers


class Strict(serializers.Serializer[Any]):
    """The body of a request. A member that is not declared is refused instead of silently dropped."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the checked members."""
        if isinstance(data, dict):
            known = [name for name, field in self.fields.items() if not field.read_only]
            names = ", ".join(known) or "none"
            unknown = [str(name) for name in data if name not in self.fields]
            if unknown:
                raise serializers.ValidationError(
                    {name[:100]: [f"There is no member of this name. Known: {names}."] for name in unknown[:20]}
                )
        return super().to_internal_value(data)


class Query(serializers.Serializer[Any]):
    """The query of a request; its values are text, so the plain fields read them."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the checked parameters; those of a presigned request belong to the signature."""
        unknown = [name for name in data if name not in self.fields and not name.lower().startswith("x-amz-")]
        if unknown:
            names = ", ".join(self.fields) or "none"
            raise serializers.ValidationError(
                {name[:100]: [f"There is no parameter of this name. Known: {names}."] for name in unknown[:20]}
            )
        return super().to_internal_value(data)


class Text(serializers.CharField):
    """Text as JSON has it; whether it may be empty is for the operation to say."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("allow_blank", True)
        super().__init__(trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        """Return the text. Numbers and booleans are refused."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Flag(serializers.BooleanField):
    """true or false, not words or numbers that look like it."""

    def to_internal_value(self, data: Any) -> bool:
        """Return the boolean."""
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Number(serializers.IntegerField):
    """An integer as JSON has it."""

    def to_internal_value(self, data: Any) -> int:
        """Return the integer. Text, booleans and fractions are refused."""
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class Nothing(Strict):
    """A request without members."""


class NoParameters(Query):
    """A query without parameters."""


def read_query(kind: type[Query], query: QueryDict) -> dict[str, Any]:
    """Return the checked parameters. Raises ValidationError; a repeated parameter counts where it is a list."""
    serializer = kind(data=query)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def read_body(kind: type[Strict], data: Any) -> dict[str, Any]:
    """Return the checked members of a body. Raises ValidationError."""
    serializer = kind(data=data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
