"""A trial as values: its spec, events, manifest, checkpoints and seeds."""
