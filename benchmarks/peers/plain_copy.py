"""A backup as a script would make it: copy every file of the tables, read each copy for its SHA-256, wait for the disk.

python -m benchmarks.peers.plain_copy LAKE TARGET
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path

_NOT_COPIED = {"bronze"}


def main(lake: str, target: str) -> None:
    checksums = []
    for file in sorted(path for path in Path(lake).rglob("*") if path.is_file()):
        name = file.relative_to(lake)
        if name.parts[0] in _NOT_COPIED:
            continue
        copy = Path(target, name)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
        with open(copy, "rb") as content:
            checksums.append(f"{hashlib.file_digest(content, 'sha256').hexdigest()}  {name}")
    Path(target, "SHA256SUMS").write_text("\n".join(checksums) + "\n", encoding="utf-8")
    os.sync()


if __name__ == "__main__":
    main(*sys.argv[1:])
