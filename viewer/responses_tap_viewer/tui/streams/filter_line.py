"""The line below the list of streams in which a filter is written."""

from collections.abc import Callable, Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Static

from responses_tap.escaping import printable
from responses_tap.stream.filters import FIELDS, Filter, FilterError, parse
from responses_tap.stream.timeline import MISSING
from responses_tap_viewer.tui.streams.filter_completion import OPERATORS, completions, last_term
from responses_tap_viewer.tui.summary import Summary

type KnownSummaries = Callable[[], Iterable[Summary]]
"""What gives the streams whose values a filter may name."""


class FilterLine(Vertical):
    """Reports the filter at each key, or shows what is wrong with it; enter keeps it, escape clears it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear", "Clear the filter", show=False),
        Binding("tab", "complete", "Accept the completion", show=False),
        Binding("up", "recall(-1)", "Previous filter", show=False),
        Binding("down", "recall(1)", "Next filter", show=False),
    ]

    class Changed(Message):
        """Another filter is written there."""

        def __init__(self, wanted: Filter) -> None:
            super().__init__()
            self.wanted = wanted

    class Closed(Message):
        """The user is done with the filter."""

    def __init__(self, summaries: KnownSummaries) -> None:
        super().__init__(id="filter")
        self._summaries = summaries
        self._input = Input(
            placeholder="model:gpt* errors>0 code:MD* -state:completed word",
            compact=True,
            suggester=_Suggester(summaries),
        )
        self._hint = Static(id="filter-hint")
        self._is_wrong = False
        self._read = ""
        """The last text that could be read."""
        self._history: list[str] = []
        """The filters that were kept, the last one last."""
        self._recalled = 0
        """Which of them is shown; their number where none is."""

    def compose(self) -> ComposeResult:
        """The line, and one for completions or for what is wrong."""
        yield self._input
        yield self._hint

    def on_mount(self) -> None:
        """Out of sight until it is asked for."""
        self.display = self._hint.display = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing is written there."""
        return not self._input.value

    def open(self) -> None:
        """Let the user write."""
        self.display = True
        self._recalled = len(self._history)
        self.screen.set_focus(self._input)  # at once: what is typed next is for it

    def action_clear(self) -> None:
        """Take the filter away, and go."""
        self.clear()
        self.post_message(self.Closed())

    def clear(self) -> None:
        """Take the filter away."""
        self._input.value = ""
        self.display = False

    def action_complete(self) -> None:
        """Write what is proposed."""
        if proposed := completions(self._input.value, self._summaries()):
            self._write(proposed[0])

    def action_recall(self, step: int) -> None:
        """Write a filter that was kept before."""
        self._recalled = max(0, min(self._recalled + step, len(self._history)))
        self._write((*self._history, "")[self._recalled])

    def _write(self, text: str) -> None:
        self._input.value = text
        self._input.cursor_position = len(text)

    def on_input_changed(self, message: Input.Changed) -> None:
        """Read what is written now; while it cannot be read, the filter before stays, but for the name of a field."""
        message.stop()
        trouble = ""
        try:
            wanted = parse(message.value)
        except FilterError as error:
            trouble = f"{MISSING} {printable(str(error))}"
            self._withdraw_name(message.value)
        else:
            self._read = message.value
            self.post_message(self.Changed(wanted))
        self._is_wrong = bool(trouble)
        proposed = completions(message.value, self._summaries())
        terms = "  ".join(printable(text[last_term(message.value) :]) for text in proposed)
        parts = [(f" {trouble} ", "$text-error")] if trouble else []
        self._hint.update(Content.assemble(*parts, (f" {terms}", "$text-muted")))
        self._hint.display = bool(trouble or proposed)

    def _withdraw_name(self, text: str) -> None:
        """Take out of the filter what was searched for as a word, and is a field's name, as its operator shows."""
        term = self._read[last_term(self._read) :]
        goes_on = text[len(self._read) :] if text.startswith(self._read) else ""
        if term.removeprefix("-") in FIELDS and goes_on.startswith(OPERATORS):
            self._read = self._read[: -len(term)]
            self.post_message(self.Changed(parse(self._read)))

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Keep the filter, and go; not while it cannot be read."""
        message.stop()
        if not self._is_wrong:
            if message.value:
                self._history = [*(text for text in self._history if text != message.value), message.value]
            self.display = False
            self.post_message(self.Closed())


class _Suggester(Suggester):
    """Proposes the first completion behind the cursor; the right arrow takes it."""

    def __init__(self, summaries: KnownSummaries) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._summaries = summaries

    async def get_suggestion(self, value: str) -> str | None:
        """The first completion of the text."""
        fitting = (text for text in completions(value, self._summaries()) if text.startswith(value))
        return next(fitting, None)
