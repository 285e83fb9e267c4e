"""What a trading service embeds, and what feeds topics."""
