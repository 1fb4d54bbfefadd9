"""What the operating system gives: files, disks, locks, signals and git; and edits of documents."""
