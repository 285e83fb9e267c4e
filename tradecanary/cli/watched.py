"""What `watch` draws: a rollout as a header and a tree of measures, or many as a line each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.table import Table
from rich.text import Text

from tradecanary import trail
from tradecanary.cli.listing import listed
from tradecanary.cli.measured import Measured
from tradecanary.cli.output import View, duration, percent
from tradecanary.cli.status import killed, mark, unknown

_TREE = 26
"""Lines of a tree with all its measures and decisions."""
_AROUND = 4


def trees(views: Sequence[View], strategy: str | None = None) -> RenderableType:
    """Return a tree a strategy; views are those of `watch_view`, of one `strategy` if named."""
    if not views and strategy is not None:
        return Text(f"{unknown(strategy)} (yet)")
    if not views:
        return Text("No strategy is known yet. Start a rollout with: tradecanary start SPEC")
    return Group(*(tree(view) for view in views))


def rows(found: Sequence[View], strategies: int, height: int) -> RenderableType:
    """Return as many lines of `lines` as fit, and how to see one strategy of so many in full."""
    shown = found[: max(1, height - _AROUND)]
    rest = strategies - len(shown)
    more = f"{rest} more; " if rest else ""
    return Group(
        listed(shown), Text(f"\n{more}one in full: tradecanary watch STRATEGY", style="dim")
    )


def fits(strategies: int, height: int) -> bool:
    """Return whether so many trees may fit into a screen."""
    return strategies <= 1 or strategies * _TREE <= height


def tree(view: View) -> RenderableType:
    """Return one strategy: header, measures, last decisions."""
    rollout = view["rollout"]
    head = Table.grid(padding=(0, 2))
    head.add_column(style="bold", no_wrap=True)
    head.add_column()
    if rollout is None:
        head.add_row("Strategy:", f"{view['strategy']}   baseline {view['baseline'] or '-'}")
        _flags(head, view)
        return Group(head, *_decisions(view), Text(""))
    versions = f"{rollout['stable']} -> {rollout['canary']}"
    policy = f"policy {rollout['policy']}   epoch {view['epoch']}"
    owner = f"   owner {rollout['owner']}" if rollout["owner"] else ""
    head.add_row("Rollout:", f"{rollout['id']}   {versions}   {policy}{owner}")
    head.add_row("Status:", mark(rollout["status"]).append(f"   {_phase(rollout)}", style=""))
    head.add_row("Weight:", _weight(view))
    head.add_row("Budget:", _budget(rollout))
    _flags(head, view)
    if rollout["outcome"]:
        head.add_row("Outcome:", Text(rollout["outcome"]))
    return Group(head, Measured(view), *_decisions(view), Text(""))


def _flags(head: Table, view: View) -> None:
    if view["killed"]:
        head.add_row("Kill:", killed(view))
    if view["frozen"]:
        head.add_row("Freeze:", Text(view["frozen"], style="yellow"))
    if view["rollout"] and view["rollout"]["hold"]:
        head.add_row("Holds:", Text(view["rollout"]["hold"], style="yellow"))


def _phase(rollout: View) -> str:
    phase = rollout["phase"]
    at = f"phase {phase['number']}/{phase['of']} {phase['name']}"
    if rollout["next_weight_bp"] is None:
        return f"{at}   ran {duration(rollout['running_s'])}"
    weights = f"{percent(rollout['set_weight_bp'])} -> next {percent(rollout['next_weight_bp'])}"
    need = phase["orders_required"]
    orders = f" and {phase['orders']:,} of {need:,} orders" if need else ""
    return f"{at}   {weights} in {duration(phase['remaining_s'])} of trading time{orders}"


def _weight(view: View) -> str:
    rollout, routers = view["rollout"], view["routers"]
    actual = rollout["actual_weight_bp"]
    lease, age = view["lease_left_s"], view["data_age_s"]
    return "   ".join(
        (
            f"set {rollout['set_weight_bp']:,} bp",
            f"actual {'-' if actual is None else f'{actual:,} bp'}",
            f"routers {routers['following']}/{routers['heard']} acked",
            "no lease" if lease is None else f"lease {lease:.1f} s left",
            "no data" if age is None else f"data {age:.1f} s old",
        )
    )


def _budget(rollout: View) -> str:
    parts = [
        f"{row['name']} {row['used']:,.0f}"
        + (f" / {row['limit']:,.0f}" if row["limit"] is not None else " (no limit)")
        for row in rollout["budget"]
    ]
    if rollout["e_value"] is not None:
        parts.append(f"e-value {rollout['e_value']} / {rollout['e_limit']:,.0f}")
    if rollout["limits_waived"]:
        parts.append("limits waived")
    return "   ".join(parts)


def _decisions(view: View) -> list[RenderableType]:
    if not view["decisions"]:
        return []
    lines = (
        Text(f"{one['number']:>4} {trail.utc(one['time_us'])} {one['kind']:<9} {one['reason']}")
        for one in view["decisions"]
    )
    return [Text("Last decisions:", style="bold"), *(_OneLine(line) for line in lines)]


class _OneLine:
    """A text that ends after a whole word where it is too long: half a figure is another one."""

    def __init__(self, text: Text) -> None:
        self._text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Yield what fits into one line."""
        if self._text.cell_len <= options.max_width:
            yield self._text
            return
        first = self._text.wrap(console, max(1, options.max_width - 2))[0]
        first.rstrip()
        yield first.append(" …")
