# A decider's own absence is not the data's fault.
run 3s
start policy=aggressive
-> HOLD PENDING
-> START
run 10s
take-over 90s
run 5s
status ACTIVE
