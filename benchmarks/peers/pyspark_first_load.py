"""The first load as most PySpark projects write it: a window for the latest, Delta tables, default settings.

python -m benchmarks.peers.pyspark_first_load LANDED OUTPUT parquet|csv|jsonl|export
"""

from __future__ import annotations

import sys

from benchmarks.peers.pyspark_cleaning import judge, keep_latest, open_session, read_landed, write_gold


def main(directory: str, output: str, format_: str) -> None:
    spark = open_session()
    judged = judge(read_landed(spark, directory, format_))
    silver = keep_latest(judged).write.format("delta").mode("overwrite").partitionBy("return_date")
    silver.save(f"{output}/silver")
    judged.filter("broken is not null").write.format("delta").mode("overwrite").save(f"{output}/quarantine")
    write_gold(spark, output)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
