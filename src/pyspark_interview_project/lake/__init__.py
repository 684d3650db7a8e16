"""The only code that touches sessions, files and tables."""
