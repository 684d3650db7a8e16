"""Pure functions from DataFrames to DataFrames, in the subset of PySpark that every engine has."""
