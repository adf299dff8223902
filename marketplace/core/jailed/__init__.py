"""What runs inside the jail. Standard library, duckdb and readers of formats only: no Django, no settings, no secret."""
