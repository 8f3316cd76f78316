"""Write the generated part of the reference pages anew: all that follows the marker line.

Run it after a setting, a key, a command, a message or a public name has changed: ``.venv/bin/python docs/reference/update.py``.
"""

from collections.abc import Callable
from pathlib import Path

from command_pages import commands_markdown
from message_pages import messages_markdown
from name_pages import names_markdown

from beamloom.pipeline_file import markdown
from beamloom.settings import settings_markdown

MARKER = "<!-- What follows is written by docs/reference/update.py. -->\n"
PAGES: dict[str, Callable[[], str]] = {
    "api.md": names_markdown,
    "cli.md": commands_markdown,
    "messages.md": messages_markdown,
    "pipeline-file.md": markdown,
    "settings.md": settings_markdown,
}


def updated(page: Path) -> str:
    """The page with its generated part made anew."""
    written = page.read_text(encoding="utf-8").partition(MARKER)[0]
    return f"{written}{MARKER}\n{PAGES[page.name]()}"


def main() -> None:
    """Update every page in place."""
    for name in PAGES:
        page = Path(__file__).with_name(name)
        page.write_text(updated(page), encoding="utf-8")


if __name__ == "__main__":
    main()
