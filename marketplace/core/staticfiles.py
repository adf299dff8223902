"""How static files are named: by their content, so that browsers may keep them for ever."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticStorage(CompressedManifestStaticFilesStorage):
    """Hash names, also inside CSS url() and JavaScript imports, and compress once at collection."""

    support_js_module_import_aggregation = True

    def stored_name(self, name: str) -> str:
        """Return the hashed name of a file."""
        # Before the first collectstatic (a fresh checkout, tests) there is no manifest: plain names then still work.
        return str(super().stored_name(name)) if self.hashed_files else name
