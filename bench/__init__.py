"""Measurements as ratios against named peers, taken in the same run: `make bench`."""
