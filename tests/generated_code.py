"""Prints, as JSON, the sizes of the methods that Spark generates for our stages: `generated_code.py DIRECTORY`.

By stage, the bytecodes of the largest method where whole stages are fused. Under `apart` stands the largest method of
all stages together where none is, which is how a session runs those that are above its limit. In a process of its own:
the JVM counts the methods of all sessions together.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from commands import spark_session
from pyspark_interview_project.config.column_names import first_in_sql, name_in_sql
from pyspark_interview_project.config.feeds import load_feeds, shipped_feeds
from pyspark_interview_project.engine import choose_engine
from pyspark_interview_project.engines.base import ALL_TEXT
from pyspark_interview_project.schemas.returns_raw import RAW_NAMES
from pyspark_interview_project.schemas.tables import GOLD_BY_SKU_REASON, SILVER
from pyspark_interview_project.transforms.aggregate import aggregate, changed_groups
from pyspark_interview_project.transforms.counts import count_outcomes, count_validated
from pyspark_interview_project.transforms.deduplicate import accepted, conflicting_returns, deduplicate, upserts
from pyspark_interview_project.transforms.map_columns import map_columns
from pyspark_interview_project.transforms.quarantine import quarantine_slice
from pyspark_interview_project.transforms.validate import validate

TYPED = {
    **dict.fromkeys(RAW_NAMES, ("text", "string")),
    **{"qty": ("integer", "int"), "amount": ("double", "double"), "return_date": ("date", "date")},
    "ingest_ts": ("timestamp", "timestamp"),
}
NUMBERS = {**dict.fromkeys(RAW_NAMES, ("double", "double")), "reason": ("text", "string")}
NUMBERS |= {"return_date": ("timestamp", "timestamp"), "ingest_ts": ("local_timestamp", "timestamp_ntz")}
DECIMALS = {**NUMBERS, **dict.fromkeys(("return_id", "order_id", "qty", "amount"), ("decimal", "decimal(18,2)"))}
FACTS = "raw_record string, is_corrupt boolean, source_file string, source_record bigint"
OF_FEEDS = f"{FACTS}, modified_at string, landed_day string"
RUN = date(2026, 11, 23), datetime(2026, 11, 24, 12, tzinfo=UTC), "EUR"


class Stages:
    """Our stages over Parquet files without rows in a directory."""

    def __init__(self, spark: Any, directory: str) -> None:
        self._spark, self._directory, self._frames = spark, directory, 0

    def frame(self, columns: str) -> Any:
        self._frames += 1
        place = f"{self._directory}/{self._frames}"
        self._spark.createDataFrame([], columns).write.parquet(place)
        return self._spark.read.parquet(place)

    def stages(self) -> Iterator[tuple[str, Any]]:
        """Each stage, by a name, as a frame."""
        text = self.frame(", ".join(f"{name} string" for name in RAW_NAMES) + f", {FACTS}")
        yield "validate text", validate(text, ALL_TEXT, *RUN)
        for name, given in (("usual types", TYPED), ("doubles", NUMBERS), ("decimals", DECIMALS)):
            columns = ", ".join(f"{column} {type_}" for column, (_, type_) in given.items())
            records = self.frame(f"{columns}, source_file string, source_record bigint")
            yield f"validate {name}", validate(records, {column: kind for column, (kind, _) in given.items()}, *RUN)
        for feed in load_feeds([shipped_feeds()]):
            names = [*map(name_in_sql, feed.own_columns), *map(first_in_sql, feed.alternatives)]
            own = self.frame(", ".join(f"`{name}` string" for name in names) + f", {OF_FEEDS}")
            yield f"map {feed.feed}", map_columns(own, feed.mapping)
        validated = self.frame(", ".join(f"{name} {type_}" for name, type_ in validate(text, ALL_TEXT, *RUN).dtypes))
        silver, files = self.frame(_columns(SILVER)), self.frame("source_file string, delivery bigint")
        conflicting = self.frame("return_id string, silver_return_date date")
        returns = accepted(validated)
        yield "conflicting returns", conflicting_returns(returns, silver)
        decided = deduplicate(returns, silver, conflicting, files)
        yield "deduplicate", decided
        yield "upserts", upserts(returns, conflicting, decided, "B1")
        yield "count validated", count_validated(validated, conflicting)
        yield "count outcomes", count_outcomes(decided)
        yield "quarantine", quarantine_slice(validated, "B1", datetime(2026, 11, 23, tzinfo=UTC))
        yield "aggregate", aggregate(silver, ["sku", "reason"])
        changes = self.frame(f"{_columns(SILVER)}, _change_type string")
        yield "changed groups", changed_groups(changes, self.frame(_columns(GOLD_BY_SKU_REASON)), ["sku", "reason"])


def _columns(table: Any) -> str:
    types = {"integer": "int", "long": "bigint"}
    return ", ".join(f"{column.name} {types.get(column.type, column.type)}" for column in table.columns)


def fused(frame: Any) -> int:
    """The bytecodes of the largest method of a frame's fused stages; 0 where it has none."""
    jvm = frame.sparkSession._jvm
    debug = jvm.java.lang.Class.forName("org.apache.spark.sql.execution.debug.package$").getField("MODULE$").get(None)
    stages = debug.codegenStringSeq(frame._jdf.queryExecution().executedPlan())
    return max((stages.apply(number)._3().maxMethodCodeSize() for number in range(stages.length())), default=0)


def main(directory: str) -> None:
    choose_engine("spark")
    spark = spark_session()
    for name, value in (("wholeStage", "false"), ("factoryMode", "CODEGEN_ONLY"), ("fallback", "false")):
        spark.conf.set(f"spark.sql.codegen.{name}", value)
    spark.conf.set("spark.sql.adaptive.enabled", "false")
    stages = dict(Stages(spark, directory).stages())
    for frame in stages.values():
        frame.write.format("noop").mode("overwrite").save()
    metrics = spark._jvm.org.apache.spark.metrics.source.CodegenMetrics
    apart = metrics.METRIC_GENERATED_METHOD_BYTECODE_SIZE().getSnapshot().getMax()
    spark.conf.set("spark.sql.codegen.wholeStage", "true")
    sizes = {name: fused(frame.select("*")) for name, frame in stages.items()}
    print(json.dumps({"apart": apart, **sizes}))


if __name__ == "__main__":
    main(str(Path(sys.argv[1])))
