"""The README's journey, run as it is printed."""

import re
import subprocess
import sys

from tests.parts import ROOT


def test_the_readmes_journey_runs_as_it_is_printed(exchange, tmp_path):
    text = (ROOT / "README.md").read_text()
    script = re.search(r"<!-- journey -->\n```python\n(.*?)```", text, re.DOTALL).group(1)
    (tmp_path / ".state").symlink_to(exchange.state)
    (tmp_path / "publisher.json").write_text(
        exchange.manage("create_organization", "Harbour Data", "--email", "harbour@example.org")
    )
    (tmp_path / "subscriber.json").write_text(
        exchange.manage("create_organization", "Field Lab", "--email", "lab@example.org")
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "05:01,3.2" in done.stdout
    assert "tides/tides-tuesday.csv" in done.stdout
    assert "'height_m': 3.2" in done.stdout
