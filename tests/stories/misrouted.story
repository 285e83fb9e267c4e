# Orders that no vector explains are no evidence; a few are borne, many hold until they are few.
run 3s
start policy=aggressive
-> HOLD PENDING
-> START Quick Test
run 4s astray=1
run 10s
run 5s astray=2
-> HOLD 6 of 3006 orders were not routed as their revision says: 0.20 % (limit 0.1 %)
run 100s
-> INCREASE
run 2s astray=6
-> HOLD
run 40s
-> RESUME nothing has held for 10 s; before: misrouted
status ACTIVE
