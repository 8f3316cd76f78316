"""``sbatch`` and ``scancel`` without Slurm: jobs are begun at once on this machine, each in a session of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_SBATCH = """#!{python}
import pathlib, shutil, subprocess, sys
folder = pathlib.Path(__file__).parent
script = folder / f"job-{{len(list(folder.glob('job-*.sh')))}}.sh"
shutil.copy(sys.argv[1], script)
with open(script.with_suffix(".log"), "wb") as log:
    job = subprocess.Popen(["sh", "-c", f"exec sh {{script}}"], stdout=log, stderr=log, start_new_session=True)
script.with_suffix(".id").write_text(str(job.pid))
print(f"Submitted batch job {{job.pid}}")
"""
_SCANCEL = """#!{python}
import os, signal, sys
os.killpg(int(sys.argv[1]), signal.SIGTERM)
"""


class SlurmStandIn:
    """Both commands, in a folder that is to be found first."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        for name, text in (("sbatch", _SBATCH), ("scancel", _SCANCEL)):
            command = folder / name
            command.write_text(text.format(python=sys.executable))
            command.chmod(0o755)

    @property
    def path(self) -> str:
        """What ``PATH`` is to be."""
        return os.pathsep.join([str(self.folder), os.environ.get("PATH", "")])

    def scripts(self) -> list[str]:
        """What was submitted so far."""
        return [script.read_text() for script in sorted(self.folder.glob("job-*.sh"))]

    def going(self) -> int:
        """How many jobs have not ended."""
        ids = [int(file.read_text()) for file in self.folder.glob("job-*.id") if file.read_text()]
        return sum(_is_alive(one) for one in ids)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
