"""The command objective: the user's own command, run without a shell."""
