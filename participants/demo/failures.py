class DemoError(Exception):
    """Something the person at the console has to know; the program prints it and exits with status 1."""
