"""Key patterns of exports, as AWS Data Exchange documents them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from jobs import key_patterns
from jobs.key_patterns import KeyPatternRefused

AT = datetime(2026, 3, 7, 4, 5, 6, 789_999, tzinfo=UTC)
VALUES = {"asset_id": "a" * 32, "asset_name": "dir/file 1.csv", "revision_id": "b" * 32, "created_at": AT}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("Asset.Id", "a" * 32),
        ("Asset.Name", "dir/file 1.csv"),
        ("Revision.Id", "b" * 32),
        ("Revision.CreatedAt", "2026-03-07T04:05:06.789Z"),
        ("Revision.CreatedAt.Day", "07"),
        ("Revision.CreatedAt.Month", "03"),
        ("Revision.CreatedAt.Year", "2026"),
    ],
)
def test_each_variable_has_its_value(variable, value):
    pattern = key_patterns.check(f"x/${{{variable}}}/${{Asset.Name}}")
    assert key_patterns.render(pattern, **VALUES) == f"x/{value}/dir/file 1.csv"


def test_the_variables_are_those_that_are_documented():
    assert set(key_patterns.VARIABLES) == {
        "Asset.Id",
        "Asset.Name",
        "Revision.Id",
        "Revision.CreatedAt",
        "Revision.CreatedAt.Day",
        "Revision.CreatedAt.Month",
        "Revision.CreatedAt.Year",
    }


def test_the_defaults_are_those_that_are_documented():
    assert key_patterns.DEFAULT_FOR_JOBS == "${Asset.Name}"
    assert key_patterns.DEFAULT_FOR_EVENT_ACTIONS == "${Revision.CreatedAt}/${Asset.Name}"
    for pattern in (key_patterns.DEFAULT_FOR_JOBS, key_patterns.DEFAULT_FOR_EVENT_ACTIONS):
        assert key_patterns.check(pattern) == pattern


def test_times_are_told_in_utc_whatever_zone_they_came_in():
    local = AT.astimezone(timezone(timedelta(hours=-8)))
    assert key_patterns.render("${Revision.CreatedAt.Day}", **VALUES | {"created_at": local}) == "07"
    assert key_patterns.timestamp(local) == "2026-03-07T04:05:06.789Z"


def test_the_same_object_always_gets_the_same_key():
    pattern = "${Revision.CreatedAt}/${Asset.Id}-${Asset.Name}"
    assert len({key_patterns.render(pattern, **VALUES) for _ in range(10)}) == 1


def test_a_name_that_looks_like_a_variable_stays_as_it_is():
    assert key_patterns.render("${Asset.Name}", **VALUES | {"asset_name": "${Asset.Id}"}) == "${Asset.Id}"


@pytest.mark.parametrize(
    "pattern", ["a/$b/${Asset.Name}", "${Asset.Id}.csv", "  ${Asset.Name} ", "..a/b../.c/${Asset.Name}"]
)
def test_a_usable_pattern_is_accepted(pattern):
    assert key_patterns.check(pattern) == pattern.strip()


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "   ",
        "data/all.csv",
        "${Revision.Id}",
        "${Revision.CreatedAt}/data.csv",
        "Asset.Name",
        "{Asset.Name}",
        "${asset.name}",
        "${Asset.Name}/${Asset.Size}",
        "${Asset.Name}${",
        "${Asset.Name}/${}",
        "${Asset.Name",
        "${${Asset.Name}}",
        "/${Asset.Name}",
        "a//${Asset.Name}",
        "${Asset.Name}/",
        "../${Asset.Name}",
        "a/../../${Asset.Name}",
        "./${Asset.Name}",
        "${Asset.Id}/..",
        "a\x00/${Asset.Name}",
        "a\n/${Asset.Name}",
        "a\x7f/${Asset.Name}",
        "x" * 1012 + "${Asset.Name}",
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused(pattern):
    with pytest.raises(KeyPatternRefused) as caught:
        key_patterns.check(pattern)
    assert caught.value.field == "key_pattern"


def test_the_longest_pattern_is_accepted():
    assert len(key_patterns.check("x" * 1011 + "${Asset.Name}")) == 1024
