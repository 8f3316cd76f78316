"""The reference page of all settings, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable

from beamloom.settings._fields import Setting, all_settings, settings_of
from beamloom.settings._front import FrontSettings
from beamloom.settings._process import ProcessSettings
from beamloom.settings._rules_service import RulesSettings


def settings_markdown() -> str:
    """One table of the settings that every process has, and one for each kind of process with what it has beside those."""
    common = settings_of(ProcessSettings)
    sections = ["## Every process", _table(common.values())]
    kinds: dict[str, type[ProcessSettings]] = {
        **all_settings(),
        "front": FrontSettings,
        "rules serve": RulesSettings,
    }
    for command, kind in kinds.items():
        # A setting that a kind describes in its own words stands with that kind.
        own = [setting for name, setting in settings_of(kind).items() if common.get(name) != setting]
        sections += [f"## `beamloom {command}`", _table(own)]
    return "\n\n".join(sections) + "\n"


def _table(settings: Iterable[Setting]) -> str:
    lines = ["| setting, flag | variables | takes | default | meaning |", "|---|---|---|---|---|"]
    for setting in settings:
        default = "required" if setting.required else f"`{setting.default}`" if setting.default else ""
        cells = (
            f"`{setting.name}`<br>`{setting.flag}`",
            "<br>".join(f"`{variable}`" for variable in setting.variables),
            setting.expects,
            default,
            setting.description,
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)
