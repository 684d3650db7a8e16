"""What people read of a lake: its runs and its gold, as a page or in a terminal. Works without any engine."""
