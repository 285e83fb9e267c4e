"""The dashboard's looks: one sheet, read from beside this file."""

from importlib.resources import files

STYLE = files("tradecanary.dashboard").joinpath("style.css").read_text(encoding="utf-8")
