"""Data contracts as the Open Data Contract Standard 3.1 has them: read, compare, write. Pure: no database, no clock."""
