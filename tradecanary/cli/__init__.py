"""The command line: `tradecanary --help`."""

from __future__ import annotations

try:
    from tradecanary.cli.app import app
except ModuleNotFoundError as missing:  # a trading service installs router and publisher only
    raise SystemExit(
        f"the command line needs {missing.name}: pip install 'tradecanary[processors]'"
    ) from missing

__all__ = ["app"]
