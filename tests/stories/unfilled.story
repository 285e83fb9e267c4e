run 3s
start policy=aggressive
-> HOLD PENDING
-> START Quick Test
run 30s canary.fill=90%
-> ROLL_BACK fill rate
