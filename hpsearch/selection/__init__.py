"""Pure rules over stored values: which trial goes on, which config wins, and which members vote."""
