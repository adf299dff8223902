"""Charts: round marks on the axis, and whole ones for what is counted."""

import pytest

from marketplace.core.drawing import area, ticks


@pytest.mark.parametrize(
    ("low", "high", "whole", "expected"),
    [
        (0, 1, False, [0, 0.25, 0.5, 0.75, 1]),
        (0, 1, True, [0, 1]),
        (0, 3, True, [0, 1, 2, 3]),
        (0, 9, True, [0, 5, 10]),
        (0, 10, False, [0, 2.5, 5, 7.5, 10]),
        (0, 1000, True, [0, 250, 500, 750, 1000]),
        (-2, 3, False, [-2, 0, 2, 4]),
        (0, 0, True, [0, 1]),
    ],
)
def test_marks_are_round_and_hold_the_values(low, high, whole, expected):
    assert ticks(low, high, whole=whole) == expected


def test_counts_are_written_whole_and_measures_with_a_decimal():
    assert "1,200 kg" in area([0, 1200], ["a", "b"], " kg", "Sent", "")
    assert "0.5 kg" in area([0, 0.5], ["a", "b"], " kg", "Sent", "")
