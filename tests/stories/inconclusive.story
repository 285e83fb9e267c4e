run 3s
start policy=aggressive max_duration_s=40
-> HOLD PENDING
-> START
run 45s
-> ROLL_BACK INCONCLUSIVE
