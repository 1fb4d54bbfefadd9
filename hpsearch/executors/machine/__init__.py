"""What this machine has, and what studies of the same user have claimed of it."""
