"""What a user installs is what is in the repository: complete, real files, nothing else."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.house.tracked import ROOT, tracked

FOLDERS = ("tradecanary", "producers", "processors", "schemas")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Copy the tracked files, as a fresh clone has them; give name in the wheel -> copy."""
    copy = tmp_path_factory.mktemp("clone")
    for file in tracked():
        target = copy / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / file).read_bytes())
    for folder in FOLDERS[1:]:
        (copy / "tradecanary" / folder).symlink_to(ROOT.joinpath("tradecanary", folder).readlink())
    return {
        _packaged(file.relative_to(copy)): file
        for folder in FOLDERS
        for file in (copy / folder).rglob("*")
        if file.is_file()
    }


@pytest.fixture(scope="module")
def wheel(clone: dict[str, Path]) -> ZipFile:
    """Build the wheel as anybody would."""
    copy = clone["tradecanary/py.typed"].parents[1]
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist"]
    answer = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert 0 == answer.returncode, answer.stdout[-2000:] + answer.stderr[-2000:]
    (built,) = (copy / "dist").glob("*.whl")
    return ZipFile(built)


def _packaged(file: Path) -> str:
    return str(file if file.parts[0] == "tradecanary" else Path("tradecanary", file))


def test_wheel_is_complete(wheel: ZipFile, clone: dict[str, Path]) -> None:
    """Every tracked file of the four folders is in the wheel, under one name, and no other."""
    found = {name for name in wheel.namelist() if ".dist-info/" not in name}

    assert sorted(clone) == sorted(found)


def test_wheel_holds_real_files(wheel: ZipFile, clone: dict[str, Path]) -> None:
    """No entry is a link, and each has the bytes of the repository."""
    links = [entry.filename for entry in wheel.infolist() if entry.external_attr >> 28 == 0o12]
    kept = {name: file for name, file in clone.items() if name in wheel.namelist()}
    differing = [name for name, file in kept.items() if wheel.read(name) != file.read_bytes()]

    assert [] == links
    assert [] == differing


def test_a_service_installs_little(wheel: ZipFile) -> None:
    """Without an extra, three packages are installed and one command."""
    (metadata,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
    requires = [
        line.removeprefix("Requires-Dist: ").split(";")[0].strip()
        for line in wheel.read(metadata).decode().splitlines()
        if line.startswith("Requires-Dist: ") and "extra ==" not in line
    ]
    names = {require.split(">")[0].split("<")[0].strip() for require in requires}
    (scripts,) = (name for name in wheel.namelist() if name.endswith("/entry_points.txt"))

    assert {"confluent-kafka", "fastavro", "xxhash"} == names
    assert "tradecanary = tradecanary.cli:app" in wheel.read(scripts).decode()
