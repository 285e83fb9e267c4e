run 3s
start policy=aggressive
-> HOLD PENDING
-> START Quick Test
run 30s canary.slippage=1.6bp
-> ROLL_BACK slippage 1.60 bp is 0.60 bp above stable's 1.00 bp (limit 0.5 bp)
