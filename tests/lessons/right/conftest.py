"""Learners' files are never imported by the tests: the marker runs them in a process of their own."""

collect_ignore_glob = ["*.py"]
