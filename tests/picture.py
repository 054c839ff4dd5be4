"""Draws the README's pictures: the terminal UI with the demo's recording, as the program itself shows it.

uv run python tests/picture.py
"""

import asyncio
import re
import tempfile
from pathlib import Path

from textual.pilot import Pilot

from responses_tap_viewer.actions.recording.samples import record_samples
from responses_tap_viewer.tui.app import TapApp

FOLDER = Path(__file__).parents[1] / "viewer"
_SIZE = (150, 38)
PICTURES = {
    # The seed's stream, at its missing done event.
    "view.svg": (("n", "n"), "MD301 text-done-missing  error"),
    # The same next to a correct one.
    "compare.svg": (("escape", "home", "m", "down", "equals_sign", "n", "n"), "A sends response.output_text.done here"),
}
"""What each picture shows: the keys that lead there, and the text to wait for."""


async def draw(db: Path, keys: tuple[str, ...], shows: str) -> str:
    """The UI after these keys."""
    app = TapApp(db)
    async with app.run_test(size=_SIZE) as pilot:
        await _until(pilot, "6 streams", "Stream 2", "NS201 item-not-opened  error")
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.5)
        await _until(pilot, shows)
        await pilot.pause(1)
        return app.export_screenshot(title="responses-tap view")


async def _until(pilot: Pilot[str], *texts: str) -> None:
    while not all(text in "\n".join(s.text for s in pilot.app.screen._compositor.render_strips()) for text in texts):
        await pilot.pause(0.1)


def main() -> None:
    """Record the samples and draw."""
    with tempfile.TemporaryDirectory() as folder:
        db = Path(folder) / "demo.db"
        record_samples(db)
        for name, (keys, shows) in PICTURES.items():
            svg = asyncio.run(draw(db, keys, shows))
            # A picture should not fetch fonts from the network: the reader's own monospace font will do.
            svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
            (FOLDER / name).write_text(re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE))


if __name__ == "__main__":
    main()
