"""The summary of a backup: what commands that look at all backups need of each, without reading every manifest.

{"checksum": sha256 of the JSON of "summary", "summary": {"id": …, "content": …}}
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pyspark_interview_project.dr.manifest import Count, Manifest, OfABackup, opened, sealed, validated

_KEY_LENGTH = 16


def content_key(sha256: str) -> str:
    """What stands for a hash in a summary: its first 64 bits, which no two contents of a store share by accident."""
    return sha256[:_KEY_LENGTH]


class Summary(OfABackup):
    """A backup in small.

    `content` has the keys of all content that the backup names, one behind the other, and `content_bytes` the bytes of
    that content. `manifest_bytes` is the size of the manifest.
    """

    silver_id: str | None
    files: Count
    file_bytes: Count
    manifest_bytes: Count
    content: Annotated[str, Field(pattern=r"\A(?:[0-9a-f]{16})*\z")]
    content_bytes: Count

    @classmethod
    def of(cls, manifest: Manifest, manifest_bytes: int) -> Summary:
        sizes = {file.sha256: file.bytes for file in manifest.files}
        return cls(
            id=manifest.id,
            lake=manifest.lake,
            snapshot_at=manifest.snapshot_at,
            silver_id=manifest.silver_id,
            files=len(manifest.files),
            file_bytes=manifest.bytes,
            manifest_bytes=manifest_bytes,
            content="".join(sorted(map(content_key, sizes))),
            content_bytes=sum(sizes.values()),
        )

    @property
    def content_keys(self) -> list[str]:
        return [self.content[start : start + _KEY_LENGTH] for start in range(0, len(self.content), _KEY_LENGTH)]

    @classmethod
    def from_bytes(cls, backup_id: str, content: bytes) -> Summary:
        """The summary of this backup. Raises BrokenManifest."""
        return validated(cls, backup_id, opened("summary", content))

    def to_bytes(self) -> bytes:
        return sealed("summary", self.model_dump(mode="json"))
