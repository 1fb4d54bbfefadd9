"""What runs beside an objective in a worker: commits, logs, failures and random states."""
