"""What a PromQL expression asks for, and which labels are left on what it answers."""

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

    promql_parser.walk(_parsed(expression), visit)
    return found


def _parsed(expression: str) -> promql_parser.Expr:
    for name, value in _VARIABLES.items():
        expression = expression.replace(name, value)
    return promql_parser.parse(expression)


def _scraped(known: Mapping[str, frozenset[str]]) -> Mapping[str, frozenset[str]]:
    """Return what Prometheus holds of the series that are exported, and its own."""
    return {**{name: labels | SCRAPED for name, labels in known.items()}, **OF_PROMETHEUS}


def problems(expression: str, known: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """Yield what `expression` asks for and nobody exports; `known`: labels by name of series."""
    known = _scraped(known)
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


def left(expression: str, known: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return the labels on what `expression` answers; `known`: labels by name of series.

    Raises NotImplementedError for what no rule and no panel has used so far.
    """
    return _left(_parsed(expression), _scraped(known)) or frozenset()


def _left(node: promql_parser.Expr, known: Mapping[str, frozenset[str]]) -> frozenset[str] | None:
    """Return the labels of the node, None of a scalar."""
    found: frozenset[str] | None
    match node:
        case promql_parser.VectorSelector():
            found = known.get(node.name or "", frozenset())
        case promql_parser.MatrixSelector():
            found = _left(node.vector_selector, known)
        case promql_parser.NumberLiteral():
            found = None
        case promql_parser.ParenExpr() | promql_parser.UnaryExpr():
            found = _left(node.expr, known)
        case promql_parser.Call():
            found = _left_by_call(node, known)
        case promql_parser.AggregateExpr():
            found = _left_by_group(node, _left(node.expr, known) or frozenset())
        case promql_parser.BinaryExpr():
            found = _left_by_both(node, known)
        case _:
            raise NotImplementedError(f"{node.prettify()}: its labels are not known here")
    return found


def _left_by_call(
    node: promql_parser.Call, known: Mapping[str, frozenset[str]]
) -> frozenset[str] | None:
    """A function keeps the labels of its vector; these two have none that can be relied on."""
    if node.func.return_type == promql_parser.ValueType.Scalar:
        return None
    if node.func.name in {"absent", "vector"}:
        return frozenset()
    found = [_left(each, known) for each in node.args]
    vectors = [labels for labels in found if labels is not None]
    bucket = {"le"} if node.func.name == "histogram_quantile" else set()
    return vectors[0] - bucket if vectors else None


def _left_by_group(node: promql_parser.AggregateExpr, labels: frozenset[str]) -> frozenset[str]:
    """An aggregation keeps what it names, or all but what it names; without either, nothing."""
    if node.param is not None:
        raise NotImplementedError(f"{node.prettify()}: {node.op} is not known here")
    if node.modifier is None:
        return frozenset()
    named = frozenset(node.modifier.labels)
    if node.modifier.type == promql_parser.AggModifierType.Without:
        return labels - named
    return labels & named


def _left_by_both(
    node: promql_parser.BinaryExpr, known: Mapping[str, frozenset[str]]
) -> frozenset[str] | None:
    """Of a vector and a scalar the vector's; of two vectors as they are matched."""
    one, other = _left(node.lhs, known), _left(node.rhs, known)
    if one is None or other is None:
        return other if one is None else one
    operator, modifier = str(node.op), node.modifier
    if operator == "or":
        return one & other
    if operator in {"and", "unless"} or modifier is None or modifier.matching is None:
        return one
    matching = modifier.matching
    if modifier.card != promql_parser.VectorMatchCardinality.OneToOne:
        raise NotImplementedError(f"{node.prettify()}: grouped matching is not known here")
    named = frozenset(matching.labels)
    if matching.type == promql_parser.LabelModifierType.Include:
        return one & named
    return one - named


def templates(text: str) -> set[str]:
    """Return the labels that a Go template or a legend of Grafana names."""
    return set(re.findall(r"{{\s*\$labels\.(\w+)", text)) | set(re.findall(r"{{(\w+)}}", text))
