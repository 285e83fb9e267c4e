# Taking over again and again does not make old data young.
run 3s
start policy=aggressive
-> HOLD PENDING
-> START
run 10s
quiet 10s
-> HOLD data are
take-over 1s
quiet 25s
take-over 1s
quiet 20s
take-over 1s
quiet 10s
-> ROLL_BACK data are
