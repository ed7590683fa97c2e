"""The command line: both services in a terminal and in scripts, behind the extra `cli`."""
