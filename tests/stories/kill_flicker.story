# A kill halts even when it is taken back before the decider looks.
run 3s
start policy=aggressive
-> HOLD PENDING
-> START
run 5s
flicker
-> KILL killed by ana
-> UNKILL unkilled by ana
status HALTED
