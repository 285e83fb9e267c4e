# Routers that disagree on a horizon score orders at different ages: no start.
run 3s
router g2 horizon=5
start policy=aggressive routers=2
-> HOLD PENDING
-> HOLD routers disagree on order_horizon
closed 3605s
-> ROLL_BACK still PENDING after 3600 s
