"""A trial as values: its spec, events, manifest, checkpoints and seeds; and the handle that an objective gets."""
