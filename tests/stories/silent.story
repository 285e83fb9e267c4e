# Stable speaks, the canary does not: no data is never success.
run 3s
start policy=aggressive
-> HOLD PENDING
-> START Quick Test
run 12s canary.rate=0.0001
-> ROLL_BACK silent: 0 canary orders
