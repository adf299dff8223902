"""Pages of the console: home, storage, keys, the publisher's overview, documentation, organizations."""
