"""Every module is held to purity by the import contract, or is named here as part of the shell."""

import tomllib

from tests.house.tracked import ROOT, tracked

CONTRACT = "the core does no IO and reads no clock"
FOLDERS = ("producers", "processors", "schemas")

# Who may read clocks, files and Kafka, and why.
SHELL = {
    "tradecanary.processors.runtime": "all IO of the stages",
    "tradecanary.producers.clock": "is the clock",
    "tradecanary.producers.delivery": "sends, and spools to disk",
    "tradecanary.producers.follower": "tells routers, which are shell",
    "tradecanary.producers.kafka_control": "follows Kafka in a thread",
    "tradecanary.producers.kafka_delivery": "sends to Kafka in a thread",
    "tradecanary.producers.kafka_reading": "reads from Kafka",
    "tradecanary.producers.kafka_settings": "reads the environment",
    "tradecanary.producers.kafka_transport": "starts and ends the threads",
    "tradecanary.producers.kept": "keeps what the next start must know on disk",
    "tradecanary.producers.memory_transport": "connects routers, which are shell",
    "tradecanary.producers.open_orders": "locked, for the gateway's threads",
    "tradecanary.producers.publisher": "buffers for the gateway's threads",
    "tradecanary.producers.replay": "re-publishes at the pace of a clock",
    "tradecanary.producers.route": "reads the clock of the trading service",
    "tradecanary.producers.router": "times horizons and leases in the trading service",
    "tradecanary.producers.simulation.disturbed": "is a publisher",
    "tradecanary.producers.simulation.market_files": "reads quotes and trades from files",
    "tradecanary.producers.simulation.service": "a trading service: real router, real clock",
    "tradecanary.producers.simulation.synthetic": "draws a market from a seed",
    "tradecanary.producers.spool": "keeps what could not be sent on disk",
    "tradecanary.producers.teller": "is a thread",
    "tradecanary.producers.withdrawals": "calls the service, and is asked by two threads",
}


def _modules() -> list[str]:
    parts = [file.with_suffix("").parts for file in tracked(*FOLDERS) if file.suffix == ".py"]
    names = {".".join(("tradecanary", *(p for p in part if p != "__init__"))) for part in parts}
    return sorted(names)


def _pure() -> list[str]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    pure: list[str]
    (pure,) = (c["source_modules"] for c in contracts["contracts"] if c["name"] == CONTRACT)
    return pure


def _within(module: str, packages: list[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def test_every_module_is_pure_or_named() -> None:
    """No module escapes: a new one goes into the contract, or in here with a reason."""
    packages = {m.rpartition(".")[0] for m in _modules()}  # their __init__ hold a docstring
    loose = [m for m in _modules() if m not in packages and not _within(m, [*_pure(), *SHELL])]

    assert [] == loose


def test_nobody_is_both() -> None:
    """The contract and the table do not overlap, and every entry of the table exists."""
    assert [] == [module for module in SHELL if _within(module, _pure())]
    assert [] == [module for module in SHELL if not any(_within(m, [module]) for m in _modules())]
