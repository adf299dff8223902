"""Pages of jobs: auto-exports, deliveries with their receipts, imports."""
