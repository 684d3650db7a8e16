"""What lands: finding landed files, checking them before they are planned, reading text and Parquet."""
