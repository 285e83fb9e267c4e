# A new decider renews no lease on data that it has not seen itself.
run 3s
start policy=aggressive
-> HOLD PENDING
-> START
run 10s
renewed yes
quiet 4s
renewed yes
take-over 3s
quiet 3s
-> HOLD data are
renewed no
run 1s
renewed yes
status ACTIVE
