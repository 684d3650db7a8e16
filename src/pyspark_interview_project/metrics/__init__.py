"""Run records, and what is made of them: metrics, history, lineage. Works without an engine."""
