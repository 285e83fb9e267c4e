run 3s
start policy=aggressive
-> HOLD PENDING
-> START
run 5s
increase
-> INCREASE increase by ana
abort
-> ROLL_BACK abort by ana
promote
-> HOLD refused: there is no canary to act on
halt
-> HOLD refused: there is no canary
