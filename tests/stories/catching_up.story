# Nothing rises while an abort may lie unread; what takes the canary back acts all the same.
run 3s
unread yes
start policy=aggressive watch_s=30
-> HOLD PENDING
run 10s
-> HOLD catching up
unread no
run 1s
-> START
take-over 3s
unread yes
run 80s
-> HOLD catching up
renewed yes
run 10s
renewed no
unread no
run 1s
-> INCREASE
run 110s
unread yes
run 2s
unread no
run 15s
-> PROMOTE
run 20s
unread yes
run 20s
-> HOLD catching up
abort
-> ROLL_BACK abort by ana
