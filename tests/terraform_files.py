"""What the Terraform files say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcl2

from commands import REPOSITORY

TERRAFORM = REPOSITORY / "infra" / "terraform"
BUCKET_MODULE = TERRAFORM / "modules" / "bucket"


def parsed(directory: Path) -> dict[str, dict[str, Any]]:
    """The blocks of a module by kind and address: `{"resource": {"aws_kms_key.lake": …}, "module": {"lake": …}, …}`."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(directory.glob("*.tf")):
        with path.open(encoding="utf-8") as file:
            content = hcl2.load(file)
        for kind, blocks in content.items():
            if isinstance(blocks, list):
                for block in blocks:
                    found.setdefault(kind, {}).update(_addressed(kind, _plain(block)))
    return found


def _addressed(kind: str, block: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, body in block.items():
        if kind in ("resource", "data"):
            yield from ((f"{name}.{own}", of_it) for own, of_it in body.items())
        else:
            yield name, body


def _plain(node: Any) -> Any:
    """Without the quotes of literals and the marks of the parser; an expression keeps its ${…}."""
    if isinstance(node, dict):
        return {_plain(key): _plain(value) for key, value in node.items() if key not in ("__is_block__",)}
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if isinstance(node, str) and len(node) > 1 and node[0] == node[-1] == '"':
        return node[1:-1]
    return node


def local_values(module: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return module.get("locals", {})


def repetitions(node: Any) -> Iterator[str]:
    """What every `count` and `for_each` at or below a node is."""
    if isinstance(node, dict):
        yield from (str(value) for key, value in node.items() if key in ("count", "for_each"))
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from repetitions(child)


def comments_of(body: dict[str, Any]) -> list[str]:
    """The comments in a block."""
    return [comment["value"].strip() for comment in body.get("__comments__", [])]
