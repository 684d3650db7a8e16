"""What Spark generates for our stages is in methods that every JVM compiles: one of more bytecodes it interprets."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from commands import REPOSITORY, environment, run

# HotSpot's HugeMethodLimit. Not every JVM that we run on was started with a flag of ours.
MOST_BYTECODES = 8000
# Stages that judge values are larger than that where they are fused. A session on a JVM of others does not fuse them.
NOT_FUSED = ("validate ", "map ")


def test_generated_methods_are_small_enough_for_a_jvm_to_compile_them(engine_name: str, tmp_path: Path) -> None:
    assert engine_name == "spark", "run with ENGINE=spark"
    env = environment(tmp_path / "lake", PYTHONPATH=os.environ.get("PYTHONPATH", ""))
    ended = run([sys.executable, REPOSITORY / "tests" / "generated_code.py", tmp_path], env)
    assert ended.exit_code == 0, ended.stderr
    sizes = json.loads(ended.stdout.splitlines()[-1])
    assert 0 < sizes.pop("apart") <= MOST_BYTECODES
    fused = {name: size for name, size in sizes.items() if not name.startswith(NOT_FUSED)}
    assert len(fused) == 8 and min(fused.values()) > 0
    assert {name: size for name, size in fused.items() if size > MOST_BYTECODES} == {}
