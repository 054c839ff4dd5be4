"""Entries of different heights, counted in lines."""

from hypothesis import given
from hypothesis import strategies as st

from responses_tap_viewer.tui.widgets.heights import Heights


@given(st.lists(st.integers(1, 5), max_size=30))
def test_each_line_belongs_to_the_entry_that_it_would_in_a_list_of_lines(heights: list[int]) -> None:
    lines = [(index, part) for index, height in enumerate(heights) for part in range(height)]
    tall = {index: height for index, height in enumerate(heights) if height > 1}
    found = Heights(len(heights), tall)
    assert found.total == len(lines)
    assert [found.at(line) for line in range(found.total)] == lines
    assert [found.top(index) for index in range(len(heights))] == [lines.index((i, 0)) for i in range(len(heights))]
    assert [found.of(index) for index in range(len(heights))] == heights
    assert found.at(found.total) == (len(heights), 0)
