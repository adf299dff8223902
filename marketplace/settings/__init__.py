"""Settings: `main` is what runs; `check` is for tools that never connect; only this package reads the environment."""
