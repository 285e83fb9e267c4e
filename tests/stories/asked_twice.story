# A command that comes again was answered already.
run 3s
start policy=aggressive
-> HOLD PENDING
-> START
again
increase
-> INCREASE increase by ana
again
run 5s
