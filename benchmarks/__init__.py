"""Times the package against other programs that do the same job on the same files: `make bench`."""
