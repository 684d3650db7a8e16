"""The stages of the pipeline and the rules they validate by."""
