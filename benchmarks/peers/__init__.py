"""The same job without the package, each as a user of that tool would write it. Each module is a program."""
