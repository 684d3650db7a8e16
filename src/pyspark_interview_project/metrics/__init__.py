"""What a run leaves for those who watch it. Works without any engine."""
