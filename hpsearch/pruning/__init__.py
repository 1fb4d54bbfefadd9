"""Rules that end trials early: pure functions of measurements."""
