"""The wheel: what is in it, and that it works where there is no checkout."""

from __future__ import annotations

import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

import lake_reading
from commands import REPOSITORY, environment, run, succeeded
from landing import land, row_of


@dataclass(frozen=True)
class Installed:
    """A virtual environment with the wheel in it, and our dependencies, but not our checkout."""

    wheel: Path
    directory: Path

    @property
    def python(self) -> Path:
        return self.directory / "bin" / "python"

    @property
    def returns(self) -> Path:
        return self.directory / "bin" / "returns"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    built = tmp_path_factory.mktemp("wheel") / "dist"
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", built, REPOSITORY]
    succeeded(run(build, environment(built), built.parent))
    (wheel,) = built.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Installed:
    root = tmp_path_factory.mktemp("installed")
    env = environment(root)
    new = Installed(wheel, root / "venv")
    succeeded(run([sys.executable, "-m", "venv", "--without-pip", new.directory], env, root))
    install: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        new.python,
        "install",
        "--no-deps",
        "--no-index",
        wheel,
    ]
    succeeded(run(install, env, root))
    # A path in a .pth file stands behind the directory's own packages, and .pth files behind it do not count: of our
    # own environment the dependencies are seen, the editable package is not.
    (packages,) = (new.directory / "lib").glob("python*/site-packages")
    ours = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "dependencies.pth").write_text("\n".join(ours) + "\n", encoding="utf-8")
    return new


def test_wheel_has_the_package_with_settings_and_types_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    files = {name for name in names if not name.split("/")[0].endswith(".dist-info")}
    package = REPOSITORY / "src" / "pyspark_interview_project"
    sources = {path for path in package.rglob("*") if path.is_file() and path.parent.name != "__pycache__"}
    expected = {path.relative_to(package.parent).as_posix() for path in sources}
    assert "pyspark_interview_project/py.typed" in expected
    shipped = ("dev.yaml", "test.yaml", "prod.yaml", "dr/backup_strategies/local.yaml")
    assert files == expected | {f"pyspark_interview_project/configs/{name}" for name in shipped}


@pytest.mark.full
def test_installed_wheel_is_the_package_that_is_imported(installed: Installed, tmp_path: Path) -> None:
    program = "import pyspark_interview_project as package; print(package.__file__)"
    ended = succeeded(run([installed.python, "-c", program], environment(tmp_path), tmp_path))
    assert Path(ended.stdout.strip()).is_relative_to(installed.directory)


@pytest.mark.full
def test_installed_wheel_shows_its_commands(installed: Installed, tmp_path: Path) -> None:
    ended = succeeded(run([installed.returns, "--help"], environment(tmp_path), tmp_path))
    assert [name for name in ("run", "plan", "bronze-to-silver", "silver-to-gold") if name not in ended.stdout] == []


@pytest.mark.full
def test_installed_wheel_runs_on_landed_files(installed: Installed, tmp_path: Path) -> None:
    row = row_of("R-1", "O-1", None, "MUG", None, "2", "12.50", "2026-11-18", None)
    land(tmp_path / "bronze" / "returns_raw" / "web.jsonl", [row])

    ended = run([installed.returns, "run", "--as-of", "2026-11-20"], environment(tmp_path, APP_ENV="prod"), tmp_path)

    assert ended.exit_code == 0, ended.stderr
    (found,) = lake_reading.gold_by_sku_reason(tmp_path)
    assert [str(value) for value in found] == ["MUG", "unspecified", "1", "2", "12.50"]
    assert lake_reading.latest_run_record(tmp_path)["app_env"] == "prod"


@pytest.mark.full
@pytest.mark.parametrize("app_env", ["dev", "test", "prod"])
def test_installed_wheel_finds_the_settings_in_it(installed: Installed, tmp_path: Path, app_env: str) -> None:
    row = row_of("R-1", "O-1", None, "MUG", None, "2", "12.50", "2026-11-18", None)
    land(tmp_path / "bronze" / "returns_raw" / "web.jsonl", [row])

    ended = run([installed.returns, "plan"], environment(tmp_path, APP_ENV=app_env), tmp_path)

    assert ended.exit_code == 0, ended.stderr
    assert "bronze/returns_raw/web.jsonl" in ended.stdout
