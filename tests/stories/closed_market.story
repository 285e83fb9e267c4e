# Manifests without orders: clocks stop, nothing is rolled back.
run 3s
start policy=aggressive
-> HOLD PENDING
-> START Quick Test
run 30s
closed 600s
status ACTIVE
run 20s
status ACTIVE
run 20s
-> INCREASE Quick Test passed
