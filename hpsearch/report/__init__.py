"""What people see of a study: tables for the terminal. They only read it."""
