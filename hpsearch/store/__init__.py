"""The study's database, its lock, and the folders of studies."""
