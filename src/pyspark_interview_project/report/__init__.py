"""The report for people: the runs of a lake and its gold, as a page or in a terminal. Works without an engine."""
