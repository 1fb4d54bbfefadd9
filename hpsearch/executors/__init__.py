"""Where trials run: `ray`, or `inline` in this process."""
