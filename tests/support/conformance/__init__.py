"""What each implementation of a seam has to do: suites that the tests of every one of them inherit."""
