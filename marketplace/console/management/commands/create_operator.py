"""Make somebody an operator of this installation; who has no account yet gets one. Prints one JSON object."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from marketplace.core.actors import SYSTEM
from marketplace.core.errors import DomainError
from marketplace.core.models import Membership, User
from marketplace.core.operations.organizations import create_organization, create_user
from marketplace.core.operations.users import make_operator


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="e-mail address that the operator signs in with")
        parser.add_argument(
            "--organization",
            default="Operators",
            help="organization that somebody without one gets (default: Operators)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        at = timezone.now()
        try:
            with transaction.atomic():
                user = User.objects.filter(email=options["email"].strip().lower()).first()
                password = ""
                if user is None:
                    user, password = create_user(email=options["email"])
                if not Membership.objects.filter(user=user).exists():
                    create_organization(name=options["organization"], owner=user, actor=SYSTEM, at=at)
                make_operator(user=user, actor=SYSTEM, at=at)
        except DomainError as error:
            raise CommandError(error.message) from None
        # The password of an account that was there already is its owner's.
        answer = {"user_email": user.email} | ({"password": password} if password else {})
        self.stdout.write(json.dumps(answer))
