"""The processes of a pipeline as units of systemd: one service for each, and one target that starts and ends them all.

Policy: what keeps processes alive is decided in one place only, here systemd. So a unit says what ``beamloom up`` would do: start again
what died, not what cannot do what it was asked for, and end workers before what they need. Units hold no secret: those stay in the files
that the pipeline file names.

Units that an earlier pipeline file of the same name had, and this one has not, are removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from beamloom.errors import UsageError
from beamloom.exit_status import REFUSED, RENEWED
from beamloom.placement.children import ProcessSpec
from beamloom.placement.commands import CONTROLLER, INGESTERS, LIFELINE, REDUCER, WORKERS
from beamloom.placement.layout import Layout
from beamloom.whole_files import write_whole

WRITTEN: Final = "# Written by beamloom up --systemd; write it anew rather than change it, and add to it by systemctl edit.\n"

USER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
STOP_SECONDS: Final = {CONTROLLER: 30, REDUCER: 90, WORKERS: 130, INGESTERS: 30}
"""Time to end in, by stage: a worker finishes its event, a reducer writes its files."""
SILENT_SECONDS: Final = {CONTROLLER: 60, REDUCER: 300, WORKERS: 150, INGESTERS: 60}
"""Without a sign of life a process is ended and started again; longer where user code may hold it up, which guards see sooner."""


def write_units(layout: Layout, folder: Path, working: Path, user: str = "") -> list[Path]:
    """Write the units of a pipeline into ``folder``, which is made; returns their paths, the target's first.

    ``working``: the folder that the processes start in; ``user``: whose processes they are, for units of the system; without one they are
    for ``systemctl --user``. Raises UsageError where they cannot be written, or would replace what somebody else has written.
    """
    if user and not USER.fullmatch(user):
        raise UsageError(f"{user!r} is no name of a user; give one that this machine has, such as beamline")
    name = f"beamloom-{_plain(layout.title)}"
    services = {f"{name}-{_plain(spec.name)}.service": spec for spec in layout.processes}
    texts = {f"{name}.target": _target(layout.title, services, user)} | {
        unit: _service(layout.title, name, spec, working, user) for unit, spec in services.items()
    }
    try:
        _check_ours(folder, texts)
        written = [write_whole(folder / unit, text.encode()) for unit, text in texts.items()]
        for path in folder.glob(f"{name}-*.service"):
            if path.name not in texts and _is_ours(path):
                path.unlink()
    except OSError as error:
        raise UsageError(
            f"units cannot be written into {folder} ({error.strerror}); name a folder of your own, then link or copy them"
        ) from error
    return written


def _check_ours(folder: Path, texts: Iterable[str]) -> None:
    for unit in texts:
        if (folder / unit).exists() and not _is_ours(folder / unit):
            raise UsageError(
                f"{folder / unit} was not written by beamloom up --systemd; remove it, or name another folder"
            )


def _is_ours(path: Path) -> bool:
    return path.read_text(errors="replace").startswith(WRITTEN)


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-") or "pipeline"


def _target(title: str, services: Iterable[str], user: str) -> str:
    wanted = "\n".join(f"Wants={unit}" for unit in services)
    return f"""{WRITTEN}[Unit]
Description={_literal(f"Beamloom: {title}")}
{wanted}

[Install]
WantedBy={"multi-user.target" if user else "default.target"}
"""


def _service(title: str, pipeline: str, spec: ProcessSpec, working: Path, user: str) -> str:
    words = [word for word in spec.argv if not word.startswith(LIFELINE)]
    lines = [
        "Type=notify",
        "NotifyAccess=main",
        f"WorkingDirectory={_literal(str(working))}",
        f"ExecStart={' '.join(map(_word, words))}",
        *(f"User={user}" for _ in range(bool(user))),
        *(f"Environment={_quoted(f'{name}={value}')}" for name, value in sorted(spec.env.items())),
        "Environment=PYTHONUNBUFFERED=1",
        *_state(pipeline, spec),
        "Restart=on-failure",
        "RestartSec=200ms",
        f"RestartForceExitStatus={RENEWED}",
        f"RestartPreventExitStatus={REFUSED}",
        f"WatchdogSec={SILENT_SECONDS[spec.stop_stage]}",
        f"TimeoutStopSec={STOP_SECONDS[spec.stop_stage]}",
        # The guard beside a worker ends by itself; told to end before it, it could not say how that died.
        "KillMode=mixed",
        "NoNewPrivileges=yes",
        "LimitNOFILE=65536",
    ]
    # Units end in the opposite order: workers and ingesters while the controller and the reducer still hear them.
    behind = {
        CONTROLLER: (),
        REDUCER: ("controller",),
        WORKERS: ("controller", "reducer"),
        INGESTERS: ("controller", "reducer"),
    }[spec.stop_stage]
    after = " ".join(["network-online.target", *(f"{pipeline}-{other}.service" for other in behind)])
    return f"""{WRITTEN}[Unit]
Description={_literal(f"Beamloom: {spec.name} of {title}")}
PartOf={pipeline}.target
{"Wants=network-online.target" + chr(10) if user else ""}After={after}
StartLimitIntervalSec=30
StartLimitBurst=5

[Service]
{chr(10).join(lines)}
"""


def _state(pipeline: str, spec: ProcessSpec) -> list[str]:
    """The controller keeps its state, so that the next one goes on, unless the pipeline file says where (a flag, which wins)."""
    if spec.stop_stage != CONTROLLER:
        return []
    return [f"StateDirectory={pipeline}", f"Environment=BEAMLOOM_STATE_DIR=%S/{pipeline}"]


def _literal(text: str) -> str:
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{_literal(plain)}"'


def _word(text: str) -> str:
    """One word of a command line, which systemd would look through for variables as well."""
    return _quoted(text).replace("$", "$$")
