# A hold does not stop the clock of the whole rollout.
run 3s
start policy=aggressive max_duration_s=50
-> HOLD PENDING
-> START
run 30s
lose 30
run 1s
-> HOLD missing
run 25s
-> ROLL_BACK INCONCLUSIVE: no promotion within 50 s of phase time; held: 30 of
