"""The rules: a list to choose from by words, and the page of the one under the cursor."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from responses_tap.protocol.rules import RULES
from responses_tap.stream.timeline import GLYPHS
from responses_tap_viewer.reports.rule_search import matching
from responses_tap_viewer.tui.detail.rule_lines import rule_lines
from responses_tap_viewer.tui.spans import SEVERITY_ROLES, Line, inline
from responses_tap_viewer.tui.widgets.lines import Chosen, CursorMoved, Lines, SizeChanged
from responses_tap_viewer.tui.widgets.wrapped_text import WrappedText


class RuleList:
    """Rules, one a line."""

    def __init__(self, codes: Sequence[str]) -> None:
        self.codes = codes

    def __len__(self) -> int:
        return len(self.codes)

    def line(self, index: int, width: int) -> Line:
        """One of them."""
        rule = RULES[self.codes[index]]
        return [
            (f"{GLYPHS[rule.severity]} {rule.code} ", SEVERITY_ROLES[rule.severity]),
            (f"{rule.name}  ", "strong"),
            *inline(rule.page().what, "dim"),
        ]


class RulesScreen(ModalScreen[None]):
    """Lists the rules, at first with the cursor on `code`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Close"),
        Binding("tab,down", "app.focus_next", "List", show=False),
    ]

    def __init__(self, code: str = "") -> None:
        super().__init__()
        self._code = code
        self._rules, self._page = Lines(id="rules"), Lines(id="rule-page", cursor=False)

    def compose(self) -> ComposeResult:
        """The words to look for, the rules that have them, the page of one."""
        with Vertical(id="dialog", classes="rules") as dialog:
            dialog.border_title = "Rules"
            dialog.border_subtitle = "Tab next · Esc close"
            yield Input(placeholder="a code, words of a rule's page, or a client's error text", compact=True)
            yield self._rules
            yield self._page

    def on_mount(self) -> None:
        """All of them."""
        codes = sorted(RULES)
        self._rules.open(RuleList(codes), codes.index(self._code) if self._code in RULES else 0)
        self._rules.focus()
        self._show_page()

    def on_input_changed(self, message: Input.Changed) -> None:
        """List the rules that have these words."""
        words = message.value.strip()
        by_code = [code for code in sorted(RULES) if words and code.startswith(words.upper())]
        self._rules.open(RuleList(by_code or (matching(words) if words else sorted(RULES))))
        self._show_page()

    def on_input_submitted(self, _message: Input.Submitted) -> None:
        """To the list."""
        self._rules.focus()

    def on_chosen(self, _message: Chosen) -> None:
        """To the page."""
        self._page.focus()

    def on_cursor_moved(self, message: CursorMoved) -> None:
        """Show the page of another rule."""
        message.stop()
        self._show_page()

    def on_size_changed(self, message: SizeChanged) -> None:
        """Wrap the page for the new width."""
        message.stop()
        self._show_page()

    def _show_page(self) -> None:
        source = self._rules.source
        codes = source.codes if isinstance(source, RuleList) else ()
        code = codes[self._rules.cursor] if codes else ""
        page: list[Line] = rule_lines(code) if code else [[("No rule's page has these words; try fewer.", "dim")]]
        self._page.open(WrappedText(page, self._page.text_width))
