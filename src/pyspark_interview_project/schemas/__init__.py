"""The contracts of the data: columns with their types, and the tables made of them."""
