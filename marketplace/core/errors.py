"""The five families of refusals; operations raise named subclasses, each interface maps the families once."""


class DomainError(Exception):
    """A refusal with a sentence for the person who asked; `resource_type` and `resource_id` name what it is about."""

    message = "The request cannot be done."

    def __init__(self, resource_type: str = "", resource_id: str = "", message: str = "") -> None:
        self.resource_type = resource_type
        self.resource_id = str(resource_id)
        if message:
            self.message = message
        super().__init__(self.message)

    @property
    def code(self) -> str:
        """Return the class name: a stable word for programs."""
        return type(self).__name__


class NotFound(DomainError):
    """Missing, or somebody else's: the two look the same."""

    message = "There is no such resource in your account."

    def __init__(self, resource_type: str = "", resource_id: str = "", message: str = "") -> None:
        words = resource_type.replace("_", " ").lower() or "resource"
        super().__init__(resource_type, resource_id, message or f"There is no {words} {resource_id} that you can see.")


class Conflict(DomainError):
    """The resource is in a state that does not allow this."""

    message = "The resource is in a state that does not allow this."


class Invalid(DomainError):
    """The input is wrong; `field` names the member or form field, empty when it is about the whole."""

    message = "The input is not valid."

    def __init__(self, message: str = "", *, field: str = "", resource_type: str = "", resource_id: str = "") -> None:
        self.field = field
        super().__init__(resource_type, resource_id, message)


class Denied(DomainError):
    """The caller is known and may not do this."""

    message = "You are not allowed to do this."

    def __init__(self, message: str = "", *, resource_type: str = "", resource_id: str = "") -> None:
        super().__init__(resource_type, resource_id, message)


class LimitExceeded(DomainError):
    """A quota of this installation is used up; `limit_name` is spelled as AWS spells it where AWS has it."""

    message = "A limit is reached."

    def __init__(self, limit_name: str, limit_value: float, message: str = "") -> None:
        self.limit_name = limit_name
        self.limit_value = limit_value
        super().__init__("", "", message or f"The limit {limit_name!r} of {limit_value:g} is reached.")
