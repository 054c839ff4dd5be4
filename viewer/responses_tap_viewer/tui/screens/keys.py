"""The keys of the main screen; help, the key bar and the command palette read them here."""

from textual.binding import Binding, BindingType

from responses_tap_viewer.tui.detail.pages import TABS

_TABS_HELP = f"Detail: {', '.join(TABS)}"

MAIN_KEYS: list[BindingType] = [
    Binding("tab", "turn_pane(1)", "Next pane", show=False),
    Binding("shift+tab", "turn_pane(-1)", "Previous pane", show=False),
    Binding("escape", "back", "Back", show=False),
    Binding("n", "find(1)", "Finding", tooltip="Next finding, continuing in later streams and from the top"),
    Binding(
        "slash",
        "filter",
        "Search",
        key_display="/",
        tooltip="Filter the streams; search the timeline or page",
    ),
    Binding("colon", "go_to", "Go to", show=False, key_display=":", tooltip="Go to an event, by number or time"),
    Binding("N", "find(-1)", "Previous finding", show=False, tooltip="Previous finding, also in earlier streams"),
    Binding("s", "sort", "Sort", show=False, tooltip="Sort by the next column; a click on a column sorts by it"),
    Binding("S", "reverse", "Reverse", show=False, tooltip="Reverse sort order"),
    Binding("b", "group('shapes')", "Shapes", tooltip="Group by event sequence"),
    Binding("v", "group('conversations')", "Conversations", tooltip="Group by conversation"),
    Binding("d", "turn_fold", "Deltas", tooltip="Expand/collapse deltas"),
    Binding("c", "turn_chunks", "Chunks", show=False, tooltip="Show chunk boundaries"),
    Binding("t", "turn_times", "Times", tooltip="Times since the start, since the previous row, or as time of day"),
    *(
        Binding(str(i), f"turn_to('{tab}')", f"Detail: {tab}", show=False, tooltip=_TABS_HELP)
        for i, tab in enumerate(TABS, 1)
    ),
    Binding("h", "turn_headers", "Headers", show=False, tooltip="Expand/collapse the headers on a page"),
    Binding("plus", "zoom", "Zoom", show=False, key_display="+", tooltip="Zoom the pane, or show all panes again"),
    Binding("m", "mark", "Mark", tooltip="Mark the stream, or remove the mark; = compares with it"),
    Binding("e", "note", "Note", show=False, tooltip="Write a note on the stream"),
    Binding("delete", "delete", "Delete", show=False, tooltip="Delete the stream when the screen closes"),
    Binding("u", "undo", "Undo", show=False, tooltip="Restore the stream that was deleted last"),
    Binding("equals_sign", "compare", "Compare", key_display="=", tooltip="Compare with the marked stream"),
    Binding("x", "export", "Export", tooltip="Write the stream to a file"),
    Binding("y", "copy_page", "Copy", tooltip="Copy what the detail pane shows"),
    Binding("Y", "copy_report", "Copy report", show=False, tooltip="Copy the stream's bug report, as Markdown"),
    Binding("p", "page", "Pager", show=False, tooltip="Open the detail page in $PAGER"),
    Binding("w", "browse", "Browser", show=False, tooltip="Open the stream's report in the web browser"),
    Binding("L", "log", "Output", tooltip="Output of the recorder and its command"),
    Binding("D", "demo", "Demo", show=False, tooltip="Play the demo, when the recording is empty and nothing records"),
    Binding("r", "rules", "Rules", show=False, tooltip="Browse the rules"),
    Binding("z", "replay", "Replay", tooltip="Start/stop replay server"),
]
