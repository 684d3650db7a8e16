"""The image, as far as it can be made and run without a container engine (see scratch_image)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from dockerfile import REPOSITORY, of_stage
from scratch_image import ScratchImage

ARBITRARY_USER = "12345:0"
SILVER_ROWS = 296  # samples/README.md


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> ScratchImage:
    directory = tmp_path_factory.mktemp("image")
    for place in (directory, *directory.parents[:3]):
        if place.stat().st_uid == os.geteuid() and place != Path("/tmp"):
            place.chmod(place.stat().st_mode | 0o011)  # the user of the container goes through it
    made = ScratchImage(directory)
    made.prepare()
    made.build()
    made.finish()
    return made


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Path]:
    """A volume with the sample, which belongs to group 0, as docs/container.md asks for."""
    shutil.copytree(REPOSITORY / "samples" / "returns", tmp_path / "lake" / "bronze" / "returns_raw")
    for place in (tmp_path / "lake", *(tmp_path / "lake").rglob("*")):
        place.chmod(0o775 if place.is_dir() else 0o664)
    yield tmp_path / "lake"


def record(lake: Path) -> dict[str, object]:
    content = json.loads((lake / "metrics" / "pipeline_metrics.json").read_text(encoding="utf-8"))
    return {name: content[name] for name in ("status", "engine", "app_env", "exit_code")} | {
        "silver": content["tables"]["silver_returns"]["rows"] if "silver_returns" in content["tables"] else None
    }


def command() -> list[str]:
    (found,) = of_stage("final", "CMD")
    return found.words


def ended_well(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_image_without_network_on_a_read_only_root_runs_the_sample_as_any_user(image: ScratchImage, lake: Path) -> None:
    ended_well(image.start([*command(), "--as-of", "2026-11-23"], lake, ARBITRARY_USER))
    expected = {"status": "succeeded", "engine": "embedded", "app_env": "prod", "exit_code": 0, "silver": SILVER_ROWS}
    assert record(lake) == expected


def test_image_without_network_on_a_read_only_root_finds_java_pair_and_jars_for_spark(
    image: ScratchImage, lake: Path
) -> None:
    said = ended_well(image.start(["returns", "doctor", "--engine", "spark"], lake, ARBITRARY_USER))
    assert [line.split()[:2] for line in said.splitlines()] == [
        *(["ok", name] for name in ("settings", "engine", "java", "spark", "jars", "port", "data_root", "disk")),
        *(["ok", name] for name in ("clock", "lock")),
        ["note", "backup"],
    ]


def test_image_without_network_on_a_read_only_root_runs_the_sample_on_spark(image: ScratchImage, lake: Path) -> None:
    """Spark unpacks libraries into /tmp, which therefore lets programs run (docs/container.md)."""
    on_spark = {"ENGINE": "spark"}
    ended_well(image.start([*command(), "--as-of", "2026-11-23"], lake, ARBITRARY_USER, tmpfs="exec", env=on_spark))
    expected = {"status": "succeeded", "engine": "spark", "app_env": "prod", "exit_code": 0, "silver": SILVER_ROWS}
    assert record(lake) == expected


def test_image_gives_a_user_without_a_name_one_that_hadoop_takes(image: ScratchImage, lake: Path) -> None:
    who = "exec java -cp $(echo /opt/returns/lib/python3.*/site-packages/pyspark/jars)/'*' "
    who += "org.apache.hadoop.security.UserGroupInformation"
    assert "User: returns" in ended_well(image.start(["sh", "-c", who], lake, ARBITRARY_USER)).splitlines()


def test_image_has_no_file_that_its_user_may_write_but_the_lake(image: ScratchImage, lake: Path) -> None:
    tried = "touch /opt/returns/x; touch /x; touch /usr_local_bin/x; touch /lake/x && ls /lake/x"
    done = image.start(["sh", "-c", tried], lake, ARBITRARY_USER)
    assert done.stdout.split() == ["/lake/x"]
    assert done.stderr.count("Read-only file system") == 3


def test_image_has_no_pip_and_no_build_tool(image: ScratchImage) -> None:
    packages = {path.name.split("-")[0] for path in image.root.glob("opt/returns/lib/python3.*/site-packages/*")}
    assert packages & {"pip", "setuptools", "hatchling", "wheel"} == set()
    assert {"pyspark", "duckdb", "pyspark_interview_project", "jinja2"} <= packages


# The run has so much to read that it is at work for long enough.
AT_WORK = {
    "exporter": (["returns", "exporter"], {"METRICS_HOST": "0.0.0.0"}),
    "run": (
        ["returns", "run", "--as-of", "2026-11-23"],
        {"ENGINE": "embedded", "APP_ENV": "test", "SERVE_METRICS": "true"},
    ),
}


@pytest.mark.parametrize("what", AT_WORK)
def test_healthcheck_is_well_while_a_run_or_the_exporter_is_at_work_and_not_before(
    image: ScratchImage, lake: Path, what: str
) -> None:
    (check,) = of_stage("final", "HEALTHCHECK")
    probe = quoted(json.loads(check.value.removeprefix("CMD ")))
    words, env = AT_WORK[what]
    line = next((lake / "bronze" / "returns_raw").rglob("*.jsonl")).read_text(encoding="utf-8").splitlines()[0]
    (lake / "bronze" / "returns_raw" / "large.jsonl").write_text(f"{line}\n" * 2_000_000, encoding="utf-8")
    shell = f"""
        {probe} 2>/dev/null; echo before $?
        {quoted(words)} >/dev/null & for _ in $(seq 120); do {probe} 2>/dev/null && break; sleep 0.5; done
        {probe}; echo serving $?
        kill $!; wait $!; echo ended $?
    """
    done = image.start(["sh", "-c", shell], lake, ARBITRARY_USER, env=env)
    assert done.stdout.split("\n")[:3] == ["before 1", "serving 0", "ended 143"], done.stderr


def quoted(words: list[str]) -> str:
    return " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)
