"""The stages of a study: each reads and writes the store, none imports another."""
