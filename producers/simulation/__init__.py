"""A trading service that does not exist: market, venue, faults and the service itself."""
