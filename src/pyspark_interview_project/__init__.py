"""Raw product returns through bronze, silver and gold, on DuckDB or on Apache Spark."""

__version__ = "0.1.0"
