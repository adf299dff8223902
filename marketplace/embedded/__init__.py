"""Starts and supervises a whole Entrepot on one machine from PyPI wheels; see `manage.py up`. Imports no Django."""
