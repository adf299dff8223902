"""The operator's pages, by subject."""
