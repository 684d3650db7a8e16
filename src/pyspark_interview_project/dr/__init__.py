"""Disaster recovery: backups of a lake that restore, and the proof that they do. Starts no engine."""
