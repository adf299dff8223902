"""The layers: imports are checked by import-linter; here what it cannot see, foreign keys, routes and tasks by name."""

import re
from importlib import import_module

import pytest
from django.apps import apps
from django.conf import settings

from marketplace.core import work
from marketplace.core.models import WorkItem

#: label -> height; a foreign key points to the same height or lower
LAYERS = {"core": 0, "publishers": 1, "subscriptions": 2, "jobs": 3, "dataapi": 4, "console": 5, "storefront": 5}
OURS = sorted(LAYERS)
#: tasks by the prefix of their name
OWNERS = {"core": "marketplace.core", "publishers": "publishers", "subscriptions": "subscriptions", "jobs": "jobs"}
OWNERS["storefront"] = "marketplace.storefront"  # reads the catalogue's addresses, which only the storefront knows


def our_models():
    return [m for m in apps.get_models(include_auto_created=True) if m._meta.app_label in LAYERS]


def relations(model):
    return [f for f in model._meta.get_fields() if f.is_relation and f.concrete and f.related_model is not None]


def test_every_application_of_ours_has_a_layer():
    ours = {c.label for c in apps.get_app_configs() if not c.name.startswith(("django.", "allauth"))}
    others = {"csp", "django_cotton", "drf_spectacular", "pgtrigger", "rest_framework", "storages"}
    assert ours - others == set(LAYERS)


def test_foreign_keys_point_to_the_same_layer_or_a_lower_one():
    upwards = [
        f"{model._meta.label}.{field.name} -> {field.related_model._meta.label}"
        for model in our_models()
        for field in relations(model)
        if LAYERS.get(field.related_model._meta.app_label, -1) > LAYERS[model._meta.app_label]
    ]
    assert upwards == []
    assert sum(len(relations(model)) for model in our_models()) > 30  # the walk did find them


def test_no_model_orders_rows_by_itself():
    assert [m._meta.label for m in our_models() if m._meta.ordering] == []


def test_every_route_and_schedule_names_a_registered_task():
    routed = {task for tasks in settings.EVENT_ROUTES.values() for task in tasks}
    assert (routed | set(settings.SCHEDULE)) - set(work._tasks) == set()


@pytest.mark.parametrize("name", sorted(n for n in work._tasks if not n.startswith("test.")))
def test_a_task_lives_in_the_application_that_its_name_says(name):
    found = work._tasks[name]
    assert found.run.__module__ == f"{OWNERS[name.split('.')[0]]}.tasks"
    assert getattr(import_module(found.run.__module__), found.run.__name__) is found.run


def test_every_task_is_reached_by_a_route_a_schedule_or_an_operation():
    from tests.parts import ROOT

    routed = {task for tasks in settings.EVENT_ROUTES.values() for task in tasks} | set(settings.SCHEDULE)
    sources = "".join(
        path.read_text()
        for folder in ("marketplace", "publishers", "subscriptions", "jobs", "dataapi")
        for path in (ROOT / folder).rglob("*.py")
        if path.name not in {"tasks.py", "main.py"}
    )
    enqueues = lambda name: re.search(rf'enqueue(_many)?\(\s*"{re.escape(name)}"', sources)  # noqa: E731
    lost = [n for n in work._tasks if n not in routed and not n.startswith("test.") and not enqueues(n)]
    assert lost == []


def test_every_published_event_is_routed_or_known_to_be_for_listeners_only():
    import re

    from tests.parts import ROOT

    published: set[str] = set()
    for folder in ("marketplace", "publishers", "subscriptions", "jobs", "dataapi"):
        for path in (ROOT / folder).rglob("*.py"):
            published |= set(re.findall(r'publish_on_commit\(\s*"([a-z_.]+)"', path.read_text()))
    assert set(settings.EVENT_ROUTES) - published == set()


@pytest.mark.django_db
def test_every_row_that_real_operations_enqueue_names_a_registered_task(agreement, finalized_revision):
    names = set(WorkItem.objects.values_list("task", flat=True))
    assert names >= {"publishers.publish_revision", "publishers.index_product"}
    assert names - set(work._tasks) == set()
