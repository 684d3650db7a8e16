"""The only code that touches files, the logs of tables, and locks."""
