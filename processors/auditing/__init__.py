"""Whether what was recorded can have been so. Pure; the shell is `tradecanary.auditing`."""
