"""The YAML edge: a space file becomes a frozen `StudyConfig`, or one message that says what is wrong."""
