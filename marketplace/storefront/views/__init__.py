"""Pages of the storefront: the catalogue, products, and what an organization subscribes to."""
