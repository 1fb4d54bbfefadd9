"""What the operating system gives: files, locks, signals, git, and edits of documents."""
