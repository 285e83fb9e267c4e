"""What everyone agrees on: contracts, records, units, the table of topics. Imports nobody."""
