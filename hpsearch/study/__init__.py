"""A study at rest, as its store holds it."""
