# Bad records above 1 % of the phase hold until enough good ones came; alone they never roll back.
run 3s
start policy=aggressive
-> HOLD PENDING
-> START
run 10s
spoil 22
run 1s
status ACTIVE
spoil 3
run 1s
-> HOLD 25 of 2425 records of the phase are bad: 1.03 % (limit 1 %)
run 11s
-> RESUME nothing has held for 10 s; before: bad
spoil 9000
run 1s
-> HOLD 9025 of
run 30s
status ACTIVE
