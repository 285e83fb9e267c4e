# Approval is the last gate, by another person than the starter.
run 3s
start policy=aggressive approvals.phases=Ramp_Up
-> HOLD PENDING
-> START
run 61s
-> HOLD waiting for approval of Ramp Up
approve
-> HOLD refused: ana started the rollout
approve as bob
-> HOLD Ramp Up is approved
-> INCREASE
