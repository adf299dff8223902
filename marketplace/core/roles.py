"""What roles mean in words, and who may give which."""

from marketplace.core.models import Role

#: role -> (what it can do, what it cannot)
ROLE_WORDS: dict[str, tuple[str, str]] = {
    Role.OWNER: ("Can do everything, and hand the organization to somebody else.", ""),
    Role.ADMIN: (
        "Can publish, subscribe, make keys, invite members and read the audit log.",
        "Cannot change or remove owners.",
    ),
    Role.PUBLISHER: (
        "Can make data sets, revisions and products, and set up webhooks.",
        "Cannot subscribe, read the data of others or make keys.",
    ),
    Role.SUBSCRIBER: (
        "Can subscribe, read and export data, connect buckets, and set up webhooks.",
        "Cannot publish or make keys.",
    ),
    Role.BILLING: (
        "Can see products, subscriptions and deliveries.",
        "Cannot change anything or read the data itself.",
    ),
    Role.VIEWER: (
        "Can see products, subscriptions and deliveries.",
        "Cannot change anything or read the data itself.",
    ),
}
_GIVES: dict[str, frozenset[str]] = {
    Role.OWNER: frozenset(Role.values),
    Role.ADMIN: frozenset(Role.values) - {Role.OWNER},
}


def given_by(role: str) -> list[Role]:
    """Return the roles that a member of a role may give and take away, from the highest."""
    return [each for each in Role if each.value in _GIVES.get(role, frozenset())]
