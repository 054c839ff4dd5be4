"""Settings of `check` in a project's files: what would otherwise be given as options on every run."""

import tomllib
from pathlib import Path
from typing import Any

import click

from responses_tap.errors import UnusableInput

_OWN_FILE, _PROJECT_FILE, _TABLE = "responses-tap.toml", "pyproject.toml", "responses-tap"
_LISTS = ("select", "ignore")
_NAMES = ("profile", "fail-on", "baseline", *_LISTS)


class ConfiguredCommand(click.Command):
    """A command whose options default to the settings of the project in the current folder."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments over the settings; UnusableInput where those can't be used."""
        if not set(args) & set(ctx.help_option_names):
            ctx.default_map = self._checked(ctx, *_nearest_settings(Path.cwd()))
        return super().parse_args(ctx, args)

    def _checked(self, ctx: click.Context, file: Path, settings: dict[str, Any]) -> dict[str, Any]:
        """The settings as defaults by parameter name, each held against the type of its option."""
        from responses_tap_viewer.checking.paths import known_codes

        options = {param.opts[0].removeprefix("--"): param for param in self.params}
        defaults: dict[str, Any] = {}
        for name, value in settings.items():
            texts = _texts(file, name, value)
            option = options[name]
            try:
                converted = [option.type.convert(text, option, ctx) for text in texts]
                if name in _LISTS:
                    known_codes(converted)
            except (click.BadParameter, ValueError) as error:
                why = error.message if isinstance(error, click.BadParameter) else error
                raise UnusableInput(str(file), f"can't be used for the setting {name!r}: {why}") from error
            defaults[option.name or name] = converted if name in _LISTS else converted[0]
        if "baseline" in defaults:
            defaults["baseline"] = str(file.parent / defaults["baseline"])
        return defaults


def _texts(file: Path, name: str, value: object) -> list[str]:
    """The value of a setting, which is one text or, where its option is repeatable, a list of them."""
    if name not in _NAMES:
        raise UnusableInput(str(file), f"has an unknown setting {name!r}; known: {', '.join(_NAMES)}")
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise UnusableInput(str(file), f"needs text for the setting {name!r}")
    if name not in _LISTS and isinstance(value, list):
        raise UnusableInput(str(file), f"needs one text, not a list, for the setting {name!r}")
    return texts


def _nearest_settings(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The settings of `folder` or of the nearest folder above it that has some, and their file."""
    for parent in (folder, *folder.parents):
        own = parent / _OWN_FILE
        if own.is_file():
            return own, _read(own)
        project = parent / _PROJECT_FILE
        if project.is_file():
            tools = _read(project).get("tool")
            if isinstance(tools, dict) and isinstance(table := tools.get(_TABLE), dict):
                return project, table
    return folder, {}


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnusableInput(str(file), f"can't be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise UnusableInput(str(file), f"isn't TOML: {error}") from error
