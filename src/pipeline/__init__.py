"""Names under which users know the stages; the package has them all."""
