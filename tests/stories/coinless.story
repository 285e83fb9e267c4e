# Canary orders under revision 0 contradict themselves: misrouted, and their money is lost all the same.
run 3s
start policy=aggressive guards.loss_budget=2000
-> HOLD PENDING
-> START Quick Test
run 10s
run 1s coinless=20
-> HOLD 20 of 2220 orders were not routed as their revision says
status ACTIVE
run 2s coinless=20
-> ROLL_BACK has used the loss budget
