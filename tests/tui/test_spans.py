"""Texts of any kind in lines of a given width."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from responses_tap.escaping import printable
from responses_tap_viewer.tui.spans import Line, clip, fit, wrap

TEXTS = st.text(st.characters() | st.sampled_from("  ab漢\u0301\u200d\ufe0f👩\x1b\u202e"), max_size=80)
WIDTHS = st.integers(4, 30)


def joined(line: Line) -> str:
    return "".join(text for text, _ in line)


@given(TEXTS, TEXTS, WIDTHS)
def test_wrapped_lines_hold_the_whole_text_and_fit(first: str, second: str, width: int) -> None:
    lines = list(wrap([("ab", "label"), (first, "plain"), (second, "string")], width))
    assert all(cell_len(joined(line)) <= width for line in lines)
    hang = min(2, width // 2)
    text = joined(lines[0]) + "".join(joined(line)[hang:] for line in lines[1:])
    assert text == "ab" + printable(first) + printable(second)


@given(TEXTS, WIDTHS, st.booleans())
def test_a_fitted_text_is_exactly_as_wide_as_its_column(text: str, width: int, right: bool) -> None:
    assert cell_len(fit(text, width, right=right)) == width


@given(TEXTS, TEXTS, WIDTHS)
def test_a_clipped_line_is_no_wider_than_asked_for(first: str, second: str, width: int) -> None:
    assert cell_len(joined(clip([(first, "plain"), (second, "dim")], width))) <= width


def test_words_stay_whole_and_hang_behind_their_label() -> None:
    lines = wrap([("Fix  ", "label"), ("send the event before anything else", "plain")], 20)
    assert [joined(line) for line in lines] == ["Fix  send the event ", "     before ", "     anything else"]
