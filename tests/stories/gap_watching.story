# A gap while watching holds the end until a person has looked; guards and abort act all the same.
run 3s
start policy=aggressive watch_s=30
-> HOLD PENDING
-> START
run 61s
-> INCREASE
run 122s
-> PROMOTE
resume
-> HOLD refused: r1 is WATCHING
run 3s
gap
run 1s
-> HOLD metrics have a gap at partition 0
gap
run 600s
status WATCHING
resume
-> RESUME resume by ana
-> FINISH
