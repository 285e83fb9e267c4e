# A wrong split holds and alerts; it does not hide a harmful canary.
run 3s
start policy=aggressive
-> HOLD PENDING
-> START
run 70s canary.rate=30 stable.rate=170
-> HOLD sample ratio: canary has 15
run 60s canary.rate=30 stable.rate=170
status ACTIVE
run 40s canary.rate=30 stable.rate=170 canary.latency=9ms
-> ROLL_BACK latency
