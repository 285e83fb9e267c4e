# A kill halts; it ends only by its own unkill, and then a person resumes.
run 3s
start policy=aggressive
-> HOLD PENDING
-> START
run 5s
kill *
-> KILL killed by ana
status HALTED
resume
-> HOLD refused: the kill switch is on
kill momentum
unkill *
unkill momentum
-> UNKILL unkilled by ana
status HALTED
resume
-> RESUME
run 10s
