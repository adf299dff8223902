"""Demo content: real public data, brought in through the product's own operations."""
