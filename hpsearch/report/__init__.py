"""What people and tools see of a study: a JSON document, frames, tables for the terminal. All reads, none writes."""
