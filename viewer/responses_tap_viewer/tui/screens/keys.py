"""The keys of the main screen; help, the key bar and the command palette read them here."""

from textual.binding import Binding, BindingType

from responses_tap_viewer.tui.detail.pages import TABS

_TABS_HELP = f"Detail: {', '.join(TABS)}"

MAIN_KEYS: list[BindingType] = [
    Binding("tab", "turn_pane(1)", "Next pane", show=False),
    Binding("shift+tab", "turn_pane(-1)", "Previous pane", show=False),
    Binding("escape", "back", "Back to the pane before", show=False),
    Binding("n", "find(1)", "Finding", tooltip="Next finding, on into later streams and round"),
    Binding(
        "slash", "filter", "Search", key_display="/", tooltip="Filter the streams; search the timeline or the page"
    ),
    Binding("colon", "go_to", "Go to", show=False, key_display=":", tooltip="Go to an event, by number or time"),
    Binding("N", "find(-1)", "Finding before", show=False, tooltip="Previous finding, in earlier streams, too"),
    Binding("s", "sort", "Sort", show=False, tooltip="Sort the streams by the next column, as a click on it does"),
    Binding("S", "reverse", "Reverse", show=False, tooltip="Turn the order of the streams round"),
    Binding("b", "group", "Shapes", tooltip="Put streams with the same sequence of events together"),
    Binding("d", "turn_fold", "Unfold", tooltip="Unfold the runs of deltas, or fold them"),
    Binding("c", "turn_chunks", "Chunks", show=False, tooltip="Show in which chunks the events came"),
    Binding("t", "turn_times", "Times", tooltip="Times: since the start, the row before, clock"),
    *(
        Binding(str(i), f"turn_to('{tab}')", f"Detail: {tab}", show=False, tooltip=_TABS_HELP)
        for i, tab in enumerate(TABS, 1)
    ),
    Binding("m", "mark", "Mark", tooltip="Mark the stream, to compare others with it"),
    Binding("equals_sign", "compare", "Compare", key_display="=", tooltip="Compare with the marked stream"),
    Binding("x", "export", "Export", tooltip="Write the stream to a file"),
    Binding("y", "copy_page", "Copy", tooltip="Copy what the detail pane shows"),
    Binding("Y", "copy_report", "Copy report", show=False, tooltip="Copy the stream's bug report, as Markdown"),
    Binding("L", "log", "Output", tooltip="What the recorder and its command have printed"),
    Binding("D", "demo", "Demo", show=False, tooltip="Play the demo, while there is no stream to look at"),
    Binding("r", "rules", "Rules", show=False, tooltip="Look through the rules"),
    Binding("z", "replay", "Replay", tooltip="Serve the stream to any client, or stop that"),
]
