"""The duties of every implementation of a seam, as suites that its tests inherit."""
