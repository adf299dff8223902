"""Entrepot: an open, self-hosted data exchange. This package is the composition root; see docs/architecture.md."""
