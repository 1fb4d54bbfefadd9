"""Space files drafted from what a user already has: a training script, or the space of another tool."""
