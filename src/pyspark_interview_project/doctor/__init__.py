"""`returns doctor`: whether a run would find what it needs, and if not, what to do."""
