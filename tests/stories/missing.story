run 3s
start policy=aggressive
-> HOLD PENDING
-> START
run 50s
lose 50
run 1s
-> HOLD events of the phase are missing: 0.49 % (limit 0.1 %)
lose 150
run 1s
-> ROLL_BACK events of the phase are missing
