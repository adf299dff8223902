"""Create an organization with its owner, an API token and an access key; print them as one JSON object."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from marketplace.core import scopes
from marketplace.core.actors import SYSTEM
from marketplace.core.errors import DomainError
from marketplace.core.operations.credentials import create_access_key, create_api_token
from marketplace.core.operations.organizations import create_organization, create_user


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="name of the organization")
        parser.add_argument("--email", required=True, help="e-mail address that its owner signs in with")

    def handle(self, *args: Any, **options: Any) -> None:
        at = timezone.now()
        try:
            with transaction.atomic():
                user, password = create_user(email=options["email"])
                membership = create_organization(name=options["name"], owner=user, actor=SYSTEM, at=at)
                _, token = create_api_token(
                    membership=membership, name="First token", wanted_scopes=sorted(scopes.ALL), actor=SYSTEM, at=at
                )
                key, secret = create_access_key(membership=membership, name="First key", actor=SYSTEM, at=at)
        except DomainError as error:
            raise CommandError(error.message) from None
        answer = {
            "account_id": membership.organization.account_id,
            "user_email": user.email,
            "password": password,
            "api_token": token,
            "access_key_id": key.access_key_id,
            "secret_access_key": secret,
        }
        self.stdout.write(json.dumps(answer))
