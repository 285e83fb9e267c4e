"""The files of the project: what git tracks, plus what is new and not ignored."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def tracked(*patterns: str) -> list[Path]:
    """Return the files, relative to the root; links are left out."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--"]
    answer = subprocess.run(
        [*command, *patterns], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = {Path(name) for name in answer.stdout.split("\0") if name}
    return sorted(f for f in files if (ROOT / f).is_file() and not (ROOT / f).is_symlink())
