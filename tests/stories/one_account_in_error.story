# One broken account is not a burst.
run 3s
start policy=aggressive
-> HOLD PENDING
-> START Quick Test
run 5s canary.reject=100% canary.accounts=1
status ACTIVE
