"""The engines behind one interface: embedded (DuckDB and delta-rs) and Apache Spark."""
