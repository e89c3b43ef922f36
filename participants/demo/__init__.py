"""A console program: the whole of Rollcall on this machine. It starts Django in child processes and imports none."""
