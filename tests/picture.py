"""Draws the README's picture: the terminal UI on the demo's recording, as the program itself shows it.

uv run python tests/picture.py
"""

import asyncio
import re
import tempfile
from pathlib import Path

from responses_tap_viewer.demo import record_samples
from responses_tap_viewer.tui.app import TapApp

PICTURE = Path(__file__).parents[1] / "viewer/view.svg"
_SIZE = (150, 38)


async def draw(db: Path) -> str:
    """The UI after a few keys: the seed's stream, at its missing done event."""
    app = TapApp(db, export=lambda _id, _format: "")
    async with app.run_test(size=_SIZE) as pilot:
        await pilot.pause(1)
        await pilot.press("home", "down", "enter", "n", "n", "n")
        await pilot.pause(1)
        return app.export_screenshot(title="responses-tap view")


def main() -> None:
    """Record the samples and draw."""
    with tempfile.TemporaryDirectory() as folder:
        db = Path(folder) / "demo.db"
        record_samples(db)
        svg = asyncio.run(draw(db))
    # A picture should not fetch fonts from the network: the reader's own monospace font will do.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    PICTURE.write_text(re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE))


if __name__ == "__main__":
    main()
