# What is halted already keeps a gap too: it is told, and the one RESUME ends both.
run 3s
start policy=aggressive
-> HOLD PENDING
-> START
run 10s
halt
-> HALT
gap
run 1s
-> HOLD metrics have a gap at partition 0
run 30s
status HALTED
resume
-> RESUME resume by ana
run 45s
status ACTIVE
run 20s
-> INCREASE
