"""A table as a writer with deletion vectors leaves it, made of its log alone: no writer here makes such."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

_RFC = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"


def z85(uuid: UUID) -> str:
    return base64.b85encode(uuid.bytes).decode().translate(str.maketrans(_RFC, _Z85))


def table_with_deletion_vectors(place: Path) -> None:
    """Three data files of three rows; rows of two are struck out by files of their own, of the third in the log.

    One of these files lies in a directory of its own, as writers with random prefixes do.
    """
    schema = {"type": "struct", "fields": [{"name": "id", "type": "long", "nullable": True, "metadata": {}}]}
    features = {"readerFeatures": ["deletionVectors"], "writerFeatures": ["deletionVectors"]}
    uuids = (UUID("11111111-2222-3333-4444-555555555555"), UUID("ab84d017-f92a-4da2-878a-16b20b737862"))
    vectors = [
        {"storageType": "u", "pathOrInlineDv": z85(uuids[0]), "offset": 1, "sizeInBytes": 34, "cardinality": 1},
        {"storageType": "u", "pathOrInlineDv": f"ab{z85(uuids[1])}", "offset": 1, "sizeInBytes": 36, "cardinality": 2},
        {
            "storageType": "i",
            "pathOrInlineDv": "wi5b=000010000siXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L",
            "sizeInBytes": 40,
            "cardinality": 1,
        },
    ]
    (place / "_delta_log").mkdir(parents=True)
    (place / "ab").mkdir()
    (place / f"deletion_vector_{uuids[0]}.bin").write_bytes(b"\x01" + bytes(range(34)))
    (place / "ab" / f"deletion_vector_{uuids[1]}.bin").write_bytes(b"\x01" + bytes(range(36)))
    first, second = [], []
    for number, vector in enumerate(vectors):
        path = f"part-{number}.parquet"
        pq.write_table(pa.table({"id": pa.array(range(3 * number, 3 * number + 3), pa.int64())}), place / path)
        add = {
            "path": path,
            "partitionValues": {},
            "size": (place / path).stat().st_size,
            "modificationTime": 0,
            "dataChange": True,
            "stats": json.dumps({"numRecords": 3}),
        }
        first.append({"add": add})
        second += [
            {"remove": {"path": path, "deletionTimestamp": 1, "dataChange": True}},
            {"add": {**add, "deletionVector": vector}},
        ]
    metadata = {
        "id": "5a9b3bd1-0d5f-4f9c-9f51-8d3c5b7fd0ee",
        "format": {"provider": "parquet", "options": {}},
        "schemaString": json.dumps(schema),
        "partitionColumns": [],
        "createdTime": 0,
        "configuration": {"delta.enableDeletionVectors": "true"},
    }
    head = [{"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, **features}}, {"metaData": metadata}]
    for version, actions in enumerate((head + first, [{"commitInfo": {"operation": "DELETE"}}, *second])):
        text = "".join(json.dumps(action) + "\n" for action in actions)
        (place / "_delta_log" / f"{version:020d}.json").write_text(text, encoding="utf-8")
