"""The outcomes: where a record that was read can end. Each record ends in exactly one of them."""

INSERTED = "inserted"  # silver has it as a new return
UPDATED = "updated"  # it replaced an older version in silver
SUPERSEDED = "superseded"  # a newer version won, of the same batch or in silver
DUPLICATE = "duplicate"  # its content is that of the version that is kept
QUARANTINED = "quarantined"  # it broke a rule
EXCLUDED = "excluded"  # its feed says that it is no return

# In the order in which people read them.
OUTCOMES = (INSERTED, UPDATED, SUPERSEDED, DUPLICATE, QUARANTINED, EXCLUDED)
