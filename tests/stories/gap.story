run 3s
start policy=aggressive
-> HOLD PENDING
-> START
run 10s
gap
run 1s
-> HALT metrics have a gap
resume
-> RESUME
run 10s
