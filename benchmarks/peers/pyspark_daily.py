"""A day's increment as most PySpark projects take it: MERGE INTO by the id, then aggregate gold again.

python -m benchmarks.peers.pyspark_daily LANDED LAKE
"""

from __future__ import annotations

import sys

from benchmarks.peers.pyspark_cleaning import judge, keep_latest, open_session, read_landed, write_gold


def main(directory: str, lake: str) -> None:
    spark = open_session()
    judged = judge(read_landed(spark, directory, "parquet"))
    keep_latest(judged).createOrReplaceTempView("day")
    spark.sql(f"""
        MERGE INTO delta.`{lake}/silver` AS kept USING day ON kept.return_id = day.return_id
        WHEN MATCHED AND day.ingest_ts > kept.ingest_ts THEN UPDATE SET *
        WHEN NOT MATCHED THEN INSERT *
        """)
    judged.filter("broken is not null").write.format("delta").mode("append").save(f"{lake}/quarantine")
    write_gold(spark, lake)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
