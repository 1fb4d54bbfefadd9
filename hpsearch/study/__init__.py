"""A study at rest: what its store says of it."""
