"""What runs inside the jail. Standard library and duckdb only: nothing here knows Django, settings or a secret."""
