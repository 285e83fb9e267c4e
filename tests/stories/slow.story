# The judge compares after its 100 orders; latency is named with value and limit.
run 3s
start policy=aggressive
-> HOLD PENDING
-> START Quick Test
run 30s canary.latency=6ms
-> ROLL_BACK latency 6.00 ms is 71.4 % above stable's 3.50 ms (limit 20 %)
status ROLLED_BACK
run 5s
