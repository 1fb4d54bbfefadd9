"""The Ray executor: one actor per slot, in a cluster of its own or in one that runs."""
