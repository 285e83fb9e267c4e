"""What a PromQL expression asks for: series with the labels it names, and how it groups them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import promql_parser

SCRAPED = frozenset({"job", "instance"})
"""Labels that Prometheus adds to what it scrapes."""
OF_PROMETHEUS: Mapping[str, frozenset[str]] = {
    "up": SCRAPED,
    "ALERTS": SCRAPED | {"alertname", "alertstate", "severity"},
}
"""Series that Prometheus makes itself."""
_VARIABLES = {"$__rate_interval": "1m"}


@dataclass
class Asked:
    """The series by name with the labels their matchers name, and the labels of groupings."""

    series: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    grouped: set[str] = field(default_factory=set)


def asked(expression: str) -> Asked:
    """Return what `expression` asks for; ValueError when it does not parse."""
    for name, value in _VARIABLES.items():
        expression = expression.replace(name, value)
    found = Asked()

    def visit(node: promql_parser.Expr) -> bool:
        if isinstance(node, promql_parser.VectorSelector):
            labels = frozenset(one.name for one in node.matchers.matchers)
            found.series.append((node.name or "", labels))
        elif isinstance(node, promql_parser.AggregateExpr) and node.modifier:
            found.grouped.update(node.modifier.labels)
        elif isinstance(node, promql_parser.BinaryExpr):
            matching = node.modifier.matching if node.modifier else None
            found.grouped.update(matching.labels if matching else ())
        return True

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found


def problems(expression: str, known: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """Yield what `expression` asks for and nobody exports; `known`: labels by name of series."""
    known = {name: labels | SCRAPED for name, labels in known.items()} | OF_PROMETHEUS
    try:
        wants = asked(expression)
    except ValueError as wrong:
        yield f"{expression}: {wrong}"
        return
    if not wants.series:
        yield f"{expression}: asks for nothing"
    there: set[str] = set()
    for name, labels in wants.series:
        if name not in known:
            yield f"{name} is not exported"
            continue
        there |= known[name]
        if labels - known[name]:
            yield f"{name} has no label {sorted(labels - known[name])}"
    if wants.grouped - there:
        yield f"{expression}: groups by {sorted(wants.grouped - there)}, which is no label there"


def templates(text: str) -> set[str]:
    """Return the labels that a Go template or a legend of Grafana names."""
    return set(re.findall(r"{{\s*\$labels\.(\w+)", text)) | set(re.findall(r"{{(\w+)}}", text))
