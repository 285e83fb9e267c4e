# Accounts are compared with their own past: +0.5 bp is found among accounts that differ by 1 bp.
router g1 unit=account
run 60s accounts=300 spread=1bp
start policy=aggressive judge=sequential unit=account
-> HOLD PENDING
-> START Quick Test
run 60s accounts=300 spread=1bp canary.slippage=1.5bp
-> ROLL_BACK slippage is
