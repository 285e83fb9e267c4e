run 3s
start policy=aggressive
-> HOLD PENDING
-> START Quick Test
run 30s
halt
-> HALT halt by ana
run 100s
status HALTED
resume
-> RESUME
run 29s
status ACTIVE
run 5s
-> INCREASE
halt
-> HALT
run 30s canary.slippage=3bp
-> ROLL_BACK slippage
