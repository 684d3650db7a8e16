"""Settings and places."""
